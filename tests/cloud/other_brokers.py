"""The same client story on stock amqtt, on mosquitto and on our broker, over real sockets and on the wall clock.

A story is a coroutine that is given `dial`; what it returns is the outcome that tests compare.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from amqtt.broker import Broker
from amqtt.contexts import Action
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session
from broker_rig import free_port

from sim.cloud.broker import AwsBroker
from sim.mqtt.rules import RELAXED
from sim.mqtt.switchboard import EVERYTHING, Greeting, Rights
from sim.net.codec import Connack, Connect, Decoder, Packet, Pingreq, Pingresp, encode

PATIENCE_S = 10.0
"""How long to wait for what must come; a machine under load is slow."""

QUIET_S = 0.3
"""Silence after which nothing more is expected, once a ping has been answered."""


class Peer:
    """One raw client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = Decoder(100_000_000)
        self._got: list[Packet] = []

    def send(self, *packets: Packet) -> None:
        self._writer.write(b"".join(map(encode, packets)))

    async def take(self, within_s: float = PATIENCE_S) -> Packet | None:
        """The next packet; None when the broker has closed. TimeoutError when neither happens."""
        async with asyncio.timeout(within_s):
            while not self._got:
                try:
                    data = await self._reader.read(1 << 20)
                except ConnectionError:
                    return None
                if not data:
                    return None
                self._got += self._decoder.feed(data)
        return self._got.pop(0)

    async def everything(self) -> list[Packet]:
        """All that has come and still comes, up to the answer to a ping and some silence."""
        self.send(Pingreq())
        got: list[Packet] = []
        while (packet := await self.take()) is not None and not isinstance(packet, Pingresp):
            got.append(packet)
        with contextlib.suppress(TimeoutError):
            while (late := await self.take(QUIET_S)) is not None:
                got.append(late)
        return got

    async def closed(self, within_s: float) -> bool:
        """Whether the broker closes this connection in that time."""
        try:
            async with asyncio.timeout(within_s):
                while await self.take(within_s) is not None:
                    pass
        except TimeoutError:
            return False
        return True

    def abort(self) -> None:
        self._writer.transport.abort()

    async def hang_up(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


Dial = Callable[..., Awaitable[Peer]]
Story = Callable[[Dial], Awaitable[Any]]
Kind = Callable[[Path], Any]


def play(story: Story, kind: Kind, folder: Path) -> Any:
    """The outcome of the story on a broker of this kind; a story that gets stuck fails."""

    async def main() -> Any:
        loop, peers = asyncio.get_running_loop(), list[Peer]()
        loop.set_exception_handler(lambda *_: None)  # stock amqtt leaves tasks that failed

        async with kind(folder) as port:

            async def dial(client_id: str, **options: Any) -> Peer:
                peer = Peer(*await asyncio.open_connection("127.0.0.1", port))
                peers.append(peer)
                peer.send(Connect(client_id, user=options.pop("user", "u"), password=b"right", **options))
                answer = await peer.take()
                assert answer is None or isinstance(answer, Connack)
                return peer

            async def refused(client_id: str) -> None:
                peer = Peer(*await asyncio.open_connection("127.0.0.1", port))
                peers.append(peer)
                peer.send(Connect(client_id, user="u", password=b"wrong"))
                with contextlib.suppress(TimeoutError):
                    await peer.take()

            dial.refused = refused  # type: ignore[attr-defined]
            try:
                async with asyncio.timeout(60):
                    return await story(dial)
            finally:
                for peer in peers:
                    await peer.hang_up()

    return asyncio.run(main())


# -- brokers


class Listed:
    """For ours: rights that name topics, as a policy does."""

    def __init__(self, *prefixes: str) -> None:
        self._prefixes = prefixes

    def publish(self, topic: str) -> bool:
        return topic.startswith(self._prefixes)

    retain = subscribe = receive = publish


def ours_with_access_list(folder: Path) -> Any:
    return ours(folder, Listed("data/", "other/"))


@asynccontextmanager
async def ours(_: Path, rights: Rights = EVERYTHING) -> AsyncIterator[int]:
    def admit(greeting: Greeting) -> Rights | int:
        return 5 if greeting.password == "wrong" else rights

    broker = AwsBroker(
        lambda request: broker.acknowledge(request.connection, request.packet_id), admit=admit, rules=RELAXED
    )
    port = await broker.start("127.0.0.1", free_port())
    yield port
    await broker.stop()


class Passwords(BaseAuthPlugin):  # type: ignore[misc]
    """For stock amqtt: everybody with the right password, as a known user."""

    async def authenticate(self, *, session: Session) -> bool:
        return bool(session.password == "right")


class AllowAll(BaseTopicPlugin):  # type: ignore[misc]
    """For stock amqtt: an access list that allows everything, and looks it up somewhere."""

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        await asyncio.sleep(0)
        return True


@asynccontextmanager
async def stock(_: Path, *plugins: str) -> AsyncIterator[int]:
    port = free_port()
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {f"{__name__}.{name}": {} for name in ("Passwords", *plugins)},
        }
    )
    await broker.start()
    yield port
    await broker.shutdown()


def stock_with_access_list(folder: Path) -> Any:
    return stock(folder, "AllowAll")


@asynccontextmanager
async def mosquitto(folder: Path) -> AsyncIterator[int]:
    program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    if not Path(program).exists():
        if os.environ.get("QPYOTA_REQUIRE_MOSQUITTO") == "1":
            pytest.fail("mosquitto is required here and is not installed; on Debian: apt-get install mosquitto")
        pytest.skip("mosquitto is not installed; on Debian: apt-get install mosquitto")
    port, passwords, config = free_port(), folder / "passwords", folder / "mosquitto.conf"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "u", "right"], check=True, capture_output=True)
    user = "user root\n" if os.geteuid() == 0 else ""
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n{user}")
    process = subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await _listening(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


async def _listening(port: int, process: subprocess.Popen[bytes]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            assert process.poll() is None, "mosquitto ended by itself"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                await writer.wait_closed()
                return
