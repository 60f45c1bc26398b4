"""Bytes that are no HTTP, or hardly, to the real server: it answers or hangs up, and goes on serving the others."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Iterator
from random import Random
from urllib.parse import urlsplit

import pytest
from aws_rig import Cloud, running
from hypothesis import given, settings
from hypothesis import strategies as st
from test_rest_fuzz import Nonsense
from test_rest_refusals import records

from sim.ports import HttpRequest

GET, PUT = b" HTTP/1.1\r\nHost: h\r\n", b"PUT /b/k HTTP/1.1\r\nHost: h\r\n"
WHOLE = PUT + b"Content-Length: 4\r\nConnection: close\r\n\r\nbody"
ODD = (
    b"",
    b"\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"GET",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET /%zz?%zz" + GET + b"\r\n",
    b"GET http://elsewhere/x" + GET + b"\r\n",
    b"GET http://[::1/x" + GET + b"\r\n",
    b"GET //../..//%00 HTTP/1.1\r\nHost: [\r\n\r\n",
    b"OPTIONS *" + GET + b"\r\n",
    b"CONNECT h:1" + GET + b"\r\n",
    b"GET /a" + GET + b"Host: b\r\n\r\n",
    b"GET /a HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
    b"GET /" + b"a" * 9000 + GET + b"\r\n",
    b"GET /" + GET + b"X: " + b"x" * 9000 + b"\r\n\r\n",
    b"GET /" + GET + b"".join(b"X%d: y\r\n" % n for n in range(500)) + b"\r\n",
    b"GET /" + GET + b"Upgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    PUT + b"Content-Length: -1\r\n\r\n",
    PUT + b"Content-Length: 9\r\n\r\nx",
    PUT + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    PUT + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    PUT + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    PUT + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbody",
    PUT + b"Content-Encoding: deflate\r\nContent-Length: 2\r\n\r\n\x00\x01",
    PUT + b"Expect: what\r\nContent-Length: 4\r\n\r\nbody",
    WHOLE + WHOLE,
)
BATCH = 10


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with running() as made:
        made.client("iot").create_thing(thingName="t")
        yield made


def talk(cloud: Cloud, data: bytes) -> bytes:
    """Send it, say that nothing follows, and return what comes until the server hangs up."""
    parts = urlsplit(cloud.url)
    got = b""
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as caller:
        try:
            caller.sendall(data)
            caller.shutdown(socket.SHUT_WR)
            while part := caller.recv(65536):
                got += part
        except ConnectionError:  # it had heard enough
            pass
    return got


def judge(cloud: Cloud, data: bytes) -> None:
    """Every answer is one to a client's mistake, and tells nothing of our insides."""
    answers = talk(cloud, data)
    assert b"Traceback" not in answers
    assert b".py" not in answers
    assert re.match(rb"HTTP/\d\.\d (100|2\d\d|3\d\d|4\d\d|501) |$", answers), (data, answers)


def as_bytes(request: HttpRequest) -> bytes:
    parts = urlsplit(request.url.replace("[", "").replace("\x00", ""))
    head = f"{request.method} {request.url[request.url.index('/', 8) :]} HTTP/1.1\r\n"
    named = {"Host": parts.netloc, "Content-Length": str(len(request.body)), "Connection": "close", **request.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return (head + lines + "\r\n").encode("utf-8", "replace") + request.body


def spoil(random: Random, data: bytes) -> bytes:
    """A few bytes changed, taken out or put in."""
    spoilt = bytearray(data)
    for _ in range(random.randrange(4)):
        at = random.randrange(len(spoilt) + 1)
        spoilt[at : at + random.randrange(3)] = random.choice((b"", b"\x00", b"\r\n", b" ", b":", random.randbytes(2)))
    return bytes(spoilt[: random.randrange(len(spoilt) + 1)] if random.random() < 0.2 else spoilt)


def test_whatever_comes_in_the_service_lives_and_no_record_changes(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    told = []

    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    @given(seed=st.integers(0, 2**32))
    def batch(seed: int) -> None:
        random, nonsense = Random(seed), Nonsense(seed)
        for _ in range(BATCH):
            sound = random.choice((nonsense.unsigned, nonsense.unsigned, lambda: None))()
            data = WHOLE if sound is None else as_bytes(sound)
            judge(cloud, spoil(random, data))
            told.append(1)

    before = records(cloud)
    for data in ODD:
        judge(cloud, data)
    batch()
    assert len(told) >= 500
    assert records(cloud) == before
    assert cloud.client("iot").describe_thing(thingName="t")["version"] == 1
    assert [it.getMessage() for it in caplog.records if it.levelno >= logging.ERROR] == []
