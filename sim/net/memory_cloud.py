"""The cloud's side of the network without sockets: a broker and a web server that are called.

What devices say in one instant is taken at its very end, ordered by (device, connection, sequence): the order does not
depend on which of them the kernel happened to run first, nor on which process it lives in. The two ends of a connection
hold each other, so that nobody looks for one; in two processes, something that sends stands for the other end
(sim.net.memory_apart).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from sim.kernel.clock import Clock
from sim.manner import Broken
from sim.mqtt.presence import Ended
from sim.mqtt.rules import BrokerRules
from sim.mqtt.switchboard import Accepted, Admit, Greeting, OnRequest, Request, Session, Switchboard
from sim.net import codec
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


Receive = Callable[[Any], None]
"""A device's end of a connection: it is called with what arrives, an Arrival or an HttpArrival."""


class CloudSide:
    """All connections of all devices as the cloud sees them, and what the account needs of a broker."""

    def __init__(
        self, clock: Clock, respond: Respond, on_request: OnRequest, admit: Admit, client_ca: str, rules: BrokerRules
    ) -> None:  # fmt: skip
        self.clock = clock
        self.respond = respond
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
        self.said: list[Said] = []
        self.hears = False
        """While it hears nothing else is left of the instant, and what is handed over need not wait for it."""

    def dial(self, device: str, number: int, receive: Receive) -> CloudEnd:
        """A new connection of a device, its `number`-th; nothing is said on it yet."""
        return CloudEnd(self, device, number, receive)

    def hear_all(self) -> None:
        """Hear what was said in this instant, at its end."""
        said, self.said, self.hears = self.said, [], True
        if len(said) > 1:
            said.sort(key=_place)
        for end, what, args in said:
            if (packet := self._packets.get(what)) is None:
                getattr(end, what)(*args)
            elif end.session is not None:
                packet(end, *args)
        for request in self._requests:  # once all is heard, whoever said it
            self._on_request(request)
        self._requests.clear()
        self.hears = False


class CloudEnd:
    """The cloud's end of one connection: a Line for the switchboard, or what one request comes in by."""

    __slots__ = ("_receive", "_side", "device", "number", "session")

    def __init__(self, side: CloudSide, device: str, number: int, receive: Receive) -> None:
        self._side = side
        self._receive = receive
        self.device = device
        self.number = number
        self.session: Session | None = None  # none: the broker does not know this connection (any more)

    def say(self, what: str, args: tuple[Any, ...]) -> None:
        """From the device, now: a packet for the switchboard, or a method of this class."""
        side = self._side
        if not side.said:
            side.clock.at_last(side.hear_all)
        side.said.append((self, what, args))

    def open(self, hello: Hello, holder: str) -> None:
        """CONNECT; `holder` is the thing whose own papers would have been shown."""
        side, certificate = self._side, None
        if not leads_to_cloud(hello.host):
            self.deliver(Closed("dns"))
            return
        if hello.tls and (hello.certificate or hello.private_key):
            identity = check_identity(hello.certificate, hello.private_key, side.client_ca)
            if isinstance(identity, TlsFailure):
                self.deliver(Closed("tls"))
                return
            certificate = identity
        if not (connects_surely(hello) or fits(codec.connect_packet(hello), side.rules)):
            self.deliver(Closed("closed"))
            return
        greeting = Greeting(hello.client_id, hello.clean, hello.user, hello.password, hello.will, certificate, holder)
        outcome = side.board.connect(greeting, self)
        if not isinstance(outcome, Accepted):
            self.deliver(Connack(outcome))
            self.deliver(Closed("closed"))
            return
        self.deliver(WELCOME)
        side.board.resume(self)

    def ping(self) -> None:
        if self.session is not None:
            self.deliver(Pingresp())

    def gone(self, why: Ended) -> None:
        """The device ended it."""
        self._side.board.gone(self, why)

    def cut(self, why: Ended) -> None:
        """The broker ends it for what the device did, or did not do."""
        if self.session is not None:
            self.gone(why)
            self.deliver(Closed("closed"))

    def http(self, request: HttpRequest) -> None:
        """One request; the server sees it as RestServer would show it."""
        clock = self._side.clock
        asked = as_asked(request)
        if asked is None:
            self.deliver(HttpFailure("dns"))
            return
        answer = self._side.respond(asked, clock.epoch_s)
        at_us = sent = 0
        for step in answer.manner.steps(len(answer.body)) if answer.manner is not None else ():
            if step.wait_us:
                clock.after(at_us, self.deliver, HttpPart(sent))
                at_us += step.wait_us
            sent = step.until_bytes
        arrived = as_it_comes(request.method, answer)
        if at_us:
            clock.after(at_us, self.deliver, arrived)
        else:
            self.deliver(arrived)

    # -- Line

    def deliver(self, arrival: Arrival | HttpArrival, retain: bool = False, dup: bool = False) -> None:  # noqa: ARG002
        """To the device, in this instant. No script is told what is retained or sent again."""
        side = self._side
        if side.hears:
            self._receive(arrival)
        else:
            side.clock.handover(self._receive, arrival)

    def puback(self, packet_id: int) -> None:
        self.deliver(Puback(packet_id))

    def suback(self, packet_id: int, codes: Sequence[int]) -> None:
        self.deliver(Suback(packet_id, codes[0]))

    def close(self) -> None:
        """The broker closes; it has forgotten this connection already."""
        self.deliver(Closed("closed"))


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


Said = tuple[CloudEnd, str, tuple[Any, ...]]
"""On which connection, and as `CloudEnd.say` takes it."""


def _place(said: Said) -> tuple[str, int]:
    """What was said on one connection is in order already, and the sort is stable."""
    end = said[0]
    return end.device, end.number


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
