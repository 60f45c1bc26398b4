"""Whether paced time kept its pace: how late each wake-up was, and how much simulated time passed in the wall's.

The owner tells what happened; nothing here looks at a clock. Time at which nothing was due is on time.
"""

from __future__ import annotations

from sim.kernel.spread import Spread


class PaceLog:
    """Of one run, in wall time."""

    __slots__ = ("_ideal_s", "_wall_s", "lag")

    def __init__(self) -> None:
        self.lag = Spread()
        """Microseconds that each instant of the simulation came after its time."""
        self._ideal_s = 0.0
        self._wall_s = 0.0

    def woke(self, late_s: float) -> None:
        """An instant was due `late_s` ago."""
        self.lag.add(int(late_s * 1_000_000))

    def passed(self, simulated_s: float, speed: float, wall_s: float) -> None:
        """So much time passed, at this speed."""
        self._ideal_s += simulated_s / speed
        self._wall_s += wall_s

    @property
    def ratio(self) -> float:
        """Simulated time that passed, of what the wall and the speed wanted; 1 when no time passed."""
        return self._ideal_s / self._wall_s if self._wall_s else 1.0
