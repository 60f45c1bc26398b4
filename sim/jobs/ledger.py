"""The records of the service: things, jobs, executions, the counts over them, and the effects of changing them.

Executions are put and deleted here and nowhere else, so counts, order, timers and events cannot be forgotten. The cost
of a change depends on what one thing has pending, never on the number of things, jobs or finished executions. A change
is announced as a whole: take a `glimpse` of the thing, change what is to be changed, then `announce`.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from sim.jobs import notify
from sim.jobs.agenda import Agenda
from sim.jobs.documents import JobError, Presign
from sim.jobs.effects import Changed, Effect, JobChanged, Publish, RolledOut
from sim.jobs.execution import JobExecution
from sim.jobs.job import Job
from sim.jobs.messages import JobStatus, Json, Status
from sim.jobs.rules import JobRules
from sim.jobs.targets import Arns, NoGroups, Targets
from sim.records import record

_RANK = attrgetter("rank")

Key = tuple[str, ...]
"""What comes up in the agenda: its kind, then the job and, for a timer of one execution, the thing."""


@dataclass(slots=True)
class ThingRecord:
    """A thing and what is pending for it, next one first. `born` tells it from an earlier thing of the same name."""

    name: str
    born: int
    pending: tuple[JobExecution, ...] = ()
    log: Sequence[tuple[str, int]] = ()
    """Every attempt at any job, job and number, in order of creation; deleted ones may stay as dead entries. Most
    things have one: a tuple of the job's, which all its things share; from the second on a list of their own."""
    joined: tuple[str, ...] = ()
    """CONTINUOUS jobs that count this thing among their members."""
    revision: int = 0
    """Changes of the set of pending executions so far."""
    touched: tuple[str, ...] = ()
    """Namespaces of the jobs whose executions these changes concerned, since the last glimpse."""


@record
class Glimpse:
    """What a change of a thing's list is judged by."""

    revision: int
    head: tuple[str, int] | None


class Ledger:
    """`effects` gathers what happened until `drain` takes it."""

    def __init__(self, presign: Presign, rules: JobRules, arns: Arns) -> None:
        self.rules = rules
        self.arns = arns
        self.targets: Targets = NoGroups()
        self.things: dict[str, ThingRecord] = {}
        self.jobs: dict[str, Job] = {}
        self.job_log: list[tuple[str, int]] = []
        """Every job ever created, id and birth, in order; those that are gone stay as dead entries."""
        self.agenda: Agenda[Key] = Agenda()
        self.counts = dict.fromkeys(Status, 0)
        self.unsettled: dict[str, None] = {}
        """Jobs that still hand out, cancel or delete executions, or wait for their start."""
        self.concurrent: dict[str, None] = {}
        """Jobs that hand out, cancel or delete executions at this moment."""
        self.active: dict[str, None] = {}
        """Jobs neither completed nor cancelled."""
        self.deleting: dict[str, None] = {}
        self.by_target: dict[str, dict[str, None]] = {}
        """Unfinished CONTINUOUS jobs by the ARN they are aimed at."""
        self.job_events = False
        self.execution_events = False
        self._presign = presign
        self._effects: list[Effect] = []
        self._numbered = 0
        self._events = 0

    def number(self) -> int:
        """The next in the order of creation of anything."""
        self._numbered += 1
        return self._numbered

    def drain(self) -> list[Effect]:
        """The effects since the last call."""
        effects, self._effects = self._effects, []
        return effects

    def job(self, job_id: str) -> Job:
        """Raises JobError ResourceNotFoundException."""
        job = self.jobs.get(job_id)
        if job is None:
            raise JobError("ResourceNotFoundException", f"Job {job_id} does not exist.")
        return job

    def document(self, execution: JobExecution, now_s: int) -> str:
        """The job's document as this device gets it now, JSON."""
        receiver = {
            "thingName": execution.thing,
            "jobId": execution.job_id,
            "executionNumber": str(execution.number),
        }
        return self.jobs[execution.job_id].spec.document.deliver(self._presign, now_s, receiver)

    def glimpse(self, thing: str) -> Glimpse:
        """A thing's list before a change."""
        record = self.things.get(thing)
        if record is None:
            return Glimpse(0, None)
        record.touched = ()
        return Glimpse(record.revision, record.pending[0].identity if record.pending else None)

    def announce(self, thing: str, before: Glimpse, now_s: int, *, always: bool = False) -> None:
        """Tell whoever listens what is different since `before`; `always`: the list even when it is the same."""
        record = self.things.get(thing)
        if record is None:
            return
        pending = record.pending
        if always or before.revision != record.revision:
            self._publish(*notify.list_changed(thing, pending, now_s, self._has_windows))
        for namespace in record.touched:
            listed = [it for it in pending if self._namespace(it.job_id) == namespace]
            self._publish(*notify.namespace_changed(thing, namespace, listed, now_s, self._has_windows))
        if before.head != (pending[0].identity if pending else None):
            document = self.document(pending[0], now_s) if pending else ""
            self._publish(*notify.next_changed(thing, pending, document, now_s))

    def put(self, execution: JobExecution, by: str, *, withheld: bool = False) -> None:
        """Store a new or changed execution. `withheld`: queued, but not shown before the next maintenance window."""
        job = self.jobs[execution.job_id]
        old = job.latest.get(execution.thing)
        again = old if old is not None and old.number == execution.number else None
        if again is None:
            self._enter_attempt(job, old, execution)
        job.latest[execution.thing] = execution
        self._count(job, old if again is not None or self.rules.counted == "things" else None, execution)
        self._show(job, again, execution, withheld)
        self._set_timer(again, execution)
        self.tell(again.status if again else None, execution, by)
        if self.execution_events and not execution.pending:
            self.execution_event(execution, execution.status.value.lower())

    def go_on(self, job: Job, old: JobExecution, execution: JobExecution) -> None:
        """Store an execution that differs by its progress or its timers: with its status it keeps its place among the
        thing's pending ones, and the counts are what they were. Whoever calls it tells, if
        there is a new version: what changed by timers alone is none."""
        job.latest[execution.thing] = execution
        record = self.things[execution.thing]
        place = self._place(record, old)
        record.pending = (*record.pending[:place], execution, *record.pending[place + 1 :])
        self._set_timer(old, execution)

    def tell(self, old: Status | None, execution: JobExecution, by: str) -> None:
        """An execution is another than it was when its status was `old`; None: it is new."""
        self._effects.append(
            Changed(
                execution.thing,
                execution.job_id,
                old,
                execution.status,
                execution.version,
                execution.details,
                by,
                execution.number,
            )
        )

    def delete(self, execution: JobExecution) -> None:
        """Forget one attempt; the one before it, if any, becomes the latest."""
        job, thing = self.jobs[execution.job_id], execution.thing
        earlier = job.earlier.get(thing, [])
        if execution in earlier:
            earlier.remove(execution)
            if self.rules.counted == "attempts":
                self._count(job, execution, None)
        else:
            self._show(job, execution, None, withheld=False)
            self._set_timer(execution, None)
            del job.latest[thing]
            job.numbers[thing] = max(execution.number, job.numbers.get(thing, 0))
            before = earlier.pop() if earlier else None
            if before is not None:
                job.latest[thing] = before
            self._count(job, execution, before if self.rules.counted == "things" else None)
        if not earlier:
            job.earlier.pop(thing, None)
        record = self.things.get(thing)
        if record is not None and (execution.job_id, execution.number) in record.log:
            record.log = [it for it in record.log if it != (execution.job_id, execution.number)]
        self._effects.append(
            Changed(thing, execution.job_id, execution.status, None, execution.version, {}, "", execution.number)
        )
        self.execution_event(execution, "deleted")

    def withhold(self, execution: JobExecution) -> None:
        """Hide a queued execution until its job's next maintenance window."""
        self._show(self.jobs[execution.job_id], execution, None, withheld=False)
        self.jobs[execution.job_id].withheld[execution.thing] = None

    def release(self, execution: JobExecution) -> None:
        """Show a hidden execution again."""
        job = self.jobs[execution.job_id]
        if execution.thing in job.withheld:
            self._show(job, None, execution, withheld=False)

    def set_status(self, job: Job, status: JobStatus, now_s: int) -> None:
        """Change a job's status, with its event."""
        old, job.status, job.last_updated_at_s = job.status, status, now_s
        if status not in (JobStatus.IN_PROGRESS, JobStatus.SCHEDULED):
            self.active.pop(job.job_id, None)
        if status is JobStatus.DELETION_IN_PROGRESS:
            self.deleting[job.job_id] = None
        self._effects.append(JobChanged(job.job_id, old, status))

    def enter_job(self, job: Job) -> None:
        """A job that was just created."""
        self.jobs[job.job_id] = job
        self.active[job.job_id] = None
        self.job_log.append((job.job_id, job.born))
        self._effects.append(JobChanged(job.job_id, None, job.status))

    def forget_job(self, job: Job) -> None:
        """A job whose executions are all gone."""
        del self.jobs[job.job_id]
        for kept in (self.unsettled, self.concurrent, self.deleting):
            kept.pop(job.job_id, None)
        self._effects.append(JobChanged(job.job_id, job.status, None))

    def roll_minute(self, job: Job, per_minute: int) -> None:
        """A minute of a job's rollout begins."""
        self._effects.append(RolledOut(job.job_id, per_minute, job.notified, len(job.waiting)))

    def job_event(self, event: str, body: dict[str, Json]) -> None:
        """Publish an event of a job, when somebody has enabled these."""
        if self.job_events:
            self._event(f"$aws/events/job/{body['jobId']}/{event}", "JOB", body)

    def execution_event(self, execution: JobExecution, event: str) -> None:
        """Publish an event of an execution, when somebody has enabled these."""
        if self.execution_events:
            body: dict[str, Json] = {
                "operation": event,
                "jobId": execution.job_id,
                "thingArn": self.arns.thing(execution.thing),
                "status": execution.status.value,
                "timestamp": execution.last_updated_at_s,
            }
            if execution.details:
                body["statusDetails"] = dict(execution.details)
            self._event(f"$aws/events/jobExecution/{execution.job_id}/{event}", "JOB_EXECUTION", body)

    def _event(self, topic: str, kind: str, body: dict[str, Json]) -> None:
        self._events += 1
        digest = hashlib.blake2b(f"event {self._events} {topic}".encode(), digest_size=16).hexdigest()
        event_id = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))
        self._publish(topic, {"eventType": kind, "eventId": event_id, **body})

    def _publish(self, topic: str, body: Mapping[str, Json]) -> None:
        self._effects.append(Publish(topic, body))

    def _enter_attempt(self, job: Job, old: JobExecution | None, execution: JobExecution) -> None:
        if old is not None:
            job.earlier.setdefault(execution.thing, []).append(old)
        if execution.number > 1:
            job.numbers[execution.thing] = execution.number
        first = execution.number == 1
        job.log.append(execution.thing if first else (execution.thing, execution.number))
        record, entry = self.things[execution.thing], execution.identity
        if first and not record.log:
            record.log = job.first_of_a_thing
        elif isinstance(record.log, list):
            record.log.append(entry)
        else:
            record.log = [*record.log, entry]

    def _count(self, job: Job, old: JobExecution | None, new: JobExecution | None) -> None:
        if old is not None and new is not None and old.status is new.status:
            return
        for counts in (job.counts, self.counts):
            if old is not None:
                counts[old.status] -= 1
            if new is not None:
                counts[new.status] += 1

    def _show(self, job: Job, old: JobExecution | None, new: JobExecution | None, withheld: bool) -> None:
        """Keep the thing's pending list: without `old`, with `new`."""
        thing = (old or new or _nothing()).thing
        record = self.things.get(thing)
        was = old is not None and old.pending and thing not in job.withheld
        job.withheld.pop(thing, None)
        if record is None:
            return
        shown = new is not None and new.pending and not withheld
        if withheld:
            job.withheld[thing] = None
        if was and old is not None:
            place = self._place(record, old)
            record.pending = record.pending[:place] + record.pending[place + 1 :]
        if shown and new is not None:
            place = bisect_right(record.pending, new.rank, key=_RANK) if record.pending else 0
            record.pending = (*record.pending[:place], new, *record.pending[place:])
        if was != shown:
            record.revision += 1
            namespace = self._namespace(job.job_id)
            if namespace and namespace not in record.touched:
                record.touched = (*record.touched, namespace)

    def _namespace(self, job_id: str) -> str:
        namespace: str = self.jobs[job_id].spec.given.get("namespaceId", "")
        return namespace

    def _has_windows(self, job_id: str) -> bool:
        return bool(self.jobs[job_id].spec.schedule.windows)

    @staticmethod
    def _place(record: ThingRecord, execution: JobExecution) -> int:
        if record.pending[0] is execution:  # the one at work, as a rule
            return 0
        return bisect_left(record.pending, execution.rank, key=_RANK)

    def _set_timer(self, old: JobExecution | None, new: JobExecution | None) -> None:
        if old and new and (old.step_deadline_s, old.start_deadline_s) == (new.step_deadline_s, new.start_deadline_s):
            return  # as most do, which have none
        was_s = None if old is None else old.deadline_s
        due_s = None if new is None else new.deadline_s
        execution = new or old
        if was_s == due_s or execution is None:
            return
        key = ("timeout", execution.job_id, execution.thing)
        if due_s is None:
            self.agenda.drop(key)
        else:
            self.agenda.enter(key, due_s)


def _nothing() -> JobExecution:
    raise AssertionError("a change is of something")
