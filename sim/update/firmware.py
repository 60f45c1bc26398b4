"""A firmware update up to the reset: download → verify → request. What happens after is the bootloader's.

The request to the bootloader can only be written with a VerifiedPack, and nothing before it touches an image.
"""

from __future__ import annotations

from collections.abc import Callable

from sim.boot.bootloader import request_update
from sim.errors import PackageError
from sim.kernel.clock import Story
from sim.pack.verify import VerifiedPack, verify
from sim.update.download import download
from sim.update.site import Site, UpdateFailed


def download_firmware(site: Site, url: str, progress: Callable[[int], None]) -> Story:
    """Download a package, verify it and ask the bootloader to apply it. Raises UpdateFailed; then nothing changed.

    `progress` gets whole percent of the download.
    """
    size_bytes = yield from download(site, url, site.layout.package, progress)
    yield from stage_verified(site, size_bytes)


def stage_verified(site: Site, size_bytes: int) -> Story:
    """Verify the first `size_bytes` of the staging area and write the request."""
    pack = yield from verify_staged(site, size_bytes)
    request_update(site.layout, pack)
    yield from site.flash_time()
    site.trace("update.requested", version=pack.manifest.identity.target_version, bytes=size_bytes)


def verify_staged(site: Site, size_bytes: int) -> Story:
    """Story whose value is the VerifiedPack in the staging area; raises UpdateFailed with the field's code."""
    site.enter_phase("verify")
    package = site.layout.package
    try:
        pack: VerifiedPack = verify(
            package.read,
            size_bytes,
            family=site.layout.family,
            running_version=site.version,
            images=site.layout.images,
            public_key=site.public_key,
        )
    except PackageError as error:
        yield from site.flash_time()
        site.trace("update.refused", code=error.code, reason=str(error))
        raise UpdateFailed(error.code, str(error)) from error
    yield from site.flash_time()
    return pack
