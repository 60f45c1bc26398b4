"""The network without sockets: broker and web server in the same process, in simulation time only.

It is the twin of AwsBroker, MqttConnection and RestServer, and passes the same suite. The rules are those of
sim.mqtt.switchboard; the cloud's side is sim.net.memory_cloud; here is the devices'. What a device sends is heard at
the end of its instant, in an order that sim.net.memory_cloud gives; what it gets is handed over at the end of the same
instant, as arrivals from real sockets are.

The two sides say nothing to each other but values, each to the other end of a connection, so that they may live in two
processes (sim.net.memory_apart). How long a client was silent is counted on the devices' side, and told to the cloud
when it was too long.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Protocol

from sim.kernel.bounded import keep
from sim.kernel.clock import Clock, Timer
from sim.mqtt.presence import Ended
from sim.mqtt.rules import AWS, BrokerRules
from sim.mqtt.switchboard import Admit, OnRequest
from sim.net import codec
from sim.net.memory_cloud import CloudSide, Receive, Respond, as_asked, as_it_comes, fits, fits_surely
from sim.net.memory_streams import MemoryStreams
from sim.ports import (
    Arrival,
    Closed,
    Connack,
    Foreseen,
    Hello,
    HttpArrival,
    HttpRequest,
    HttpResponse,
    MqttChannel,
    Pingresp,
)

Foresee = Callable[[HttpRequest, int], Foreseen | None]

MAX_PACKET_ID = 0xFFFF

NEVER = -1
"""Before any instant; a small number, which all connections at rest share."""

FORESEEN_KEPT = 512
"""Answers to ranges, shared with the cloud's memory of them; and URLs of which it is known what they lead to."""


class FarEnd(Protocol):
    """The cloud's end of a connection, as a device sees it."""

    def say(self, what: str, args: tuple[Any, ...]) -> None:
        """`what` is a packet of `CloudSide` or a method of `CloudEnd`; `args` are values."""


Dial = Callable[[str, int, Receive], FarEnd]
"""(device, number, who takes what arrives) → a new connection; the numbers of a device's grow."""


class DeviceSide:
    """A Network for devices; `dial` leads to the cloud.

    `foresee` is what the cloud will say at a later second to a request that changes nothing, None when that is not
    certain.
    """

    def __init__(self, clock: Clock, dial: Dial, foresee: Foresee, rules: BrokerRules) -> None:
        self.clock = clock
        self.rules = rules
        self.streams = MemoryStreams(clock)
        self._dial = dial
        self._foresee = foresee
        self._opened = 0
        self._patience_us: dict[int, int] = {}  # by keepalive: one number for all who ask for the same
        self._leads: dict[str, Foreseen] = {}  # by URL
        self._foreseen: dict[Hashable, HttpResponse] = {}  # by what it is about, and headers

    def mqtt(self, device: str, hello: Hello, receive: Callable[[Arrival], None]) -> MqttChannel:
        """Open a connection; the outcome arrives as Connack or Closed."""
        self._opened += 1
        asked_s = hello.keepalive_s
        patience_us = self._patience_us.setdefault(asked_s, self.rules.patience_us(asked_s))
        channel = _Channel(self, patience_us, receive)
        holder = device if hello.tls and hello.papers is not None else ""
        channel.open(self._dial(device, self._opened, channel), hello, holder)
        return channel

    def http(self, device: str, request: HttpRequest, receive: Callable[[HttpArrival], None]) -> None:
        """Send one request; exactly one answer arrives."""
        self._opened += 1
        self._dial(device, self._opened, receive).say("http", (request,))

    def foresee(self, device: str, request: HttpRequest, at_us: int) -> HttpResponse | None:  # noqa: ARG002
        """A request of the cloud that only reads, answered now as it will be then."""
        if request.method != "GET":
            return None
        at_s = self.clock.start_s + at_us // 1_000_000
        url, headers = request.url, tuple(request.headers.items())
        lead = self._leads.get(url)
        if lead is not None and lead.at(at_s):
            known = self._foreseen.get((lead.about, headers))
            if known is not None:
                return known
        asked = as_asked(request)
        found = None if asked is None else self._foresee(asked, at_s)
        if found is None or found.answer.manner is not None:
            return None
        answer = as_it_comes("GET", found.answer)
        if found.about is not None:
            keep(self._leads, url, found, FORESEEN_KEPT)
            keep(self._foreseen, (found.about, headers), answer, FORESEEN_KEPT)
        return answer


class MemoryNetwork(DeviceSide):
    """Both sides in one process: a Network for devices, and towards the cloud what AwsBroker offers.

    `on_request` is called at the end of the instant of the request, in the simulation phase. `client_ca` (PEM)
    is the CA that device certificates must come from; empty: any. Names lead where they lead on the wire.
    """

    def __init__(
        self,
        clock: Clock,
        respond: Respond,
        on_request: OnRequest,
        admit: Admit,
        *,
        client_ca: str = "",
        rules: BrokerRules = AWS,
        foresee: Foresee = lambda *_: None,
    ) -> None:
        cloud = self.cloud = CloudSide(clock, respond, on_request, admit, client_ca, rules)
        super().__init__(clock, cloud.dial, foresee, rules)
        self.reply, self.acknowledge, self.publish = cloud.reply, cloud.acknowledge, cloud.publish


class _Channel:
    """The device's end of one connection: an MqttChannel, and the broker's patience with it. It is called with what
    arrives, in the late part of an instant."""

    __slots__ = ("_far", "_heard_us", "_patience_us", "_quiet", "_receive", "_said_us", "_side", "_timer")

    def __init__(self, side: DeviceSide, patience_us: int, receive: Callable[[Arrival], None]) -> None:
        self._side = side
        self._patience_us = patience_us
        self._receive = receive
        self._far: FarEnd | None = None  # none: the broker does not know this connection (any more)
        self._quiet = False  # the device ended it: nothing is handed over any more
        self._heard_us = self._said_us = side.clock.now_us
        self._timer: Timer | None = None

    def open(self, far: FarEnd, hello: Hello, holder: str) -> None:
        """CONNECT, over a new connection to the cloud."""
        self._far = far
        far.say("open", (hello, holder))

    def __call__(self, arrival: Arrival) -> None:
        if self._far is None:
            return
        if type(arrival) is Closed:
            self._lose()
        elif type(arrival) is Connack and arrival.code == 0:
            self._watch()
        if not self._quiet:
            self._receive(arrival)

    def subscribe(self, packet_id: int, topic_filter: str, qos: int) -> None:
        sure = 0 < packet_id <= MAX_PACKET_ID and fits_surely(topic_filter, b"")
        if sure or self._fits(codec.Subscribe(packet_id, ((topic_filter, qos),))):
            self._send("subscribe", packet_id, ((topic_filter, qos),))

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False, packet_id: int = 0) -> None:
        sure = not qos and fits_surely(topic, payload)
        if sure or self._fits(codec.Publish(topic, payload, qos, packet_id, retain)):
            self._send("publish", topic, payload, qos, retain, packet_id)

    def ack(self, packet_id: int) -> None:
        if self._fits(codec.Puback(packet_id)):
            self._send("ack", packet_id)

    def ping(self) -> None:
        clock = self._side.clock
        if self._said_us == clock.now_us:  # the answers to what was said before come first
            self._send("ping")
        elif self._far is not None and not self._quiet:
            self._heard_us = clock.now_us
            clock.handover(self, Pingresp())

    def rest(self, silence_us: int) -> bool:
        if self._quiet or self._far is None:
            return False
        patience_us = self._patience_us
        if patience_us and self._side.clock.now_us - self._heard_us + silence_us >= patience_us:
            return False
        self._stop_watch()
        if self._said_us < self._side.clock.now_us:
            self._said_us = NEVER
        return True

    def heard(self, at_us: int | None) -> None:
        if at_us is not None:
            self._heard_us = at_us
        if self._far is not None:
            self._watch()

    def disconnect(self) -> None:
        self._end(Ended.BY_CLIENT)

    def abort(self) -> None:
        self._end(Ended.LOST)

    def vanish(self) -> None:
        self._quiet, self._receive = True, _nobody  # who receives holds this channel

    # -- inside

    def _end(self, why: Ended) -> None:
        if not self._quiet:
            self._quiet, self._receive = True, _nobody
            self._say("gone", why)
            self._lose()

    def _lose(self) -> None:
        self._far = None  # the two ends hold each other
        self._stop_watch()

    def _fits(self, packet: codec.Packet) -> bool:
        """Whether a broker takes this packet. One that none would take ends the connection."""
        if fits(packet, self._side.rules):
            return True
        if not self._quiet:
            self._cut(Ended.CLIENT_ERROR)
        return False

    def _send(self, what: str, *args: Any) -> None:
        """A packet of the device's, which the broker hears while it knows this connection."""
        far = self._far
        if far is not None and not self._quiet:
            self._heard_us = self._said_us = self._side.clock.now_us
            far.say(what, args)

    def _watch(self) -> None:
        patience_us = self._patience_us
        if not patience_us:
            return
        left_us = self._heard_us + patience_us - self._side.clock.now_us
        if left_us > 0:
            self._stop_watch()
            self._side.clock.foretell(self._side.clock.now_us + left_us)
            self._timer = self._side.clock.after(left_us, self._watch)
        else:
            self._cut(Ended.SILENT)

    def _cut(self, why: Ended) -> None:
        """The broker ends it, and says so."""
        self._stop_watch()
        self._say("cut", why)

    def _stop_watch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _say(self, what: str, why: Ended) -> None:
        """That it is over; harmless when the broker knows that."""
        if self._far is not None:
            self._said_us = self._side.clock.now_us
            self._far.say(what, (why,))


def _nobody(_arrival: Arrival) -> None:
    pass
