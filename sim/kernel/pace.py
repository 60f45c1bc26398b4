"""Whether paced time kept its pace: how late each wake-up was, and how much simulated time passed in the wall's.

The owner tells what happened; nothing here looks at a clock but the one of this process's CPU, which it is given, and
only when lateness begins and ends: it tells a machine that is busy with something else from one that is too slow. Time
at which nothing was due is on time.
"""

from __future__ import annotations

from collections.abc import Callable

from sim.kernel.spread import Spread

LATE_S = 0.1
"""What an instant may be late; a p99 of answers that is read with more than that in it misleads."""


class PaceLog:
    """Of one run, in wall time."""

    __slots__ = ("_cpu_s", "_ideal_s", "_late_cpu_s", "_late_from", "_late_s", "_wall_s", "lag")

    def __init__(self, cpu_s: Callable[[], float]) -> None:
        self.lag = Spread()
        """Microseconds that each instant of the simulation came after its time."""
        self._ideal_s = 0.0
        self._wall_s = 0.0
        self._cpu_s = cpu_s
        self._late_from: tuple[float, float] | None = None  # wall and CPU seconds at which lateness began
        self._late_s = self._late_cpu_s = 0.0

    def woke(self, late_s: float, now_s: float) -> None:
        """An instant was due `late_s` ago; `now_s` is the wall's."""
        self.lag.add(int(late_s * 1_000_000))
        if (late_s > LATE_S) == (self._late_from is None):
            self._turned(now_s)

    @property
    def cpu_while_late(self) -> float | None:
        """Processors that this process had while it was late; None: it never was."""
        return self._late_cpu_s / self._late_s if self._late_s else None

    def _turned(self, now_s: float) -> None:
        cpu_s = self._cpu_s()
        if self._late_from is None:
            self._late_from = now_s, cpu_s
        else:
            self._late_s += now_s - self._late_from[0]
            self._late_cpu_s += cpu_s - self._late_from[1]
            self._late_from = None

    def waits(self, now_s: float) -> None:
        """Nothing is due, so nothing is late."""
        if self._late_from is not None:
            self._turned(now_s)

    def passed(self, simulated_s: float, speed: float, since_s: float, now_s: float) -> None:
        """So much time passed at this speed between these two of the wall's; lateness ends with it."""
        self._ideal_s += simulated_s / speed
        self._wall_s += now_s - since_s
        self.waits(now_s)

    @property
    def ratio(self) -> float:
        """Simulated time that passed, of what the wall and the speed wanted; 1 when no time passed."""
        return self._ideal_s / self._wall_s if self._wall_s else 1.0
