"""That the tables and the machine can fail: rules are broken one at a time, and each must be noticed.

`tables` are the rows played on the core, `machine` is the random one beside the reference; a bug names who must see it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import test_tables as tables
from stages import Core
from test_jobs_random import walk

from sim.jobs import engine, execution, notify, requests, service
from sim.jobs.control import ControlPlane
from sim.jobs.execution import Actor, JobExecution
from sim.jobs.job import Job
from sim.jobs.ledger import Ledger, ThingRecord
from sim.jobs.membership import Membership
from sim.jobs.messages import PENDING, Status

WALKS, STEPS = 250, 60
Patch = Callable[[pytest.MonkeyPatch], None]


def machine_notices() -> bool:
    try:
        for seed in range(WALKS):
            walk(seed, STEPS)
    except Exception:
        return True
    return False


def tables_notice() -> bool:
    stage = Core()
    played = {
        tables.test_transition: tables.TRANSITIONS,
        tables.test_notification: tables.NOTIFICATIONS,
        tables.test_order: tables.ORDERS,
        tables.test_answer: tables.ANSWERS,
        tables.test_odd_input: tables.ODD_INPUT,
    }
    for test, rows in played.items():
        for row in rows:
            stage.renew(tables.JobRules(schedule_minima="relaxed", **getattr(row, "rules", {})))
            try:
                test(stage, row)  # type: ignore[operator]
            except Exception:
                return True
    return False


def allow(old: Status, new: Status, *actors: Actor) -> Patch:
    """Another row in the transition table."""
    rows = {**execution.TRANSITIONS, (old, new): frozenset(actors)}
    return lambda patch: patch.setattr(execution, "TRANSITIONS", rows)


def progress_keeps_the_version(patch: pytest.MonkeyPatch) -> None:
    real = JobExecution.advance

    def advance(self: JobExecution, status: Status, *args: Any) -> JobExecution:
        changed = real(self, status, *args)
        return replace(changed, version=self.version) if self.status is status else changed

    patch.setattr(JobExecution, "advance", advance)


def a_refused_version_is_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    real = requests.update
    patch.setattr(requests, "update", lambda *asked: replace(real(*asked), expected_version=None))


def started_ones_do_not_come_first(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(JobExecution, "rank", property(lambda self: (0, self.queued_at_s, self.sequence)))


def a_start_goes_to_the_end(patch: pytest.MonkeyPatch) -> None:
    started = property(lambda it: (PENDING.index(it.status), it.started_at_s or it.queued_at_s, it.sequence))
    patch.setattr(JobExecution, "rank", started)


def notify_only_with_another_head(patch: pytest.MonkeyPatch) -> None:
    real = Ledger.announce

    def announce(self: Ledger, thing: str, before: Any, now_s: int, **named: Any) -> None:
        if before.head != self.glimpse(thing).head:
            real(self, thing, before, now_s, **named)

    patch.setattr(Ledger, "announce", announce)


def notify_at_every_change(patch: pytest.MonkeyPatch) -> None:
    real = Ledger.announce
    patch.setattr(Ledger, "announce", lambda *args, **_: real(*args, always=True))


def heads_are_told_apart_by_job_alone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(JobExecution, "identity", property(lambda self: (self.job_id, 0)))


def notify_keeps_an_empty_status(patch: pytest.MonkeyPatch) -> None:
    def list_changed(thing: str, pending: Any, now_s: int, _has_windows: Any) -> Any:
        jobs = {it.value: notify.summaries(pending, it) for it in PENDING}
        return f"$aws/things/{thing}/jobs/notify", {"timestamp": now_s, "jobs": jobs}

    patch.setattr(notify, "list_changed", list_changed)


def the_later_timer_counts(patch: pytest.MonkeyPatch) -> None:
    def deadline(self: JobExecution) -> int | None:
        return max((it for it in (self.step_deadline_s, self.start_deadline_s) if it is not None), default=None)

    patch.setattr(JobExecution, "deadline_s", property(deadline))


def progress_prolongs_the_timer(patch: pytest.MonkeyPatch) -> None:
    def timed(self: JobExecution, minutes: int | None) -> JobExecution:
        if minutes is None or not self.pending:
            return self
        return replace(self, start_deadline_s=self.last_updated_at_s + 60 * minutes)

    patch.setattr(JobExecution, "with_start_timer", timed)
    patch.setattr(
        service.JobService,
        "_timed",
        lambda self, it, minutes, call: it.with_step_timer(minutes, call.now_s).with_start_timer(
            self._ledger.jobs[it.job_id].spec.in_progress_minutes
        ),
    )


def a_rejected_attempt_is_retried(patch: pytest.MonkeyPatch) -> None:
    real = engine.Engine._retry

    def retry(self: engine.Engine, job: Job, it: JobExecution, now_s: int) -> None:
        real(self, job, replace(it, status=Status.FAILED) if it.status is Status.REJECTED else it, now_s)

    patch.setattr(engine.Engine, "_retry", retry)


def one_retry_too_many(patch: pytest.MonkeyPatch) -> None:
    real = engine.Engine._retry

    def retry(self: engine.Engine, job: Job, it: JobExecution, now_s: int) -> None:
        spec = job.spec
        job.spec = replace(spec, retries={name: number + 1 for name, number in spec.retries.items()})
        real(self, job, it, now_s)
        job.spec = spec

    patch.setattr(engine.Engine, "_retry", retry)


def a_cancelled_job_retries(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Job, "accepts", True)


def deleted_executions_are_still_counted(patch: pytest.MonkeyPatch) -> None:
    real = Ledger._count

    def count(self: Ledger, job: Job, old: JobExecution | None, new: JobExecution | None) -> None:
        if new is not None:
            real(self, job, old, new)

    patch.setattr(Ledger, "_count", count)


def numbers_are_given_twice(patch: pytest.MonkeyPatch) -> None:
    real = Ledger.delete

    def delete(self: Ledger, it: JobExecution) -> None:
        real(self, it)
        self.jobs[it.job_id].numbers.pop(it.thing, None)

    patch.setattr(Ledger, "delete", delete)


def who_leaves_keeps_the_job(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Membership, "_remove", lambda *_: None)


def a_namesake_inherits(patch: pytest.MonkeyPatch) -> None:
    def add_thing(self: ControlPlane, name: str) -> None:
        self._ledger.things.setdefault(name, ThingRecord(name, 0))

    patch.setattr(ControlPlane, "add_thing", add_thing)


BUGS: dict[str, tuple[Patch, str]] = {
    "a finished execution may start again": (
        allow(Status.SUCCEEDED, Status.IN_PROGRESS, Actor.DEVICE),
        "machine tables",
    ),
    "a finished execution may fail again": (allow(Status.FAILED, Status.FAILED, Actor.DEVICE), "machine tables"),
    "a started execution is cancelled without force": (
        allow(Status.IN_PROGRESS, Status.CANCELED, Actor.OPERATOR, Actor.OPERATOR_FORCED),
        "machine tables",
    ),
    "a queued execution cannot be rejected": (allow(Status.QUEUED, Status.REJECTED), "machine tables"),
    "progress keeps the version": (progress_keeps_the_version, "machine tables"),
    "expectedVersion is not looked at": (a_refused_version_is_not_looked_at, "machine tables"),
    "started ones do not come first": (started_ones_do_not_come_first, "machine tables"),
    "a start goes to the end": (a_start_goes_to_the_end, "machine tables"),
    "notify only with another head": (notify_only_with_another_head, "machine tables"),
    "notify at every change": (notify_at_every_change, "machine tables"),
    "heads are told apart by job alone": (heads_are_told_apart_by_job_alone, "machine tables"),
    "notify keeps an empty status": (notify_keeps_an_empty_status, "tables"),
    "the later timer counts": (the_later_timer_counts, "machine"),
    "progress prolongs the timer": (progress_prolongs_the_timer, "machine"),
    "a rejected attempt is retried": (a_rejected_attempt_is_retried, "machine"),
    "one retry too many": (one_retry_too_many, "machine"),
    "a cancelled job retries": (a_cancelled_job_retries, "machine"),
    "deleted executions are still counted": (deleted_executions_are_still_counted, "machine"),
    "numbers are given twice": (numbers_are_given_twice, "machine"),
    "who leaves keeps the job": (who_leaves_keeps_the_job, "machine tables"),
    "a namesake inherits": (a_namesake_inherits, "machine"),
}


@pytest.mark.parametrize("name", BUGS)
def test_a_broken_rule_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    break_rule, watchers = BUGS[name]
    break_rule(monkeypatch)
    if "machine" in watchers:
        assert machine_notices()
    if "tables" in watchers:
        assert tables_notice()


def test_without_a_bug_nobody_complains() -> None:
    assert not machine_notices()
    assert not tables_notice()
