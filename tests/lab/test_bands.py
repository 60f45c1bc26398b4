"""What a number of runs tells: against exact binomials, tables, and experiments whose truth is known."""

from __future__ import annotations

from fractions import Fraction
from math import comb, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.kernel.seeds import stream
from sim.lab.bands import Band, median_band, runs_needed, upper_limit


def at_most(bad: int, count: int, probability: Fraction) -> Fraction:
    return sum(
        (comb(count, i) * probability**i * (1 - probability) ** (count - i) for i in range(bad + 1)), Fraction(0)
    )


@pytest.mark.parametrize(
    ("bad", "count", "limit"), [(0, 20, 0.1391), (1, 20, 0.2161), (3, 20, 0.3437), (0, 59, 0.0495), (10, 10, 1.0)]
)
def test_limits_are_those_of_the_tables(bad: int, count: int, limit: float) -> None:
    assert upper_limit(bad, count) == pytest.approx(limit, abs=5e-5)


@given(st.integers(1, 60), st.data())
def test_a_limit_is_where_so_few_bad_runs_become_unlikely(count: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(0, count - 1))
    limit = upper_limit(bad, count, 0.95)
    assert float(at_most(bad, count, Fraction(limit))) == pytest.approx(0.05, rel=1e-6)
    assert limit > bad / count
    assert limit < upper_limit(bad, count, 0.99)


@given(st.floats(0.001, 0.9), st.floats(0.5, 0.999))
def test_runs_needed_are_enough_and_one_less_is_not(probability: float, confidence: float) -> None:
    needed = runs_needed(probability, confidence)
    assert upper_limit(0, needed, confidence) <= probability * (1 + 1e-6)
    assert needed == 1 or upper_limit(0, needed - 1, confidence) >= probability * (1 - 1e-6)


@pytest.mark.parametrize(
    ("values", "band"),
    [
        ([4.0], Band(None, 4.0, None)),
        ([3.0, 1.0, 2.0, 5.0, 4.0], Band(None, 3.0, None)),
        ([6.0, 1.0, 2.0, 5.0, 4.0, 3.0], Band(1.0, 3.0, 6.0)),
        ([*map(float, range(20))], Band(5.0, 9.0, 14.0)),
        ([1.0, 1.0, 1.0, None, None, None], Band(1.0, 1.0, inf)),
        ([None] * 9, Band(inf, inf, inf)),
    ],
)
def test_bands_are_values_that_occurred(values: list[float | None], band: Band) -> None:
    assert median_band(values) == band


def test_bands_and_limits_hold_as_often_as_they_say() -> None:
    """Of a thousand made-up experiments whose truth is known, at least 95 % hold."""
    draws = stream(1, "", "coverage")
    held = [0, 0]
    for _ in range(1000):
        band = median_band([draws.expovariate(1.0) for _ in range(15)])
        assert band.low is not None
        assert band.high is not None
        held[0] += band.low <= 0.693147 <= band.high
        held[1] += upper_limit(sum(draws.random() < 0.1 for _ in range(25)), 25) >= 0.1
    assert min(held) >= 940, held
