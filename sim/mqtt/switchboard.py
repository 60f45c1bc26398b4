"""The rules of an AWS-like MQTT broker, without sockets and without a clock: who may connect, who gets what.

The broker on sockets and the in-process network are thin shells around this, so that a rule is written once.

Rules. A newcomer is authorised before anything is touched; then an older connection of the same client id is
closed. A request to the Jobs service goes to `on_request` and nowhere else, and its answer goes back to that
very connection, once, subscribed or not. Nobody publishes to any other topic that begins with `$`. A message
reaches each subscriber once, at the lower of its QoS and the subscription's. A will is sent unless the client
said DISCONNECT. QoS 2 is not offered: AWS IoT Core leaves such a publish unanswered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sim.jobs.topics import parse_request
from sim.mqtt.filters import FilterIndex, valid_filter, valid_topic
from sim.ports import Will

MAX_PACKET_BYTES = 128 * 1024
"""Largest packet (what follows its fixed header) from a client; AWS IoT Core closes on more."""

UNACKED_LIMIT = 100
"""QoS 1 messages on their way to one client; more wait. AWS IoT Core: 100 in flight."""

WAITING_LIMIT = 1000
"""QoS 1 messages that wait for one client; the newest beyond it are dropped, as mosquitto does."""

SESSION_EXPIRY_US = 3600 * 1_000_000
"""How long a lasting session outlives its connection; AWS IoT Core's default is one hour."""

FILTERS_LIMIT = 50
"""Filters of one client; AWS IoT Core: 50 per connection. More are answered with 0x80."""

RETAINED_LIMIT = 10_000
"""Topics with a retained message; a new one beyond it is sent on but not kept."""

REFUSED_FILTER = 0x80
IDENTIFIER_REJECTED = 2

Authorise = Callable[[str, bytes | None, str | None, str | None], int]
"""(client id, DER certificate or None, user, password) → CONNACK code, 0 to let the client in."""

OnRequest = Callable[[str, str, str, bytes], None]
"""(connection, client id, topic, payload) of a request to the Jobs service."""


def patience_us(keepalive_s: int) -> int:
    """How long a client may be silent: one and a half times its keepalive. 0: for ever."""
    return keepalive_s * 1_500_000


@dataclass(frozen=True, slots=True)
class Greeting:
    """What CONNECT and the TLS handshake under it said; `certificate` is DER."""

    client_id: str
    clean: bool = True
    user: str | None = None
    password: str | None = None
    will: Will | None = None
    certificate: bytes | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A PUBLISH towards a client; `packet_id` is 0 exactly for QoS 0."""

    topic: str
    payload: bytes
    qos: int = 0
    packet_id: int = 0
    retain: bool = False
    dup: bool = False


class Line(Protocol):
    """One client's connection as the rules see it."""

    def deliver(self, delivery: Delivery) -> None: ...
    def close(self) -> None:
        """Send what was delivered, then close."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The client is in. `connection` names this connection: `<client id>#<how many before>`."""

    connection: str
    session_present: bool


@dataclass(slots=True)
class _Session:
    client_id: str
    clean: bool
    filters: dict[str, int] = field(default_factory=dict)
    line: Line | None = None
    connection: str = ""
    will: Will | None = None
    last_id: int = 0
    unacked: dict[int, Delivery] = field(default_factory=dict)
    waiting: deque[Delivery] = field(default_factory=deque)


class Switchboard:
    """All sessions of one broker. Calls are made in the network phase; nothing here waits."""

    def __init__(self, on_request: OnRequest, authorise: Authorise) -> None:
        self._on_request = on_request
        self._authorise = authorise
        self._sessions: dict[str, _Session] = {}
        self._lines: dict[str, _Session] = {}
        self._offline: dict[str, int] = {}  # lasting sessions without a connection → since when, oldest first
        self._counts: dict[str, int] = {}
        self._invented = 0
        self._index = FilterIndex()
        self._retained: dict[str, Delivery] = {}

    # -- clients

    def connect(self, greeting: Greeting, line: Line, now_us: int) -> Accepted | int:
        """Let a client in, or the CONNACK code that refuses it. After the CONNACK call `resume`."""
        code = self._authorise(greeting.client_id, greeting.certificate, greeting.user, greeting.password)
        if code or not (greeting.client_id or greeting.clean):
            return code or IDENTIFIER_REJECTED
        client_id = greeting.client_id or self._invent_id()
        older = self._sessions.get(client_id)
        if older is not None and older.line is not None:
            closing = older.line
            self.gone(older.connection, now_us)
            closing.close()
        self._expire(now_us)
        session = self._sessions.get(client_id)
        if session is not None and greeting.clean:
            self._drop(session)
            session = None
        present = session is not None
        if session is None:
            session = self._sessions[client_id] = _Session(client_id, greeting.clean)
        count = self._counts[client_id] = self._counts.get(client_id, -1) + 1
        self._offline.pop(client_id, None)
        session.line, session.connection, session.will = line, f"{client_id}#{count}", greeting.will
        self._lines[session.connection] = session
        return Accepted(session.connection, present)

    def resume(self, connection: str) -> None:
        """Send again what a lasting session has not acknowledged, then what waited for it."""
        session = self._lines.get(connection)
        if session is None or session.line is None:
            return
        for packet_id, sent in list(session.unacked.items()):
            session.line.deliver(Delivery(sent.topic, sent.payload, 1, packet_id, sent.retain, dup=True))
        self._push(session)

    def gone(self, connection: str, now_us: int, *, said_disconnect: bool = False) -> None:
        """The connection is over. Its will is sent unless the client said DISCONNECT; harmless when repeated."""
        session = self._lines.pop(connection, None)
        if session is None:
            return
        will, session.will, session.line = session.will, None, None
        if session.clean:
            self._drop(session)
        else:
            self._offline[session.client_id] = now_us
        self._expire(now_us)
        if will is not None and not said_disconnect and valid_topic(will.topic) and will.topic[0] != "$":
            self._spread(will.topic, will.payload, will.qos, will.retain)

    def subscribe(self, connection: str, wanted: Sequence[tuple[str, int]]) -> list[int]:
        """SUBACK codes for `wanted` filters. After the SUBACK call `send_retained`."""
        session = self._lines[connection]
        codes = []
        for topic_filter, qos in wanted:
            full = len(session.filters) >= FILTERS_LIMIT and topic_filter not in session.filters
            if full or not valid_filter(topic_filter):
                codes.append(REFUSED_FILTER)
                continue
            granted = session.filters[topic_filter] = min(qos, 1)
            self._index.add(session.client_id, topic_filter, granted)
            codes.append(granted)
        return codes

    def send_retained(self, connection: str, wanted: Sequence[tuple[str, int]]) -> None:
        """Retained messages of filters just granted; not for filters with a wildcard, as on AWS IoT Core."""
        session = self._lines.get(connection)
        for topic_filter, qos in wanted:
            kept = self._retained.get(topic_filter)
            if session is not None and kept is not None and topic_filter in session.filters:
                self._offer(session, kept, min(qos, kept.qos))

    def unsubscribe(self, connection: str, filters: Sequence[str]) -> None:
        session = self._lines[connection]
        for topic_filter in filters:
            session.filters.pop(topic_filter, None)
            self._index.remove(session.client_id, topic_filter)

    def publish(self, connection: str, topic: str, payload: bytes, qos: int, retain: bool) -> bool:
        """A client's PUBLISH. False: it breaks MQTT and the connection is to be closed."""
        if not valid_topic(topic):
            return False
        if qos > 1:
            return True
        if topic[0] != "$":
            self._spread(topic, payload, qos, retain)
        elif not retain and parse_request(topic) is not None:
            self._on_request(connection, self._lines[connection].client_id, topic, payload)
        return True

    def ack(self, connection: str, packet_id: int) -> None:
        """PUBACK from a client; one that was not asked for is ignored."""
        session = self._lines[connection]
        if session.unacked.pop(packet_id, None) is not None:
            self._push(session)

    # -- the cloud

    def reply(self, connection: str, topic: str, payload: bytes) -> None:
        """To that very connection, subscribed or not, one copy; dropped when the connection is gone."""
        session = self._lines.get(connection)
        if session is not None and session.line is not None:
            session.line.deliver(Delivery(topic, payload))

    def announce(self, topic: str, payload: bytes, qos: int = 0) -> None:
        """The cloud's own publish, to ordinary subscribers."""
        self._spread(topic, payload, qos, retain=False)

    # -- inside

    def _spread(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        if retain and not payload:
            self._retained.pop(topic, None)
        elif retain and (topic in self._retained or len(self._retained) < RETAINED_LIMIT):
            self._retained[topic] = Delivery(topic, payload, qos, retain=True)
        message = Delivery(topic, payload)
        for client_id, granted in self._index.find(topic).items():
            session = self._sessions.get(client_id)
            if session is not None:
                self._offer(session, message, min(qos, granted))

    def _offer(self, session: _Session, message: Delivery, qos: int) -> None:
        if qos == 0:
            if session.line is not None:
                session.line.deliver(Delivery(message.topic, message.payload, retain=message.retain))
        elif len(session.waiting) < WAITING_LIMIT:
            session.waiting.append(Delivery(message.topic, message.payload, 1, retain=message.retain))
            self._push(session)

    def _push(self, session: _Session) -> None:
        while session.line is not None and session.waiting and len(session.unacked) < UNACKED_LIMIT:
            message = session.waiting.popleft()
            packet_id = session.last_id % 0xFFFF + 1
            while packet_id in session.unacked:
                packet_id = packet_id % 0xFFFF + 1
            session.last_id = packet_id
            sent = Delivery(message.topic, message.payload, 1, packet_id, message.retain)
            session.unacked[packet_id] = sent
            session.line.deliver(sent)

    def _invent_id(self) -> str:
        self._invented += 1
        return f"auto-{self._invented}"

    def _expire(self, now_us: int) -> None:
        while self._offline:
            client_id, since_us = next(iter(self._offline.items()))
            if now_us - since_us < SESSION_EXPIRY_US:
                return
            self._drop(self._sessions[client_id])

    def _drop(self, session: _Session) -> None:
        for topic_filter in session.filters:
            self._index.remove(session.client_id, topic_filter)
        self._sessions.pop(session.client_id, None)
        self._offline.pop(session.client_id, None)
