"""The embedded broker on real sockets: what clients that misbehave, strangers and the machine do to it.

What it promises to well-behaved devices is in tests/net/test_network_conformance.py.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time

import pytest
from broker_rig import Raw, Rig, free_port, with_broker
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.cloud import broker as broker_module
from sim.cloud.broker import CONNECT_PATIENCE_S, OUTBOX_LIMIT_BYTES, AwsBroker
from sim.errors import MachineError
from sim.mqtt.rules import RELAXED
from sim.mqtt.switchboard import EVERYTHING, Request
from sim.net.codec import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    encode,
)

GET = "$aws/things/a/jobs/get"


# -- the machine


def start_and_stop(broker: AwsBroker, port: int) -> int:
    async def main() -> int:
        bound = await broker.start("127.0.0.1", port)
        await broker.stop()
        return bound

    return asyncio.run(main())


def lenient() -> AwsBroker:
    return AwsBroker(lambda _: None, admit=lambda _: EVERYTHING)


def test_a_taken_port_is_named_with_the_way_out() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(MachineError, match=rf"port {port} is taken .*choose another"):
            start_and_stop(lenient(), port)
        with pytest.raises(MachineError, match=r"port 80 cannot be used on 192\.0\.2\.1 .*choose another"):
            asyncio.run(lenient().start("192.0.2.1", 80))


def test_the_bound_port_is_returned_also_when_the_system_chose_it(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    assert start_and_stop(lenient(), port) == port
    chosen = free_port()
    monkeypatch.setattr(
        broker_module,
        "listening_socket",
        lambda host, port: socket.create_server((host, port or chosen)),
    )
    assert start_and_stop(lenient(), 0) == chosen


def test_a_broker_may_be_started_again_and_stopped_twice() -> None:
    broker, port = lenient(), free_port()

    async def main() -> None:
        await broker.stop()
        for _ in range(3):
            await broker.start("127.0.0.1", port)
            await broker.stop()
            await broker.stop()

    asyncio.run(main())


def test_another_amqtt_is_refused_with_the_command_that_mends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "version", lambda _: "0.13.0")
    with pytest.raises(MachineError, match=r"needs amqtt 0\.12\.1, but 0\.13\.0 .*pip install amqtt==0\.12\.1"):
        lenient()


def test_its_libraries_are_quiet() -> None:
    lenient()
    assert not logging.getLogger("amqtt.broker").isEnabledFor(logging.INFO)
    assert not logging.getLogger("transitions.core").isEnabledFor(logging.INFO)


def test_stop_closes_everything_at_once() -> None:
    async def story(rig: Rig) -> None:
        clients = [await rig.client(f"c{number}") for number in range(200)]
        silent = [await rig.dial() for _ in range(20)]
        await rig.broker.stop()
        for raw in [*clients, *silent]:
            assert await raw.read() is None

    clock = with_broker(story)
    assert clock.now_us < 2_000_000


def test_an_idle_broker_does_not_wake_up() -> None:
    async def story(rig: Rig) -> None:
        raw = await rig.client("a")
        before = rig.clock.loop.jumps
        await asyncio.sleep(86_400)
        assert rig.clock.loop.jumps - before < 5
        raw.send(Pingreq())
        assert await raw.read() == [Pingresp()]

    with_broker(story, RELAXED)


def test_answers_are_not_held_back_by_the_kernel() -> None:
    async def story(rig: Rig) -> None:
        raw = await rig.client("a")
        rounds_s = []
        for _ in range(50):
            started_s = time.perf_counter()
            raw.send(*[Pingreq()] * 10)
            assert await raw.read() == [Pingresp()] * 10
            rounds_s.append(time.perf_counter() - started_s)
        assert min(rounds_s) < 0.03  # with Nagle's delay every round takes 40 ms

    with_broker(story)


# -- clients that misbehave


def test_packets_may_come_in_any_pieces() -> None:
    async def story(rig: Rig) -> None:
        raw = await rig.dial()
        for packet in (Connect("a"), Subscribe(1, (("x", 0),)), Publish("x", b"1"), Publish(GET, b"{}")):
            for byte in encode(packet):
                raw.send(bytes((byte,)))
                await asyncio.sleep(0.0001)
        assert await raw.read() == [Connack(0), Suback(1, (0,)), Publish("x", b"1")]
        assert rig.requests == [Request(None, "a", GET, b"{}")]

    with_broker(story)


def test_a_length_in_more_bytes_than_needed_is_accepted() -> None:
    async def story(rig: Rig) -> None:
        raw = await rig.client("a")
        raw.send(b"\xc0\x80\x80\x00")
        assert await raw.read() == [Pingresp()]

    with_broker(story)


@pytest.mark.parametrize(
    "first",
    [
        encode(Pingreq()),
        encode(Publish(GET, b"{}")),
        encode(Disconnect()),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\xff" * 20,
        bytes.fromhex("10 0c 0004 4d515455 04 02 0000 0000"),
        bytes.fromhex("10 0c 0004 4d515454 04 03 0000 0000"),
        bytes.fromhex("10 0c 0004 4d515454 04 42 0000 0000"),
        bytes.fromhex("10 0c 0004 4d515454 04 06 0000 0000"),
        bytes.fromhex("10 0c 0004 4d515454 04 82 0000 0000"),
        bytes.fromhex("10 0d 0004 4d515454 04 02 0000 0001 ff"),
        bytes.fromhex("10 0e 0004 4d515454 04 02 0000 0001 61 00"),
        bytes.fromhex("11 0d 0004 4d515454 04 02 0000 0001 61"),
    ],
)
def test_a_connection_that_does_not_begin_with_a_good_connect_is_closed(first: bytes) -> None:
    async def story(rig: Rig) -> None:
        raw = await rig.dial(first, Connect("late"), Publish(GET, b"{}"))
        assert await raw.read() is None
        assert rig.requests == []

    with_broker(story)


@pytest.mark.parametrize("level", [3, 5])
def test_another_protocol_version_is_told_so(level: int) -> None:
    async def story(rig: Rig) -> None:
        other = bytes.fromhex(f"10 0d 0004 4d515454 {level:02x} 02 0000 0001 61")
        raw = await rig.dial(other, Connect("a"), Publish(GET, b"{}"))
        assert await raw.read() == [Connack(1)]
        assert await raw.read() is None
        assert rig.requests == []

    with_broker(story)


@pytest.mark.parametrize(
    "wrong",
    [
        encode(Connect("a")),
        encode(Connack(0)),
        encode(Suback(1, (0,))),
        b"\x00\x00",
        b"\xf0\x00",
        b"\xc1\x00",
        b"\xc0\x01\x00",
        b"\x80\x06\x00\x01\x00\x01a\x00",
        b"\x82\x06\x00\x00\x00\x01a\x00",
        b"\x82\x04\x00\x01\x00\x05",
        b"\x30\x03\x00\x01\xff",
        b"\x30\x03\x00\x01+",
        b"\x30\x03\x00\x01\x00",
        b"\x36\x05\x00\x01a\x00\x01",
        b"\x30\xff\xff\xff\xff\x01",
        b"\x30\x85\x82\x08",
    ],
)
def test_a_client_that_breaks_mqtt_is_closed_and_its_will_is_sent(wrong: bytes) -> None:
    async def story(rig: Rig) -> None:
        watch = await rig.client("watch")
        watch.send(Subscribe(1, (("gone", 0),)))
        await watch.read()
        will = broker_module.Will("gone", b"a")
        raw = await rig.client("a", will=will)
        raw.send(wrong, Publish("gone", b"too late"))
        assert await raw.read() is None
        assert await watch.read() == [Publish("gone", b"a")]

    with_broker(story)


framed = st.builds(
    lambda first, body: bytes((first, len(body))) + body,
    st.sampled_from([0x10, 0x30, 0x32, 0x40, 0x50, 0x62, 0x82, 0xA2, 0xC0, 0xE0]),
    st.binary(max_size=60),
)


def test_nothing_counts_after_disconnect() -> None:
    async def story(rig: Rig) -> None:
        raw = await rig.client("a")
        raw.send(Disconnect(), Publish(GET, b"{}"))
        assert await raw.read() is None
        assert rig.requests == []

    with_broker(story)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80) | st.lists(framed, max_size=4).map(b"".join), st.booleans())
def test_garbage_never_hurts_anybody_else(garbage: bytes, greeted: bool) -> None:
    async def story(rig: Rig) -> None:
        good = await rig.client("good")
        bad = await rig.dial(*([Connect("bad")] if greeted else []), garbage)
        await asyncio.sleep(0.001)
        good.send(Pingreq())
        assert await good.read() == [Pingresp()]
        await bad.close()

    with_broker(story)


def test_a_connection_without_connect_is_closed_after_its_patience() -> None:
    async def story(rig: Rig) -> None:
        raw = await rig.dial(b"\x10")
        await asyncio.sleep(CONNECT_PATIENCE_S - 1)
        assert await raw.read() == []
        await asyncio.sleep(1)
        assert await raw.read() is None

    with_broker(story)


def test_half_a_packet_does_not_count_as_a_sign_of_life() -> None:
    async def story(rig: Rig) -> None:
        raw = await rig.client("a", keepalive_s=30)
        for _ in range(45):
            await asyncio.sleep(0.99)
            raw.send(b"\x30" if _ == 0 else b"\xff" if _ == 1 else b"\x01" if _ == 2 else b"x")
        assert await raw.read() == []
        await asyncio.sleep(0.5)
        assert await raw.read() is None

    with_broker(story)


def test_a_client_that_does_not_read_gets_everything_later() -> None:
    async def story(rig: Rig) -> None:
        raw = await rig.client("a", keepalive_s=60)
        connection = await rig.connection_of(raw)
        raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for number in range(100):
            rig.broker.reply(connection, "r", b"%03d" % number + bytes(20_000))
        raw.writer.transport.resume_reading()  # type: ignore[attr-defined]
        got = await raw.read()
        assert got is not None
        assert [packet.payload[:3] for packet in got if isinstance(packet, Publish)] == [
            b"%03d" % number for number in range(100)
        ]

    with_broker(story)


def test_a_client_that_never_reads_is_cut() -> None:
    async def story(rig: Rig) -> None:
        raw = await rig.client("a")
        other = await rig.client("other")
        connection = await rig.connection_of(raw)
        raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(OUTBOX_LIMIT_BYTES // 100_000 * 4):
            rig.broker.reply(connection, "r", bytes(100_000))
        raw.writer.transport.resume_reading()  # type: ignore[attr-defined]
        while await raw.read() is not None:
            pass
        other.send(Pingreq())
        assert await other.read() == [Pingresp()]

    with_broker(story)


def test_unsubscribe_and_several_filters_at_once() -> None:
    async def story(rig: Rig) -> None:
        raw = await rig.client("a")
        raw.send(Subscribe(1, (("x", 0), ("y/#", 1), ("z#", 0))))
        assert await raw.read() == [Suback(1, (0, 1, 128))]
        raw.send(Unsubscribe(2, ("x", "never")))
        assert await raw.read() == [Unsuback(2)]
        rig.broker.publish("x", b"1")
        rig.broker.publish("y/z", b"2")
        assert await raw.read() == [Publish("y/z", b"2")]

    with_broker(story)


def test_a_subscribe_of_more_than_eight_filters_ends_an_aws_connection() -> None:
    def asked(count: int) -> Subscribe:
        return Subscribe(1, tuple((f"x/{number}", 0) for number in range(count)))

    async def on_aws(rig: Rig) -> None:
        raw = await rig.client("a")
        raw.send(asked(8))
        assert await raw.read() == [Suback(1, (0,) * 8)]
        raw.send(asked(9))
        assert await raw.read() is None

    async def relaxed(rig: Rig) -> None:
        raw = await rig.client("a")
        raw.send(asked(9))
        assert await raw.read() == [Suback(1, (0,) * 9)]

    with_broker(on_aws)
    with_broker(relaxed, RELAXED)


def test_unsubscribing_is_told_to_whoever_watches() -> None:
    async def story(rig: Rig) -> None:
        watch, raw = await rig.client("watch"), await rig.client("a")
        watch.send(Subscribe(1, (("$aws/events/subscriptions/unsubscribed/+", 0),)))
        await watch.read()
        raw.send(Subscribe(1, (("x", 0),)), Unsubscribe(2, ("x", "never")))
        assert await raw.read() == [Suback(1, (0,)), Unsuback(2)]
        told = await watch.read()
        assert told is not None
        assert [packet.topic for packet in told if isinstance(packet, Publish)] == [
            "$aws/events/subscriptions/unsubscribed/a"
        ]
        assert b'"topics":["x","never"]' in told[0].payload  # type: ignore[union-attr]

    with_broker(story)


def test_a_session_that_lasts_is_announced_in_connack() -> None:
    async def story(rig: Rig) -> None:
        await (await rig.client("a", clean=False)).close()
        await asyncio.sleep(1)
        raw = await rig.dial(Connect("a", clean=False))
        assert await raw.read() == [Connack(0, session_present=True)]

    with_broker(story)


def test_nothing_acknowledged_is_lost_while_others_come_and_subscribe() -> None:
    async def guest(rig: Rig, number: int) -> None:
        for turn in range(20):
            raw = await rig.client(f"guest{number}.{turn}")
            raw.send(Subscribe(1, ((f"data/{turn}/#", 0),)))
            await raw.read()
            await raw.close()

    async def feed(raw: Raw, got: list[Packet]) -> None:
        for number in range(1000):
            raw.send(Publish("data/x", b"%d" % number, 1, number + 1))
            if number % 10 == 9:
                got += await raw.read() or []

    async def story(rig: Rig) -> None:
        reader, writer = await rig.client("reader"), await rig.client("writer")
        reader.send(Subscribe(1, (("data/+", 0),)))
        await reader.read()
        acks: list[Packet] = []
        await asyncio.gather(feed(writer, acks), *(guest(rig, number) for number in range(5)))
        assert acks == [Puback(number + 1) for number in range(1000)]
        got = await reader.read()
        assert got == [Publish("data/x", b"%d" % number) for number in range(1000)]

    with_broker(story, RELAXED)
