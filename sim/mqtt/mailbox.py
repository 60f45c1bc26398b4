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
from sim.ports import Message
from sim.records import record


class Receiver(Protocol):
    """One client's connection."""

    def deliver(self, message: Message, retain: bool, dup: bool) -> None:
        """A PUBLISH towards the client; its `packet_id` is 0 exactly for QoS 0."""


class Reader(Protocol):
    """What one connection may get."""

    def receive(self, topic: str) -> bool: ...


@record
class Terms:
    """What all mailboxes of a broker share."""

    rules: BrokerRules
    now_us: Callable[[], int]


Kept = tuple[Message, bool]
"""A message at QoS 1, and whether it goes out as a retained one."""

_NOTHING: dict[int, Kept] = {}
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
        self._unacked: dict[int, Kept] = _NOTHING  # until there is something: most clients get QoS 0 only
        self._waiting: deque[Kept] | None = None  # an empty deque has 600 bytes

    def resume(self) -> None:
        """Send again what has not been acknowledged, then what waited."""
        for sent, retain in list(self._unacked.values()):
            if self.line is not None and self._may_receive(sent.topic):
                self.line.deliver(sent, retain, True)
        self._push()

    def put(self, message: Message, qos: int, retain: bool = False) -> None:
        """Send `message`, which is one of QoS 0, at this QoS, or let it wait if it may."""
        if qos:
            self._put_by(message, retain)
            return
        line, rights = self.line, self.rights
        if line is None or rights is None:
            return
        pace = self._pace
        if rights.receive(message.topic) and (pace is None or pace.allows(self._terms.now_us)):
            line.deliver(message, retain, False)

    def acked(self, packet_id: int) -> None:
        """PUBACK from the client; one that was not asked for is ignored."""
        if self._unacked.pop(packet_id, None) is not None:
            self._push()

    def _may_receive(self, topic: str) -> bool:
        return self.rights is not None and self.rights.receive(topic)

    def _put_by(self, message: Message, retain: bool) -> None:
        if self._waiting is None:
            self._waiting = deque()
        if len(self._waiting) < self._terms.rules.waiting_limit:
            self._waiting.append((message, retain))
            self._push()

    def _push(self) -> None:
        limit = self._terms.rules.in_flight_limit
        while self.line is not None and self._waiting and len(self._unacked) < limit:
            message, retain = self._waiting.popleft()
            if not self._may_receive(message.topic):
                continue
            packet_id = self._last_id % 0xFFFF + 1
            while packet_id in self._unacked:
                packet_id = packet_id % 0xFFFF + 1
            self._last_id = packet_id
            sent = Message(message.topic, message.payload, 1, packet_id)
            if self._unacked is _NOTHING:
                self._unacked = {}
            self._unacked[packet_id] = sent, retain
            if self._pace is not None:
                self._pace.allows(self._terms.now_us)
            self.line.deliver(sent, retain, False)
