"""The network without sockets: broker and web server in the same process, in simulation time only.

It is the twin of AwsBroker, MqttConnection and RestServer, and passes the same suite. The rules are those of
sim.mqtt.switchboard; here is only what a socket would do. What a device sends is handled within its call;
what it gets is handed over at the end of the same instant, as arrivals from real sockets are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sim.kernel.clock import Clock, Timer
from sim.manner import Broken
from sim.mqtt.mailbox import Delivery
from sim.mqtt.presence import Ended
from sim.mqtt.rules import AWS, BrokerRules
from sim.mqtt.switchboard import Accepted, Admit, Greeting, OnRequest, Switchboard
from sim.net import codec
from sim.net.memory_streams import MemoryStreams
from sim.net.tls import TlsFailure, check_identity
from sim.net.url import leads_to_cloud, split_url
from sim.ports import (
    Arrival,
    Closed,
    Connack,
    Hello,
    HttpArrival,
    HttpFailure,
    HttpPart,
    HttpRequest,
    HttpResponse,
    Message,
    MqttChannel,
    Pingresp,
    Puback,
    Suback,
)

HEADER_BYTES = 4
"""Fixed header of a packet of 16 KiB to 2 MiB, as the largest are that a broker takes."""


class MemoryNetwork:
    """A Network for devices, and towards the cloud what AwsBroker offers.

    `on_request` is called at the end of the instant of the request, in the simulation phase. `client_ca` (PEM)
    is the CA that device certificates must come from; empty: any. Names lead where they lead on the wire. `foresee` is
    what `respond` will say at a later second to a request that changes nothing, None when that is not certain.
    """

    def __init__(
        self,
        clock: Clock,
        respond: Callable[[HttpRequest, int], HttpResponse],
        on_request: OnRequest,
        admit: Admit,
        *,
        client_ca: str = "",
        rules: BrokerRules = AWS,
        foresee: Callable[[HttpRequest, int], HttpResponse | None] = lambda *_: None,
    ) -> None:
        self._clock = clock
        self._foresee = foresee
        self.streams = MemoryStreams(clock)
        self._respond = respond
        self._rules = rules
        self._board = Switchboard(
            partial(clock.handover, on_request), admit, lambda: clock.start_s * 1_000_000 + clock.now_us, rules
        )
        self._client_ca = client_ca

    def mqtt(self, device: str, hello: Hello, receive: Callable[[Arrival], None]) -> MqttChannel:
        """Open a connection; the outcome arrives as Connack or Closed."""
        channel = _Channel(self._clock, self._board, self._rules, hello, receive)
        channel.open(hello, self._client_ca, device)
        return channel

    def http(
        self,
        device: str,  # noqa: ARG002 - calls are in order already
        request: HttpRequest,
        receive: Callable[[HttpArrival], None],
    ) -> None:
        """Send one request; exactly one answer arrives. The server sees it as RestServer would show it."""
        try:
            host, target = split_url(request.url)
        except ValueError:
            host = target = ""
        if not leads_to_cloud(host):
            self._clock.handover(receive, HttpFailure("dns"))
            return
        headers = {"Host": host, **request.headers}
        asked = HttpRequest(request.method, f"https://{host}{target}", headers)
        self._answer(receive, request.method, self._respond(asked, self._clock.epoch_s))

    def foresee(self, device: str, request: HttpRequest, at_us: int) -> HttpResponse | None:  # noqa: ARG002
        """A request of the cloud that only reads, answered now as it will be then."""
        if request.method != "GET":
            return None
        try:
            host, target = split_url(request.url)
        except ValueError:
            return None
        if not leads_to_cloud(host):
            return None
        asked = HttpRequest("GET", f"https://{host}{target}", {"Host": host, **request.headers})
        answer = self._foresee(asked, self._clock.start_s + at_us // 1_000_000)
        return None if answer is None or answer.manner is not None else _as_it_comes("GET", answer)

    def _answer(self, receive: Callable[[HttpArrival], None], method: str, answer: HttpResponse) -> None:
        """Hand an answer over in its own manner: what came by the end of an instant is told at that instant."""
        at_us = sent = 0
        for step in answer.manner.steps(len(answer.body)) if answer.manner is not None else ():
            if step.wait_us:
                self._clock.after(at_us, self._clock.handover, receive, HttpPart(sent))
                at_us += step.wait_us
            sent = step.until_bytes
        arrived = _as_it_comes(method, answer)
        if at_us:
            self._clock.after(at_us, self._clock.handover, receive, arrived)
        else:
            self._clock.handover(receive, arrived)

    def reply(self, connection: str, topic: str, payload: bytes) -> None:
        """To that very connection, subscribed or not, one copy, QoS 0; dropped when the connection is gone."""
        self._board.reply(connection, topic, payload)

    def acknowledge(self, connection: str, packet_id: int) -> None:
        """PUBACK of a QoS 1 request to the Jobs service."""
        self._board.acknowledge(connection, packet_id)

    def publish(self, topic: str, payload: bytes, qos: int = 0) -> None:
        """To ordinary subscribers."""
        self._board.announce(topic, payload, qos)


class _Channel:
    """Both ends of one connection: an MqttChannel for the device, a Line for the switchboard."""

    __slots__ = (
        "_board",
        "_clock",
        "_connection",
        "_heard_us",
        "_keepalive_s",
        "_quiet",
        "_receive",
        "_rules",
        "_timer",
    )

    def __init__(
        self,
        clock: Clock,
        board: Switchboard,
        rules: BrokerRules,
        hello: Hello,
        receive: Callable[[Arrival], None],
    ) -> None:
        self._clock = clock
        self._board = board
        self._rules = rules
        self._keepalive_s = hello.keepalive_s
        self._receive = receive
        self._connection = ""  # empty: the broker does not know this connection (any more)
        self._quiet = False  # the device ended it: nothing is handed over any more
        self._heard_us = clock.now_us
        self._timer: Timer | None = None

    def open(self, hello: Hello, client_ca: str, device: str) -> None:
        certificate = None
        if not leads_to_cloud(hello.host):
            self._hand(Closed("dns"))
            return
        holder = device if hello.tls and hello.papers is not None else ""
        if hello.tls and (hello.certificate or hello.private_key):
            identity = check_identity(hello.certificate, hello.private_key, client_ca)
            if isinstance(identity, TlsFailure):
                self._hand(Closed("tls"))
                return
            certificate = identity
        if not self._fits(codec.connect_packet(hello)):
            self._hand(Closed("closed"))
            return
        greeting = Greeting(hello.client_id, hello.clean, hello.user, hello.password, hello.will, certificate, holder)
        outcome = self._board.connect(greeting, self)
        if not isinstance(outcome, Accepted):
            self._hand(Connack(outcome))
            self._hand(Closed("closed"))
            return
        self._connection = outcome.connection
        self._watch()
        self._hand(Connack(0))
        self._board.resume(self._connection)

    # -- MqttChannel

    def subscribe(self, packet_id: int, topic_filter: str, qos: int) -> None:
        wanted = ((topic_filter, qos),)
        if self._hears(codec.Subscribe(packet_id, wanted)):
            self._board.subscribe(self._connection, packet_id, wanted)

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False, packet_id: int = 0) -> None:
        if self._hears(codec.Publish(topic, payload, qos, packet_id, retain)):
            self._board.publish(self._connection, topic, payload, qos, retain, packet_id)

    def ack(self, packet_id: int) -> None:
        if self._hears(codec.Puback(packet_id)):
            self._board.ack(self._connection, packet_id)

    def ping(self) -> None:
        if self._hears(codec.Pingreq()):
            self._hand(Pingresp())

    def rest(self, silence_us: int) -> bool:
        if self._quiet or not self._connection:
            return False
        patience_us = self._rules.patience_us(self._keepalive_s)
        if patience_us and self._clock.now_us - self._heard_us + silence_us >= patience_us:
            return False
        self._stop_watch()
        return True

    def heard(self, at_us: int | None) -> None:
        if at_us is not None:
            self._heard_us = at_us
        if self._connection:
            self._watch()

    def disconnect(self) -> None:
        if not self._quiet:
            self._quiet = True
            self._gone(Ended.BY_CLIENT)

    def abort(self) -> None:
        if not self._quiet:
            self._quiet = True
            self._gone(Ended.LOST)

    def vanish(self) -> None:
        self._quiet = True

    # -- Line

    def deliver(self, delivery: Delivery) -> None:
        self._hand(Message(delivery.topic, delivery.payload, delivery.qos, delivery.packet_id))

    def puback(self, packet_id: int) -> None:
        self._hand(Puback(packet_id))

    def suback(self, packet_id: int, codes: Sequence[int]) -> None:
        self._hand(Suback(packet_id, codes[0]))

    def close(self) -> None:
        """The broker closes; it has forgotten this connection already."""
        self._connection = ""
        self._stop_watch()
        self._hand(Closed("closed"))

    # -- inside

    def _hears(self, packet: codec.Packet) -> bool:
        """Whether the broker takes this packet; one that no broker would take ends the connection."""
        if self._quiet or not self._connection:
            return False
        if not self._fits(packet):
            self._cut(Ended.CLIENT_ERROR)
            return False
        self._heard_us = self._clock.now_us
        return True

    def _watch(self) -> None:
        patience_us = self._rules.patience_us(self._keepalive_s)
        if not patience_us:
            return
        left_us = self._heard_us + patience_us - self._clock.now_us
        if left_us > 0:
            self._timer = self._clock.after(left_us, self._watch)
        else:
            self._cut(Ended.SILENT)

    def _cut(self, why: Ended) -> None:
        self._gone(why)
        self._hand(Closed("closed"))

    def _gone(self, why: Ended) -> None:
        connection, self._connection = self._connection, ""
        self._stop_watch()
        if connection:
            self._board.gone(connection, why)

    def _stop_watch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hand(self, arrival: Arrival) -> None:
        if not self._quiet:
            self._clock.handover(self._arrive, arrival)

    def _arrive(self, arrival: Arrival) -> None:
        if not self._quiet:
            self._receive(arrival)

    def _fits(self, packet: codec.Packet) -> bool:
        try:
            return len(codec.encode(packet)) <= self._rules.packet_limit_bytes + HEADER_BYTES
        except codec.CodecError:
            return False


def _as_it_comes(method: str, answer: HttpResponse) -> HttpResponse:
    """What a client makes of an answer: no more than Content-Length, and broken off when there is less."""
    manner, body = answer.manner, answer.body
    if manner is not None and manner.cut_at_bytes is not None:
        body = body[: manner.cut_at_bytes]
    told = next((int(value) for name, value in answer.headers.items() if name.lower() == "content-length"), len(body))
    broken: Broken = ""
    if len(body) < told and method.upper() != "HEAD":
        broken = (manner.end if manner is not None else "") or "closed"
    return HttpResponse(answer.status, answer.headers, body[:told], broken=broken)
