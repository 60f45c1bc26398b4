"""An AwsBroker on simulation time, and clients that speak raw bytes to it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from sim.cloud.broker import AwsBroker
from sim.kernel.clock import Clock
from sim.mqtt.rules import AWS, BrokerRules
from sim.mqtt.switchboard import EVERYTHING
from sim.net.codec import Connect, Decoder, Packet, Publish, encode

_next_port = 24_000


def free_port() -> int:
    """A port nobody listens on, below the range that the system hands out by itself."""
    global _next_port
    for _ in range(5000):
        _next_port = _next_port + 1 if _next_port < 29_999 else 24_000
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", _next_port))
            except OSError:
                continue
            return _next_port
    raise AssertionError("no free port between 24000 and 30000")


class Raw:
    """One TCP connection; `packets` of what came, None after the broker closed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._decoder = Decoder(10_000_000)

    def send(self, *packets: Packet | bytes) -> None:
        self.writer.write(b"".join(p if isinstance(p, bytes) else encode(p) for p in packets))

    async def read(self) -> list[Packet] | None:
        """What came within a simulated millisecond; None when the broker has closed."""
        got: list[Packet] = []
        while True:
            try:
                data = await asyncio.wait_for(self.reader.read(100_000), 0.001)
            except TimeoutError:
                return got
            except ConnectionError:
                return got or None
            if not data:
                return got or None
            got += self._decoder.feed(data)

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


class Rig:
    """A running broker; `dial` opens raw connections."""

    def __init__(self, broker: AwsBroker, port: int, clock: Clock, requests: list[Any]) -> None:
        self.broker = broker
        self.port = port
        self.clock = clock
        self.requests = requests
        self._open: list[Raw] = []

    async def dial(self, *packets: Packet | bytes) -> Raw:
        raw = Raw(*await asyncio.open_connection("127.0.0.1", self.port))
        self._open.append(raw)
        raw.send(*packets)
        return raw

    async def client(self, client_id: str, **options: Any) -> Raw:
        raw = await self.dial(Connect(client_id, **options))
        await raw.read()
        return raw

    async def connection_of(self, raw: Raw) -> Any:
        """What the cloud has to give its answers to, from a request that this client makes for it."""
        raw.send(Publish("$aws/things/a/jobs/get", b"{}"))
        while not self.requests:
            await asyncio.sleep(0.001)
        return self.requests.pop().connection

    async def hang_up(self) -> None:
        for raw in self._open:
            await raw.close()


def with_broker(story: Callable[[Rig], Awaitable[None]], rules: BrokerRules = AWS) -> Clock:
    """Run `story` against a broker on simulation time, then stop it; nothing may be left."""
    clock = Clock("virtual")
    failures: list[dict[str, Any]] = []
    clock.loop.set_exception_handler(lambda _loop, context: failures.append(context))

    async def main() -> None:
        requests: list[Any] = []
        broker = AwsBroker(requests.append, admit=lambda _: EVERYTHING, rules=rules)
        port = await broker.start("127.0.0.1", free_port())
        rig = Rig(broker, port, clock, requests)
        await story(rig)
        await broker.stop()
        await rig.hang_up()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock.loop.run_until_complete(main())
    assert clock.loop.in_flight.ends() == []
    assert failures == []
    assert clock.loop.stuck == []
    clock.close()
    return clock
