"""Clients for benchmarks/broker.py: one protocol object each, as little work as a client can do.

They read only what a well-behaved broker sends, and count.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from sim.net.codec import Connack, Connect, Decoder, Packet, Puback, Publish, Suback, Subscribe, encode

PAYLOAD = b"x" * 64
ANSWER = b'{"execution":' + b"x" * 580 + b"}"
"""As long as the answer to a DescribeJobExecution with a small document."""
AT_ONCE = 100
"""Connections that are being opened at the same time."""


class Client(asyncio.Protocol):
    """Connects, subscribes to `filters`, and is ready with the SUBACK (or the CONNACK, without filters)."""

    def __init__(self, client_id: str, filters: tuple[str, ...]) -> None:
        self.client_id = client_id
        self._filters = filters
        self._decoder = Decoder(1 << 20)
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.on_packet: Callable[[Packet], None] = lambda _: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(encode(Connect(self.client_id)))

    def data_received(self, data: bytes) -> None:
        for packet in self._decoder.feed(data):
            if isinstance(packet, Connack) and self._filters:
                self.send(Subscribe(1, tuple((name, 1) for name in self._filters)))
            elif isinstance(packet, Connack | Suback):
                self.ready.set_result(None)
            else:
                self.on_packet(packet)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionResetError("the broker closed"))

    def send(self, packet: Packet) -> None:
        self.transport.write(encode(packet))


async def dial(port: int, client_id: str, filters: tuple[str, ...] = ()) -> Client:
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: Client(client_id, filters), "127.0.0.1", port)
    await client.ready
    return client


async def fleet(
    port: int, count: int, filters: Callable[[str], tuple[str, ...]], cap_s: float, prefix: str = "d"
) -> list[Client]:
    """`count` clients, or as many as there are after `cap_s` seconds."""
    made: list[Client] = []
    numbers = iter(range(count))
    until_s = time.perf_counter() + cap_s

    async def work() -> None:
        for number in numbers:
            if time.perf_counter() > until_s:
                return
            name = f"{prefix}{number}"
            made.append(await dial(port, name, filters(name)))

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return made


def four_filters(name: str) -> tuple[str, ...]:
    """What a Jobs client of a usual SDK subscribes to. No `$`, so that every broker takes part."""
    return tuple(f"aws/things/{name}/jobs/{tail}" for tail in ("notify", "notify-next", "get/accepted", "get/rejected"))


def two_filters(name: str) -> tuple[str, ...]:
    return four_filters(name)[:2]


class Pair:
    """A sender at QoS 1 with so many messages unacknowledged, and the one who gets them."""

    def __init__(self, sender: Client, receiver: Client, topic: str, count: int, window: int) -> None:
        self._sender = sender
        self._topic = topic
        self._left = self._due = count
        self._count = count
        self._window = window
        self._id = 0
        self._receiver = receiver
        self.done = asyncio.get_running_loop().create_future()
        sender.on_packet = self._acked
        receiver.on_packet = self._got

    def start(self) -> None:
        for _ in range(self._window):
            self._send()

    def _send(self) -> None:
        if self._left:
            self._left -= 1
            self._id = self._id % 0xFFFF + 1
            self._sender.send(Publish(self._topic, PAYLOAD, 1, self._id))

    def _acked(self, packet: Packet) -> None:
        if isinstance(packet, Puback):
            self._send()

    def _got(self, packet: Packet) -> None:
        if isinstance(packet, Publish):
            self._receiver.send(Puback(packet.packet_id))
            self._due -= 1
            if not self._due and not self.done.done():
                self.done.set_result(None)

    @property
    def delivered(self) -> int:
        return self._count - self._due


class Asker:
    """A device that asks the Jobs service again as soon as it has its answer."""

    def __init__(self, client: Client, topic: str) -> None:
        self._client = client
        self._topic = topic
        self.answers = 0
        self.going = True
        client.on_packet = self._got

    def ask(self) -> None:
        self._client.send(Publish(self._topic, b'{"clientToken":"x"}'))

    def _got(self, packet: Packet) -> None:
        if isinstance(packet, Publish):
            self.answers += 1
            if self.going:
                self.ask()
