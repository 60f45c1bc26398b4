"""The operations of the control plane: what an operator does to jobs and executions, and what he is shown.

A method either changes something and returns its effects, or tells something and returns the members of AWS's answer
(times in epoch seconds, members without a value left out). It raises JobError, with the name of AWS's exception, before
anything is changed. Bodies are checked where they become values (`spec.py`); here the account's state decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sim.jobs import checks, requests, spec, topics, views
from sim.jobs.checks import check_quota, invalid
from sim.jobs.documents import JobError, parse_document
from sim.jobs.effects import Effect
from sim.jobs.engine import FINISHED, Engine
from sim.jobs.execution import Actor, IllegalTransition, JobExecution
from sim.jobs.job import Job
from sim.jobs.ledger import Ledger, ThingRecord
from sim.jobs.membership import Membership
from sim.jobs.messages import JobStatus, Json, Status
from sim.jobs.paging import Page, page_of
from sim.jobs.schedule import check_times
from sim.jobs.spec import CONFIGURATIONS, JobSpec
from sim.jobs.views import execution_summary

REASON = re.compile(r"[A-Z0-9_]{1,128}")

Answer = dict[str, Json]


@dataclass(frozen=True, slots=True)
class JobFilter:
    """What ListJobs may be narrowed by; `group` is a thing group's ARN."""

    status: str | None = None
    selection: str | None = None
    group: str | None = None
    namespace: str | None = None


class ControlPlane:
    """Jobs and executions as operators see them."""

    def __init__(self, ledger: Ledger, engine: Engine, membership: Membership) -> None:
        self._ledger = ledger
        self._engine = engine
        self._membership = membership

    def add_thing(self, name: str) -> None:
        """Register a thing; a repeat does nothing."""
        if not topics.THING_NAME.fullmatch(name):
            pattern = topics.THING_NAME.pattern
            raise invalid("thingName", name, f"Member must satisfy regular expression pattern: {pattern}")
        if name not in self._ledger.things:
            self._ledger.things[name] = ThingRecord(name, self._ledger.number())

    # Jobs

    def create_job(self, wanted: JobSpec, now_s: int) -> list[Effect]:
        """CreateJob. Executions come with the rollout: the first at once, unless a start is scheduled."""
        ledger, quotas = self._ledger, self._ledger.rules.quotas
        if wanted.job_id in ledger.jobs:
            raise JobError("ResourceAlreadyExistsException", f"job {wanted.job_id} already exists; choose another id")
        if len(wanted.targets) > quotas.targets_per_job:
            raise invalid("targets", len(wanted.targets), f"Member must have at most {quotas.targets_per_job} entries")
        self._check_pace(wanted.rollout)
        check_times(wanted.schedule, now_s, relaxed=ledger.rules.schedule_minima == "relaxed")
        found = self._membership.resolve(wanted.targets)
        check_quota(len(ledger.active), quotas.active_jobs, "active jobs")
        later = wanted.schedule.start_s is not None and wanted.schedule.start_s > now_s
        if not later:
            check_quota(len(ledger.concurrent), quotas.concurrent_jobs, "concurrent jobs")
        status = JobStatus.SCHEDULED if later or wanted.schedule.windows else JobStatus.IN_PROGRESS
        job = Job(wanted, ledger.number(), status, now_s, now_s, list(wanted.targets))
        ledger.enter_job(job)
        self._membership.enlist(job, wanted.targets, found)
        if later:
            ledger.agenda.enter(("start", job.job_id), wanted.schedule.start_s or now_s)
            self._engine.settle(job)
        else:
            self._engine.begin(job, now_s)
        return ledger.drain()

    def created(self, job_id: str) -> Answer:
        """Answer of CreateJob, CancelJob and AssociateTargetsWithJob."""
        job = self._ledger.job(job_id)
        answer: Answer = {"jobArn": self._ledger.arns.job(job_id), "jobId": job_id}
        if "description" in job.spec.given:
            answer["description"] = job.spec.given["description"]
        return answer

    def describe_job(self, job_id: str, now_s: int) -> Answer:
        """DescribeJob."""
        job = self._ledger.job(job_id)
        shown = {**self.created(job_id), **views.job_view(job, now_s)}
        source = job.spec.given.get("documentSource")
        return {"job": shown} if source is None else {"documentSource": source, "job": shown}

    def get_job_document(self, job_id: str) -> Answer:
        """GetJobDocument: the text as stored, placeholders and all."""
        return {"document": self._ledger.job(job_id).spec.document.text}

    def update_job(self, job_id: str, members: Mapping[str, Json], now_s: int) -> list[Effect]:
        """UpdateJob. What was handed out or started before keeps its configuration."""
        job = self._ledger.job(job_id)
        if not job.accepts:
            raise JobError("InvalidRequestException", f"Job {job_id} is {job.status} and cannot be updated.")
        given = {name: members[name] for name in ("description", *CONFIGURATIONS) if members.get(name) is not None}
        checks.text(given, "description", 2028)
        changed = job.spec
        if "presignedUrlConfig" in given:
            expires_s = spec.presign_expires_s(given["presignedUrlConfig"])
            changed = replace(changed, document=parse_document(job.spec.document.text, expires_s))
        if "jobExecutionsRolloutConfig" in given:
            changed = replace(changed, rollout=spec.parse_rollout(given["jobExecutionsRolloutConfig"]))
            self._check_pace(changed.rollout)
        if "abortConfig" in given:
            changed = replace(changed, abort=spec.parse_abort(given["abortConfig"]))
        if "timeoutConfig" in given:
            changed = replace(changed, in_progress_minutes=spec.parse_timeout(given["timeoutConfig"]))
        if "jobExecutionsRetryConfig" in given:
            retries = spec.parse_retries(given["jobExecutionsRetryConfig"])
            if any(retries.values()):
                raise invalid("numberOfRetries", max(retries.values()), "An update may only set it to 0")
            changed = replace(changed, retries=retries)
        job.spec = replace(changed, given={**job.spec.given, **given})
        job.last_updated_at_s = now_s
        return self._ledger.drain()

    def cancel_job(
        self,
        job_id: str,
        now_s: int,
        *,
        reason_code: str | None = None,
        comment: str | None = None,
        force: bool = False,
    ) -> list[Effect]:
        """CancelJob. `force` also ends executions that devices have started."""
        job = self._ledger.job(job_id)
        if reason_code is not None and not REASON.fullmatch(reason_code):
            raise invalid(
                "reasonCode", reason_code, f"Member must satisfy regular expression pattern: {REASON.pattern}"
            )
        checks.text({"comment": comment}, "comment", 2028)
        if job.status in FINISHED:
            raise JobError("InvalidRequestException", f"Job {job_id} is {job.status} and cannot be canceled.")
        self._engine.cancel(job, now_s, force=force, reason_code=reason_code, comment=comment)
        return self._ledger.drain()

    def delete_job(self, job_id: str, now_s: int, *, force: bool = False) -> list[Effect]:
        """DeleteJob. The job is gone when its executions are, at the pace of a rollout."""
        job = self._ledger.job(job_id)
        if job.status is JobStatus.DELETION_IN_PROGRESS:
            raise _transition(f"Job {job_id} is being deleted.")
        if job.status not in FINISHED and not force:
            raise _transition(f"Job {job_id} is {job.status}; only a finished job can be deleted without force.")
        check_quota(len(self._ledger.deleting), self._ledger.rules.quotas.deletions_at_once, "jobs being deleted")
        self._engine.delete(job, now_s)
        return self._ledger.drain()

    def associate_targets(
        self, job_id: str, targets: Sequence[str], now_s: int, *, comment: str | None = None
    ) -> list[Effect]:
        """AssociateTargetsWithJob: aim a CONTINUOUS job that is in progress at further groups."""
        job, quota = self._ledger.job(job_id), self._ledger.rules.quotas.targets_per_job
        checks.text({"comment": comment}, "comment", 2028)
        added = [arn for arn in spec.check_targets(targets) if arn not in job.targets]
        if not job.spec.continuous or job.status is not JobStatus.IN_PROGRESS or job.ended:
            raise JobError("InvalidRequestException", f"Job {job_id} is not a CONTINUOUS job in progress.")
        if len(job.targets) + len(added) > quota:
            raise JobError("LimitExceededException", f"A job may have no more than {quota} targets.")
        self._membership.enlist(job, added, self._membership.resolve(added))
        job.targets += added
        job.last_updated_at_s = now_s
        job.comment = job.comment if comment is None else comment
        self._engine.roll(job, now_s)
        return self._ledger.drain()

    def list_jobs(self, wanted: JobFilter, page: Page) -> Answer:
        """ListJobs, in order of creation."""
        checks.one_of({"status": wanted.status}, "status", tuple(JobStatus), JobStatus.IN_PROGRESS)
        checks.one_of({"s": wanted.selection}, "s", ("SNAPSHOT", "CONTINUOUS"), "SNAPSHOT")

        def fits(entry: tuple[str, int]) -> bool:
            job = self._ledger.jobs.get(entry[0])
            if job is None or job.born != entry[1]:
                return False
            if wanted.selection is not None and job.spec.continuous != (wanted.selection == "CONTINUOUS"):
                return False
            if wanted.group is not None and wanted.group not in job.targets:
                return False
            if wanted.namespace is not None and job.spec.given.get("namespaceId") != wanted.namespace:
                return False
            return wanted.status is None or job.status == wanted.status

        found, token = page_of(self._ledger.job_log, page, fits)
        return _page("jobs", [self._listed(job_id) for job_id, _ in found], token)

    def _listed(self, job_id: str) -> Answer:
        arn = self._ledger.arns.job(job_id)
        return {"jobArn": arn, "jobId": job_id, **views.job_short(self._ledger.jobs[job_id])}

    # Executions

    def describe_execution(self, thing: str, job_id: str, now_s: int, *, number: int | None = None) -> Answer:
        """DescribeJobExecution; of a finished one too, unlike the device's."""
        execution = self._find(thing, job_id, number)
        return {"execution": views.execution_view(execution, self._ledger.arns, now_s)}

    def cancel_execution(
        self,
        thing: str,
        job_id: str,
        now_s: int,
        *,
        force: bool = False,
        expected_version: int | None = None,
        details: Mapping[str, Json] | None = None,
    ) -> list[Effect]:
        """CancelJobExecution. `force` also ends one that the device has started."""
        execution = self._find(thing, job_id, None)
        kept = _details(details)
        if expected_version is not None and expected_version != execution.version:
            message = f"Expected version {expected_version} but found version {execution.version}"
            raise JobError("VersionConflictException", message)
        try:
            actor = Actor.OPERATOR_FORCED if force else Actor.OPERATOR
            canceled = execution.advance(Status.CANCELED, actor, now_s, kept)
        except IllegalTransition:
            raise _transition(f"Job execution is {execution.status} and cannot be canceled.") from None
        self._engine.apply(canceled, now_s)
        return self._ledger.drain()

    def delete_execution(
        self, thing: str, job_id: str, number: int, now_s: int, *, force: bool = False
    ) -> list[Effect]:
        """DeleteJobExecution of one attempt. `force` also forgets one that the device has started."""
        execution = self._find(thing, job_id, number)
        free = execution.status is Status.QUEUED and self._ledger.rules.queued_deletion == "free"
        if execution.pending and not free and not force:
            raise _transition(f"Job execution is {execution.status}; it can only be deleted with force.")
        before = self._ledger.glimpse(thing)
        self._ledger.delete(execution)
        self._ledger.announce(thing, before, now_s)
        self._engine.check_complete(self._ledger.job(job_id), now_s)
        return self._ledger.drain()

    def list_executions_for_job(self, job_id: str, page: Page, *, status: str | None = None) -> Answer:
        """ListJobExecutionsForJob: every attempt, in order of creation."""
        job = self._ledger.job(job_id)
        checks.one_of({"status": status}, "status", tuple(Status), Status.QUEUED)

        def find(entry: str | tuple[str, int]) -> JobExecution | None:
            return job.find(entry, 1) if isinstance(entry, str) else job.find(*entry)

        def fits(entry: str | tuple[str, int]) -> bool:
            execution = find(entry)
            return execution is not None and status in (None, execution.status)

        logged, token = page_of(job.log, page, fits)
        found = [execution for entry in logged if (execution := find(entry)) is not None]
        entries = [
            {"thingArn": self._ledger.arns.thing(it.thing), "jobExecutionSummary": execution_summary(it)}
            for it in found
        ]
        return _page("executionSummaries", entries, token)

    def list_executions_for_thing(
        self, thing: str, page: Page, *, status: str | None = None, job_id: str | None = None
    ) -> Answer:
        """ListJobExecutionsForThing: every attempt, in order of creation."""
        record = self._ledger.things.get(thing)
        if record is None:
            raise JobError("ResourceNotFoundException", f"Thing {thing} does not exist.")
        checks.one_of({"status": status}, "status", tuple(Status), Status.QUEUED)

        def find(entry: tuple[str, int]) -> JobExecution | None:
            job = self._ledger.jobs.get(entry[0])
            return None if job is None else job.find(thing, entry[1])

        def fits(entry: tuple[str, int]) -> bool:
            execution = find(entry)
            return execution is not None and status in (None, execution.status) and job_id in (None, entry[0])

        found, token = page_of(record.log, page, fits)
        entries = [{"jobId": entry[0], "jobExecutionSummary": execution_summary(find(entry))} for entry in found]
        return _page("executionSummaries", entries, token)

    # Small parts

    def _find(self, thing: str, job_id: str, number: int | None) -> JobExecution:
        job = self._ledger.jobs.get(job_id)
        execution = None if job is None else job.find(thing, number)
        if execution is None:
            raise JobError(
                "ResourceNotFoundException", f"Job execution of job {job_id} for thing {thing} does not exist."
            )
        return execution

    def _check_pace(self, rollout: spec.Rollout) -> None:
        most = self._ledger.rules.quotas.rollout_per_minute
        for name, value in (("maximumPerMinute", rollout.maximum), ("baseRatePerMinute", rollout.base)):
            if value is not None and value > most:
                raise invalid(name, value, f"Member must be at most {most}")


def _details(details: Mapping[str, Json] | None) -> Mapping[str, str] | None:
    """statusDetails an operator gives with a cancellation; the same limits as a device's."""
    if details is None:
        return None
    try:
        return requests.status_details({"statusDetails": dict(details)}, strict=True)
    except requests.Refused as refused:
        raise JobError("InvalidRequestException", refused.message) from None


def _page(name: str, entries: list[Answer], token: str | None) -> Answer:
    return {name: entries} if token is None else {name: entries, "nextToken": token}


def _transition(message: str) -> JobError:
    return JobError("InvalidStateTransitionException", message)
