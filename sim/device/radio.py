"""The cellular link of one device: attach, latency, rate. It delays; it never decides.

A packet leaves the device when it was delayed on the way up, and reaches the script when it was delayed on the
way down; the port in between has no latency, so timing is the same on every transport. Within one connection
order is kept. When power goes, everything on its way is gone, and the other side is not told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import simpy

from sim.device.cell import Cell, Doze
from sim.device.http_link import HttpLink
from sim.device.link import Link
from sim.device.model import RadioSpec
from sim.device.mqtt_link import MqttLink
from sim.device.sim_card import make_sim
from sim.device.tcp_link import TakeLink, TcpLink, TcpPort, UdpLink
from sim.kernel.clock import Clock, Story, Timer
from sim.kernel.fibers import Signal
from sim.kernel.seeds import Draws, draws, key
from sim.ports import (
    Address,
    Arrival,
    Hello,
    HttpFailure,
    HttpResponse,
    Network,
    TcpArrival,
)
from sim.trace import Track

T = TypeVar("T")

ATTACH_JITTER_US = 500_000
"""ESTIMATE: cell search and registration vary by a few tenths of a second from boot to boot."""

REATTACH_US = 2_000_000
"""ESTIMATE: from the end of what kept a searching module off the network to its registration."""

HOME, SEARCHING, OFF = 1, 2, 0
ROAMING = 5
"""Registration states as 3GPP TS 27.007 counts them (+CREG): 0 not searching, 1 home, 2 searching, 3 denied, 4 unknown,
5 roaming."""

NO_COVERAGE = "coverage"
"""What keeps a module off where there is no network, until it is carried elsewhere."""

NO_SIGNAL, NO_CELL, NO_NETWORK = "signal", "cell", "network"
SIGNAL_REASONS = (NO_SIGNAL, NO_CELL, NO_NETWORK)
"""No signal: a fault of the device's, of its cell, or an outage of its network."""

NO_CONTEXT = "context"
"""What keeps a module off that is registered and whose program ended its data connection; the next start forgets it."""

CSQ_GOOD, CSQ_UNKNOWN = 25, 99
"""25 is about -63 dBm, a good signal: what everybody has until a scenario says otherwise. 99: not known."""

FIRST_OWN_PORT = 49_152
"""RFC 6335: ports that nobody chose."""

DNS_PATIENCE_US = 25_000_000
"""How long name resolution waits for the network after power-on: five tries of five seconds in the vendor's client."""


class Spoil(NamedTuple):
    """What becomes of the next download, and how long it stands still before its end."""

    make: Callable[[HttpResponse], HttpResponse | HttpFailure]
    wait_us: int = 0


class Radio:
    """One device's modem for one run; `power_on` and `power_off` bracket each life."""

    __slots__ = (
        "_attach_timer", "_awaited", "_hindrances", "_linked", "_on_attach", "_opened", "_own_ports", "_ports",
        "_search_is_over", "_searches", "_seed", "_signal_back", "attached", "broker_there", "cell", "clock", "csq",
        "down_bytes", "doze", "network", "on", "on_change", "registered_as", "spec", "spoils", "track", "up_bytes",
    )  # fmt: skip

    def __init__(self, clock: Clock, spec: RadioSpec, network: Network, track: Track, seed: int) -> None:
        self.clock = clock
        self.spec = spec
        self.network = network
        self.track = track
        self.attached = False
        self._on_attach: Signal | None = None
        self.on_change: Callable[[bool], object] | None = None
        """The program's: told when the network comes (True) or goes."""
        self.registered_as = HOME
        """What the network makes of this subscriber, once it was found; other states keep the module off it."""
        self.csq = CSQ_GOOD
        self.on = False
        """Whether the module has its radio on."""
        self.cell: Cell | None = None
        """What it shares with other devices; None: nothing."""
        self.doze: Doze | None = None
        """How it sleeps; None: it does not."""
        self.broker_there = True
        """Whether the broker takes connections."""
        self.spoils: tuple[Spoil, ...] = ()
        """What is to become of the next downloads, one after the other."""
        self.up_bytes = self.down_bytes = 0
        """What the operator counted so far, headers and packets that were sent again among it."""
        self._hindrances: tuple[str, ...] = ()
        self._search_is_over = False
        self._signal_back: Timer | None = None
        self._seed = seed
        self._searches = 0
        self._opened = 0
        self._linked: Link | tuple[Link, ...] = ()  # most devices have one
        self._ports: tuple[TcpPort, ...] = ()
        self._own_ports = 0
        self._attach_timer: Timer | None = None
        self._awaited: tuple[simpy.Event, ...] = ()
        """By stories that wait for the network."""

    @property
    def address(self) -> str:
        """Of the data connection, while there is one."""
        return make_sim(self._seed, self.track.name).address

    @property
    def on_attach(self) -> Signal:
        """Notified when the network comes; made when somebody first asks, as most programs wait by events."""
        if self._on_attach is None:
            self._on_attach = Signal(self.clock)
        return self._on_attach

    def power_on(self, attach_us: int) -> None:
        """Start to look for the network; attached in about `attach_us`."""
        self.on = True
        self._hindrances = _without(self._hindrances, NO_CONTEXT)
        self._awaited = ()
        jitter = self.stream("attach")
        jitter.skip(self._searches)  # of the starts before; the stream itself is not kept
        self._searches += 1
        self._search(attach_us + jitter.randrange(ATTACH_JITTER_US))

    def power_off(self) -> None:
        """Everything on its way is gone; no connection is closed, they just fall silent."""
        self.on = False
        if self.doze is not None:
            self.doze.forget()
        self._detach()
        if self._attach_timer is not None:
            self._attach_timer.cancel()
            self._attach_timer = None
        for link in self._links:
            link.vanish()
        self._linked = ()
        self._close_ports()

    @property
    def covered(self) -> bool:
        """Whether there is a network where the device is; of the world outside, so it outlives resets."""
        return NO_COVERAGE not in self._hindrances

    def set_coverage(self, covered: bool) -> None:
        """The network goes until it is set again, or is there again and found soon."""
        if covered:
            self.free(NO_COVERAGE)
        else:
            self.hinder(NO_COVERAGE)

    def close_links(self) -> None:
        """Every socket of the program is closed, as the interpreter does when it starts again."""
        for link in self._links:
            link.abort()
        self._close_ports()

    def lose_signal(self, for_us: int) -> None:
        """No network for a while: what is on its way is lost, and open connections never hear of it."""
        self.track.tell("link.lost")
        if self._signal_back is not None:
            self._signal_back.cancel()
        self.hinder(NO_SIGNAL)
        self._signal_back = self.clock.after(for_us, self.free, NO_SIGNAL, 0)

    def spoil_next(self, spoil: Spoil) -> None:
        """Let the next download that nobody spoils yet go wrong."""
        self.spoils = (*self.spoils, spoil)

    def set_broker(self, *, there: bool) -> None:
        """The broker is there again; or it closes every connection, and takes none."""
        self.broker_there = there
        for link in self._links:
            if not there:
                link.broker_gone()

    def settle(self) -> None:
        """Count what was accounted for and not stepped, up to now."""
        for link in self._links:
            link.settle()

    def hinder(self, reason: str) -> None:
        """Something keeps the module off the network, until it is freed of it."""
        self._hindrances = (*_without(self._hindrances, reason), reason)
        if self.attached:
            self._detach()
        for link in self._links:
            link.lose()

    def free(self, reason: str, search_us: int = REATTACH_US) -> None:
        """That is over; if it was the last, the module is attached again in `search_us`."""
        if reason in self._hindrances:
            self._hindrances = _without(self._hindrances, reason)
            if not self._hindrances and self.on and not self.attached and self._search_is_over:
                self._search(search_us) if search_us else self._attach()

    @property
    def state(self) -> int:
        """Registration as `net.getState()` tells it."""
        if not self.on or "sim" in self._hindrances:
            return OFF
        if any(reason in SIGNAL_REASONS for reason in self._hindrances) or not self.covered or not self._search_is_over:
            return SEARCHING
        return self.registered_as

    @property
    def registered(self) -> bool:
        """Whether there is a network, with or without a data connection."""
        return self.state in (HOME, ROAMING)

    def serve(self, registered_as: int) -> None:
        """The network takes the subscriber in as this from now on; what is neither 1 nor 5 keeps the module off it."""
        self.registered_as = registered_as
        if registered_as in (HOME, ROAMING):
            self.free("service")
        else:
            self.hinder("service")

    def wait_attached(self) -> Story:
        """Story: True when attached; False when the patience of name resolution is over, at once with the radio off."""
        if self.attached or not self.on:
            return self.attached
        awaited = self.clock.env.event()
        self._awaited = (*self._awaited, awaited)
        patience = self.clock.after(DNS_PATIENCE_US, self._stop_waiting, awaited)
        yield awaited
        patience.cancel()
        return self.attached

    def _stop_waiting(self, awaited: simpy.Event) -> None:
        self._awaited = _without(self._awaited, awaited)
        if not awaited.triggered:
            awaited.succeed()

    def open_mqtt(self, hello: Hello, receive: Callable[[Arrival], None]) -> MqttLink:
        """Connect; Connack or Closed arrives at `receive`."""
        return MqttLink(self, hello, receive)

    def http(self) -> HttpLink:
        """A new connection to a web server, opened by its first request."""
        return HttpLink(self)

    def tcp(self, receive: Callable[[TcpArrival], None]) -> TcpLink:
        """A new TCP connection; nothing is sent yet."""
        return TcpLink(self, receive)

    def udp(self, take: Callable[[Address, bytes], None]) -> UdpLink:
        """A new UDP port; not bound yet."""
        return UdpLink(self, take)

    def own_port(self) -> int:
        """A port for a connection or a socket that names none."""
        self._own_ports += 1
        return FIRST_OWN_PORT + self._own_ports % (65_536 - FIRST_OWN_PORT)

    def listen(self, port: int, accept: TakeLink, on_close: Callable[[], object]) -> TcpPort | None:
        """Take connections at this device's address, until the radio is off; None when somebody does already."""
        made = TcpPort(self, Address(self.address, port), accept, on_close)
        if not made.listen():
            return None
        self._ports = (*self._ports, made)
        return made

    def forget_port(self, port: TcpPort) -> None:
        """It listens no more."""
        self._ports = _without(self._ports, port)

    def stream(self, purpose: str) -> Draws:
        """A random stream of this device's radio."""
        return draws(self._seed, self.track.name, f"radio/{purpose}")

    def admit(self, link: Link) -> int:
        """Register a new connection; the key of its jitter, a stream of its own, so connections do not disturb each
        other."""
        self._opened += 1
        self._linked = (*self._links, link) if self._linked else link
        return key(self._seed, self.track.name, f"radio/link {self._opened}")

    def forget(self, link: Link) -> None:
        """The connection is over."""
        left = _without(self._links, link)
        self._linked = left[0] if len(left) == 1 else left

    @property
    def _links(self) -> tuple[Link, ...]:
        """The connections that are open."""
        return self._linked if isinstance(self._linked, tuple) else (self._linked,)

    def _search(self, for_us: int) -> None:
        if self._attach_timer is not None:
            self._attach_timer.cancel()
        self._search_is_over = False
        self._attach_timer = self.clock.after(for_us, self._attach)

    def _close_ports(self) -> None:
        for port in self._ports:
            port.close()

    def _attach(self) -> None:
        self._search_is_over, self._attach_timer = True, None
        if self._hindrances or not self.on:
            return
        self.attached = True
        awaited, self._awaited = self._awaited, ()
        for waiting in awaited:
            waiting.succeed()
        for port in self._ports:
            port.listen()
        if self._on_attach is not None:
            self._on_attach.notify_all()
        if self.on_change is not None:
            self.on_change(True)

    def _detach(self) -> None:
        was, self.attached = self.attached, False
        for port in self._ports:
            port.pause()
        if was and self.on_change is not None:
            self.on_change(False)


def _without(things: tuple[T, ...], gone: T) -> tuple[T, ...]:
    """Most devices have none or one of them, and an empty tuple costs nothing."""
    return tuple([it for it in things if it != gone])
