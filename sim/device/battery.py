"""The voltage of a module's supply as a function of time, so that a battery that runs down costs no events but its end.

A module switches off when its supply is empty: below what the data sheets allow, or a cell at the end of its level. It
starts again, as unattended devices are wired to do, when the supply is good enough for the start's own dip.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil

BATTERY_MV = 3950
"""What is there when nobody says otherwise: `Power.getVbatt()` of the vendor's examples."""

CURVE_MV = ((0.0, 3300), (0.1, 3600), (0.25, 3700), (0.5, 3800), (0.75, 3950), (1.0, 4200))
"""ESTIMATE: rest voltage of one lithium cell by its level, as data sheets of such cells draw it."""


OFF_MV = 3300
"""Data sheets of these modules: 3.3 to 4.3 V; below it switches off."""

ON_MV, ON_LEVEL = 3450, 0.05
"""ESTIMATE: a start and its search for a network pull a cell down by some 100 mV, so it needs that much more."""


@dataclass(frozen=True, slots=True)
class Supply:
    """From `start_us` on the level goes from `level` to `to_level` within `over_us`; `steady_mv` is a mains supply."""

    steady_mv: int | None = BATTERY_MV
    level: float = 1.0
    to_level: float = 1.0
    start_us: int = 0
    over_us: int = 0

    def millivolts(self, now_us: int) -> int:
        """What the module measures."""
        if self.steady_mv is not None:
            return self.steady_mv
        share = min(1.0, (now_us - self.start_us) / self.over_us) if self.over_us else 1.0
        return cell_mv(self.level + (self.to_level - self.level) * share)

    def empty_us(self, now_us: int) -> int | None:
        """When it is empty, from now on; None: never, as things are."""
        if self.steady_mv is not None:
            return now_us if self.steady_mv < OFF_MV else None
        return self._reaches(0.0, now_us, sinking=True)

    def good_us(self, now_us: int) -> int | None:
        """When a module can start on it, likewise."""
        if self.steady_mv is not None:
            return now_us if self.steady_mv >= ON_MV else None
        return self._reaches(ON_LEVEL, now_us, sinking=False)

    def _reaches(self, level: float, now_us: int, *, sinking: bool) -> int | None:
        sign = -1 if sinking else 1
        if sign * self.to_level < sign * level:
            return None
        if sign * self.level >= sign * level or not self.over_us:
            return now_us
        share = (level - self.level) / (self.to_level - self.level)
        return max(now_us, self.start_us + ceil(self.over_us * share))


def cell_mv(level: float) -> int:
    """Millivolts of a cell that is so full, 0 to 1."""
    for (low, low_mv), (high, high_mv) in pairwise(CURVE_MV):
        if level <= high:
            return round(low_mv + (high_mv - low_mv) * (level - low) / (high - low))
    return CURVE_MV[-1][1]
