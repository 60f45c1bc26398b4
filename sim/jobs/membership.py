"""Who belongs to a job: things that come, go, join and leave.

A SNAPSHOT job keeps the things it was created for. A CONTINUOUS job follows its targets: who joins gets an execution
at once, whatever the rollout pace; who leaves has it REMOVED, and may join again for a new attempt with fresh retries.
"""

from __future__ import annotations

from collections.abc import Iterable

from sim.jobs.documents import JobError
from sim.jobs.engine import Engine
from sim.jobs.execution import Actor
from sim.jobs.job import Job
from sim.jobs.ledger import Ledger, ThingRecord
from sim.jobs.messages import Status


class Membership:
    """Keeps the jobs in step with things and groups. Effects stay in the ledger."""

    def __init__(self, ledger: Ledger, engine: Engine) -> None:
        self._ledger = ledger
        self._engine = engine

    def resolve(self, targets: Iterable[str]) -> dict[str, None]:
        """Every thing the ARNs stand for, once, in order. JobError ResourceNotFoundException for an unknown one."""
        found: dict[str, None] = {}
        for arn in targets:
            kind, name = self._ledger.arns.parse(arn) or ("", "")
            if kind == "thing":
                if name not in self._ledger.things:
                    raise JobError("ResourceNotFoundException", f"thing {name} does not exist; create it first")
                found[name] = None
            elif kind == "thinggroup" and self._ledger.targets.exists(arn):
                found.update((thing, None) for thing in self._ledger.targets.members(arn) if self._knows(thing))
            elif kind == "thinggroup":
                raise JobError("ResourceNotFoundException", f"thing group {name} does not exist; create it first")
            else:
                raise JobError("InvalidRequestException", f"{arn!r} is not a thing or thing group of this account")
        return found

    def enlist(self, job: Job, targets: Iterable[str], found: Iterable[str]) -> None:
        """Aim a job at further targets, which are the things `found`; they wait for their turn in the rollout."""
        if not job.spec.continuous:
            job.waiting.extend(found)
            return
        for arn in targets:
            self._ledger.by_target.setdefault(arn, {})[job.job_id] = None
        for thing in found:
            if thing not in job.members:
                job.members[thing] = None
                job.waiting.append(thing)
                self._ledger.things[thing].joined += (job.job_id,)

    def changed(self, thing: str, now_s: int) -> None:
        """The groups of a thing are not what they were."""
        record = self._ledger.things.get(thing)
        if record is None:
            return
        mine = dict.fromkeys((self._ledger.arns.thing(thing), *self._ledger.targets.groups_of(thing)))
        for job_id in record.joined:
            job = self._ledger.jobs[job_id]
            if not any(arn in mine for arn in job.targets):
                self._leave(job, record, now_s)
        for arn in mine:
            for job_id in list(self._ledger.by_target.get(arn, ())):
                if job_id not in record.joined:
                    self._join(self._ledger.jobs[job_id], record, now_s)

    def removed(self, thing: str, now_s: int) -> None:
        """A thing is deleted: what is pending for it is REMOVED, its history stays with the jobs."""
        record = self._ledger.things.get(thing)
        if record is None:
            return
        for job_id in record.joined:
            self._leave(self._ledger.jobs[job_id], record, now_s)
        hidden = [job_id for job_id, _ in record.log if thing in self._withheld(job_id)]
        for job_id in [*(it.job_id for it in record.pending), *hidden]:
            self._remove(self._ledger.jobs[job_id], thing, now_s)
        del self._ledger.things[thing]

    def _join(self, job: Job, record: ThingRecord, now_s: int) -> None:
        job.members[record.name] = None
        record.joined += (job.job_id,)
        latest = job.latest.get(record.name)
        if not job.started:
            job.waiting.append(record.name)
        elif latest is None or not latest.pending:
            self._engine.hand_out(job, record.name, now_s)

    def _leave(self, job: Job, record: ThingRecord, now_s: int) -> None:
        job.members.pop(record.name, None)
        record.joined = tuple([it for it in record.joined if it != job.job_id])
        latest = job.latest.get(record.name)
        started = latest is not None and latest.status is Status.IN_PROGRESS
        if not (started and self._ledger.rules.left_group == "started_go_on"):
            self._remove(job, record.name, now_s)

    def _remove(self, job: Job, thing: str, now_s: int) -> None:
        latest = job.latest.get(thing)
        if latest is not None and latest.pending:
            self._engine.apply(latest.advance(Status.REMOVED, Actor.SERVICE, now_s), now_s)

    def _knows(self, thing: str) -> bool:
        return thing in self._ledger.things

    def _withheld(self, job_id: str) -> dict[str, None]:
        job = self._ledger.jobs.get(job_id)
        return {} if job is None else job.withheld
