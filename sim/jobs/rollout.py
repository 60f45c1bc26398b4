"""How many things are served when: a pace per minute, spread evenly over its seconds.

The rate is decided at the beginning of each minute and holds for it. In every full minute exactly `rate` things are
served, the first one in its first second, so a job for one thing starts at once whatever its rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from sim.jobs.spec import Rollout

_MINUTE_S = 60


@dataclass(slots=True)
class Pace:
    """Even service at `rate` things per minute, from `minute_s` on. Credit is counted in sixtieths of a thing."""

    rate: int
    minute_s: int
    counted_s: int
    credit: int = _MINUTE_S - 1

    @classmethod
    def begin(cls, rate: int, now_s: int) -> Pace:
        """A pace whose first minute begins now."""
        return cls(rate, now_s, now_s - 1)

    def new_minute(self, now_s: int) -> bool:
        """Whether the rate has to be decided anew; give it to `turn`."""
        return now_s >= self.minute_s + _MINUTE_S

    def turn(self, rate: int, now_s: int) -> None:
        """Begin the next minute. What the ended one has not given is lost only when it was not asked for in time."""
        self.credit += self.rate * (self.minute_s + _MINUTE_S - 1 - self.counted_s)
        self.minute_s += _MINUTE_S * ((now_s - self.minute_s) // _MINUTE_S)
        self.counted_s = self.minute_s - 1
        self.rate = rate

    def take(self, now_s: int) -> int:
        """How many things are due up to and including this second; they are then counted as served."""
        self.credit += self.rate * (now_s - self.counted_s)
        self.counted_s = now_s
        due, self.credit = divmod(self.credit, _MINUTE_S)
        return due

    def next_s(self) -> int:
        """The next second in which a thing is due or the rate is decided."""
        ticks = max(1, -(-(_MINUTE_S - self.credit) // self.rate))
        return min(self.counted_s + ticks, self.minute_s + _MINUTE_S)


def rate_of(rollout: Rollout, notified: int, succeeded: int, default: int, most: int) -> int:
    """Things per minute after so many were notified and succeeded; never above the quota `most`."""
    limit = min(rollout.maximum or default, most)
    if rollout.base is None:
        return limit
    counted = notified if rollout.counts == "notified" else succeeded
    rate = Fraction(rollout.base)
    for _ in range(counted // rollout.step):
        if rate >= limit:
            break
        rate *= rollout.factor
    return min(limit, int(rate))
