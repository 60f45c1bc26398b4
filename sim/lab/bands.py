"""What a number of runs tells, and how surely. Exact for any distribution, without random numbers of its own.

A median's band is a pair of order statistics, so that "never" (infinity) is a value like any other; where there are
too few runs for the confidence it is open. The limit of a probability is Clopper and Pearson's (1934), one-sided: it
is never too low, and with no bad run out of 20 it is still 14 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, inf, lgamma, log, log1p

CONFIDENCE = 0.95
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Band:
    """The median, and what it lies between; None where there are too few runs to say. Infinity is never."""

    low: float | None
    median: float
    high: float | None


def median_band(values: Sequence[float | None], confidence: float = CONFIDENCE) -> Band:
    """The band of the median; None is never. Of an even number the lower of the two in the middle."""
    ordered = sorted(inf if value is None else value for value in values)
    count, rank = len(ordered), 0
    while 2 * _at_most(rank, count, 0.5) <= 1 - confidence:
        rank += 1
    low, high = (ordered[rank - 1], ordered[count - rank]) if rank else (None, None)
    return Band(low, ordered[(count - 1) // 2], high)


def upper_limit(bad: int, count: int, confidence: float = CONFIDENCE) -> float:
    """The probability of which one can be this confident that it is not exceeded, after `bad` of `count` runs."""
    if bad >= count:
        return 1.0
    low, high = bad / count, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _at_most(bad, count, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def runs_needed(probability: float, confidence: float = CONFIDENCE) -> int:
    """How many runs, none of them bad, have their limit at this probability."""
    return ceil(log(1 - confidence) / log1p(-probability) - 1e-9)


def _at_most(bad: int, count: int, probability: float) -> float:
    """That a binomial is `bad` or less."""
    if probability <= 0.0 or bad >= count:
        return 1.0
    if probability >= 1.0:
        return 0.0
    yes, no = log(probability), log1p(-probability)
    ways = (lgamma(count + 1) - lgamma(i + 1) - lgamma(count - i + 1) for i in range(bad + 1))
    return min(1.0, sum(exp(way + i * yes + (count - i) * no) for i, way in enumerate(ways)))
