"""The HTTP server in front of a pure `respond`."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import Callable

import pytest
from broker_rig import free_port

from sim.cloud.rest import RestServer
from sim.errors import MachineError
from sim.kernel.clock import Clock
from sim.ports import HttpRequest, HttpResponse

NOW_S = 1_767_225_600


def talk(data: bytes, respond: Callable[[HttpRequest, int], HttpResponse]) -> bytes:
    """Send raw bytes, return the raw answer up to the close."""
    clock = Clock("virtual")

    async def main() -> bytes:
        server = RestServer(respond, lambda: NOW_S)
        port = await server.start("127.0.0.1", free_port())
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        answer = await reader.read()
        writer.close()
        await server.stop()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return answer

    answer = clock.loop.run_until_complete(main())
    clock.close()
    return answer


def test_the_url_is_rebuilt_from_host_and_target_byte_for_byte() -> None:
    seen: list[tuple[HttpRequest, int]] = []

    def respond(request: HttpRequest, now_s: int) -> HttpResponse:
        seen.append((request, now_s))
        return HttpResponse(200, {"ETag": '"1"'}, b"body")

    answer = talk(
        b"GET /a%2Fb//c/../d%20?X-Amz-Signature=a%2bB&y=+~ HTTP/1.1\r\nhOST: b.s3.us-west-2.amazonaws.com:8443\r\n"
        b"Range: bytes=0-1\r\nConnection: close\r\n\r\n",
        respond,
    )
    ((request, now_s),) = seen
    assert request.method == "GET"
    assert request.url == ("https://b.s3.us-west-2.amazonaws.com:8443/a%2Fb//c/../d%20?X-Amz-Signature=a%2bB&y=+~")
    assert request.headers["Range"] == "bytes=0-1"
    assert now_s == NOW_S
    head, _, body = answer.partition(b"\r\n\r\n")
    assert body == b"body"
    assert sorted(head.decode().split("\r\n")[1:]) == ["Connection: close", "Content-Length: 4", 'ETag: "1"']


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PURGE"])
def test_every_method_is_for_respond_to_judge(method: str) -> None:
    def respond(request: HttpRequest, _: int) -> HttpResponse:
        return HttpResponse(405, {"X-Method": request.method, "Content-Length": "0"}, b"")

    answer = talk(f"{method} /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode(), respond)
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert f"X-Method: {method}".encode() in answer


def test_garbage_is_answered_with_400_and_does_not_reach_respond() -> None:
    def respond(request: HttpRequest, _: int) -> HttpResponse:
        raise AssertionError(request)

    assert talk(b"\x16\x03\x01 nonsense\r\n\r\n", respond).startswith(b"HTTP/1.0 400 ")


def test_a_taken_port_is_named_with_the_way_out() -> None:
    port = free_port()

    async def main() -> None:
        await RestServer(lambda *_: HttpResponse(200, {}, b""), lambda: 0).start("127.0.0.1", port)

    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(MachineError, match=rf"port {port} is taken .*--port"),
    ):
        asyncio.run(main())


def test_what_changes_something_is_dispatched_and_reading_an_object_is_not() -> None:
    clock = Clock("virtual")
    direct: list[str] = []
    handed_over: list[str] = []

    def respond(request: HttpRequest, _: int) -> HttpResponse:
        direct.append(f"{request.method} {request.url}")
        return HttpResponse(200, {"Content-Length": "0"}, b"")

    async def dispatch(request: HttpRequest) -> HttpResponse:
        await asyncio.sleep(5)  # simulated seconds: the answer waits for its turn
        handed_over.append(f"{request.method} {request.url} {request.body!r}")
        return HttpResponse(202, {"Content-Length": "0"}, b"")

    async def main() -> list[bytes]:
        server = RestServer(respond, lambda: NOW_S, dispatch)
        port = await server.start("127.0.0.1", free_port())
        answers = []
        for request in (
            b"GET /bucket/key HTTP/1.1\r\nHost: h\r\n",
            b"PUT /bucket/key HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n",
            b"GET /things/t/jobs HTTP/1.1\r\nHost: h\r\n",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            body = b"body" if b"Length" in request else b""
            writer.write(request + b"Connection: close\r\n\r\n" + body)
            answers.append((await reader.read()).partition(b"\r\n")[0])
            writer.close()
        await server.stop()
        return answers

    answers = clock.loop.run_until_complete(main())
    assert clock.now_us >= 10_000_000
    clock.close()
    assert answers == [b"HTTP/1.1 200 OK", b"HTTP/1.1 202 Accepted", b"HTTP/1.1 202 Accepted"]
    assert direct == ["GET https://h/bucket/key"]
    assert handed_over == ["PUT https://h/bucket/key b'body'", "GET https://h/things/t/jobs b''"]


def test_a_body_over_the_limit_does_not_reach_respond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.cloud.rest.BODY_MAX_BYTES", 1000)
    seen: list[int] = []

    def respond(request: HttpRequest, _: int) -> HttpResponse:
        seen.append(len(request.body))
        return HttpResponse(200, {"Content-Length": "0"}, b"")

    def put(size: int) -> bytes:
        head = f"PUT /b/k HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n"
        return talk(head.encode() + bytes(size), respond)

    assert put(1000).startswith(b"HTTP/1.1 200 ")
    refused = put(1001)
    assert refused.startswith(b"HTTP/1.1 413 ")
    assert b"x-amzn-ErrorType: RequestEntityTooLargeException" in refused
    assert seen == [1000]


@pytest.mark.parametrize(
    "body",
    [
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nab\r\n0\r\n\r\n",
    ],
    ids=["no chunk", "a chunk too short"],
)
def test_a_body_that_breaks_off_is_the_clients_mistake(body: bytes) -> None:
    def respond(request: HttpRequest, _: int) -> HttpResponse:
        raise AssertionError(request)

    assert talk(b"PUT /b/k HTTP/1.1\r\nHost: h\r\n" + body, respond).startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))


def test_a_packed_body_is_handed_on_as_it_came() -> None:
    packed = gzip.compress(b"body")

    def respond(request: HttpRequest, _: int) -> HttpResponse:
        return HttpResponse(200, {"Content-Length": str(len(request.body))}, request.body)

    head = f"PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n"
    answer = talk(f"{head}Connection: close\r\n\r\n".encode() + packed, respond)
    assert answer.partition(b"\r\n\r\n")[2] == packed
