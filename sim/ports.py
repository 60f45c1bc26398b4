"""What a device needs from the outside world. Twin implementations (memory, wire) pass one conformance suite.

Rules: a port has no latency of its own. The device's radio delays a call before it is made and an arrival
after it was handed over, so that timing does not depend on the transport. `receive` callbacks are made in the
simulation phase, in the order the other side sent. After `vanish` (power gone) a channel neither sends nor
delivers anything, and the other side is not told.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, fields
from typing import NamedTuple, Protocol

from sim.manner import Broken, Manner
from sim.records import record


@dataclass(frozen=True, slots=True)
class Will:
    """The message that the broker sends for a client that ends without DISCONNECT."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


@record
class Hello:
    """What an MQTT client says of itself: the CONNECT packet and the TLS identity under it.

    `certificate`/`private_key` are PEM texts, empty for none; `tls` is what the script asked for, whatever the
    transport really does. `papers`, in their place, gives what the cloud issued to this very device: a network that
    shows nothing to anybody need not ask for them, since a key costs more to make than the rest of a device.
    `names_host`: the handshake says which server is meant (SNI), where it is a real one.
    """

    host: str
    port: int
    client_id: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    keepalive_s: int = 0
    clean: bool = True
    tls: bool = False
    certificate: str = ""
    private_key: str = field(default="", repr=False)
    will: Will | None = None
    papers: Callable[[], tuple[str, str]] | None = field(default=None, repr=False, compare=False)
    names_host: bool = True

    def shown(self) -> tuple[str, str]:
        """Certificate and key that this client has, PEM."""
        return (self.certificate, self.private_key) if self.papers is None else self.papers()

    def __getstate__(self) -> tuple[None, dict[str, object]]:
        """For another process: without `papers`, which lead to what is in this one."""
        return None, {it.name: None if it.name == "papers" else getattr(self, it.name) for it in fields(self)}


@record
class Connack:
    """Answer to CONNECT; `code` 0 is accepted, 1–5 as MQTT 3.1.1 §3.2.2.3."""

    code: int


@record
class Suback:
    """Answer to SUBSCRIBE; `code` is the granted QoS or 0x80."""

    packet_id: int
    code: int


@record
class Puback:
    """Answer to a QoS 1 PUBLISH."""

    packet_id: int


@record
class Message:
    """A PUBLISH from the broker."""

    topic: str
    payload: bytes
    qos: int = 0
    packet_id: int = 0


@record
class Pingresp:
    """Answer to PINGREQ."""


@record
class Closed:
    """The connection is gone: `reason` is `refused`, `dns`, `tls`, `closed` (by the other side) or `reset`."""

    reason: str


Arrival = Connack | Suback | Puback | Message | Pingresp | Closed


class MqttChannel(Protocol):
    """One MQTT connection, from CONNECT to its end. Calls after the end do nothing.

    After its own `disconnect`, `abort` or `vanish` a channel hands over nothing more, not even `Closed`.
    """

    def subscribe(self, packet_id: int, topic_filter: str, qos: int) -> None: ...
    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False, packet_id: int = 0) -> None: ...
    def ack(self, packet_id: int) -> None:
        """PUBACK for a QoS 1 Message; without it a lasting session gets the message again when it reconnects."""

    def ping(self) -> None: ...

    def rest(self, silence_us: int) -> bool:
        """From now on nothing but pings, with at most `silence_us` between two. True: they need not be sent, and
        `heard` tells when that ends. False, as on every real wire: send them."""

    def heard(self, at_us: int | None) -> None:
        """The rest is over: the last ping reached the broker at `at_us`; None when there was none."""

    def disconnect(self) -> None:
        """DISCONNECT, then close: no will is sent."""

    def abort(self) -> None:
        """Close the socket without DISCONNECT; the broker sees the end at once."""

    def vanish(self) -> None:
        """Power is gone: nothing more is sent or delivered, and the broker is not told."""


def header(headers: Mapping[str, str], name: str) -> str:
    """The value of the header called `name`, here as servers and clients usually spell it; "" when there is none."""
    value = headers.get(name)
    if value is not None:
        return value
    wanted = name.lower()
    for key, other in headers.items():
        if key.lower() == wanted:
            return other
    return ""


@record
class HttpRequest:
    """One request. `url` is absolute; header names are case-insensitive.

    `certificate` is what the client showed in the TLS handshake, DER; only a server sets it.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    certificate: bytes | None = field(default=None, repr=False)


@record
class HttpResponse:
    """One whole answer; the radio turns its length into time.

    `manner`, which only a server sets, says how it goes out. `broken`, which only a network sets, says how the
    connection ended before Content-Length was reached; the body is what had come by then.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    manner: Manner | None = None
    broken: Broken = ""


@record
class HttpPart:
    """So much of the body has come by the end of an instant, the header included, and more is to follow."""

    received_bytes: int


@record
class HttpFailure:
    """No answer: `reason` is `dns`, `refused`, `tls` or `reset`; a device's own radio adds `timeout`,
    `lost` (no network any more), `dns_timeout` (none to ask over) and `aborted` (the radio was switched off)."""

    reason: str


class Foreseen(NamedTuple):
    """What a server will answer, and whether it will at a second, epoch, that is to come. `about`: what it is asked
    for, whoever signed the URL; to the same headers all get the same answer. None: nothing can be said."""

    answer: HttpResponse
    at: Callable[[int], bool]
    about: Hashable = None


HttpArrival = HttpPart | HttpResponse | HttpFailure


# -- TCP and UDP


class Address(NamedTuple):
    """Where something listens or comes from in the emulated world: an IPv4 address as text, and a port."""

    ip: str
    port: int


def is_address(host: str) -> bool:
    """Whether a host is an IPv4 address and no name."""
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Opened:
    """The other side took the connection."""


@dataclass(frozen=True, slots=True)
class Secured:
    """The TLS handshake is over."""


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes, in order. How a stream is cut into arrivals means nothing and differs between transports."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """The other side has sent its last byte (FIN)."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The connection is no more: `reason` is `refused`, `tls` or `reset`; a device's own radio adds `timeout` and
    `aborted`."""

    reason: str


TcpArrival = Opened | Secured | Data | Ended | Gone


class TcpChannel(Protocol):
    """One end of a TCP connection. Calls after its end do nothing.

    After its own `close`, `reset` or `vanish` it hands over nothing more. Over TLS there is no half-close: `finish` is
    `close`, and whoever sends after `Ended` gets `Gone("reset")`.
    """

    def send(self, data: bytes) -> None:
        """Bytes to the other side. To one that has closed: `Gone("reset")` arrives."""

    def secure(self, certificate: str = "", private_key: str = "") -> None:
        """The client's TLS handshake, with its PEM identity unless empty; the outcome arrives as Secured or Gone. Only
        ends that were connected have it, and only to one who speaks TLS does it succeed."""

    def finish(self) -> None:
        """Send no more, and go on receiving."""

    def close(self) -> None:
        """Neither send nor receive any more; what was sent still goes out."""

    def reset(self) -> None:
        """End it at once; what was sent may be lost, and the other side gets `Gone("reset")`."""

    def vanish(self) -> None:
        """Power is gone: nothing more is sent or delivered, and the other side is not told."""


class Listener(Protocol):
    """Something that listens; `close` ends that, and leaves accepted connections as they are."""

    def close(self) -> None: ...


Accept = Callable[[TcpChannel, Address], Callable[[TcpArrival], None]]
"""Given a new connection and where it comes from: who takes its arrivals. It is open; no Opened arrives."""

TakeDatagram = Callable[[Address, bytes], None]
"""Given where a datagram comes from, and what it holds."""


class UdpPort(Protocol):
    """A bound UDP port. Datagrams to nobody are lost."""

    def send(self, to: Address, data: bytes) -> None: ...
    def close(self) -> None: ...


class Streams(Protocol):
    """TCP and UDP of the emulated world. Devices and peers use it alike; `owner` is the name that orders arrivals.

    `on_listen` is told who begins to listen where, and where that is on this machine, if it is anywhere.
    """

    on_listen: Callable[[str, Address, tuple[str, int]], object] | None

    def resolve(self, host: str) -> str | None:
        """The address behind a name, or None."""

    def answers(self, ip: str) -> bool:
        """Whether there is a computer at this address."""

    def name(self, host: str) -> str:
        """Give a host this name: the address it is reached at from now on; an address is its own name."""

    def connect(self, owner: str, source: Address, to: Address, receive: Callable[[TcpArrival], None]) -> TcpChannel:
        """Open a connection; the outcome arrives as Opened or Gone. Nobody there: `Gone("refused")`."""

    def listen(self, owner: str, at: Address, accept: Accept, *, tls: bool = False) -> Listener | None:
        """Take connections to this address; None when somebody does already. With `tls`, `accept` is called after the
        handshake, and who sends without one gets `Gone("reset")`."""

    def udp(self, owner: str, at: Address, take: TakeDatagram) -> UdpPort | None:
        """Bind this address; None when somebody has already."""


# -- all of it


class Network(Protocol):
    """The outside world as one device sees it; `device` is the name that orders arrivals."""

    @property
    def streams(self) -> Streams:
        """TCP and UDP."""

    def mqtt(self, device: str, hello: Hello, receive: Callable[[Arrival], None]) -> MqttChannel:
        """Open a connection; the outcome arrives as Connack or Closed."""

    def http(self, device: str, request: HttpRequest, receive: Callable[[HttpArrival], None]) -> None:
        """Send one request; exactly one answer arrives, unless the device loses power first and drops it. Before the
        answer of a slow server come HttpParts, one for each instant in which something of it arrived."""

    def foresee(self, device: str, request: HttpRequest, at_us: int) -> HttpResponse | None:
        """What `http` would hand over in the very instant `at_us`, which is to come, if it is certain already and the
        request changes nothing; None, as on every real wire: send it then and see."""
