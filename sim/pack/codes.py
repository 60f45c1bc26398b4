"""The error numbers a module answers when it refuses or fails an upgrade: one place for all rooms.

The numbers are the module's own (Quectel DFOTA user guide, EP06 DFOTA guide); which check answers which is
told in docs/package-format.md.
"""

from __future__ import annotations

from enum import IntEnum


class PackageCode(IntEnum):
    """What a refused package or a failed upgrade is reported as."""

    UPGRADE_FAILED = 504
    """Applying went wrong after the first write, or the result is not the image that was promised."""
    CORRUPT = 505
    """The package is malformed, damaged, cut short or not signed by the known key."""
    HASH = 506
    """The package's bytes are not those its SHA-256 stands for."""
    VERSION_MISMATCH = 507
    """A differential package was made for another running version."""
    SOURCE_MISMATCH = 510
    """The base images together are not those the patch was made from."""
    NO_SPACE = 511
    """The package, an image or the intermediate block does not fit."""
    FAMILY_MISMATCH = 552
    """The package was made for another family or another partition layout."""
    BASE_MISMATCH = 553
    """A flashed base image has another CRC-32 than the one the patch was made from."""
