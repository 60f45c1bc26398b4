"""The transition table, row by row, and what a change does to a record."""

from __future__ import annotations

from itertools import product

import pytest
from tables import WHO_MAY

from sim.jobs.execution import Actor, IllegalTransition, JobExecution
from sim.jobs.messages import Status

DEVICE, OPERATOR, FORCED, SERVICE = Actor.DEVICE, Actor.OPERATOR, Actor.OPERATOR_FORCED, Actor.SERVICE

ACTORS = {DEVICE: {"device"}, OPERATOR: {"operator"}, FORCED: {"operator with force"}, SERVICE: {"service", "timer"}}
"""Who acts for the words of the table. An abort acts as an operator does."""


def execution(status: Status = Status.QUEUED) -> JobExecution:
    return JobExecution("t", "j", 1, 1, queued_at_s=100, last_updated_at_s=100, status=status)


@pytest.mark.parametrize(("old", "new", "actor"), list(product(Status, Status, Actor)))
def test_transition(old: Status, new: Status, actor: Actor) -> None:
    before = execution(old)
    if ACTORS[actor] & {*WHO_MAY.get(old, {}).get(new, ())}:
        after = before.advance(new, actor, 160)
        assert (after.status, after.version, after.last_updated_at_s) == (new, 2, 160)
    else:
        with pytest.raises(IllegalTransition, match=str(old)):
            before.advance(new, actor, 160)
        assert before == execution(old)


@pytest.mark.parametrize("status", Status)
def test_only_queued_and_in_progress_are_pending(status: Status) -> None:
    assert execution(status).pending == (status in ("QUEUED", "IN_PROGRESS"))


def test_start_is_recorded_once() -> None:
    started = execution().advance(Status.IN_PROGRESS, DEVICE, 160)
    assert started.started_at_s == 160
    assert started.advance(Status.IN_PROGRESS, DEVICE, 200).started_at_s == 160


def test_execution_that_was_never_started_has_no_start() -> None:
    assert execution().advance(Status.SUCCEEDED, DEVICE, 160).started_at_s is None


def test_details_are_replaced_as_a_whole_kept_when_absent_and_cleared_when_empty() -> None:
    first = execution().advance(Status.IN_PROGRESS, DEVICE, 1, {"a": "1", "b": "2"})
    assert first.advance(Status.IN_PROGRESS, DEVICE, 2, {"b": "3"}).details == {"b": "3"}
    assert first.advance(Status.IN_PROGRESS, DEVICE, 2).details == {"a": "1", "b": "2"}
    assert first.advance(Status.IN_PROGRESS, DEVICE, 2, {}).details == {}


def test_step_timer_is_set_replaced_kept_and_cancelled_without_a_new_version() -> None:
    started = execution().advance(Status.IN_PROGRESS, DEVICE, 100).with_step_timer(7, 100)
    assert (started.step_deadline_s, started.version) == (100 + 420, 2)
    assert started.with_step_timer(5, 400).step_deadline_s == 700
    assert started.with_step_timer(None, 400).step_deadline_s == 520
    assert started.with_step_timer(-1, 400).step_deadline_s is None
    assert started.advance(Status.IN_PROGRESS, DEVICE, 200).step_deadline_s == 520


def test_finished_execution_has_no_step_timer() -> None:
    started = execution().advance(Status.IN_PROGRESS, DEVICE, 100).with_step_timer(7, 100)
    finished = started.advance(Status.FAILED, DEVICE, 110)
    assert finished.step_deadline_s is None
    assert finished.with_step_timer(7, 110).step_deadline_s is None
