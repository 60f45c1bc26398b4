"""How values are spread, in buckets whose bounds grow by 8 %: a few hundred integers, however many values there were.

Two histograms add up to the one that had seen all values, in any order, so that parts of a fleet can count apart.
Values are whole numbers from 0 on, in the unit of whoever adds them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

GROWTH = 1.08
"""Upper bound of a bucket over that of the one before."""
ERROR = math.sqrt(GROWTH) - 1
"""Most that a percentile is away from the value that it stands for, as a share of it (3.9 %)."""
_LOG = math.log(GROWTH)
ZERO = -1
"""The bucket of the value 0, which has no logarithm."""


@dataclass(slots=True)
class Histogram:
    """`buckets` number → how many; count, sum, least and most are exact."""

    buckets: dict[int, int] = field(default_factory=dict)
    count: int = 0
    total: int = 0
    least: int = 0
    most: int = 0

    def add(self, value: int) -> None:
        """One more value."""
        bucket = ZERO if value < 1 else math.ceil(math.log(value) / _LOG)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        self.least = value if not self.count else min(self.least, value)
        self.most = max(self.most, value)
        self.count += 1
        self.total += value

    def merge(self, other: Histogram) -> None:
        """Add all that `other` has seen."""
        if not other.count:
            return
        for bucket, number in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + number
        self.least = other.least if not self.count else min(self.least, other.least)
        self.most = max(self.most, other.most)
        self.count += other.count
        self.total += other.total

    @property
    def mean(self) -> float:
        """Exact; 0 when there are no values."""
        return self.total / self.count if self.count else 0.0

    def percentile(self, share: float) -> float:
        """The value below or at which `share` (0 to 1) of all values are, to within ERROR; 0 when there are none."""
        rank = max(1, math.ceil(share * self.count))
        if rank >= self.count:
            return self.most
        for upper, seen in self.cumulative():
            if seen >= rank:
                middle = upper / math.sqrt(GROWTH)
                return min(max(middle, self.least), self.most)
        return 0.0

    def cumulative(self) -> Iterator[tuple[float, int]]:
        """Upper bound of each bucket in use, ascending, and how many values are not above it."""
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            yield (0.0 if bucket == ZERO else GROWTH**bucket), seen
