"""The rules of an AWS-like MQTT broker, without sockets: who may connect, who gets what.

The broker on sockets and the in-process network are thin shells around this, so that a rule is written once.

Rules. A newcomer is admitted before anything is touched; then an older connection of the same client id is
closed. One that is not authorised, or may not publish its will, is refused and reported. A request to the Jobs
service goes to `on_request` and nowhere else, and its answer goes back to that very connection, once, subscribed or
not; its PUBACK waits for the cloud. Nobody publishes to any other topic that begins with `$`. What a client may not do
ends its connection. A message reaches each subscriber once, at the lower of its QoS and the subscription's. A will is
sent unless the client said DISCONNECT. A publish at QoS 2 is never answered, as on AWS IoT Core. What one call costs
does not depend on how many other clients there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

from sim.jobs.topics import parse_request
from sim.mqtt.filters import FilterIndex, valid_filter, valid_topic
from sim.mqtt.held import Held, all_of, count, qos_of, with_one, without
from sim.mqtt.mailbox import Mailbox, Terms
from sim.mqtt.presence import Ended, Presence
from sim.mqtt.retained import Retained
from sim.mqtt.rules import AWS, BrokerRules, pace_of
from sim.ports import Message, Will
from sim.records import record

OVER = "this connection is over"
REFUSED_FILTER = 0x80
IDENTIFIER_REJECTED = 2
SERVER_UNAVAILABLE = 3
NOT_AUTHORISED = 5
"""CONNACK code for a client, or an account, that connects too often."""


@record
class Request:
    """A client's request to the Jobs service. `connection` is what its answer has to be given to, known to nobody but
    whoever asks. `packet_id` is not 0 for QoS 1: its PUBACK waits for `acknowledge`."""

    connection: Any = field(compare=False)
    client_id: str
    topic: str
    payload: bytes
    packet_id: int = 0


@record
class Greeting:
    """What CONNECT and the TLS handshake under it said; `certificate` is DER. `holder`: the thing whose own papers
    would have been shown, on a network where nothing is shown; never set by a real handshake."""

    client_id: str
    clean: bool = True
    user: str | None = None
    password: str | None = None
    will: Will | None = None
    certificate: bytes | None = None
    holder: str = ""


class Rights(Protocol):
    """What one connection may do. Asked at every operation, so that a change counts at once."""

    def publish(self, topic: str) -> bool: ...
    def retain(self, topic: str) -> bool:
        """Asked besides `publish`, of a message that is to be retained."""

    def subscribe(self, topic_filter: str) -> bool: ...
    def receive(self, topic: str) -> bool: ...


class _Everything:
    def publish(self, topic: str) -> bool:  # noqa: ARG002
        return True

    retain = subscribe = receive = publish


EVERYTHING: Rights = _Everything()
"""The rights of a client of a broker without policies."""

Payload = bytes | Callable[[], bytes]
"""What the cloud publishes, or who writes it when somebody listens."""
OnRequest = Callable[[Request], None]
Admit = Callable[[Greeting], Rights | int]
"""The rights of a newcomer, or the CONNACK code that refuses it (1–5)."""


class Line(Protocol):
    """One client's connection as the rules see it. `session` is the switchboard's: None before CONNECT, and as soon as
    the connection is over."""

    session: Session | None

    def deliver(self, message: Message, retain: bool, dup: bool) -> None: ...
    def puback(self, packet_id: int) -> None: ...
    def suback(self, packet_id: int, codes: Sequence[int]) -> None: ...
    def close(self) -> None:
        """Send what was delivered, then close. The switchboard knows this connection no more."""


@record
class Accepted:
    """The client is in."""

    session_present: bool


class Session(Mailbox):
    """A client's mailbox, what it subscribed to, and its connection: line, rights, version, principal, will. `version`
    says the how-manieth of this client id it is, from 0."""

    __slots__ = ("clean", "client_id", "filters", "principal", "publishes", "version", "will")

    if TYPE_CHECKING:
        line: Line | None
        rights: Rights

    def __init__(self, client_id: str, clean: bool, terms: Terms) -> None:
        super().__init__(terms)
        self.client_id = client_id
        self.clean = clean
        self.publishes = pace_of(terms.rules.publishes_per_s)
        self.filters: Held = None
        self.rights = EVERYTHING
        self.will: Will | None = None
        self.principal = ""
        self.version = -1

    @property
    def presence(self) -> Presence:
        """Made when somebody asks: nobody looks on at most connections."""
        return Presence(self.client_id, f"{self.client_id}#{self.version}", self.version, self.principal)


class Switchboard:
    """All sessions of one broker. Nothing here waits. `now_us` is Unix time in microseconds."""

    def __init__(
        self, on_request: OnRequest, admit: Admit, now_us: Callable[[], int], rules: BrokerRules = AWS
    ) -> None:
        self._on_request = on_request
        self._admit = admit
        self._now_us = now_us
        self._rules = rules
        self._terms = Terms(rules, now_us)
        self._sessions: dict[str, Session] = {}
        self._offline: dict[str, int] = {}  # lasting sessions without a connection → since when, oldest first
        self._versions: dict[str, int] = {}  # of clients that have no session now
        self._recent: dict[str, int] = {}  # client ids that may not connect again yet → since when, oldest first
        self._connects = pace_of(rules.connects_per_account_s)
        self._invented = 0
        self._refused = 0
        self._index = FilterIndex(hash_takes_parent=rules.hash_takes_parent)
        self._retained = Retained(rules.retained_limit)

    # -- clients

    def connect(self, greeting: Greeting, line: Line) -> Accepted | int:
        """Let a client in, or the CONNACK code that refuses it. After the CONNACK call `resume`."""
        rights = self._admit(greeting)
        if not isinstance(rights, int) and greeting.will is not None and not _may_leave(rights, greeting.will):
            rights = NOT_AUTHORISED
        if isinstance(rights, int):
            self._report_refused(greeting)
            return rights
        if code := self._refusal(greeting):
            return code
        client_id = greeting.client_id or self._invent_id()
        older = self._sessions.get(client_id)
        if older is not None and older.line is not None:
            self._expel(older, Ended.TAKEN_OVER)
        self._expire()
        session = self._sessions.get(client_id)
        if session is not None and greeting.clean:
            self._drop(session)
            session = None
        present = session is not None
        if session is None:
            session = self._sessions[client_id] = Session(client_id, greeting.clean, self._terms)
            session.version = self._versions.pop(client_id, -1)
        self._offline.pop(client_id, None)
        session.version += 1
        session.principal = _principal(greeting)
        session.line, session.rights, session.will = line, rights, greeting.will
        line.session = session
        return Accepted(present)

    def resume(self, line: Line) -> None:
        """After the CONNACK: what a lasting session still is to get, and word of the newcomer to the others."""
        session = line.session
        if session is not None:
            session.resume()
            self._report("presence/connected", session.client_id, lambda: session.presence.connected(self._now_us()))

    def gone(self, line: Line, why: Ended) -> None:
        """The connection is over. Its will is sent unless the client said DISCONNECT; harmless when repeated."""
        session = line.session
        if session is None:
            return
        line.session = None
        will, session.will, session.line = session.will, None, None
        if session.clean:
            self._drop(session)
        else:
            self._offline[session.client_id] = self._now_us()
        self._expire()
        if will is not None and why is not Ended.BY_CLIENT and self._may_publish(session, will):
            self._spread(will.topic, will.payload, will.qos, will.retain)
        self._report(
            "presence/disconnected", session.client_id, lambda: session.presence.disconnected(self._now_us(), why)
        )

    def subscribe(self, line: Line, packet_id: int, wanted: Sequence[tuple[str, int]]) -> None:
        """SUBSCRIBE: SUBACK, then retained messages. A filter that is not allowed ends the connection."""
        session, rules = _known(line), self._rules
        if len(wanted) > rules.filters_per_subscribe:
            self._expel(session, Ended.CLIENT_ERROR)
            return
        if not rules.qos_2_subscribes and any(qos == 2 for _, qos in wanted):
            return
        good = [name for name, _ in wanted if valid_filter(name) and rules.takes_topic(name)]
        for name in good:
            if not session.rights.subscribe(name):
                self._expel(session, Ended.FORBIDDEN)
                return
        codes = [self._grant(session, name, qos) if name in good else REFUSED_FILTER for name, qos in wanted]
        line.suback(packet_id, codes)
        granted = [name for code, (name, _) in zip(codes, wanted, strict=True) if code != REFUSED_FILTER]
        for name in granted:
            self._send_retained(session, name)
        if granted:
            self._report(
                "subscriptions/subscribed",
                session.client_id,
                lambda: session.presence.subscribed(self._now_us(), granted),
            )

    def unsubscribe(self, line: Line, filters: Sequence[str]) -> None:
        """UNSUBSCRIBE; the shell answers."""
        session = _known(line)
        for topic_filter in filters:
            session.filters = without(session.filters, topic_filter)
            self._index.remove(session.client_id, topic_filter)
        self._report(
            "subscriptions/unsubscribed",
            session.client_id,
            lambda: session.presence.unsubscribed(self._now_us(), filters),
        )

    def publish(
        self, line: Line, topic: str, payload: bytes, qos: int = 0, retain: bool = False, packet_id: int = 0
    ) -> None:
        """A client's PUBLISH and its PUBACK. One that breaks MQTT or is not allowed ends the connection."""
        session = line.session
        assert session is not None, OVER
        asked = parse_request(topic) if topic.startswith("$") else None
        # What names an operation is of a form that every broker takes.
        formed = self._takes(topic) if asked is None or asked.operation is None else True
        if not formed or len(payload) > self._rules.payload_limit_bytes:
            self._expel(session, Ended.CLIENT_ERROR)
        elif not session.rights.publish(topic) or (retain and not session.rights.retain(topic)):
            self._expel(session, Ended.FORBIDDEN)
        elif (session.publishes is None or session.publishes.allows(self._now_us)) and qos <= 1:
            if topic[0] != "$":
                self._spread(topic, payload, qos, retain)
            elif asked is not None and not retain:
                self._on_request(Request(line, session.client_id, topic, payload, packet_id))
                return
            if qos:
                self.acknowledge(line, packet_id)

    def ack(self, line: Line, packet_id: int) -> None:
        """PUBACK from a client."""
        _known(line).acked(packet_id)

    # -- the cloud

    def reply(self, connection: Line, topic: str, payload: bytes) -> None:
        """To that very connection, subscribed or not, one copy; dropped when it is gone or may not receive it."""
        session = connection.session
        if session is not None:
            session.put(Message(topic, payload), 0)

    def announce(self, topic: str, payload: Payload, qos: int = 0) -> None:
        """The cloud's own publish, to ordinary subscribers."""
        if readers := self._index.find(topic):
            self._send(readers, Message(topic, payload if isinstance(payload, bytes) else payload()), qos)

    def acknowledge(self, connection: Line, packet_id: int) -> None:
        """PUBACK to a client; dropped when the connection is gone."""
        if connection.session is not None:
            connection.puback(packet_id)

    # -- inside

    def _refusal(self, greeting: Greeting) -> int:
        """CONNACK code for a newcomer that was admitted but breaks a limit; 0: it does not."""
        client_id = greeting.client_id
        if len(client_id.encode()) > self._rules.client_id_limit_bytes or not (client_id or greeting.clean):
            return IDENTIFIER_REJECTED
        if self._returns_too_soon(client_id) or not (self._connects is None or self._connects.allows(self._now_us)):
            return SERVER_UNAVAILABLE
        if client_id and self._rules.reconnect_after_s:
            self._recent[client_id] = self._now_us()
        return 0

    def _returns_too_soon(self, client_id: str) -> bool:
        recent, pause_us = self._recent, self._rules.reconnect_after_s * 1_000_000
        while recent and self._now_us() - next(iter(recent.values())) >= pause_us:
            del recent[next(iter(recent))]
        return client_id in recent

    def _grant(self, session: Session, topic_filter: str, qos: int) -> int:
        filters, limit = session.filters, self._rules.filters_per_connection
        if count(filters) >= limit and qos_of(filters, topic_filter) is None:
            return REFUSED_FILTER
        granted = min(qos, 1)
        session.filters = with_one(filters, topic_filter, granted)
        self._index.add(session.client_id, topic_filter, granted)
        return granted

    def _send_retained(self, session: Session, topic_filter: str) -> None:
        rules = self._rules
        if not self._retained:
            return
        if not rules.retained_to_wildcards and ("#" in topic_filter or "+" in topic_filter):
            return
        qos = qos_of(session.filters, topic_filter) or 0
        for kept in list(self._retained.find(topic_filter, hash_takes_parent=rules.hash_takes_parent)):
            session.put(Message(kept.topic, kept.payload), min(qos, kept.qos), retain=True)

    def _takes(self, topic: str) -> bool:
        return valid_topic(topic) and self._rules.takes_topic(topic)

    def _may_publish(self, session: Session, will: Will) -> bool:
        fits = self._takes(will.topic) and len(will.payload) <= self._rules.payload_limit_bytes
        return fits and will.topic[0] != "$" and _may_leave(session.rights, will)

    def _spread(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        if retain and payload:
            self._retained.keep(Message(topic, payload, min(qos, 1)))
        elif retain:
            self._retained.drop(topic)
        if readers := self._index.find(topic):
            self._send(readers, Message(topic, payload), qos)

    def _send(self, readers: Mapping[str, int], message: Message, qos: int) -> None:
        for client_id, granted in readers.items():
            self._sessions[client_id].put(message, min(qos, granted))

    def _report_refused(self, greeting: Greeting) -> None:
        client_id, self._refused = greeting.client_id, self._refused + 1
        who = Presence(client_id, f"{client_id}#refused-{self._refused}", 0, _principal(greeting))
        self._report("presence/connect_failed", client_id, lambda: who.connect_failed(self._now_us()))

    def _report(self, kind: str, client_id: str, event: Callable[[], bytes]) -> None:
        """Publish a life-cycle event; Amazon sends none for a client id that no topic can hold."""
        topic = f"$aws/events/{kind}/{client_id}"
        if (readers := self._index.find(topic)) and valid_topic(topic):
            self._send(readers, Message(topic, event()), 0)

    def _expel(self, session: Session, why: Ended) -> None:
        line = session.line
        assert line is not None
        self.gone(line, why)
        line.close()

    def _invent_id(self) -> str:
        self._invented += 1
        return f"auto-{self._invented}"

    def _expire(self) -> None:
        while self._offline:
            client_id, since_us = next(iter(self._offline.items()))
            if self._now_us() - since_us < self._rules.session_expiry_s * 1_000_000:
                return
            self._drop(self._sessions[client_id])

    def _drop(self, session: Session) -> None:
        for topic_filter in all_of(session.filters):
            self._index.remove(session.client_id, topic_filter)
        if self._sessions.pop(session.client_id, None) is not None:
            self._versions[session.client_id] = session.version
        self._offline.pop(session.client_id, None)


def _known(line: Line) -> Session:
    assert line.session is not None, OVER
    return line.session


def _may_leave(rights: Rights, will: Will) -> bool:
    return rights.publish(will.topic) and (not will.retain or rights.retain(will.topic))


def _principal(greeting: Greeting) -> str:
    return "" if greeting.certificate is None else sha256(greeting.certificate).hexdigest()
