"""What an artifact server may do wrong with an object it has: be slow, fall silent, break off, or say the wrong thing.

A fault acts on answers to GET that carry bytes of the object; what S3 refuses by itself stays refused. `after` counts
bytes of the object, whatever range a client asks for: answers that lie before it are untouched. Several faults of one
object act together, in the order given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sim.cloud.s3.fault import Fault
from sim.cloud.s3.request import S3Request
from sim.manner import Manner
from sim.ports import HttpResponse

_CODES = {403: "AccessDenied", 404: "NoSuchKey", 500: "InternalError", 503: "SlowDown"}
"""S3's name of an error status (Amazon S3 API reference, "List of error codes")."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An answer about to go out: `answer` carries bytes of the object from `start` on; `whole` is all of the object."""

    answer: HttpResponse
    start: int
    whole: bytes

    @property
    def end(self) -> int:
        return self.start + len(self.answer.body)


Spoil = Callable[[Sent], HttpResponse | None]
"""The answer made wrong; None when the fault has no hold on this one."""


class ArtifactFault:
    """One fault of one object, from `from_s` (epoch seconds) on.

    It acts on the first `times` answers that it has a hold on; None: on all.
    """

    def __init__(
        self, name: str, where: tuple[str, str], spoil: Spoil, times: int | None = None, from_s: int = 0
    ) -> None:
        self.name = name
        self.where = where
        self._spoil = spoil
        self._times = times
        self._from_s = from_s
        self._done = 0

    def __str__(self) -> str:
        bucket, key = self.where
        return f"{self.name} of {bucket}/{key}"

    @property
    def done(self) -> bool:
        """Whether it ever acted."""
        return self._done > 0

    def act(self, sent: Sent, now_s: int) -> HttpResponse:
        """The answer that goes out instead; the same one when the fault does not act."""
        if now_s < self._from_s or (self._times is not None and self._done >= self._times):
            return sent.answer
        spoiled = self._spoil(sent)
        if spoiled is None:
            return sent.answer
        self._done += 1
        return spoiled


def spoil(
    faults: Sequence[ArtifactFault], asked: S3Request, answer: HttpResponse, read: Callable[[], bytes]
) -> HttpResponse:
    """What becomes of an answer of S3 under these faults. `read` gives the whole object."""
    for fault in faults:
        if fault.where == (asked.bucket, asked.key) and asked.method == "GET" and answer.status in (200, 206):
            answer = fault.act(Sent(answer, _start(answer), read()), asked.now_s)
    return answer


def rate_limited(bytes_per_s: int) -> Spoil:
    """Never faster than this."""
    return lambda sent: _in_manner(sent, rate_bytes_per_s=bytes_per_s)


def stalled(after_bytes: int, for_us: int) -> Spoil:
    """A pause before this byte of the object."""

    def spoiled(sent: Sent) -> HttpResponse | None:
        if not sent.start <= after_bytes < sent.end:
            return None
        return _in_manner(sent, stall_at_bytes=after_bytes - sent.start, stall_us=for_us)

    return spoiled


def cut(after_bytes: int, *, reset: bool) -> Spoil:
    """The connection ends before this byte of the object, though Content-Length promised more."""

    def spoiled(sent: Sent) -> HttpResponse | None:
        if sent.end <= after_bytes:
            return None
        return _in_manner(sent, cut_at_bytes=max(0, after_bytes - sent.start), reset=reset)

    return spoiled


def wrong_length(says_bytes: int) -> Spoil:
    """Content-Length says this, more than is sent or less; there the connection ends."""

    def spoiled(sent: Sent) -> HttpResponse | None:
        if len(sent.answer.body) == says_bytes:
            return None
        answer = _in_manner(sent, cut_at_bytes=min(says_bytes, len(sent.answer.body)))
        return replace(answer, headers={**answer.headers, "Content-Length": str(says_bytes)})

    return spoiled


def ignored_range(sent: Sent) -> HttpResponse | None:
    """The whole object, whatever part was asked for."""
    if sent.answer.status != 206:
        return None
    of_ranges = ("Content-Range", "Accept-Ranges")
    kept = {name: value for name, value in sent.answer.headers.items() if name not in of_ranges}
    return replace(sent.answer, status=200, headers={**kept, "Content-Length": str(len(sent.whole))}, body=sent.whole)


def refused(status: int) -> Spoil:
    """An error in place of the object."""
    code = _CODES.get(status, "ServerError")
    return lambda sent: _instead(sent, Fault(status, code, "The artifact server refuses, as the scenario says."), {})


def redirected(status: int, url: str) -> Spoil:
    """The object is said to be elsewhere."""
    message = "Please re-send this request to the specified temporary endpoint."
    return lambda sent: _instead(sent, Fault(status, "TemporaryRedirect", message), {"Location": url})


def _start(answer: HttpResponse) -> int:
    """Where in the object an answer begins: `bytes START-END/SIZE`."""
    span = answer.headers.get("Content-Range", "bytes 0-").removeprefix("bytes ")
    return int(span.partition("-")[0])


def _in_manner(sent: Sent, **fields: Any) -> HttpResponse:
    return replace(sent.answer, manner=replace(sent.answer.manner or Manner(), **fields))


def _instead(sent: Sent, fault: Fault, more: dict[str, str]) -> HttpResponse:
    given = sent.answer.headers
    body = fault.xml(given["x-amz-request-id"], given["x-amz-id-2"])
    kept = {name: given[name] for name in ("x-amz-request-id", "x-amz-id-2", "Date", "Server")}
    headers = {**kept, **more, "Content-Type": "application/xml", "Content-Length": str(len(body))}
    return HttpResponse(fault.status, headers, body)
