"""Fetch a package into the staging area, range by range. Nothing is judged here but the transfer itself.

Each range is programmed before the next is asked for, so a power cut loses the bytes after the last one
programmed, and a download interrupted in any way starts again from zero (vendor FAQ on firmware OTA).
Error numbers: Quectel LTE Standard(A) DFOTA user guide V1.5, HTTP(S) table.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sim.flash.partition import Region
from sim.kernel.clock import Story
from sim.ports import HttpFailure, HttpRequest, HttpResponse
from sim.update.site import Fetcher, Site, UpdateFailed

RANGE_BYTES = 32 * 1024
"""Bytes asked for at once: eight sectors, so every range ends on a sector boundary."""

HTTP_DNS = 714
HTTP_CONNECT = 716
HTTP_READ = 717
HTTP_RESPONSE = 723
HTTP_URL = 711
HTTP_CLOSED = 719
NO_SPACE = 511

_FAILURES = {"dns": HTTP_DNS, "refused": HTTP_CONNECT, "tls": HTTP_CONNECT, "reset": HTTP_CLOSED}
_TOTAL = re.compile(r"bytes (\d+)-(\d+)/(\d+)\Z")


def download(site: Site, url: str, area: Region, progress: Callable[[int], None]) -> Story:
    """Story whose value is the size in bytes of what now stands at the start of `area`.

    `progress` gets whole percent after each range. Raises UpdateFailed.
    """
    site.enter_phase("download", 0.0)
    fetcher, offset, total = site.http(), 0, None
    while total is None or offset < total:
        body, total = yield from _range(fetcher, url, offset, total)
        if total > area.size_bytes:
            raise UpdateFailed(NO_SPACE, f"the package has {total} bytes, the staging area holds {area.size_bytes}")
        if not body:
            raise UpdateFailed(HTTP_READ, f"the server sent nothing from byte {offset} of {total}")
        area.rewrite(offset, body)
        yield from site.flash_time()
        offset += len(body)
        site.enter_phase("download", offset / total)
        progress(offset * 100 // total)
    return offset


def _range(fetcher: Fetcher, url: str, offset: int, total: int | None) -> Story:
    """One range request: (body, size of the whole)."""
    last = offset + RANGE_BYTES - 1
    answer = yield from fetcher.fetch(HttpRequest("GET", url, {"Range": f"bytes={offset}-{last}"}))
    if isinstance(answer, HttpFailure):
        raise UpdateFailed(_FAILURES[answer.reason], f"no answer from the server: {answer.reason}")
    assert isinstance(answer, HttpResponse)
    if answer.status == 200 and offset == 0:
        return answer.body, len(answer.body)
    if answer.status != 206:
        raise UpdateFailed(HTTP_RESPONSE, f"the server answered {answer.status}")
    match = _TOTAL.match(_header(answer, "content-range"))
    if match is None or int(match[1]) != offset or (total is not None and int(match[3]) != total):
        raise UpdateFailed(HTTP_RESPONSE, "the server sent another range than was asked for")
    if len(answer.body) != int(match[2]) - offset + 1:
        raise UpdateFailed(HTTP_CLOSED, f"the connection closed inside the range from byte {offset}")
    return answer.body, int(match[3])


def _header(answer: HttpResponse, name: str) -> str:
    return next((value for key, value in answer.headers.items() if key.lower() == name), "")
