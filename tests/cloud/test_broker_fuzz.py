"""Bytes that no client should send, thousands of them, against one broker: it serves on, and touches nobody else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from broker_rig import Raw, free_port
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.cloud.broker import AwsBroker
from sim.kernel.clock import Clock
from sim.mqtt.rules import RELAXED
from sim.mqtt.switchboard import EVERYTHING, Greeting, Request, Rights
from sim.net.codec import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    encode,
)
from sim.ports import Will

BATCHES = 410
BATCH = 20
"""Inputs between two looks at the client that behaves."""

GET = "$aws/things/control/jobs/get"
PACKETS: list[Packet] = [
    Connect("bad"),
    Connect("control", clean=False),
    Connect("control", user="u", password=b"guess", will=Will("fuzz/will", b"x", 1, True)),
    Connect("", keepalive_s=1),
    Connack(0),
    Publish("fuzz/x", b"payload"),
    Publish("fuzz/x", b"", 1, 1, True),
    Publish("fuzz/x", b"2", 2, 2),
    Publish("record", b"forged", 1, 3, True),
    Publish(GET, b'{"key":0}', 1, 4),
    Publish("$aws/things/bad/jobs/j/update", b'{"status":"FAILED"}'),
    Puback(1),
    Pubrec(1),
    Pubrel(2),
    Pubcomp(2),
    Subscribe(1, (("fuzz/#", 1), ("#", 0), ("+/+", 2))),
    Subscribe(2, (("fuzz/y", 0),)),
    Unsubscribe(3, ("fuzz/#", "record")),
    Suback(1, (0,)),
    Unsuback(1),
    Pingreq(),
    Pingresp(),
    Disconnect(),
]
GOOD = [encode(packet) for packet in PACKETS]


def mutated(base: bytes, at: int, kind: str, byte: int) -> bytes:
    """`base` with one wrong thing in it."""
    at %= len(base)
    match kind:
        case "change":
            return base[:at] + bytes((byte,)) + base[at + 1 :]
        case "insert":
            return base[:at] + bytes((byte,)) + base[at:]
        case "cut":
            return base[:at]
        case "length":
            return base[:1] + bytes((byte,)) + base[2:]
        case _:
            return base + base[at:]


mutants = st.builds(
    mutated,
    st.sampled_from(GOOD),
    st.integers(0, 40),
    st.sampled_from(["change", "insert", "cut", "length", "repeat"]),
    st.integers(0, 255),
)
inputs = st.one_of(mutants, mutants, st.lists(mutants | st.sampled_from(GOOD), max_size=4).map(b"".join), st.binary())
batches = st.lists(st.tuples(st.booleans(), inputs), min_size=BATCH, max_size=BATCH)


class OnlyFuzz:
    """What a client other than `control` may do."""

    def publish(self, topic: str) -> bool:
        return topic.startswith(("fuzz/", "$aws/things/bad/"))

    def subscribe(self, topic_filter: str) -> bool:
        return topic_filter.startswith("fuzz/")

    retain = receive = publish


class Target:
    """A broker with one client that behaves, subscribed and with a retained record."""

    def __init__(self) -> None:
        self.clock = Clock("virtual")
        self.requests: list[Request] = []
        self.failures: list[Any] = []
        self.sent = 0
        self.clock.loop.set_exception_handler(lambda _, context: self.failures.append(context))
        self._broker = AwsBroker(self.requests.append, admit=self._admit, rules=RELAXED)
        self.do = self.clock.loop.run_until_complete
        self._port = self.do(self._broker.start("127.0.0.1", free_port()))
        self._control = self.do(self._enter())

    def _admit(self, greeting: Greeting) -> Rights | int:
        if greeting.client_id == "control":
            return EVERYTHING if greeting.password == "secret" else 5
        return OnlyFuzz()

    async def _dial(self) -> Raw:
        return Raw(*await asyncio.open_connection("127.0.0.1", self._port))

    async def _enter(self) -> Raw:
        control = await self._dial()
        control.send(Connect("control", user="u", password=b"secret"))
        control.send(Subscribe(1, (("mine", 1),)), Publish("record", b"true", retain=True))
        assert await control.read() == [Connack(0), Suback(1, (1,))]
        return control

    async def attack(self, batch: list[tuple[bool, bytes]]) -> None:
        raws = []
        for greeted, data in batch:
            raw = await self._dial()
            raw.send(*([GOOD[0]] if greeted else []), data)
            raws.append(raw)
            self.sent += 1
        await asyncio.sleep(0.001)
        for raw in raws:
            await raw.close()

    async def check(self) -> None:
        """The client that behaves is served, its record and its filter are what they were."""
        control, self.requests[:] = self._control, [r for r in self.requests if "/control/" in r.topic]
        assert self.requests == []
        control.send(Publish("mine", b"1", 1, 7), Publish(GET, b"{}"), Subscribe(2, (("record", 0),)))
        got = await control.read()
        assert got is not None
        delivered = [packet for packet in got if isinstance(packet, Publish) and packet.topic == "mine"]
        assert [packet.payload for packet in delivered] == [b"1"]
        others = [packet for packet in got if packet not in delivered]
        assert others == [Puback(7), Suback(2, (0,)), Publish("record", b"true", retain=True)]
        assert [request.payload for request in self.requests] == [b"{}"]
        control.send(Puback(delivered[0].packet_id), Unsubscribe(3, ("record",)))
        assert await control.read() == [Unsuback(3)]
        self.requests.clear()
        assert self.failures == []

    def close(self) -> None:
        self.do(self._broker.stop())
        self.do(self._control.close())
        self.clock.close()


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    made = Target()
    yield made
    made.close()
    assert made.sent >= BATCHES * BATCH


@settings(
    max_examples=BATCHES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.large_base_example],
)
@given(batch=batches)
def test_no_bytes_whatever_hurt_the_broker_or_another_client(
    target: Target, caplog: pytest.LogCaptureFixture, batch: list[tuple[bool, bytes]]
) -> None:
    target.do(target.attack(batch))
    target.do(target.check())
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
