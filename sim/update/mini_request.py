"""The request to the mini system: two addresses in flash, and a record in the journal that makes them count.

The big system writes it and restarts; from then on only the mini system reads it. It stays until the upgrade ends,
because the second address is needed after the mini system has replaced itself.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from sim.boot.journal import Journal, JournalState, Record, RecordKind
from sim.kernel.clock import Story
from sim.update.download import HTTP_URL
from sim.update.site import Site, UpdateFailed

_SEPARATOR = "\n"


def request_minimal(site: Site, urls: Sequence[str]) -> Story:
    """Write the addresses of both packages; the next boot starts the mini system. Raises UpdateFailed."""
    region = site.layout.request
    assert region is not None, "a family with the minimal method has a place for its request"
    text = _SEPARATOR.join(urls)
    if not all(url.isascii() and url.isprintable() for url in urls) or len(text) > region.size_bytes:
        raise UpdateFailed(HTTP_URL, f"the URLs must be plain ASCII and have {region.size_bytes} characters at most")
    data = text.encode("ascii")
    region.rewrite(0, data)
    Journal(site.layout.journal).append(Record(RecordKind.MINI_REQUEST, len(data), zlib.crc32(data)))
    yield from site.flash_time()
    site.trace("update.requested", method="minimal")


def read_request(site: Site, state: JournalState) -> tuple[str, str]:
    """The two addresses that the journal vouches for. UpdateFailed when flash holds something else."""
    region = site.layout.request
    assert region is not None, "a mini system has a place for its request"
    data = region.read(0, min(state.request_bytes, region.size_bytes))
    if zlib.crc32(data) != state.request_crc32 or data.count(_SEPARATOR.encode()) != 1:
        raise UpdateFailed(HTTP_URL, "the addresses of the packages are damaged")
    first, second = data.decode("ascii").split(_SEPARATOR)
    return first, second
