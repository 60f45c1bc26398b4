"""The voltage of a module's supply as a function of time, so that a battery that runs down costs no events."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

BATTERY_MV = 3950
"""What is there when nobody says otherwise: `Power.getVbatt()` of the vendor's examples."""

CURVE_MV = ((0.0, 3300), (0.1, 3600), (0.25, 3700), (0.5, 3800), (0.75, 3950), (1.0, 4200))
"""ESTIMATE: rest voltage of one lithium cell by its level, as data sheets of such cells draw it."""


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


def cell_mv(level: float) -> int:
    """Millivolts of a cell that is so full, 0 to 1."""
    for (low, low_mv), (high, high_mv) in pairwise(CURVE_MV):
        if level <= high:
            return round(low_mv + (high_mv - low_mv) * (level - low) / (high - low))
    return CURVE_MV[-1][1]
