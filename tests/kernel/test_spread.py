"""Percentiles from buckets, held against sorted lists."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.kernel.pace import LATE_S, PaceLog
from sim.kernel.spread import PER_DOUBLING, Spread

VALUES = st.lists(st.integers(0, 10**9), min_size=1, max_size=200)


def spread_of(values):
    made = Spread()
    for value in values:
        made.add(value)
    return made


def test_nothing_has_no_percentiles():
    assert Spread().percentile(99) == 0
    assert Spread().summary_ms() == {"p50": 0, "p95": 0, "p99": 0, "max": 0}


def test_what_is_below_nothing_counts_as_nothing():
    assert spread_of([-5, -1]).percentile(100) == 0


@given(VALUES, st.floats(0.1, 100))
def test_a_percentile_is_never_too_low_and_at_most_one_bucket_too_high(values, percent):
    exact = sorted(values)[math.ceil(len(values) * percent / 100) - 1]
    told = spread_of(values).percentile(percent)
    assert exact <= told <= max(exact * 2 ** (1 / PER_DOUBLING) + 1, exact)


@given(VALUES)
def test_the_largest_is_exact(values):
    spread = spread_of(values)
    assert spread.largest == spread.percentile(100) == max(values)
    assert spread.count == len(values)


def test_milliseconds_of_microseconds():
    said = spread_of([2000] * 99 + [500_000]).summary_ms()
    assert said["max"] == 500
    assert said["p50"] == said["p99"] == pytest.approx(2, rel=0.05)


def no_cpu():
    return 0.0


def test_a_pace_that_was_kept_and_one_that_was_not():
    kept, late = PaceLog(no_cpu), PaceLog(no_cpu)
    assert kept.ratio == 1
    kept.passed(60, 10, 100, 106)
    kept.passed(5, 1, 110, 115)
    assert kept.ratio == 1
    assert kept.cpu_while_late is None
    late.passed(60, 10, 100, 112)
    assert late.ratio == 0.5
    late.woke(0.25, 112)
    assert late.lag.largest == 250_000


def test_cpu_counts_from_when_lateness_begins_until_it_ends():
    read = iter([10.0, 11.0, 50.0, 50.5])
    pace = PaceLog(lambda: next(read))
    pace.woke(LATE_S, 1.0)  # not late yet
    pace.woke(LATE_S + 0.1, 2.0)
    pace.woke(3.0, 4.0)
    pace.woke(0.0, 6.0)  # 1 s of CPU in 4 s
    assert pace.cpu_while_late == 0.25
    pace.woke(0.0, 7.0)
    pace.woke(1.0, 8.0)
    pace.passed(1.0, 1.0, 0.0, 9.0)  # late to the end: 0.5 s in 1 s
    assert pace.cpu_while_late == 0.3


def test_a_wait_for_what_is_not_due_is_no_lateness():
    read = iter([10.0, 12.0])
    pace = PaceLog(lambda: next(read))
    pace.woke(1.0, 1.0)
    pace.woke(0.5, 2.0)
    pace.waits(3.0)
    pace.waits(60.0)
    pace.woke(0.0, 90.0)
    assert pace.cpu_while_late == 1.0
