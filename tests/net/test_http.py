"""The HTTP client when things go wrong."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from net_stage import free_port

from sim.net import http
from sim.net.http import Endpoint, fetch, open_session
from sim.net.tls import client_context
from sim.net.url import leads_to_cloud, split_url
from sim.ports import HttpFailure, HttpRequest, HttpResponse

URL = "http://b.s3.us-west-2.amazonaws.com/key"


def ask(answer: bytes, request: HttpRequest, tls: Any = None) -> tuple[HttpResponse | HttpFailure, bytes]:
    """One fetch from a server that sends `answer` and closes; also what the server was sent."""
    heard = bytearray()

    async def main() -> HttpResponse | HttpFailure:
        served = asyncio.Event()

        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                heard.extend(await reader.read(10_000))
                writer.write(answer)
                writer.close()
                await writer.wait_closed()
            served.set()

        port = free_port()
        server = await asyncio.start_server(accepted, "127.0.0.1", port)
        async with open_session() as session:
            outcome = await fetch(request, Endpoint("127.0.0.1", port, tls), session)
        with contextlib.suppress(TimeoutError):  # a request that cannot be sent makes no connection
            await asyncio.wait_for(served.wait(), 0.05)
        server.close()
        await server.wait_closed()
        return outcome

    return asyncio.run(main()), bytes(heard)


def test_only_what_the_device_says_is_sent() -> None:
    request = HttpRequest("GET", "http://Host.amazonaws.com:8080/a%2fb/../c?x=%7E~&y=a+b%20#frag", {"X-A": "1"})
    outcome, heard = ask(b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 2\r\n\r\nok', request)
    assert outcome == HttpResponse(200, {"ETag": '"e"', "Content-Length": "2"}, b"ok")
    lines = heard.decode().split("\r\n")
    assert lines[0] == "GET /a%2fb/../c?x=%7E~&y=a+b%20 HTTP/1.1"
    assert sorted(lines[1:-2]) == ["Host: Host.amazonaws.com:8080", "X-A: 1"]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_a_broken_answer_is_a_reset(answer: bytes) -> None:
    assert ask(answer, HttpRequest("GET", URL))[0] == HttpFailure("reset")


def test_an_answer_that_breaks_off_keeps_what_had_come() -> None:
    outcome, _ = ask(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", HttpRequest("GET", URL))
    assert outcome == HttpResponse(200, {"Content-Length": "10"}, b"short", broken="closed")


@pytest.mark.parametrize("request_", [HttpRequest("GET", URL, {"X": "a\r\nY: b"}), HttpRequest("G T", URL)])
def test_a_request_that_http_cannot_carry_is_a_failure(request_: HttpRequest) -> None:
    outcome, heard = ask(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", request_)
    assert outcome == HttpFailure("reset")
    assert heard == b""


def test_a_body_over_the_limit_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BODY_LIMIT_BYTES", 1000)
    for size, kept in ((1000, True), (1001, False)):
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
        assert isinstance(ask(answer, HttpRequest("GET", URL))[0], HttpResponse) is kept


def test_a_server_without_tls_fails_the_handshake() -> None:
    outcome, _ = ask(b"HTTP/1.1 400 Bad Request\r\n\r\n", HttpRequest("GET", URL), client_context())
    assert outcome == HttpFailure("tls")


def test_failures_to_connect_have_their_reasons() -> None:
    async def main(endpoint: Endpoint) -> HttpResponse | HttpFailure:
        async with open_session() as session:
            return await fetch(HttpRequest("GET", URL), endpoint, session)

    assert asyncio.run(main(Endpoint("127.0.0.1", free_port()))) == HttpFailure("refused")
    assert asyncio.run(main(Endpoint("no-such-name.invalid", 80))) == HttpFailure("dns")


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://h", ("h", "/")),
        ("https://u:p@h:1/a", ("h:1", "/a")),
        ("http://h?q=1#f", ("h", "/?q=1")),
        ("HTTP://h/%41", ("h", "/%41")),
        ("http://u@v@h/a b@c:/?x#y", ("h", "/a b@c:/?x")),
        ("http://[::1]:80/", ("[::1]:80", "/")),
    ],
)
def test_the_parts_of_a_url(url: str, parts: tuple[str, str]) -> None:
    assert split_url(url) == parts


@pytest.mark.parametrize("url", ["", "h/a", "ftp://h/", "http:/h", "http://", "http:///a", "http://u@/", "http://:80/"])
def test_a_url_without_http_or_without_a_host(url: str) -> None:
    with pytest.raises(ValueError, match="no http URL"):
        split_url(url)


@given(st.text(st.sampled_from("ahT.:/?#@&=%1"), max_size=20))
def test_a_url_is_split_where_the_standard_library_splits_it(rest: str) -> None:
    parts = urlsplit(f"http://{rest}")
    if not parts.hostname:
        with pytest.raises(ValueError, match="no http URL"):
            split_url(f"http://{rest}")
        return
    target = rest.partition("#")[0].removeprefix(parts.netloc)
    expected = parts.netloc.rpartition("@")[2], target if target.startswith("/") else f"/{target}"
    assert split_url(f"http://{rest}") == expected


@pytest.mark.parametrize(
    ("host", "resolves"),
    [
        ("x-ats.iot.us-west-2.amazonaws.com", True),
        ("B.S3.AMAZONAWS.COM:8443", True),
        ("amazonaws.com", False),
        ("amazonaws.com.evil.example", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_names_that_lead_to_the_cloud(host: str, resolves: bool) -> None:
    assert leads_to_cloud(host) is resolves
