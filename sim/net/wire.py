"""The outside world over real sockets: the device's Network port and the cloud's side, in one loop.

The network phase only fills inboxes. When nothing is in flight any more, what arrived enters the simulation in an
order that does not depend on the selector: requests over MQTT by (client, number), those over HTTP by certificate and
then as they came, arrivals by (device, connection, number). Names under amazonaws.com lead to the embedded cloud, all
others do not resolve; nothing leaves the machine, unless sim.net.outside has chosen the server.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from sim.kernel.clock import Clock
from sim.kernel.counted import connection_key
from sim.mqtt.switchboard import OnRequest, Request
from sim.net.http import Endpoint, fetch, open_session
from sim.net.mqtt import MqttConnection, open_connection
from sim.net.plain import Dialler
from sim.net.stopwatch import Stopwatch, TimedConnection
from sim.net.tls import TlsFailure, client_context
from sim.net.url import leads_to_cloud, split_url
from sim.net.wire_streams import WireStreams
from sim.ports import (
    Arrival,
    Closed,
    Hello,
    HttpArrival,
    HttpFailure,
    HttpPart,
    HttpRequest,
    HttpResponse,
    MqttChannel,
)

_SORRY = b'{"message":"The emulator has a defect and ends this run; it names the cause."}'
DEFECT = HttpResponse(
    500,
    {
        "Content-Type": "application/json",
        "Content-Length": str(len(_SORRY)),
        "x-amzn-ErrorType": "InternalFailureException",
    },
    _SORRY,
)
"""What a caller gets whose request brought a defect of ours to light."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the embedded cloud listens. `tls` says whether its listeners speak TLS."""

    host: str
    mqtt_port: int
    http_port: int
    tls: bool


class _Ear:
    """Where one connection's arrivals go in the network phase."""

    __slots__ = ("_device", "_number", "_receive", "_wire")

    def __init__(self, wire: WireNetwork, device: str, number: int, receive: Callable[[Any], None]) -> None:
        self._wire = wire
        self._device = device
        self._number = number
        self._receive = receive

    def __call__(self, arrival: Any) -> None:
        self._wire._arrived(self._device, self._number, self._receive, arrival)


class WireNetwork:
    """Network port of all devices of a run, over TCP or TLS on this machine.

    `respond` (request, Unix time in whole seconds) answers what comes in through `dispatch`. `server_tls` is the
    context of the peers that speak TLS, None when this run's transport is plain.
    """

    _addresses: Addresses

    def __init__(
        self,
        clock: Clock,
        on_request: OnRequest,
        respond: Callable[[HttpRequest, int], HttpResponse],
        server_tls: ssl.SSLContext | None = None,
    ) -> None:
        self._clock = clock
        self.streams = WireStreams(clock, server_tls)
        self._on_request = on_request
        self._respond = respond
        self._requests: list[tuple[str, int, Request]] = []
        self._calls: list[tuple[HttpRequest, asyncio.Future[HttpResponse]]] = []
        self._arrivals: list[tuple[str, int, int, Callable[[Any], None], Any]] = []
        self._parts: dict[tuple[str, int], tuple[Callable[[Any], None], int]] = {}
        self._numbers = itertools.count()
        self._opened: dict[str, int] = {}
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._error: BaseException | None = None
        self._dialler = Dialler(clock.loop)
        self.stopwatch = Stopwatch(clock.loop) if clock.mode == "paced" else None
        """Of what devices ask, where time is the wall's."""
        clock.loop.on_quiet.append(self._hand_over)

    def connect_to(self, addresses: Addresses) -> None:
        """Where the cloud listens, once it does; before any device is switched on."""
        self._addresses = addresses

    # -- the device's port

    def mqtt(self, device: str, hello: Hello, receive: Callable[[Arrival], None]) -> MqttChannel:
        """Open a connection to the broker that `hello.host` leads to."""
        return self.dial(device, hello, receive, self._broker(hello))

    def dial(
        self, device: str, hello: Hello, receive: Callable[[Arrival], None], broker: Endpoint | Closed
    ) -> MqttChannel:
        """As `mqtt`, to a broker that is chosen already; `Closed` is why there is none."""
        number = self._next_connection(device)
        ear = _Ear(self, device, number, receive)
        if self.stopwatch is None:
            connection = MqttConnection(hello, ear)
        else:
            connection = TimedConnection(hello, ear, self.stopwatch)
        if isinstance(broker, Closed):
            self._clock.handover(receive, broker)
        else:
            self.open(f"MQTT connection of {device}", connection, broker)
        return connection

    def open(self, name: str, connection: MqttConnection, broker: Endpoint) -> None:
        """Open a connection whose owner takes its arrivals in the network phase; `name` is for people."""
        if broker.outside and broker.tls is None and Dialler.takes(broker.host):
            self._dialler.dial(connection, (broker.host, broker.port), connection.not_opened)
            return
        self._start(self._open(name, connection, broker))

    def foresee(self, device: str, request: HttpRequest, at_us: int) -> HttpResponse | None:  # noqa: ARG002
        """A real wire foresees nothing."""
        return None

    def http(self, device: str, request: HttpRequest, receive: Callable[[HttpArrival], None]) -> None:
        """Send one request to the artifact server that its host leads to."""
        self.ask(device, request, receive, self._server(request))

    def ask(
        self, device: str, request: HttpRequest, receive: Callable[[HttpArrival], None], server: Endpoint | HttpFailure
    ) -> None:
        """As `http`, to a server that is chosen already; `HttpFailure` is why there is none."""
        number = self._next_connection(device)
        if isinstance(server, HttpFailure):
            self._clock.handover(receive, server)
        else:
            self._start(self._fetch(device, number, request, receive, server))

    # -- the cloud's side

    def on_broker_request(self, request: Request) -> None:
        """The broker's callback, in the network phase."""
        self._requests.append((request.client_id, next(self._numbers), request))

    def respond(self, request: HttpRequest, now_s: int) -> HttpResponse:
        """The cloud's answer, at once. A defect of ours is a 500, and ends the run at the next quiet moment."""
        try:
            return self._respond(request, now_s)
        except Exception as error:  # noqa: BLE001 - raised when the caller has its answer
            self._error = error
            return DEFECT

    async def dispatch(self, request: HttpRequest) -> HttpResponse:
        """The same in the simulation's turn."""
        answer: asyncio.Future[HttpResponse] = self._clock.loop.create_future()
        self._calls.append((request, answer))
        return await answer

    async def close(self) -> None:
        """Close the client side."""
        for task in list(self._tasks):
            task.cancel()
        self._dialler.close()
        await self.streams.close()
        if self._session is not None:
            await self._session.close()

    # -- network phase

    def _broker(self, hello: Hello) -> Endpoint | Closed:
        if not leads_to_cloud(hello.host):
            return Closed("dns")
        tls = client_context(*hello.shown()) if self._addresses.tls else None
        if isinstance(tls, TlsFailure):
            return Closed("tls")
        name = hello.host if tls is not None and hello.names_host else ""
        return Endpoint(self._addresses.host, self._addresses.mqtt_port, tls, name)

    def _server(self, request: HttpRequest) -> Endpoint | HttpFailure:
        if not _leads_to_cloud(request.url):
            return HttpFailure("dns")
        tls = client_context() if self._addresses.tls else None
        assert not isinstance(tls, TlsFailure)
        return Endpoint(self._addresses.host, self._addresses.http_port, tls)

    async def _open(self, name: str, connection: MqttConnection, broker: Endpoint) -> None:
        await open_connection(connection, broker.host, broker.port, broker.tls, broker.server_name)
        if (sock := connection.socket) is not None:
            ledger, key = self._clock.loop.in_flight, connection_key(sock)
            ledger.label(key, name)
            if broker.outside:
                ledger.leads_outside(key)

    async def _fetch(
        self, device: str, number: int, request: HttpRequest, receive: Callable[[Any], None], server: Endpoint
    ) -> None:
        self._session = self._session or open_session()

        def on_part(received_bytes: int) -> None:
            self._parts[device, number] = receive, received_bytes

        answer = await fetch(request, server, self._session, on_part)
        self._parts.pop((device, number), None)
        self._arrived(device, number, receive, answer)

    def _arrived(self, device: str, number: int, receive: Callable[[Any], None], arrival: Any) -> None:
        self._arrivals.append((device, number, next(self._numbers), receive, arrival))

    def _start(self, work: Any) -> None:
        task = self._clock.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._error = error

    def _next_connection(self, device: str) -> int:
        self._opened[device] = self._opened.get(device, 0) + 1
        return self._opened[device]

    # -- quiescence

    def _hand_over(self) -> None:
        if self._error is not None:
            raise self._error
        if self._requests:
            requests, self._requests = sorted(self._requests, key=lambda item: item[:2]), []
            for _, _, request in requests:
                self._clock.handover(self._on_request, request)
        calls, self._calls = sorted(self._calls, key=lambda call: call[0].certificate or b""), []
        for call in calls:
            self._clock.handover(self._answer, *call)
        for (device, number), (receive, received_bytes) in self._parts.items():
            self._arrived(device, number, receive, HttpPart(received_bytes))
        self._parts.clear()
        if self._arrivals:
            arrivals, self._arrivals = sorted(self._arrivals, key=lambda item: item[:3]), []
            for _, _, _, receive, arrival in arrivals:
                self._clock.handover(receive, arrival)
        self.streams.hand_over()

    # -- simulation phase

    def _answer(self, request: HttpRequest, answer: asyncio.Future[HttpResponse]) -> None:
        response = self.respond(request, self._clock.epoch_s)
        if not answer.done():  # cancelled when the server was stopped
            answer.set_result(response)


def _leads_to_cloud(url: str) -> bool:
    try:
        return leads_to_cloud(split_url(url)[0])
    except ValueError:
        return False
