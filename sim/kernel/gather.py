"""What arrives on one connection within an instant, taken as one piece, a microsecond later.

Transports cut a stream where they like. Whoever draws random numbers or keeps time by arrivals must not see how, or
runs would differ between transports. So bytes of one instant are joined, and handed on when the instant is over.
"""

from __future__ import annotations

from collections.abc import Callable

from sim.kernel.clock import Clock, Timer
from sim.ports import Data, TcpArrival

INSTANT_US = 1


class Gather:
    """Call it with arrivals; `take` gets them, neighbouring Data joined, in the next microsecond."""

    def __init__(self, clock: Clock, take: Callable[[TcpArrival], None]) -> None:
        self._clock = clock
        self._take = take
        self._got: list[TcpArrival] = []
        self._timer: Timer | None = None

    def __call__(self, arrival: TcpArrival) -> None:
        if isinstance(arrival, Data) and self._got and isinstance(self._got[-1], Data):
            self._got[-1] = Data(self._got[-1].data + arrival.data)
            return
        if not self._got:
            self._timer = self._clock.after(INSTANT_US, self._flush)
        self._got.append(arrival)

    def drop(self) -> None:
        """Forget what has not been handed on."""
        self._got.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _flush(self) -> None:
        got, self._got = self._got, []
        for arrival in got:
            self._take(arrival)
