"""What follows from a change, and what happens by itself as time passes.

A finished attempt may be retried, abort its job, or complete it. By themselves come: the scheduled start and end,
maintenance windows, the rollout, timeouts, and the gradual cancelling and deleting. Whatever waits for a moment is one
entry of the ledger's agenda, and is done at that moment even when `advance` is called late.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

from sim.jobs import views
from sim.jobs.effects import Effect
from sim.jobs.execution import Actor, IllegalTransition, JobExecution
from sim.jobs.job import Job, Sweep
from sim.jobs.ledger import Ledger
from sim.jobs.messages import JobStatus, Status
from sim.jobs.rollout import Pace, rate_of
from sim.jobs.rules import DEFAULT_ROLLOUT_PER_MINUTE
from sim.jobs.spec import AbortCriterion

FINISHED = (JobStatus.COMPLETED, JobStatus.CANCELED, JobStatus.DELETION_IN_PROGRESS)


class Engine:
    """The rules of jobs over one ledger. Methods leave their effects in the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def advance(self, now_s: int) -> list[Effect]:
        """Do all that is due up to and including this second, each at its own time."""
        agenda = self._ledger.agenda
        while (due_s := agenda.next_s()) is not None and due_s <= now_s:
            self._happen(agenda.pop(), due_s)
        return self._ledger.drain()

    def apply(self, execution: JobExecution, now_s: int, by: str = "", told: bool = False) -> None:
        """Put a changed execution, with all that follows. `told`: notify even if the set is the same (rule)."""
        ledger, thing = self._ledger, execution.thing
        job = ledger.jobs[execution.job_id]
        old = job.latest[thing]
        if execution.status is old.status and not told:  # its progress is no news for anybody's list
            ledger.go_on(job, old, execution)
            ledger.tell(old.status, execution, by)
            return
        before = ledger.glimpse(thing)
        ledger.put(execution, by)
        finished = not execution.pending
        if finished:
            self._retry(job, execution, now_s)
        ledger.announce(thing, before, now_s, always=told)
        if finished:
            self._check_abort(job, now_s)
            self.check_complete(job, now_s)

    # Creating executions

    def queue(self, job: Job, thing: str, now_s: int, *, retry: int = 0, withheld: bool = False) -> None:
        """A new attempt for a thing; announcing it is the caller's."""
        ledger, old = self._ledger, job.latest.get(thing)
        number = max(job.numbers.get(thing, 0), old.number if old else 0) + 1
        execution = JobExecution(
            thing, job.job_id, number, ledger.number(), queued_at_s=now_s, last_updated_at_s=now_s, retry=retry
        )
        ledger.put(execution, "", withheld=withheld)

    def hand_out(self, job: Job, thing: str, now_s: int) -> None:
        """The first attempt of a new target, told to the thing; outside a maintenance window it stays hidden."""
        before = self._ledger.glimpse(thing)
        job.notified += 1
        job.used_retries.pop(thing, None)
        self.queue(job, thing, now_s, withheld=not job.open)
        self._ledger.announce(thing, before, now_s)

    def begin(self, job: Job, now_s: int) -> None:
        """The job's time has come: enter its first window, or roll out at once."""
        schedule = job.spec.schedule
        job.started = True
        if schedule.end_s is not None:
            self._ledger.agenda.enter(("end", job.job_id), schedule.end_s)
        if schedule.windows:
            job.open = False
            self._turn_window(job, now_s)
            return
        if job.status is not JobStatus.IN_PROGRESS:
            self._ledger.set_status(job, JobStatus.IN_PROGRESS, now_s)
        self.roll(job, now_s)
        self.check_complete(job, now_s)

    def roll(self, job: Job, now_s: int) -> None:
        """Hand out what is due of the rollout, and come back for the rest."""
        if not job.waiting or not job.started or not job.open:
            self.settle(job)
            return
        if job.pace is None:
            job.pace = Pace.begin(self._rate(job), now_s)
            self._ledger.roll_minute(job, job.pace.rate)
        elif job.pace.new_minute(now_s):
            job.pace.turn(self._rate(job), now_s)
            self._ledger.roll_minute(job, job.pace.rate)
        due = job.pace.take(now_s)
        while due and job.waiting:
            thing = job.waiting.popleft()
            if self._is_target(job, thing):
                self.hand_out(job, thing, now_s)
                due -= 1
        if job.waiting:
            self._ledger.agenda.enter(("rollout", job.job_id), job.pace.next_s())
        else:
            job.pace = None
        self.settle(job)

    # Ending jobs

    def cancel(
        self, job: Job, now_s: int, *, force: bool, reason_code: str | None = None, comment: str | None = None
    ) -> None:
        """Cancel a job: nothing new is handed out, and its executions follow at the pace of a rollout."""
        job.reason_code, job.comment, job.force_canceled = reason_code, comment, force
        job.completed_at_s = now_s
        self._close(job)
        self._ledger.set_status(job, JobStatus.CANCELED, now_s)
        self.event(job, "cancellation_in_progress", now_s)
        self._begin_sweep(job, "force_cancel" if force else "cancel", now_s)
        self._sweep(job, now_s)

    def delete(self, job: Job, now_s: int) -> None:
        """Begin to delete a job; its executions go from the next second on."""
        self._close(job)
        self._ledger.set_status(job, JobStatus.DELETION_IN_PROGRESS, now_s)
        self.event(job, "deletion_in_progress", now_s)
        self._begin_sweep(job, "delete", now_s + 1)
        self._ledger.agenda.enter(("sweep", job.job_id), now_s + 1)
        self.settle(job)

    def check_complete(self, job: Job, now_s: int) -> None:
        """Complete the job when nothing is left to do and nobody can join."""
        running = job.status in (JobStatus.IN_PROGRESS, JobStatus.SCHEDULED)
        if not running or not job.started or job.waiting or job.pending or (job.spec.continuous and not job.ended):
            return
        self._close(job)
        job.completed_at_s = now_s
        self._ledger.set_status(job, JobStatus.COMPLETED, now_s)
        self.event(job, "completed", now_s)
        self.settle(job)

    def event(self, job: Job, name: str, now_s: int) -> None:
        """Publish a job event; its body is the job in short."""
        self._ledger.job_event(name, views.job_event(job, name, now_s))

    # What comes up by itself

    def _happen(self, key: tuple[str, ...], now_s: int) -> None:
        job = self._ledger.jobs[key[1]]
        match key[0]:
            case "timeout":
                timed_out = job.latest[key[2]].advance(Status.TIMED_OUT, Actor.SERVICE, now_s)
                self.apply(timed_out, now_s)
            case "rollout":
                self.roll(job, now_s)
                self.check_complete(job, now_s)  # when those that waited are gone, nothing else comes to ask
            case "sweep":
                self._sweep(job, now_s)
            case "start":
                self._start_scheduled(job, now_s)
            case "window":
                self._turn_window(job, now_s)
            case "end":
                self._end_scheduled(job, now_s)

    def _start_scheduled(self, job: Job, now_s: int) -> None:
        if len(self._ledger.concurrent) >= self._ledger.rules.quotas.concurrent_jobs:
            self.cancel(job, now_s, force=False, comment="Too many concurrent jobs at the scheduled start.")
        else:
            self.begin(job, now_s)

    def _end_scheduled(self, job: Job, now_s: int) -> None:
        behavior = job.spec.schedule.end_behavior
        if behavior != "STOP_ROLLOUT":
            self.cancel(job, now_s, force=behavior == "FORCE_CANCEL")
            return
        job.ended = True
        job.waiting.clear()
        self._forget_targets(job)
        self.settle(job)
        self.check_complete(job, now_s)

    def _turn_window(self, job: Job, now_s: int) -> None:
        """Open or close the maintenance window, whichever it is time for, and come back for the next turn."""
        window = job.spec.schedule.window(now_s)
        is_open = window is not None and window[0] <= now_s
        if window is not None:
            self._ledger.agenda.enter(("window", job.job_id), window[1] if is_open else window[0])
        status = JobStatus.IN_PROGRESS if is_open else JobStatus.SCHEDULED
        if job.status is not status:
            self._ledger.set_status(job, status, now_s)
        if is_open and not job.open:
            job.open = True
            for thing in list(job.withheld):
                before = self._ledger.glimpse(thing)
                self._ledger.release(job.latest[thing])
                self._ledger.announce(thing, before, now_s)
            self.roll(job, now_s)
        elif not is_open and job.open:
            self._close_window(job, now_s)
        self.settle(job)

    def _close_window(self, job: Job, now_s: int) -> None:
        job.open, job.pace = False, None
        self._ledger.agenda.drop(("rollout", job.job_id))
        for execution in list(job.latest.values()):
            if execution.status is Status.QUEUED and execution.thing not in job.withheld:
                before = self._ledger.glimpse(execution.thing)
                self._ledger.withhold(execution)
                if self._ledger.rules.window_close_notifies:
                    self._ledger.announce(execution.thing, before, now_s)

    # What follows from a finished attempt

    def _retry(self, job: Job, execution: JobExecution, now_s: int) -> None:
        kind = "ALL" if "ALL" in job.spec.retries else execution.status.value
        retriable = execution.status in (Status.FAILED, Status.TIMED_OUT)
        if not retriable or not job.accepts or execution.thing not in self._ledger.things:
            return
        if job.spec.continuous and execution.thing not in job.members:
            return
        used = job.used_retries.setdefault(execution.thing, {})
        if used.get(kind, 0) >= job.spec.retries.get(kind, 0):
            return
        used[kind] = used.get(kind, 0) + 1
        # A retry of a job with maintenance windows waits for the next one, even while one is open.
        hidden = bool(job.spec.schedule.windows)
        self.queue(job, execution.thing, now_s, retry=execution.retry + 1, withheld=hidden)

    def _check_abort(self, job: Job, now_s: int) -> None:
        if job.status not in (JobStatus.IN_PROGRESS, JobStatus.SCHEDULED):
            return
        for criterion in job.spec.abort:
            if self._is_met(job, criterion):
                comment = (
                    f"Aborted: at least {float(criterion.threshold):g} percent of the executions were {criterion.name}."
                )
                self.cancel(job, now_s, force=False, reason_code="ABORT_CRITERIA_MET", comment=comment)
                return

    @staticmethod
    def _is_met(job: Job, criterion: AbortCriterion) -> bool:
        executed = job.executed
        failed = sum(job.counts[status] for status in criterion.failures)
        return executed >= criterion.minimum and 100 * failed >= criterion.threshold * executed

    # Gradual work

    def _begin_sweep(self, job: Job, what: Literal["cancel", "force_cancel", "delete"], now_s: int) -> None:
        pace = Pace.begin(DEFAULT_ROLLOUT_PER_MINUTE, now_s)
        if self._ledger.rules.quotas.rollout_per_minute > DEFAULT_ROLLOUT_PER_MINUTE:
            pace = Pace.begin(self._ledger.rules.quotas.rollout_per_minute, now_s)
        concerned = [it.thing for it in job.latest.values() if what == "delete" or it.pending]
        job.sweep = Sweep(what, deque(concerned), pace)

    def _sweep(self, job: Job, now_s: int) -> None:
        """Cancel or delete what is due, and come back for the rest."""
        sweep = job.sweep
        assert sweep is not None, f"job {job.job_id} sweeps nothing"
        if sweep.pace.new_minute(now_s):
            sweep.pace.turn(sweep.pace.rate, now_s)
        due = sweep.pace.take(now_s)
        while due and sweep.things:
            thing = sweep.things.popleft()
            due -= (
                self._delete_all(job, thing, now_s) if sweep.what == "delete" else self._cancel_one(job, thing, now_s)
            )
        if sweep.things:
            self._ledger.agenda.enter(("sweep", job.job_id), sweep.pace.next_s())
            self.settle(job)
            return
        job.sweep = None
        if sweep.what == "delete":
            self.event(job, "deleted", now_s)
            self._ledger.forget_job(job)
        else:
            self.event(job, "canceled", now_s)
            self.settle(job)

    def _cancel_one(self, job: Job, thing: str, now_s: int) -> int:
        """1 when there was an execution to cancel: the device may have been quicker."""
        execution, force = job.latest.get(thing), job.force_canceled
        try:
            canceled = execution and execution.advance(
                Status.CANCELED, Actor.OPERATOR_FORCED if force else Actor.OPERATOR, now_s
            )
        except IllegalTransition:
            return 0
        if canceled:
            self.apply(canceled, now_s)
        return int(canceled is not None)

    def _delete_all(self, job: Job, thing: str, now_s: int) -> int:
        latest = job.latest.get(thing)
        if latest is None:
            return 0
        before = self._ledger.glimpse(thing)
        for execution in [*job.earlier.get(thing, ()), latest]:
            self._ledger.delete(execution)
        self._ledger.announce(thing, before, now_s)
        return 1

    # Small parts

    def _rate(self, job: Job) -> int:
        quotas = self._ledger.rules.quotas
        succeeded = job.counts[Status.SUCCEEDED]
        return rate_of(job.spec.rollout, job.notified, succeeded, DEFAULT_ROLLOUT_PER_MINUTE, quotas.rollout_per_minute)

    def _is_target(self, job: Job, thing: str) -> bool:
        """Still wanted when its turn has come: neither gone nor served another way meanwhile."""
        record = self._ledger.things.get(thing)
        if record is None or thing in job.latest:
            return False
        return thing in job.members if job.spec.continuous else record.born < job.born

    def _close(self, job: Job) -> None:
        """Nothing more will be handed out, start, end or open."""
        job.ended = True
        job.waiting.clear()
        job.pace = None
        for kind in ("start", "end", "window", "rollout", "sweep"):
            self._ledger.agenda.drop((kind, job.job_id))
        self._forget_targets(job)

    def _forget_targets(self, job: Job) -> None:
        if not job.spec.continuous:
            return
        for arn in job.targets:
            listed = self._ledger.by_target.get(arn, {})
            listed.pop(job.job_id, None)
            if not listed:
                self._ledger.by_target.pop(arn, None)
        for thing in job.members:
            record = self._ledger.things.get(thing)
            if record is not None:
                record.joined = tuple([it for it in record.joined if it != job.job_id])
        job.members.clear()

    def settle(self, job: Job) -> None:
        unsettled = job.sweep is not None or bool(job.waiting) or not (job.started or job.ended)
        for kept, belongs in ((self._ledger.unsettled, unsettled), (self._ledger.concurrent, job.concurrent)):
            if belongs:
                kept[job.job_id] = None
            else:
                kept.pop(job.job_id, None)
