"""Where a device is, as a function of time: the points of a track, and straight lines between them.

Degrees are WGS 84, north and east positive. The earth is a sphere here, and a leg is short: good for a receiver's
figures, not for navigation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

EARTH_M = 6_371_000
"""Mean radius."""


@dataclass(frozen=True, slots=True)
class Point:
    """A place that is reached `after_us` from the start of its track."""

    latitude: float
    longitude: float
    altitude_m: float = 0.0
    after_us: int = 0


@dataclass(frozen=True, slots=True)
class Fix:
    """What a receiver knows: where it is, how fast (km/h) and in which direction (degrees from north) it moves."""

    latitude: float
    longitude: float
    altitude_m: float
    speed_kmh: float
    course: float


@dataclass(frozen=True, slots=True)
class Track:
    """Points in order of time, from `start_us` on; the last one is where the device stays. No points: no fix."""

    points: tuple[Point, ...]
    start_us: int = 0

    def fix(self, now_us: int) -> Fix | None:
        """Where the device is now; None when its receiver sees too few satellites."""
        if not self.points:
            return None
        at_us = now_us - self.start_us
        for begin, end in pairwise(self.points):
            if at_us < end.after_us:
                return _between(begin, end, max(0, at_us - begin.after_us))
        last = self.points[-1]
        return Fix(last.latitude, last.longitude, last.altitude_m, 0.0, 0.0)


def _between(begin: Point, end: Point, since_us: int) -> Fix:
    lasts_us = end.after_us - begin.after_us
    share = since_us / lasts_us
    north = math.radians(end.latitude - begin.latitude) * EARTH_M
    middle = math.radians((begin.latitude + end.latitude) / 2)
    east = math.radians(end.longitude - begin.longitude) * EARTH_M * math.cos(middle)
    return Fix(
        begin.latitude + (end.latitude - begin.latitude) * share,
        begin.longitude + (end.longitude - begin.longitude) * share,
        begin.altitude_m + (end.altitude_m - begin.altitude_m) * share,
        math.hypot(north, east) / lasts_us * 1_000_000 * 3.6,
        math.degrees(math.atan2(east, north)) % 360,
    )
