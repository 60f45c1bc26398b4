"""One connection over the air: each packet delayed on its way up or down, in order, until the connection is over.

A packet leaves the device when it was delayed on the way up, and reaches the script when it was delayed on the way
down. Whatever was on its way when the connection vanished is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sim.device.air import SEGMENT_BYTES, UNITS, delay
from sim.kernel.clock import Timer
from sim.kernel.seeds import Draws

if TYPE_CHECKING:
    from sim.device.model import RadioSpec
    from sim.device.radio import Radio

TCP_ROUND_TRIPS = 1
DNS_ROUND_TRIPS = 1
TLS_ROUND_TRIPS = 2
"""Round trips before the first byte of a request; TLS 1.2 full handshake."""

PACKET_OVERHEAD_BYTES = 60
"""IP, TCP and TLS record headers of a small packet."""


class Link(Draws):
    """One connection's two directions, each in order. Ends with `vanish`. It is the stream of its own jitter."""

    __slots__ = ("_down_us", "_timers", "_up_us", "_vanished", "alive", "radio")

    def __init__(self, radio: Radio) -> None:
        super().__init__(radio.admit(self))
        self.radio = radio
        self._timers: tuple[Timer, ...] = ()
        self._up_us = 0
        self._down_us = 0
        self._vanished = 0
        self.alive = True

    def up(self, size_bytes: int, fn: Callable[..., object], *args: Any, extra_us: int = 0) -> None:
        """Call `fn` when a packet of this size has left; later packets never overtake it."""
        radio = self.radio
        if radio.doze is not None:
            radio.doze.stir()
        self.up_at(radio.clock.now_us + extra_us + self.way_us(size_bytes, up=True), fn, args)

    def down(self, size_bytes: int, fn: Callable[..., object], *args: Any, extra_us: int = 0) -> None:
        """Call `fn` when a packet of this size has come in; a device that sleeps gets it when it hears again."""
        radio = self.radio
        if radio.doze is not None and radio.doze.holds(self._down_late, size_bytes, fn, args, extra_us):
            return
        self.down_at(radio.clock.now_us + extra_us + self.way_us(size_bytes, up=False), fn, args)

    def _down_late(self, size_bytes: int, fn: Callable[..., object], args: tuple[Any, ...], extra_us: int) -> None:
        if self.alive:
            self.down(size_bytes, fn, *args, extra_us=extra_us)

    def up_at(self, at_us: int, fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        """As `up`, for a packet whose time on the air is known."""
        if at_us > self._up_us:
            self._up_us = at_us
        clock = self.radio.clock
        if clock.foretold is not None:
            clock.foretell(self._up_us)
        clock.call_at(self._up_us, self._run, (self._vanished, fn, args))

    def down_at(self, at_us: int, fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        """As `down`, likewise."""
        if at_us > self._down_us:
            self._down_us = at_us
        self.radio.clock.call_at(self._down_us, self._run, (self._vanished, fn, args))

    def way_us(self, size_bytes: int, *, up: bool) -> int:
        """How long the next packet of this size is on its way, up or down: half a round trip, jitter, and the bytes at
        the link's rate. Draws its jitter, and counts what went, headers and lost packets among it."""
        radio = self.radio
        spec, sent = radio.spec, size_bytes + PACKET_OVERHEAD_BYTES
        transfer_us = sent * 1_000_000 // (spec.up_bytes_per_s if up else spec.down_bytes_per_s)
        if size_bytes > SEGMENT_BYTES:
            sent = with_headers(size_bytes)
        if radio.cell is not None and not up:
            transfer_us = max(transfer_us, radio.cell.take_us(radio.clock.now_us, size_bytes))
        if spec.plain:
            way_us = spec.rtt_us // 2 + self.randrange(spec.jitter_us + 1)
        else:
            way_us, lost = self._delay(spec, spec.rtt_us // 2)
            sent += lost * with_headers(min(size_bytes, SEGMENT_BYTES))
        if up:
            radio.up_bytes += sent
        else:
            radio.down_bytes += sent
        return way_us + transfer_us

    def skip_pairs(self, count: int, up_bytes: int, down_bytes: int) -> None:
        """So many packets went up, and each had an answer, whose times nobody needs. Only where the air is `plain`."""
        self.skip(2 * count)
        self.radio.up_bytes += count * with_headers(up_bytes)
        self.radio.down_bytes += count * with_headers(down_bytes)

    def all_arrived(self) -> None:
        """Nothing goes either way for a while: forget when the last packets were there, if they are."""
        now_us = self.radio.clock.now_us
        if self._up_us <= now_us:
            self._up_us = 0
        if self._down_us <= now_us:
            self._down_us = 0

    def vanish(self) -> None:
        """Nothing on its way arrives any more."""
        self.alive = False
        self._vanished += 1
        for timer in self._timers:
            timer.cancel()
        self._timers = ()

    def broker_gone(self) -> None:
        """The broker is down: only who is connected to it notices."""

    def settle(self) -> None:
        """Count what was accounted for and not stepped."""

    def lose(self) -> None:
        """The signal is gone: this connection stays open and silent."""
        self.vanish()

    def abort(self) -> None:
        """The device closes its socket without a word."""
        self.end()

    def end(self) -> None:
        """The connection is over; the radio forgets it."""
        self.vanish()
        self.radio.forget(self)

    def round_trips_us(self, count: int) -> int:
        """Time of `count` round trips of small packets, each with its own jitter."""
        radio, total_us, sent = self.radio, 0, count
        for _ in range(count):
            trip_us, lost = self._delay(radio.spec, radio.spec.rtt_us)
            total_us += trip_us
            sent += lost
        radio.up_bytes += PACKET_OVERHEAD_BYTES * sent
        radio.down_bytes += PACKET_OVERHEAD_BYTES * count
        return total_us

    def _delay(self, spec: RadioSpec, way_us: int) -> tuple[int, int]:
        if spec.plain:
            return way_us + self.randrange(spec.jitter_us + 1), 0
        return delay(spec, way_us, self.randrange(UNITS))

    def keep(self, timer: Timer) -> None:
        """It ends with the connection."""
        self._timers = (*self._timers, timer)

    def _run(self, vanished: int, fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        """A packet is where it was to go; what was on its way when the connection vanished is gone."""
        if vanished == self._vanished:
            radio = self.radio
            if radio.doze is not None:
                radio.doze.heard(radio.clock.now_us)
            fn(*args)


def with_headers(size_bytes: int) -> int:
    """What the operator counts for so many bytes: each packet's headers, too."""
    if size_bytes <= SEGMENT_BYTES:
        return size_bytes + PACKET_OVERHEAD_BYTES
    return size_bytes + PACKET_OVERHEAD_BYTES * -(-size_bytes // SEGMENT_BYTES)
