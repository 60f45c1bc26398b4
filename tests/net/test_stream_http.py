"""A web server on a byte stream: what it refuses, how it frames, when it closes."""

from __future__ import annotations

from typing import Any

import pytest

from sim.kernel.clock import Clock
from sim.manner import Manner
from sim.net.memory_streams import MemoryStreams
from sim.net.stream_http import IDLE_US, HttpStream, Served, serve_cloud
from sim.ports import Address, Data, Ended, Gone, HttpRequest, HttpResponse, TcpArrival

AT, FROM = Address("198.18.0.1", 80), Address("10.0.0.1", 50_000)


class Web:
    """A server with one answer, and a client."""

    def __init__(self, served: Served | None = None) -> None:
        self.clock = Clock()
        self.asked: list[HttpRequest] = []
        self.heard: list[TcpArrival] = []
        self.served = served or Served(HttpResponse(200, {}, b"body"))
        streams = MemoryStreams(self.clock)

        def respond(request: HttpRequest) -> Served:
            self.asked.append(request)
            return self.served

        streams.listen("web", AT, lambda channel, _: HttpStream(self.clock, channel, respond, "http"))
        self.near = streams.connect("a", FROM, AT, self.heard.append)
        self.run()
        self.heard.clear()

    def run(self, seconds: float = 0.1) -> None:
        self.clock.run(self.clock.now_us + round(seconds * 1e6))

    def say(self, text: str) -> bytes:
        self.near.send(text.encode())
        self.run()
        return self.bytes

    @property
    def bytes(self) -> bytes:
        return b"".join(a.data for a in self.heard if isinstance(a, Data))


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("nonsense\r\n\r\n", 400),
        ("GET / SPDY/1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 413),
        ("POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
        ("GET / HTTP/1.1\r\nX: " + "x" * 20_000, 431),
    ],
)
def test_what_it_cannot_read_is_refused_and_closed(text: str, status: int) -> None:
    web = Web()
    assert web.say(text).startswith(f"HTTP/1.1 {status} ".encode())
    assert web.heard[-1] == Ended()
    assert web.asked == []


def test_a_request_comes_in_pieces() -> None:
    web = Web()
    assert web.say("POST /a?b HTTP/1.0\r\nHost: x.example\r\nConte") == b""
    assert web.say("nt-Length: 5\r\n\r\nab") == b""
    assert web.say("cde") == b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody"
    assert web.heard[-1] == Ended()
    (request,) = web.asked
    assert (request.method, request.url, request.body) == ("POST", "http://x.example/a?b", b"abcde")


def test_connections_are_kept_for_those_who_keep_them() -> None:
    web = Web()
    one = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
    assert web.say("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n") == one * 2
    assert web.say("GET /3 HTTP/1.1\r\nConnection: close\r\n\r\n").count(b"HTTP/1.1 200") == 3
    assert web.heard[-1] == Ended()
    assert [request.url for request in web.asked] == ["http:///1", "http:///2", "http:///3"]


def test_a_connection_without_requests_is_closed_in_the_end() -> None:
    web = Web()
    web.run(IDLE_US / 1e6 - 1)
    assert web.heard == []
    web.run(2)
    assert web.heard == [Ended()]


@pytest.mark.parametrize(
    ("framing", "rest"),
    [
        ("length", b"Content-Length: 1030\r\nConnection: close\r\n\r\n" + b"x" * 1030),
        ("close", b"Connection: close\r\n\r\n" + b"x" * 1030),
        (
            "chunked",
            b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n400\r\n"
            + b"x" * 1024
            + b"\r\n6\r\nxxxxxx\r\n0\r\n\r\n",
        ),
    ],
)
def test_how_a_client_learns_where_the_body_ends(framing: Any, rest: bytes) -> None:
    web = Web(Served(HttpResponse(200, {}, b"x" * 1030), framing=framing))
    assert web.say("GET / HTTP/1.0\r\n\r\n") == b"HTTP/1.1 200 OK\r\n" + rest


def test_head_and_204_have_no_body() -> None:
    assert Web().say("HEAD / HTTP/1.0\r\n\r\n").endswith(b"Content-Length: 4\r\nConnection: close\r\n\r\n")
    assert Web(Served(HttpResponse(204, {}, b"x"))).say("GET / HTTP/1.0\r\n\r\n").endswith(b"Connection: close\r\n\r\n")


def test_an_answer_takes_its_delay_and_is_not_given_to_who_has_gone() -> None:
    web = Web(Served(HttpResponse(200, {}, b"body"), delay_us=3_000_000))
    assert web.say("GET / HTTP/1.0\r\n\r\n") == b""
    web.run(2.8)
    assert web.bytes == b""
    web.run(0.2)
    assert web.bytes.endswith(b"body")
    web = Web(Served(HttpResponse(200, {}, b"body"), delay_us=3_000_000))
    web.say("GET / HTTP/1.0\r\n\r\n")
    web.near.reset()
    web.run(5)
    assert web.bytes == b""


@pytest.mark.parametrize(("reset", "end"), [(True, Gone("reset")), (False, Ended())])
def test_the_manners_of_the_artifact_server_hold_here_too(reset: bool, end: TcpArrival) -> None:
    manner = Manner(rate_bytes_per_s=400, cut_at_bytes=300, reset=reset)
    web = Web(Served(HttpResponse(200, {"Content-Length": "1000"}, b"x" * 1000, manner)))
    web.say("GET / HTTP/1.1\r\n\r\n")
    web.run(0.3)
    assert 0 < web.bytes.count(b"x") < 300
    web.run(5)
    assert web.bytes.count(b"x") == 300
    assert web.heard[-1] == end


def test_the_cloud_sees_what_its_own_server_would_show() -> None:
    clock, asked, heard = Clock(), [], []
    streams = MemoryStreams(clock)

    def respond(request: HttpRequest, now_s: int) -> HttpResponse:
        asked.append((request.method, request.url, dict(request.headers), now_s))
        return HttpResponse(206, {"Content-Length": "2"}, b"ok")

    serve_cloud(streams, clock, respond)
    ip = streams.resolve("b.s3.eu-west-1.amazonaws.com")
    assert ip is not None
    near = streams.connect("a", FROM, Address(ip, 80), heard.append)
    near.send(b"GET /k HTTP/1.0\r\nhost: b.s3.eu-west-1.amazonaws.com\r\nrange: bytes=0-1\r\n\r\n")
    clock.run(1_000_000)
    url = "https://b.s3.eu-west-1.amazonaws.com/k"
    assert asked == [("GET", url, {"Host": "b.s3.eu-west-1.amazonaws.com", "Range": "bytes=0-1"}, clock.start_s)]
    assert heard[-1] == Ended()
