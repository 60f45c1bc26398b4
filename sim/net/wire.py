"""The outside world over real sockets: the device's Network port and the cloud's side, in one loop.

The network phase only fills two inboxes. When nothing is in flight any more, what arrived enters the simulation
in an order that does not depend on the selector: requests by (client, number), arrivals by (device, connection,
number). Names under amazonaws.com lead to the embedded cloud, all others do not resolve; nothing leaves the machine.
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
from sim.kernel.simloop import connection_key
from sim.net.http import Endpoint, fetch, open_session
from sim.net.mqtt import MqttConnection, open_connection
from sim.net.tls import TlsFailure, client_context
from sim.net.url import leads_to_cloud, split_url
from sim.ports import Arrival, Closed, Hello, HttpFailure, HttpRequest, HttpResponse, MqttChannel


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the embedded cloud listens. `tls` says whether its listeners speak TLS."""

    host: str
    mqtt_port: int
    http_port: int
    tls: bool


class WireNetwork:
    """Network port of all devices of a run, over TCP or TLS on this machine."""

    _addresses: Addresses

    def __init__(self, clock: Clock, on_request: Callable[[str, str, str, bytes], None]) -> None:
        self._clock = clock
        self._on_request = on_request
        self._requests: list[tuple[str, int, str, str, bytes]] = []
        self._arrivals: list[tuple[str, int, int, Callable[[Any], None], Any]] = []
        self._numbers = itertools.count()
        self._opened: dict[str, int] = {}
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._error: BaseException | None = None
        clock.loop.on_quiet = self._hand_over

    def connect_to(self, addresses: Addresses) -> None:
        """Where the cloud listens, once it does; before any device is switched on."""
        self._addresses = addresses

    # -- the device's port

    def mqtt(self, device: str, hello: Hello, receive: Callable[[Arrival], None]) -> MqttChannel:
        """Open a connection to the broker that `hello.host` leads to."""
        number = self._next_connection(device)
        connection = MqttConnection(hello, lambda arrival: self._arrived(device, number, receive, arrival))
        tls = client_context(hello.certificate, hello.private_key) if self._addresses.tls else None
        if not leads_to_cloud(hello.host):
            self._clock.handover(receive, Closed("dns"))
        elif isinstance(tls, TlsFailure):
            self._clock.handover(receive, Closed("tls"))
        else:
            self._start(self._open(device, connection, tls))
        return connection

    def http(self, device: str, request: HttpRequest, receive: Callable[[HttpResponse | HttpFailure], None]) -> None:
        """Send one request to the artifact server that its host leads to."""
        number = self._next_connection(device)
        self._start(self._fetch(device, number, request, receive))

    # -- the cloud's side

    def on_broker_request(self, connection: str, client_id: str, topic: str, payload: bytes) -> None:
        """The broker's callback, in the network phase."""
        self._requests.append((client_id, next(self._numbers), connection, topic, payload))

    async def close(self) -> None:
        """Close the client side."""
        for task in list(self._tasks):
            task.cancel()
        if self._session is not None:
            await self._session.close()

    # -- network phase

    async def _open(self, device: str, connection: MqttConnection, tls: ssl.SSLContext | None) -> None:
        await open_connection(connection, self._addresses.host, self._addresses.mqtt_port, tls)
        if (sock := connection.socket) is not None:
            self._clock.loop.in_flight.label(connection_key(sock), f"MQTT connection of {device}")

    async def _fetch(self, device: str, number: int, request: HttpRequest, receive: Callable[[Any], None]) -> None:
        answer: HttpResponse | HttpFailure = HttpFailure("dns")
        if _leads_to_cloud(request.url):
            context = client_context() if self._addresses.tls else None
            assert not isinstance(context, TlsFailure)
            self._session = self._session or open_session()
            endpoint = Endpoint(self._addresses.host, self._addresses.http_port, context)
            answer = await fetch(request, endpoint, self._session)
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
            for client_id, _, connection, topic, payload in requests:
                self._clock.handover(self._on_request, connection, client_id, topic, payload)
        if self._arrivals:
            arrivals, self._arrivals = sorted(self._arrivals, key=lambda item: item[:3]), []
            for _, _, _, receive, arrival in arrivals:
                self._clock.handover(receive, arrival)


def _leads_to_cloud(url: str) -> bool:
    try:
        return leads_to_cloud(split_url(url)[0])
    except ValueError:
        return False
