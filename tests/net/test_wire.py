"""REST requests from outside take their turn: many callers, in order, on a real server in paced time."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from net_stage import Authority, free_port

from sim.cloud.rest import RestServer
from sim.kernel.clock import Clock
from sim.mqtt.switchboard import Request
from sim.net.tls import server_context
from sim.net.wire import WireNetwork
from sim.ports import HttpRequest, HttpResponse

SPEED = 200.0


def plain(text: str) -> HttpResponse:
    return HttpResponse(200, {"Content-Length": str(len(text))}, text.encode())


class Outside:
    """A REST server in front of a paced simulation, and callers in threads of their own."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.clock = Clock("paced", SPEED)
        self.handled: list[str] = []
        self.respond: Callable[[HttpRequest], HttpResponse] = lambda request: plain(request.body.decode())
        self.network = WireNetwork(self.clock, self._on_mqtt, self._respond)
        self.server = RestServer(self.network.respond, lambda: self.clock.epoch_s, self.network.dispatch)
        self.port = self.clock.loop.run_until_complete(self.server.start("127.0.0.1", free_port(), tls=tls))

    def run(self, story: Callable[[], object]) -> None:
        """Let time pass until the story, told in another thread, is over."""
        with ThreadPoolExecutor(1) as pool:
            told = pool.submit(story)
            told.add_done_callback(lambda _: self.clock.loop.call_soon_threadsafe(self.clock.loop.end_simulation))
            self.clock.run()
            self.close()
            told.result()

    def post(self, body: str) -> tuple[int, bytes]:
        return self.call(body, "POST")

    def call(self, body: str, method: str) -> tuple[int, bytes]:
        caller = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            caller.request(method, "/b/k", body.encode())
            answer = caller.getresponse()
            return answer.status, answer.read()
        finally:
            caller.close()

    def raw(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def close(self) -> None:
        if not self.clock.loop.is_closed():
            self.clock.loop.run_until_complete(self.server.stop())
            self.clock.loop.run_until_complete(self.network.close())
            self.clock.close()

    def _respond(self, request: HttpRequest, now_s: int) -> HttpResponse:
        assert now_s == self.clock.epoch_s
        self.handled.append(request.body.decode())
        return self.respond(request)

    def _on_mqtt(self, request: Request) -> None:
        self.handled.append(request.client_id)


@pytest.fixture
def outside() -> Iterator[Outside]:
    with ExitStack() as stack:
        made = Outside()
        stack.callback(made.close)
        yield made


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_defect_answers_500_and_ends_the_run_with_its_cause(outside: Outside, method: str) -> None:
    """Whether it takes its turn or, as reading an object does, is answered at once."""
    answers = []

    def defect(_: HttpRequest) -> HttpResponse:
        raise KeyError("planted")

    outside.respond = defect
    outside.clock.after(3_600_000_000, lambda: None)
    caller = threading.Thread(target=lambda: answers.append(outside.call("x", method)))
    caller.start()
    with pytest.raises(KeyError, match="planted"):
        outside.clock.run()
    caller.join(20)
    ((status, body),) = answers
    assert status == 500
    assert "defect" in json.loads(body)["message"]
    assert b"Traceback" not in body


def test_callers_that_hang_up_before_their_answer_are_no_problem(outside: Outside) -> None:
    whole = b"POST /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nlost"

    def story() -> None:
        for sent in (whole, whole[:-2], whole[:30], b""):
            for _ in range(5):
                with outside.raw() as caller:
                    caller.sendall(sent)
        assert outside.post("last") == (200, b"last")

    outside.run(story)
    assert outside.handled == ["lost"] * 5 + ["last"]


def test_many_callers_at_once_all_get_their_own_answer(outside: Outside) -> None:
    def story() -> None:
        with ThreadPoolExecutor(16) as pool:
            bodies = [str(number) for number in range(200)]
            assert list(pool.map(outside.post, bodies)) == [(200, body.encode()) for body in bodies]

    outside.run(story)
    assert sorted(map(int, outside.handled)) == list(range(200))


def test_requests_of_one_moment_are_handled_by_client_then_by_certificate_then_as_they_came(outside: Outside) -> None:
    calls: list[object] = []  # keeps the tasks

    async def call(body: str, certificate: bytes | None) -> None:
        await outside.network.dispatch(HttpRequest("POST", "https://h/b/k", {}, body.encode(), certificate))

    def same_moment() -> None:
        for name, certificate in (
            ("9 with b", b"b"),
            ("1 with a", b"a"),
            ("9 came first", None),
            ("1 came second", None),
        ):
            calls.append(outside.clock.loop.create_task(call(name, certificate)))
        for client in ("b", "a"):
            outside.network.on_broker_request(Request("1", client, "t", b""))

    outside.clock.after(1_000_000, same_moment)
    outside.clock.run(2_000_000)
    assert outside.handled == ["a", "b", "9 came first", "1 came second", "1 with a", "9 with b"]


def test_a_request_whose_server_stops_before_its_turn_is_dropped_quietly(outside: Outside) -> None:
    loop = outside.clock.loop
    waiting = loop.create_task(outside.network.dispatch(HttpRequest("POST", "https://h/b/k", {}, b"late")))
    loop.call_soon(waiting.cancel)
    outside.clock.run(1_000_000)
    assert waiting.cancelled()


def test_an_answer_shows_the_time_of_its_turn(outside: Outside) -> None:
    outside.respond = lambda _: plain(str(outside.clock.now_us))

    def story() -> None:
        first = int(outside.post("")[1])
        threading.Event().wait(0.05)
        assert int(outside.post("")[1]) >= first + 50_000 * SPEED

    outside.run(story)


def test_a_handshake_has_as_long_as_the_machine_needs_at_any_pace(tmp_path: Path) -> None:
    authority = Authority("test")
    server = authority.issue("cloud")
    (tmp_path / "ca.pem").write_text(authority.pem)
    outside = Outside(server_context(server.certificate, server.private_key, authority.pem))

    def story() -> None:
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        context.check_hostname = False
        with outside.raw() as caller:
            threading.Event().wait(0.5)  # 100 s at this pace
            with context.wrap_socket(caller) as secure:
                secure.sendall(b"POST /b/k HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
                assert secure.recv(100).startswith(b"HTTP/1.1 200 ")

    outside.run(story)
    assert outside.handled == ["ok"]
