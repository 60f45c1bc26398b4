"""How values spread: counts in logarithmic buckets, so that any number of them takes the same room.

A percentile is the upper edge of the bucket that holds it, at most one part in `PER_DOUBLING` octaves too high; it is
never too low. The largest value is kept as it is.
"""

from __future__ import annotations

import math

PER_DOUBLING = 16
"""Buckets between a value and its double: 4.4 % from one to the next."""


class Spread:
    """Of whole numbers from 0 up: microseconds, bytes."""

    __slots__ = ("_counts", "count", "largest")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.count = 0
        self.largest = 0

    def add(self, value: int) -> None:
        """One more; below 0 counts as 0."""
        bucket = math.ceil(math.log2(value) * PER_DOUBLING) if value > 0 else -1
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self.count += 1
        self.largest = max(self.largest, value)

    def percentile(self, percent: float) -> int:
        """The smallest bucket's edge that so many percent do not exceed; 0 when there is nothing."""
        wanted, seen = math.ceil(self.count * percent / 100), 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= wanted:
                return 0 if bucket < 0 else min(self.largest, math.ceil(2 ** (bucket / PER_DOUBLING)))
        return 0

    def summary_ms(self) -> dict[str, float]:
        """Of microseconds: milliseconds at the places that people ask for."""
        places = {"p50": self.percentile(50), "p95": self.percentile(95), "p99": self.percentile(99)}
        return {name: round(us / 1000, 3) for name, us in (places | {"max": self.largest}).items()}
