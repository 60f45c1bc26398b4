"""The device's protocol object against a hand-driven peer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest
from net_stage import free_port

from sim.net import codec
from sim.net.codec import encode
from sim.net.mqtt import RECEIVE_LIMIT_BYTES, SEND_LIMIT_BYTES, MqttConnection, open_connection
from sim.ports import Arrival, Closed, Connack, Hello, Message, Suback, Will

HELLO = Hello("h", 1, "a", keepalive_s=60)
Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def play(peer: Peer, use: Callable[[MqttConnection], Awaitable[None]], hello: Hello = HELLO) -> list[Arrival]:
    """Run one connection against `peer`; what was delivered."""
    arrivals: list[Arrival] = []

    async def main() -> None:
        over = asyncio.Event()

        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await peer(reader, writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            over.set()

        port = free_port()
        server = await asyncio.start_server(accepted, "127.0.0.1", port)
        connection = MqttConnection(hello, arrivals.append)
        await open_connection(connection, "127.0.0.1", port)
        await use(connection)
        await asyncio.wait_for(over.wait(), 5)
        await asyncio.sleep(0.02)
        server.close()
        await server.wait_closed()

    asyncio.run(main())
    return arrivals


async def idle(_: MqttConnection) -> None:
    pass


def sends(*chunks: bytes) -> Peer:
    async def peer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for chunk in chunks:
            writer.write(chunk)
            await asyncio.sleep(0.005)

    return peer


def test_the_header_may_come_in_two_pieces() -> None:
    data = encode(codec.Connack(0)) + encode(codec.Publish("x", b"1", 1, 5))
    arrivals = play(sends(data[:1], data[1:5], data[5:]), idle)
    assert arrivals == [Connack(0), Message("x", b"1", 1, 5), Closed("closed")]


@pytest.mark.parametrize(
    "wrong",
    [
        encode(codec.Pingreq()),
        encode(codec.Connack(0)),
        encode(codec.Subscribe(1, (("a", 0),))),
        encode(codec.Suback(1, (0, 1))),
        encode(codec.Publish("a", b"", 2, 1)),
        encode(codec.Publish("a", bytes(RECEIVE_LIMIT_BYTES))),
        b"\x00\x00",
    ],
)
def test_a_broker_that_breaks_mqtt_is_left(wrong: bytes) -> None:
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode(codec.Connack(0)) + wrong + encode(codec.Pingresp()))
        with contextlib.suppress(ConnectionError):
            while await reader.read(1000):
                pass

    assert play(peer, idle) == [Connack(0), Closed("closed")]


def test_connect_says_what_the_hello_says() -> None:
    heard = bytearray()

    async def peer(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(1000))

    will = Will("w", b"x", 1, True)
    play(peer, idle, Hello("h", 1, "a", "u", "p", 60, clean=False, will=will))
    assert list(codec.Decoder().feed(bytes(heard))) == [codec.Connect("a", False, 60, "u", b"p", will)]


def test_a_vanished_connection_stays_open_reads_on_and_says_nothing() -> None:
    heard, peer_saw_end = bytearray(), []

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode(codec.Connack(0)))
        await asyncio.sleep(0.05)
        for _ in range(50):
            writer.write(encode(codec.Publish("x", bytes(60_000))))
            await writer.drain()
        try:
            heard.extend(await asyncio.wait_for(reader.read(1000), 0.1))
            await asyncio.wait_for(reader.read(1000), 0.1)
        except TimeoutError:
            peer_saw_end.append(False)

    async def use(connection: MqttConnection) -> None:
        await asyncio.sleep(0.02)
        connection.vanish()
        connection.ping()
        connection.disconnect()
        connection.abort()

    assert play(peer, use) == [Connack(0)]
    assert list(codec.Decoder().feed(bytes(heard))) == [codec.Connect("a", True, 60)]
    assert peer_saw_end == [False]


def test_a_broker_that_does_not_read_is_given_up() -> None:
    async def peer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode(codec.Connack(0)))
        await asyncio.sleep(0.1)

    async def use(connection: MqttConnection) -> None:
        await asyncio.sleep(0.02)
        for _ in range(200):
            connection.publish("x", bytes(SEND_LIMIT_BYTES // 20))
        await asyncio.sleep(0.02)
        assert connection.socket is None

    assert play(peer, use) == [Connack(0), Closed("closed")]


def test_nothing_is_delivered_after_an_end_in_the_middle_of_a_batch() -> None:
    arrivals: list[Arrival] = []

    def receive(arrival: Arrival) -> None:
        arrivals.append(arrival)
        connection.vanish()

    connection = MqttConnection(HELLO, receive)
    connection.data_received(encode(codec.Connack(0)) + encode(codec.Publish("x", b"1")))
    assert arrivals == [Connack(0)]


def test_suback_carries_one_code() -> None:
    assert play(sends(encode(codec.Connack(0)), encode(codec.Suback(3, (128,)))), idle)[1] == Suback(3, 128)


def test_failures_to_connect_have_their_reasons() -> None:
    arrivals: list[Arrival] = []

    async def main() -> None:
        await open_connection(MqttConnection(HELLO, arrivals.append), "127.0.0.1", free_port())
        await open_connection(MqttConnection(HELLO, arrivals.append), "no-such-name.invalid", 1)

    asyncio.run(main())
    assert arrivals == [Closed("refused"), Closed("dns")]
