"""Fetch a package into the staging area, range by range. Nothing is judged here but the transfer itself.

Each range is programmed before the next is asked for, so a power cut loses the bytes after the last one
programmed, and a download interrupted in any way starts again from zero (vendor FAQ on firmware OTA).
Error numbers: Quectel LTE Standard(A) DFOTA user guide V1.5, HTTP(S) table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from sim.kernel.clock import Story
from sim.ports import HttpFailure, HttpRequest, HttpResponse, header
from sim.update.site import Fetcher, Site, UpdateFailed

RANGES_KEPT = 256
"""Ranges that are put into words, and read, once: a fleet gets the same again and again."""

RANGE_BYTES = 32 * 1024
"""Bytes asked for at once: eight sectors, so every range ends on a sector boundary."""

HTTP_UNKNOWN = 701
HTTP_BUSY = 703
HTTP_NO_REQUEST = 705
HTTP_CONTEXT = 709
HTTP_DNS = 714
HTTP_CONNECT = 716
HTTP_READ = 717
HTTP_RESPONSE = 723
HTTP_URL = 711
HTTP_NO_URL = 712
HTTP_CLOSED = 719
HTTP_READ_TIMEOUT = 722
HTTP_MEMORY = 729
FTP_NETWORK = 605
NO_SPACE = 511

_FAILURES = {
    "dns": HTTP_DNS,
    "dns_timeout": HTTP_DNS,
    "dns_name": HTTP_DNS,
    "refused": HTTP_CONNECT,
    "tls": HTTP_CONNECT,
    "reset": HTTP_CLOSED,
    "lost": HTTP_CLOSED,
    "timeout": HTTP_READ_TIMEOUT,
    "aborted": HTTP_CONTEXT,
}
LABEL = re.compile(r"[0-9a-z_](?:[0-9a-z_-]{0,61}[0-9a-z_])?", re.IGNORECASE)
"""One part of a host name (RFC 1035, and the underline that resolvers take): at most 63 characters."""

NAME_LIMIT = 253
"""Characters of a host name, RFC 1035."""

_TOTAL = re.compile(r"bytes (\d+)-(\d+)/(\d+)\Z")


def download(site: Site, url: str, progress: Callable[[int], None], check_start: Callable[[bytes], None]) -> Story:
    """Story whose value is the size in bytes of what now stands at the start of the staging area.

    `progress` gets whole percent after each range; `check_start` gets the first bytes before any is written and may
    raise UpdateFailed. Raises UpdateFailed.
    """
    site.enter_phase("download", 0.0)
    area, fetcher, offset, total = site.layout.package, site.http(), 0, None
    while total is None or offset < total:
        body, size = yield from fetch_range(fetcher, url, offset, RANGE_BYTES)
        if total not in (None, size):
            raise UpdateFailed(HTTP_RESPONSE, "the file changed while it was downloaded")
        total = size
        if total > area.size_bytes:
            raise UpdateFailed(NO_SPACE, f"the package has {total} bytes, the staging area holds {area.size_bytes}")
        if not body:
            raise UpdateFailed(HTTP_READ, f"the server sent nothing from byte {offset} of {total}")
        if offset == 0:
            check_start(body)
        area.rewrite(offset, body)
        yield from site.flash_time()
        offset += len(body)
        site.enter_phase("download", offset / total)
        progress(offset * 100 // total)
    return offset


def fetch_range(fetcher: Fetcher, url: str, offset: int, length: int) -> Story:
    """One range request: (body, size of the whole). The body is shorter at the end of the whole, and is the whole from
    `offset` on when the server knows no ranges. Raises UpdateFailed."""
    last = offset + length - 1
    asked = HttpRequest("GET", url, _range(offset, last))
    answer: HttpResponse | HttpFailure = yield from fetcher.fetch(asked)
    if isinstance(answer, HttpFailure):
        raise no_answer(answer.reason, url)
    if answer.broken:
        raise UpdateFailed(HTTP_CLOSED, f"the connection ended inside the range from byte {offset}: {answer.broken}")
    if answer.status == 200:
        return answer.body[offset:], len(answer.body)
    if answer.status != 206:
        raise UpdateFailed(HTTP_RESPONSE, f"the server answered {answer.status}", answer.status)
    span = _span(header(answer.headers, "Content-Range"))
    if span is None or span[0] != offset or span[1] != min(last, span[2] - 1):
        raise UpdateFailed(HTTP_RESPONSE, "the server sent another range than was asked for")
    if len(answer.body) != span[1] - offset + 1:
        raise UpdateFailed(HTTP_CLOSED, f"the connection closed inside the range from byte {offset}")
    return answer.body, span[2]


@lru_cache(maxsize=RANGES_KEPT)
def _range(first: int, last: int) -> Mapping[str, str]:
    """Headers that ask for these bytes; nobody changes them."""
    return {"Range": f"bytes={first}-{last}"}


@lru_cache(maxsize=RANGES_KEPT)
def _span(text: str) -> tuple[int, int, int] | None:
    """First and last byte, and size of the whole, of a Content-Range; None when it is none."""
    match = _TOTAL.match(text)
    return None if match is None else (int(match[1]), int(match[2]), int(match[3]))


def no_answer(reason: str, url: str) -> UpdateFailed:
    """Why a request had no answer. A name that no resolver would ask for is told from one that nobody has."""
    if reason == "dns" and not _may_be_host(urlsplit(url).hostname or ""):
        reason = "dns_name"
    return UpdateFailed(_FAILURES[reason], f"no answer from the server: {reason}", failure=reason)


def _may_be_host(name: str) -> bool:
    return 0 < len(name) <= NAME_LIMIT and all(LABEL.fullmatch(label) for label in name.split("."))
