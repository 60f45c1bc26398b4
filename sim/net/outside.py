"""Devices on a broker that is not ours: any MQTT 3.1.1 broker with our Jobs service beside it, or AWS IoT Core.

AWS answers a Jobs request on the connection that asked, subscribed or not, and on no other. An ordinary broker knows
subscribers only. So before its first request on a topic a connection subscribes to the two answers of that topic, and
what AWS would not have sent is kept from the device: the grants of these subscriptions, second copies, answers that it
did not ask for, and requests. Neither scripts nor the radio know of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from sim.jobs.topics import accepted, parse_request, rejected
from sim.kernel.clock import Clock
from sim.net.http import Endpoint
from sim.net.tls import TlsFailure, client_context
from sim.net.url import leads_to_cloud, split_url
from sim.net.wire import WireNetwork
from sim.ports import (
    Arrival,
    Closed,
    Hello,
    HttpArrival,
    HttpFailure,
    HttpRequest,
    HttpResponse,
    Message,
    MqttChannel,
    Suback,
)

KEEPALIVE_MIN_S = 5
"""ESTIMATE: shortest keepalive told to a broker, in its own seconds, so that a busy machine is not taken for dead."""

KEEPALIVE_MAX_S = 65_535
FIRST_HIDDEN_ID = 65_535
"""Packet ids of our own subscriptions count down from here; devices count theirs up from 1."""

REFUSED = 0x80
HTTP_PORT, HTTPS_PORT = 80, 443


@dataclass(frozen=True, slots=True)
class Remote:
    """A server outside: its name, and where that is. `ca` (PEM) must have signed it; empty: it is not checked."""

    name: str
    host: str
    port: int
    tls: bool
    ca: str = ""

    def endpoint(self, certificate: str = "", private_key: str = "") -> Endpoint | TlsFailure:
        """The way there for a client with this identity (PEM texts, empty for none)."""
        if not self.tls:
            return Endpoint(self.host, self.port, outside=True)
        context = client_context(certificate, private_key, self.ca)
        if isinstance(context, TlsFailure):
            return context
        return Endpoint(self.host, self.port, context, self.name, outside=True)


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and its password."""

    user: str
    password: str | None = field(default=None, repr=False)


class BrokerNetwork:
    """A Network whose MQTT leads to an outside broker; artifacts still come from the embedded cloud.

    Names under amazonaws.com and the broker's own lead to it. `login` is for devices that name no user themselves.
    `on_problem` is told, once, that the broker does not let a device have its answers.
    """

    def __init__(
        self, clock: Clock, wire: WireNetwork, broker: Remote, login: Login | None, on_problem: Callable[[str], object]
    ) -> None:
        self._clock = clock
        self._wire = wire
        self.streams = wire.streams
        self._broker = broker
        self._login = login
        self._on_problem = on_problem
        self._told = False

    def mqtt(self, device: str, hello: Hello, receive: Callable[[Arrival], None]) -> MqttChannel:
        """Open a connection; the outcome arrives as Connack or Closed."""
        said = _in_wall_seconds(hello, self._clock)
        if self._login is not None and hello.user is None:
            said = replace(said, user=self._login.user, password=self._login.password)
        channel = ReplyChannel(receive, lambda topic: self._refused(device, topic))
        channel.open(lambda arrive: self._wire.dial(device, said, arrive, _way(self._broker, hello)))
        return channel

    def foresee(self, device: str, request: HttpRequest, at_us: int) -> HttpResponse | None:  # noqa: ARG002
        """A real wire foresees nothing."""
        return None

    def http(self, device: str, request: HttpRequest, receive: Callable[[HttpArrival], None]) -> None:
        """Send one request to the embedded cloud."""
        self._wire.http(device, request, receive)

    def _refused(self, device: str, topic: str) -> None:
        if not self._told:
            self._told = True
            self._on_problem(f"the broker does not let {device} subscribe to {topic}, so it gets no answers there")


class AwsNetwork:
    """A Network that leads out: MQTT to one AWS IoT endpoint, HTTP to wherever a URL says.

    `addresses` lead a name to another (host, port) than its own.
    """

    def __init__(
        self, clock: Clock, wire: WireNetwork, endpoint: Remote, addresses: Mapping[str, tuple[str, int]]
    ) -> None:
        self._clock = clock
        self._wire = wire
        self.streams = wire.streams
        self._endpoint = endpoint
        self._addresses = addresses

    def mqtt(self, device: str, hello: Hello, receive: Callable[[Arrival], None]) -> MqttChannel:
        """Open a connection; the outcome arrives as Connack or Closed."""
        return self._wire.dial(device, _in_wall_seconds(hello, self._clock), receive, _way(self._endpoint, hello))

    def foresee(self, device: str, request: HttpRequest, at_us: int) -> HttpResponse | None:  # noqa: ARG002
        """A real wire foresees nothing."""
        return None

    def http(self, device: str, request: HttpRequest, receive: Callable[[HttpArrival], None]) -> None:
        """Send one request. As a module's client, it checks nothing about the server."""
        self._wire.ask(device, request, receive, self._server(request.url))

    def _server(self, url: str) -> Endpoint | HttpFailure:
        try:
            name, _, port = split_url(url)[0].partition(":")
            secure = url.lower().startswith("https")
            host, number = self._addresses.get(name, (name, int(port or (HTTPS_PORT if secure else HTTP_PORT))))
        except ValueError:
            return HttpFailure("dns")
        context = client_context() if secure else None
        assert not isinstance(context, TlsFailure)
        return Endpoint(host, number, context, name if secure else "", outside=True)


class ReplyChannel:
    """An MqttChannel that gives its device what AWS would. `on_refused` is told the topic of a refused subscription."""

    __slots__ = ("_channel", "_hidden", "_next_id", "_on_refused", "_owed", "_receive")

    def __init__(self, receive: Callable[[Arrival], None], on_refused: Callable[[str], None]) -> None:
        self._channel: MqttChannel
        self._receive = receive
        self._on_refused = on_refused
        self._owed: dict[str, int] = {}  # request topic → answers that are still to come
        self._hidden: dict[int, str] = {}  # our own subscriptions without an answer yet
        self._next_id = FIRST_HIDDEN_ID

    def open(self, dial: Callable[[Callable[[Arrival], None]], MqttChannel]) -> None:
        """Dial; nothing arrives before this returns."""
        self._channel = dial(self._arrive)

    # -- MqttChannel

    def subscribe(self, packet_id: int, topic_filter: str, qos: int) -> None:
        self._channel.subscribe(packet_id, topic_filter, qos)

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False, packet_id: int = 0) -> None:
        if parse_request(topic) is not None:
            if topic not in self._owed:
                self._listen(accepted(topic))
                self._listen(rejected(topic))
            self._owed[topic] = self._owed.get(topic, 0) + 1
        self._channel.publish(topic, payload, qos, retain, packet_id)

    def ack(self, packet_id: int) -> None:
        self._channel.ack(packet_id)

    def ping(self) -> None:
        self._channel.ping()

    def rest(self, silence_us: int) -> bool:  # noqa: ARG002 - a real broker has to hear each ping
        return False

    def heard(self, at_us: int | None) -> None:
        """Never told: nothing rests here."""

    def disconnect(self) -> None:
        self._channel.disconnect()

    def abort(self) -> None:
        self._channel.abort()

    def vanish(self) -> None:
        self._channel.vanish()

    # -- inside

    def _listen(self, topic: str) -> None:
        self._hidden[self._next_id] = topic
        self._channel.subscribe(self._next_id, topic, 0)
        self._next_id -= 1

    def _arrive(self, arrival: Arrival) -> None:
        if isinstance(arrival, Suback) and arrival.packet_id in self._hidden:
            topic = self._hidden.pop(arrival.packet_id)
            if arrival.code == REFUSED:
                self._on_refused(topic)
        elif isinstance(arrival, Message) and not self._is_due(arrival.topic):
            if arrival.qos:
                self._channel.ack(arrival.packet_id)
        else:
            self._receive(arrival)

    def _is_due(self, topic: str) -> bool:
        """Whether AWS would send this: not a request, and an answer only to who asked, once."""
        if parse_request(topic) is not None:
            return False
        request, _, last = topic.rpartition("/")
        if last not in ("accepted", "rejected") or parse_request(request) is None:
            return True
        owed = self._owed.get(request, 0)
        self._owed[request] = max(0, owed - 1)
        return owed > 0


def _way(server: Remote, hello: Hello) -> Endpoint | Closed:
    if not leads_to_cloud(hello.host) and hello.host != server.name:
        return Closed("dns")
    endpoint = server.endpoint(*hello.shown())
    if isinstance(endpoint, TlsFailure):
        return Closed("tls")
    return endpoint if hello.names_host or server.ca else replace(endpoint, server_name="")


def _in_wall_seconds(hello: Hello, clock: Clock) -> Hello:
    """The broker counts real seconds; a device's keepalive is in its own."""
    if not hello.keepalive_s:
        return hello
    wall_s = math.ceil(hello.keepalive_s / (clock.loop.speed or 1.0))
    return replace(hello, keepalive_s=min(KEEPALIVE_MAX_S, max(KEEPALIVE_MIN_S, wall_s)))
