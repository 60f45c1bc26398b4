"""A web server on a byte stream: requests out of bytes, answers into bytes, in the simulation phase. No sockets here.

It serves the scripted hosts of a scenario, and the artifact server to programs that speak HTTP themselves. HTTP/1.0 and
1.1: one request at a time, bodies by Content-Length, connections kept for those who keep them. What it cannot read is
answered 400 and closed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Literal

from sim.kernel.clock import Clock, Timer
from sim.kernel.gather import Gather
from sim.net.book import CLOUD_IP
from sim.ports import Address, Data, Ended, Gone, HttpRequest, HttpResponse, Streams, TcpArrival, TcpChannel

HEAD_LIMIT_BYTES = 16 * 1024
BODY_LIMIT_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 1024
"""Size of the chunks of a chunked answer."""

IDLE_US = 75_000_000
"""A connection on which no request comes for so long is closed, as web servers usually do."""

HTTP_PORT, HTTPS_PORT = 80, 443
Framing = Literal["length", "chunked", "close"]
_BODILESS = (204, 304)


@dataclass(frozen=True, slots=True)
class Served:
    """An answer, `delay_us` after the request; `framing` says how the client learns where its body ends."""

    response: HttpResponse
    delay_us: int = 0
    framing: Framing = "length"


Respond = Callable[[HttpRequest], Served]


class HttpStream:
    """The server's end of one connection. Call it with arrivals."""

    def __init__(self, clock: Clock, channel: TcpChannel, respond: Respond, scheme: str) -> None:
        self._clock = clock
        self._channel = channel
        self._respond = respond
        self._scheme = scheme
        self._buffer = bytearray()
        self._busy = False
        self._over = False
        self._gather = Gather(clock, self._take)
        self._idle: Timer | None = None
        self._listen()

    def __call__(self, arrival: TcpArrival) -> None:
        self._gather(arrival)

    def _take(self, arrival: TcpArrival) -> None:
        if self._over:
            return
        if isinstance(arrival, Data):
            self._buffer += arrival.data
            self._listen()
            self._next_request()
        elif isinstance(arrival, Ended | Gone):
            self._close()

    def _next_request(self) -> None:
        """Answer what is there, if it is whole."""
        if self._busy or self._over or b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > HEAD_LIMIT_BYTES and not self._busy:
                self._refuse(431)
            return
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        try:
            method, target, version, headers = _parse(head)
            length = int(headers.get("content-length", "0"))
        except ValueError:
            self._refuse(400)
            return
        if "transfer-encoding" in headers or not 0 <= length <= BODY_LIMIT_BYTES:
            self._refuse(501 if "transfer-encoding" in headers else 413)
            return
        if len(rest) < length:
            return
        del self._buffer[: len(head) + 4 + length]
        self._busy = True
        keep = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        url = target if "://" in target else f"{self._scheme}://{headers.get('host', '')}{target}"
        served = self._respond(HttpRequest(method, url, headers, rest[:length]))
        self._clock.after(served.delay_us, self._answer, served, method, keep)

    def _answer(self, served: Served, method: str, keep: bool) -> None:
        if self._over:
            return
        response, framing = served.response, served.framing
        headers = dict(response.headers)
        named = {name.lower() for name in headers}
        if framing == "length" and "content-length" not in named and response.status not in _BODILESS:
            headers["Content-Length"] = str(len(response.body))
        elif framing == "chunked":
            headers["Transfer-Encoding"] = "chunked"
        keep = keep and framing != "close"
        if not keep and "connection" not in named:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {response.status} {_reason(response.status)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._channel.send("\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))
        body = b"" if method == "HEAD" or response.status in _BODILESS else response.body
        self._send(body, response, framing, keep)

    def _send(self, body: bytes, response: HttpResponse, framing: Framing, keep: bool) -> None:
        """The body by the timetable of its manner, then what comes after it."""
        manner, at_us, sent = response.manner, 0, 0
        for step in manner.steps(len(body)) if manner is not None else ():
            at_us += step.wait_us
            self._clock.after(at_us, self._channel.send, _framed(body[sent : step.until_bytes], framing))
            sent = step.until_bytes
        end = manner.end if manner is not None else ""
        last = b"" if end else _framed(body[sent:], framing) + (b"0\r\n\r\n" if framing == "chunked" else b"")
        self._clock.after(at_us, self._finish, last, end, keep)

    def _finish(self, last: bytes, end: str, keep: bool) -> None:
        if self._over:
            return
        self._channel.send(last)
        self._busy = False
        if end == "reset":
            self._over = True
            self._channel.reset()
        elif end or not keep:
            self._close()
        else:
            self._next_request()

    def _refuse(self, status: int) -> None:
        self._busy = True
        self._answer(Served(HttpResponse(status, {}, b"")), "GET", keep=False)

    def _close(self) -> None:
        self._over = True
        if self._idle is not None:
            self._idle.cancel()
        self._channel.close()

    def _listen(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self._clock.after(IDLE_US, self._tired)

    def _tired(self) -> None:
        if self._busy:
            self._listen()
        elif not self._over:
            self._close()


def serve_cloud(streams: Streams, clock: Clock, respond: Callable[[HttpRequest, int], HttpResponse]) -> None:
    """The artifact server for programs that make their requests themselves, on the usual ports of Amazon's names."""

    def served(request: HttpRequest) -> Served:
        _, _, rest = request.url.partition("://")
        headers = {name.title(): value for name, value in request.headers.items()}
        asked = HttpRequest(request.method, f"https://{rest}", headers, request.body)
        return Served(respond(asked, clock.epoch_s))

    for port, scheme in ((HTTP_PORT, "http"), (HTTPS_PORT, "https")):
        made = partial(_accept, clock, served, scheme)
        streams.listen("cloud", Address(CLOUD_IP, port), made, tls=scheme == "https")


def _accept(clock: Clock, respond: Respond, scheme: str, channel: TcpChannel, _source: Address) -> HttpStream:
    return HttpStream(clock, channel, respond, scheme)


def _parse(head: bytes) -> tuple[str, str, str, dict[str, str]]:
    """Method, target, version, headers by lower-case name; ValueError when it is none of HTTP."""
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, version = first.split(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(version)
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError(line)
        headers[name.strip().lower()] = value.strip()
    return method, target, version, headers


def _framed(piece: bytes, framing: Framing) -> bytes:
    if framing != "chunked":
        return piece
    cut = [piece[at : at + CHUNK_BYTES] for at in range(0, len(piece), CHUNK_BYTES)]
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in cut)


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
