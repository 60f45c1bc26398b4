"""How long the cloud takes to answer Jobs requests and the broker to let a client in, in wall time, from when each
should have been sent.

Rule: a request's time is that of the schedule, not of the moment at which a busy machine got round to sending it;
otherwise a generator that falls behind would report the latencies of the few requests that it managed to send. The
end is when the answer's bytes are here. What the air takes is the model's and not part of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sim.jobs.topics import parse_request
from sim.kernel.simloop import SimLoop
from sim.kernel.spread import Spread
from sim.net import codec
from sim.net.mqtt import MqttConnection
from sim.ports import Arrival, Hello

_ANSWERS = ("accepted", "rejected")


class Stopwatch:
    """Of all connections of a run."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop
        self.dialled = self.asked = 0
        self.latency: dict[str, Spread] = {}
        """Operation (`update`, `get`, `start-next`) → microseconds."""
        self.connected = Spread()
        """From the dial to the CONNACK, microseconds; what was refused or broke off is not in it."""

    @property
    def answered(self) -> int:
        """Requests whose answer came."""
        return sum(spread.count for spread in self.latency.values())

    def intent_s(self) -> float:
        """When, by the wall, this instant of the simulation should have been."""
        return self._loop.wall_of(self._loop.now_us)

    def stop(self, topic: str, intent_s: float) -> None:
        """The answer to a request on this topic is here; no topic: the connection is."""
        operation = topic.rpartition("/")[2]
        spread = self.latency.setdefault(operation, Spread()) if topic else self.connected
        spread.add(round((time.monotonic() - intent_s) * 1_000_000))


class TimedConnection(MqttConnection):
    """An MqttConnection that is timed, and whose Jobs requests are."""

    __slots__ = ("_asked", "_stopwatch")

    def __init__(self, hello: Hello, deliver: Callable[[Arrival], None], stopwatch: Stopwatch) -> None:
        super().__init__(hello, deliver)
        self._stopwatch = stopwatch
        stopwatch.dialled += 1
        # Most wait for nothing or one thing, and an empty tuple costs nothing. No topic: for the CONNACK.
        self._asked: tuple[tuple[str, float], ...] = (("", stopwatch.intent_s()),)

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False, packet_id: int = 0) -> None:
        if self._ended is None and parse_request(topic) is not None:
            self._stopwatch.asked += 1
            self._asked += ((topic, self._stopwatch.intent_s()),)
        super().publish(topic, payload, qos, retain, packet_id)

    def _arrived(self, packet: codec.Packet) -> None:
        if isinstance(packet, codec.Publish) and self._asked and self._ended is None:
            request, _, last = packet.topic.rpartition("/")
            if last in _ANSWERS:
                self._answered(request)
        elif isinstance(packet, codec.Connack) and not packet.code and self._ended is None:
            self._answered("")
        super()._arrived(packet)

    def _answered(self, request: str) -> None:
        """Answers to one topic come in the order of the requests."""
        for index, (topic, intent_s) in enumerate(self._asked):
            if topic == request:
                self._asked = self._asked[:index] + self._asked[index + 1 :]
                self._stopwatch.stop(topic, intent_s)
                return
