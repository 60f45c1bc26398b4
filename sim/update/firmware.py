"""A firmware update up to the reset: download → verify → request. What happens after is the bootloader's.

The request to the bootloader can only be written with a VerifiedPack, and nothing before it touches an image.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from sim.boot.bootloader import request_update
from sim.errors import PackageError
from sim.kernel.clock import Story
from sim.pack.container import Head, Kind, parse_header
from sim.pack.verify import check_kind, verify_area
from sim.update.download import download
from sim.update.site import Site, UpdateFailed

HEADS_KEPT = 32
"""Starts of packages that need not be read again: a fleet downloads the same few."""


def download_firmware(site: Site, url: str, progress: Callable[[int], None], kinds: frozenset[Kind]) -> Story:
    """Download a package, verify it and ask the bootloader to apply it. Raises UpdateFailed; then nothing changed.

    `progress` gets whole percent of the download; a package that is none of `kinds` is refused by its header, before
    a byte of it is staged.
    """
    size_bytes = yield from download(site, url, progress, lambda start: check_start(site, start, kinds))
    yield from stage_verified(site, size_bytes, kinds)


def stage_verified(site: Site, size_bytes: int, kinds: frozenset[Kind]) -> Story:
    """Verify the first `size_bytes` of the staging area and write the request."""
    pack = yield from verify_staged(site, size_bytes, kinds)
    try:
        request_update(site.layout, pack)
    except PackageError as error:
        raise _refused(site, error) from error
    yield from site.flash_time()
    site.trace("update.requested", version=pack.manifest.identity.target_version, bytes=size_bytes)


def verify_staged(site: Site, size_bytes: int, kinds: frozenset[Kind]) -> Story:
    """Story whose value is the VerifiedPack in the staging area; raises UpdateFailed with the field's code."""
    site.enter_phase("verify")
    layout = site.layout
    try:
        pack = verify_area(layout.package, size_bytes, layout.recipient(site.version, kinds, site.trust))
    except PackageError as error:
        yield from site.flash_time()
        raise _refused(site, error) from error
    yield from site.flash_time()
    return pack


def check_start(site: Site, start: bytes, kinds: frozenset[Kind]) -> None:
    """Raises UpdateFailed for a package that is none of `kinds`, by its first bytes."""
    head = _head(start)
    if head is None:
        return
    try:
        check_kind(head, kinds)
    except PackageError as error:
        raise _refused(site, error) from error


@lru_cache(maxsize=HEADS_KEPT)
def _head(start: bytes) -> Head | None:
    """None for a vendor's own package, or rubbish: verifying the whole tells."""
    try:
        return parse_header(start)
    except PackageError:
        return None


def _refused(site: Site, error: PackageError) -> UpdateFailed:
    site.trace("update.refused", code=error.code, reason=str(error))
    return UpdateFailed(error.code, str(error))
