"""The cloud's side of the network without sockets: a broker and a web server that are called.

What devices say in one instant is taken at its very end, ordered by (device, connection, sequence): the order does not
depend on which of them the kernel happened to run first, nor on which process it lives in. What they get goes to
`hand`, at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

from sim.kernel.clock import Clock
from sim.manner import Broken
from sim.mqtt.presence import Ended
from sim.mqtt.rules import BrokerRules
from sim.mqtt.switchboard import Accepted, Admit, Greeting, OnRequest, Request, Session, Switchboard
from sim.net import codec
from sim.net.numbered import Connections
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
    Pingresp,
    Puback,
    Suback,
    header,
)

HEADER_BYTES = 4
"""Fixed header of a packet of 16 KiB to 2 MiB, as the largest are that a broker takes."""

SMALL_BYTES = 32 * 1024
"""A packet that MQTT can represent and every broker takes; less than the least packet limit of sim.mqtt.rules."""

WELCOME = Connack(0)

URLS_KEPT = 256
"""URLs that need not be taken apart again: a download asks with one again and again."""

Respond = Callable[[HttpRequest, int], HttpResponse]


class Call(NamedTuple):
    """What a device says at the port: `number` is that of its connection, `what` a packet for the switchboard, a method
    of CloudEnd, or http."""

    at_us: int
    device: str
    number: int
    what: str
    args: tuple[Any, ...]


Hand = Callable[[str, int, Arrival | HttpArrival], None]
"""An arrival for a connection of a device, now."""


class CloudSide:
    """All connections of all devices as the cloud sees them, and what the account needs of a broker."""

    def __init__(
        self, clock: Clock, respond: Respond, on_request: OnRequest, admit: Admit, hand: Hand, client_ca: str,
        rules: BrokerRules,
    ) -> None:  # fmt: skip
        self._clock = clock
        self._respond = respond
        self.hand = hand
        self.client_ca = client_ca
        self.rules = rules
        self._on_request = on_request
        self._requests: list[Request] = []
        self.board = Switchboard(self._requests.append, admit, lambda: clock.start_s * 1_000_000 + clock.now_us, rules)
        self._packets: dict[str, Callable[..., None]] = {
            "publish": self.board.publish,
            "subscribe": self.board.subscribe,
            "ack": self.board.ack,
        }
        # To that very connection, subscribed or not, one copy, QoS 0; PUBACK of a QoS 1 request to the Jobs service; to
        # ordinary subscribers.
        self.reply, self.acknowledge, self.publish = self.board.reply, self.board.acknowledge, self.board.announce
        self.ends: Connections[CloudEnd] = Connections()
        self._calls: list[Call] = []
        self.hears = False
        """While calls are heard nothing else is left of their instant, and what is handed over need not wait for it."""

    def take(self, call: Call) -> None:
        """A device says this now; it is heard at the end of the instant."""
        if not self._calls:
            self._clock.at_last(self._hear_all)
        self._calls.append(call)

    def _hear_all(self) -> None:
        calls, self._calls, self.hears = self._calls, [], True
        if len(calls) > 1:
            calls.sort(key=_place)
        for _, device, number, what, args in calls:
            if what == "http":
                self._http(device, number, *args)
            elif what == "open":
                end = CloudEnd(self, device, number)
                self.ends.add(end)
                end.open(*args)
            elif (known := self.ends.get(device, number)) is not None:
                if (packet := self._packets.get(what)) is None:
                    getattr(known, what)(*args)
                elif known.session is not None:
                    packet(known, *args)
        for request in self._requests:  # once all is heard, whoever said it
            self._on_request(request)
        self._requests.clear()
        self.hears = False

    def _http(self, device: str, number: int, request: HttpRequest) -> None:
        """One request; the server sees it as RestServer would show it."""
        hand = partial(self.hand, device, number)
        asked = as_asked(request)
        if asked is None:
            hand(HttpFailure("dns"))
            return
        answer = self._respond(asked, self._clock.epoch_s)
        at_us = sent = 0
        for step in answer.manner.steps(len(answer.body)) if answer.manner is not None else ():
            if step.wait_us:
                self._clock.after(at_us, hand, HttpPart(sent))
                at_us += step.wait_us
            sent = step.until_bytes
        arrived = as_it_comes(request.method, answer)
        if at_us:
            self._clock.after(at_us, hand, arrived)
        else:
            hand(arrived)


class CloudEnd:
    """The broker's end of one connection: a Line for the switchboard."""

    __slots__ = ("_side", "device", "number", "session")

    def __init__(self, side: CloudSide, device: str, number: int) -> None:
        self._side = side
        self.device = device
        self.number = number
        self.session: Session | None = None  # none: the broker does not know this connection (any more)

    def open(self, hello: Hello, holder: str) -> None:
        """CONNECT; `holder` is the thing whose own papers would have been shown."""
        side, certificate = self._side, None
        if not leads_to_cloud(hello.host):
            self._refuse(Closed("dns"))
            return
        if hello.tls and (hello.certificate or hello.private_key):
            identity = check_identity(hello.certificate, hello.private_key, side.client_ca)
            if isinstance(identity, TlsFailure):
                self._refuse(Closed("tls"))
                return
            certificate = identity
        if not (connects_surely(hello) or fits(codec.connect_packet(hello), side.rules)):
            self._refuse(Closed("closed"))
            return
        greeting = Greeting(hello.client_id, hello.clean, hello.user, hello.password, hello.will, certificate, holder)
        outcome = side.board.connect(greeting, self)
        if not isinstance(outcome, Accepted):
            self._hand(Connack(outcome))
            self._refuse(Closed("closed"))
            return
        self._hand(WELCOME)
        side.board.resume(self)

    def ping(self) -> None:
        if self.session is not None:
            self._hand(Pingresp())

    def gone(self, why: Ended) -> None:
        """The device ended it."""
        self._side.ends.drop(self)
        self._side.board.gone(self, why)

    def cut(self, why: Ended) -> None:
        """The broker ends it for what the device did, or did not do."""
        if self.session is not None:
            self.gone(why)
            self._hand(Closed("closed"))

    # -- Line

    def deliver(self, message: Message, retain: bool, dup: bool) -> None:  # noqa: ARG002 - no script is told
        self._side.hand(self.device, self.number, message)

    def puback(self, packet_id: int) -> None:
        self._hand(Puback(packet_id))

    def suback(self, packet_id: int, codes: Sequence[int]) -> None:
        self._hand(Suback(packet_id, codes[0]))

    def close(self) -> None:
        """The broker closes; it has forgotten this connection already."""
        self._refuse(Closed("closed"))

    def _refuse(self, arrival: Closed) -> None:
        self._side.ends.drop(self)
        self._hand(arrival)

    def _hand(self, arrival: Arrival) -> None:
        self._side.hand(self.device, self.number, arrival)


def fits_surely(topic: str, payload: bytes) -> bool:
    """Whether every broker takes a packet with these, so that it need not be put together to be measured."""
    return len(topic) + len(payload) <= SMALL_BYTES and topic.isascii()


def connects_surely(hello: Hello) -> bool:
    """Likewise, of a CONNECT without a will."""
    said = hello.client_id + (hello.user or "") + (hello.password or "")
    return hello.will is None and 0 <= hello.keepalive_s <= codec.MAX_KEEPALIVE_S and fits_surely(said, b"")


def fits(packet: codec.Packet, rules: BrokerRules) -> bool:
    """Whether any broker with these rules takes a packet of this size."""
    try:
        return len(codec.encode(packet)) <= rules.packet_limit_bytes + HEADER_BYTES
    except codec.CodecError:
        return False


def as_asked(request: HttpRequest) -> HttpRequest | None:
    """A request as a server of the cloud sees it; None when its name does not lead there."""
    found = _at_cloud(request.url)
    return None if found is None else HttpRequest(request.method, found[1], {"Host": found[0], **request.headers})


@lru_cache(maxsize=URLS_KEPT)
def _at_cloud(url: str) -> tuple[str, str] | None:
    """Host and URL as a server of the cloud sees them."""
    try:
        host, target = split_url(url)
    except ValueError:
        return None
    return (host, f"https://{host}{target}") if leads_to_cloud(host) else None


def _place(call: Call) -> tuple[str, int]:
    """Calls of one connection are in order already, and the sort is stable."""
    return call.device, call.number


def as_it_comes(method: str, answer: HttpResponse) -> HttpResponse:
    """What a client makes of an answer: no more than Content-Length, and broken off when there is less."""
    manner, body = answer.manner, answer.body
    if manner is not None and manner.cut_at_bytes is not None:
        body = body[: manner.cut_at_bytes]
    length = header(answer.headers, "Content-Length")
    told = int(length) if length else len(body)
    if manner is None and told == len(body):
        return answer
    broken: Broken = ""
    if len(body) < told and method.upper() != "HEAD":
        broken = (manner.end if manner is not None else "") or "closed"
    return HttpResponse(answer.status, answer.headers, body[:told], broken=broken)
