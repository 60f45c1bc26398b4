"""One connection over the air: each packet delayed on its way up or down, in order, until the connection is over.

A packet leaves the device when it was delayed on the way up, and reaches the script when it was delayed on the way
down. Whatever was on its way when the connection vanished is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sim.kernel.clock import Timer

if TYPE_CHECKING:
    from sim.device.radio import Radio

TCP_ROUND_TRIPS = 1
DNS_ROUND_TRIPS = 1
TLS_ROUND_TRIPS = 2
"""Round trips before the first byte of a request; TLS 1.2 full handshake."""

PACKET_OVERHEAD_BYTES = 60
"""IP, TCP and TLS record headers of a small packet."""


class Link:
    """One connection's two directions, each in order. Ends with `vanish`."""

    __slots__ = ("_down_us", "_draws", "_timers", "_up_us", "alive", "radio")

    def __init__(self, radio: Radio) -> None:
        self.radio = radio
        self._timers: dict[Timer, None] | None = None
        self._up_us = 0
        self._down_us = 0
        self.alive = True
        self._draws = radio.admit(self)

    def up(self, size_bytes: int, fn: Callable[..., object], *args: Any, extra_us: int = 0) -> None:
        """Call `fn` when a packet of this size has left; later packets never overtake it."""
        self.up_at(self.radio.clock.now_us + extra_us + self.up_us(size_bytes), fn, *args)

    def down(self, size_bytes: int, fn: Callable[..., object], *args: Any, extra_us: int = 0) -> None:
        """Call `fn` when a packet of this size has come in."""
        self.down_at(self.radio.clock.now_us + extra_us + self.down_us(size_bytes), fn, *args)

    def up_at(self, at_us: int, fn: Callable[..., object], *args: Any) -> None:
        """As `up`, for a packet whose time on the air is known."""
        self._up_us = max(self._up_us, at_us)
        self._at(self._up_us, fn, *args)

    def down_at(self, at_us: int, fn: Callable[..., object], *args: Any) -> None:
        """As `down`, likewise."""
        self._down_us = max(self._down_us, at_us)
        self._at(self._down_us, fn, *args)

    def up_us(self, size_bytes: int) -> int:
        """How long the next packet of this size is on its way up; draws its jitter."""
        return self._one_way_us(size_bytes, self.radio.spec.up_bytes_per_s)

    def down_us(self, size_bytes: int) -> int:
        """How long the next packet of this size is on its way down; draws its jitter."""
        return self._one_way_us(size_bytes, self.radio.spec.down_bytes_per_s)

    def skip_draws(self, count: int) -> None:
        """So many packets went whose times nobody needs."""
        self._draws.skip(count)

    def vanish(self) -> None:
        """Nothing on its way arrives any more."""
        self.alive = False
        for timer in self._timers or ():
            timer.cancel()
        self._timers = None

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
        """Time of `count` round trips, each with its own jitter."""
        return sum(self.radio.spec.rtt_us + self._jitter_us() for _ in range(count))

    def _one_way_us(self, size_bytes: int, rate_bytes_per_s: int) -> int:
        """Half a round trip, jitter, and the bytes at the link's rate."""
        transfer_us = (size_bytes + PACKET_OVERHEAD_BYTES) * 1_000_000 // rate_bytes_per_s
        return self.radio.spec.rtt_us // 2 + self._jitter_us() + transfer_us

    def _jitter_us(self) -> int:
        return self._draws.randrange(self.radio.spec.jitter_us + 1)

    def _at(self, at_us: int, fn: Callable[..., object], *args: Any) -> None:
        timer = self.radio.clock.after(at_us - self.radio.clock.now_us, self._run, fn, args)
        timer.args = (timer, fn, args)
        self.keep(timer)

    def keep(self, timer: Timer) -> None:
        """It ends with the connection."""
        if self._timers is None:
            self._timers = {}
        self._timers[timer] = None

    def _run(self, timer: Timer, fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        if self._timers is not None:
            self._timers.pop(timer, None)
            if not self._timers:
                self._timers = None  # a dict that was used keeps its size
        fn(*args)
