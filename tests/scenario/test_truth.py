"""When a paced run is to be believed."""

from dataclasses import replace

import pytest

from sim.scenario.truth import ANSWERS_THAT_MEASURE, LAG_FLOOR_MS, OWN_FAULT, RATIO_FLOOR, Truth

KEPT = Truth(
    speed=10.0,
    sim_time_ratio=0.999,
    lag_ms={"p50": 0.1, "p95": 1.0, "p99": 4.0, "max": 900.0},
    cpu_while_late=None,
    dialled=2000,
    asked=2000,
    answered=2000,
    latency_ms={},
)


def test_one_late_instant_is_no_lateness():
    assert KEPT.behind == ""
    assert KEPT.measures


def test_time_that_did_not_pass():
    behind = replace(KEPT, sim_time_ratio=RATIO_FLOOR - 0.01).behind
    assert "the generator fell behind: 94% of the time that speed 10 asks for" in behind
    assert "--speed" in behind


def test_instants_that_came_late():
    behind = replace(KEPT, lag_ms={**KEPT.lag_ms, "p99": LAG_FLOOR_MS + 1}).behind
    assert "one instant in a hundred came 101 ms late or more" in behind


LATE = {**KEPT.lag_ms, "p99": LAG_FLOOR_MS + 1}


@pytest.mark.parametrize("late", [{"sim_time_ratio": 0.5}, {"lag_ms": LATE}])
def test_other_programs_are_named_where_they_are_at_fault(late):
    hint = "while it was late it had 31% of a processor: end what else runs here, or use a lower --speed"
    assert hint in replace(KEPT, **late, cpu_while_late=0.314).behind
    assert "processor" not in replace(KEPT, **late, cpu_while_late=OWN_FAULT).behind
    assert "processor" not in replace(KEPT, **late).behind


@pytest.mark.parametrize("answered", [0, ANSWERS_THAT_MEASURE - 1])
def test_few_answers_measure_nothing(answered):
    assert not replace(KEPT, answered=answered).measures


def test_json_has_the_verdict_beside_the_figures():
    said = replace(KEPT, sim_time_ratio=0.123456).to_json()
    assert said["behind"] is True
    assert said["sim_time_ratio"] == 0.1235
    assert said["lag_ms"]["max"] == 900.0
    assert said["cpu_while_late"] is None
    assert said["dialled"] == 2000
