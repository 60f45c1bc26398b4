"""What is on its way to one client, and what waits for it.

Rules: QoS 0 goes out at once or never. QoS 1 keeps its order and is kept until it is acknowledged; only so many
are under way, only so many wait. QoS 0 beyond the rate is dropped; QoS 1 counts, but what holds it is what is under
way. Whether a client may receive a topic is asked when the message goes out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from sim.mqtt.rules import BrokerRules, pace_of
from sim.records import record


@record
class Delivery:
    """A PUBLISH towards a client; `packet_id` is 0 exactly for QoS 0."""

    topic: str
    payload: bytes
    qos: int = 0
    packet_id: int = 0
    retain: bool = False
    dup: bool = False


class Receiver(Protocol):
    """One client's connection."""

    def deliver(self, delivery: Delivery) -> None: ...


class Reader(Protocol):
    """What one connection may get."""

    def receive(self, topic: str) -> bool: ...


@record
class Terms:
    """What all mailboxes of a broker share."""

    rules: BrokerRules
    now_us: Callable[[], int]


_NOTHING: dict[int, Delivery] = {}
"""Shared, and never changed."""


class Mailbox:
    """Of one session; it outlives connections as the session does. `line`: that of the connection, if there is one."""

    __slots__ = ("_last_id", "_pace", "_terms", "_unacked", "_waiting", "line", "rights")

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._pace = pace_of(terms.rules.deliveries_per_s)
        self.line: Receiver | None = None
        self.rights: Reader | None = None
        self._last_id = 0
        self._unacked: dict[int, Delivery] = _NOTHING  # until there is something: most clients get QoS 0 only
        self._waiting: deque[Delivery] | None = None  # an empty deque has 600 bytes

    def resume(self) -> None:
        """Send again what has not been acknowledged, then what waited."""
        for packet_id, sent in list(self._unacked.items()):
            if self.line is not None and self._may_receive(sent.topic):
                self.line.deliver(Delivery(sent.topic, sent.payload, 1, packet_id, sent.retain, dup=True))
        self._push()

    def put(self, message: Delivery, qos: int) -> None:
        """Send `message` at this QoS, or let it wait if it may."""
        if qos:
            self._put_by(Delivery(message.topic, message.payload, 1, retain=message.retain))
            return
        line, rights = self.line, self.rights
        if line is None or rights is None:
            return
        if rights.receive(message.topic) and self._pace.allows(self._terms.now_us):
            plain = not message.qos and not message.dup
            line.deliver(message if plain else Delivery(message.topic, message.payload, retain=message.retain))

    def acked(self, packet_id: int) -> None:
        """PUBACK from the client; one that was not asked for is ignored."""
        if self._unacked.pop(packet_id, None) is not None:
            self._push()

    def _may_receive(self, topic: str) -> bool:
        return self.rights is not None and self.rights.receive(topic)

    def _put_by(self, message: Delivery) -> None:
        if self._waiting is None:
            self._waiting = deque()
        if len(self._waiting) < self._terms.rules.waiting_limit:
            self._waiting.append(message)
            self._push()

    def _push(self) -> None:
        limit = self._terms.rules.in_flight_limit
        while self.line is not None and self._waiting and len(self._unacked) < limit:
            message = self._waiting.popleft()
            if not self._may_receive(message.topic):
                continue
            packet_id = self._last_id % 0xFFFF + 1
            while packet_id in self._unacked:
                packet_id = packet_id % 0xFFFF + 1
            self._last_id = packet_id
            sent = Delivery(message.topic, message.payload, 1, packet_id, message.retain)
            if self._unacked is _NOTHING:
                self._unacked = {}
            self._unacked[packet_id] = sent
            self._pace.allows(self._terms.now_us)
            self.line.deliver(sent)
