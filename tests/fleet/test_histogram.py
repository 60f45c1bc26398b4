"""Percentiles stay within the bucket error, and parts of a fleet add up to the whole."""

import math

from hypothesis import given
from hypothesis import strategies as st

from sim.fleet.histogram import ERROR, Histogram

VALUES = st.lists(st.integers(0, 10**12), min_size=1, max_size=60)


def of(values):
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


@given(VALUES, st.floats(0.01, 1))
def test_a_percentile_is_within_the_error(values, share):
    exact = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    assert abs(of(values).percentile(share) - exact) <= exact * ERROR * 1.0001 + 1


@given(VALUES, VALUES)
def test_halves_add_up_to_the_whole(some, others):
    merged = of(some)
    merged.merge(of(others))
    assert merged == of(some + others)


def test_nothing_is_nothing():
    empty = Histogram()
    empty.merge(Histogram())
    assert (empty.count, empty.mean, empty.percentile(0.5)) == (0, 0.0, 0.0)


def test_extremes_are_exact():
    histogram = of([7, 1000, 123_456])
    assert (histogram.least, histogram.most, histogram.percentile(1)) == (7, 123_456, 123_456)
