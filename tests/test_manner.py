"""The timetable of an answer that does not go out at once and whole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.manner import RESET_DELAY_US, SLICE_US, Manner, Step

SECOND = 1_000_000


@pytest.mark.parametrize(
    ("fields", "steps"),
    [
        ({}, [(0, 1000)]),
        ({"stall_at_bytes": 400, "stall_us": SECOND}, [(0, 400), (SECOND, 1000)]),
        ({"stall_at_bytes": 0, "stall_us": SECOND}, [(SECOND, 1000)]),
        ({"stall_at_bytes": 1000, "stall_us": SECOND}, [(0, 1000)]),
        ({"rate_bytes_per_s": 2000}, [(SLICE_US, 500), (SLICE_US, 1000)]),
        ({"rate_bytes_per_s": 1600}, [(SLICE_US, 400), (SLICE_US, 800), (125_000, 1000)]),
        ({"rate_bytes_per_s": 2000, "stall_at_bytes": 600, "stall_us": SECOND}, [
            (SLICE_US, 500), (50_000, 600), (SECOND + 200_000, 1000),
        ]),
        ({"cut_at_bytes": 0}, []),
        ({"cut_at_bytes": 300}, [(0, 300)]),
        ({"cut_at_bytes": 300, "reset": True}, [(0, 300), (RESET_DELAY_US, 300)]),
        ({"cut_at_bytes": 5000}, [(0, 1000)]),
        ({"cut_at_bytes": 300, "stall_at_bytes": 300, "stall_us": SECOND}, [(0, 300)]),
    ],
)  # fmt: skip
def test_timetable_of_a_thousand_bytes(fields: dict[str, Any], steps: list[tuple[int, int]]) -> None:
    assert list(Manner(**fields).steps(1000)) == [Step(*step) for step in steps]


@pytest.mark.parametrize(
    ("manner", "end"),
    [(Manner(), ""), (Manner(cut_at_bytes=1), "closed"), (Manner(cut_at_bytes=1, reset=True), "reset")],
)
def test_how_the_connection_ends(manner: Manner, end: str) -> None:
    assert manner.end == end


@given(
    size=st.integers(0, 50_000),
    rate=st.none() | st.integers(100, 10**9),
    stall=st.none() | st.integers(0, 60_000),
    cut=st.none() | st.integers(0, 60_000),
)
def test_every_byte_goes_once_and_never_faster_than_the_rate(
    size: int, rate: int | None, stall: int | None, cut: int | None
) -> None:
    manner = Manner(rate, stall, 7 * SECOND, cut)
    end = size if cut is None else min(size, cut)
    at_us = sent = 0
    for step in manner.steps(size):
        assert sent < step.until_bytes <= end
        at_us, sent = at_us + step.wait_us, step.until_bytes
        stalled_us = 7 * SECOND if stall is not None and stall < sent else 0
        assert rate is None or sent * SECOND <= rate * (at_us - stalled_us)
    assert sent == end
