"""The AWS IoT Jobs service, without any transport: values in, effects out.

Devices ask through `handle` (MQTT) and `ask` (HTTPS), operators through `control` and `templates`; the rest of the
cloud tells of things, groups and the time. Every rule of the service is here or below; adapters only carry. `handle`
never raises for anything a device can send. A refused request changes nothing. An accepted one is answered first, then
announced. The service has no clock: each call brings the time, epoch seconds, and `due_s` says when to `advance`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from sim.jobs import notify, requests, topics
from sim.jobs.control import ControlPlane
from sim.jobs.documents import JobError, Presign
from sim.jobs.effects import Changed, Effect, JobChanged, Publish, Reply, RolledOut
from sim.jobs.engine import Engine
from sim.jobs.execution import Actor, IllegalTransition, JobExecution
from sim.jobs.ledger import Ledger, ThingRecord
from sim.jobs.membership import Membership
from sim.jobs.messages import PENDING, Accepted, Execution, Json, Rejected, RejectedCode, Status
from sim.jobs.requests import Refused
from sim.jobs.rules import CONTROL_PER_S, READS_PER_S, WRITES_PER_S, JobRules
from sim.jobs.targets import Arns, Targets
from sim.jobs.templates import Templates
from sim.jobs.throttle import Throttle
from sim.jobs.topics import NEXT, JobsRequest, Operation
from sim.jobs.wire import encode
from sim.records import record

__all__ = ["Asked", "Changed", "Effect", "JobChanged", "JobService", "Publish", "Reply", "RolledOut"]

HTTPS_EXCEPTIONS = {
    RejectedCode.INVALID_TOPIC: "InvalidRequestException",
    RejectedCode.INVALID_JSON: "InvalidRequestException",
    RejectedCode.INVALID_REQUEST: "InvalidRequestException",
    RejectedCode.INVALID_STATE_TRANSITION: "InvalidStateTransitionException",
    RejectedCode.RESOURCE_NOT_FOUND: "ResourceNotFoundException",
    RejectedCode.VERSION_MISMATCH: "InvalidStateTransitionException",  # the HTTPS model knows no other
    RejectedCode.INTERNAL_ERROR: "ServiceUnavailableException",
    RejectedCode.REQUEST_THROTTLED: "ThrottlingException",
    RejectedCode.TERMINAL_STATE_REACHED: "TerminalStateException",
}
"""What a refusal is called on the HTTPS data plane."""


@record
class Asked:
    """Answer of the HTTPS data plane, and what else it brought about."""

    answer: dict[str, Json]
    effects: list[Effect]


class JobService:
    """All jobs and executions of one account."""

    def __init__(
        self,
        presign: Presign,
        *,
        rules: JobRules | None = None,
        targets: Targets | None = None,
        arns: Arns | None = None,
    ) -> None:
        self.rules = rules or JobRules()
        self.arns = arns or Arns()
        self._ledger = Ledger(presign, self.rules, self.arns)
        self._engine = Engine(self._ledger)
        self._membership = Membership(self._ledger, self._engine)
        self._throttle = Throttle()
        self.control = ControlPlane(self._ledger, self._engine, self._membership)
        self.templates = Templates(self._ledger)
        if targets is not None:
            self.use_targets(targets)

    # Told by the rest of the cloud

    def use_targets(self, targets: Targets) -> None:
        """Where groups are known; before any job is aimed at one."""
        self._ledger.targets = targets

    def use_rules(self, rules: JobRules) -> None:
        """Other choices from now on."""
        self.rules = self._ledger.rules = rules

    def add_thing(self, name: str) -> None:
        """Register a thing; a repeat does nothing. A bad name raises JobError InvalidRequestException."""
        self.control.add_thing(name)

    def remove_thing(self, name: str, now_s: int) -> list[Effect]:
        """A thing is deleted; its pending executions become REMOVED. A thing made later is another one."""
        self._membership.removed(name, now_s)
        return self._ledger.drain()

    def membership_changed(self, thing: str, now_s: int) -> list[Effect]:
        """The groups of a thing (as `Targets.groups_of` tells them) are not what they were."""
        self._membership.changed(thing, now_s)
        return self._ledger.drain()

    def set_events(self, *, jobs: bool, executions: bool) -> None:
        """Turn the topics `$aws/events/job/…` and `$aws/events/jobExecution/…` on or off; they begin off."""
        self._ledger.job_events, self._ledger.execution_events = jobs, executions

    def due_s(self) -> int | None:
        """When `advance` has to be called next, epoch seconds; None while nothing is due by itself."""
        return self._ledger.agenda.next_s()

    def advance(self, now_s: int) -> list[Effect]:
        """Let pass what was due up to and including now: rollout, timers, schedules, retries, gradual work."""
        return self._engine.advance(now_s)

    def admit(self, operation: str, now_s: int) -> None:
        """Raises JobError ThrottlingException when an operation of the control plane comes too often."""
        if self.rules.throttles == "aws" and not self._throttle.admits(operation, CONTROL_PER_S, now_s):
            raise JobError("ThrottlingException", "Rate exceeded")

    # Looked at by judges and reports

    def executions(self, job_id: str) -> tuple[JobExecution, ...]:
        """The latest attempts of a job by thing, in order of creation. KeyError for an unknown job."""
        return tuple(self._ledger.jobs[job_id].latest.values())

    def progress(self, job_id: str) -> tuple[str, int] | None:
        """A job's status, and how many things wait for their execution; None for an unknown job."""
        job = self._ledger.jobs.get(job_id)
        return None if job is None else (job.status.value, len(job.waiting))

    def attempts(self, job_id: str, thing: str) -> tuple[JobExecution, ...]:
        """Every attempt of a thing at a job, oldest first. KeyError for an unknown job or thing."""
        job = self._ledger.jobs[job_id]
        return (*job.earlier.get(thing, ()), job.latest[thing])

    def pending(self, thing: str) -> tuple[JobExecution, ...]:
        """A thing's unfinished executions that it may see, the next one first. KeyError for an unknown thing."""
        return self._ledger.things[thing].pending

    def counts(self) -> dict[Status, int]:
        """Executions of all jobs by status (latest attempts); every status is there."""
        return dict(self._ledger.counts)

    def all_terminal(self) -> bool:
        """Nothing is queued or in progress, and no job has executions yet to hand out, cancel or delete."""
        return not self._ledger.unsettled and not any(self._ledger.counts[status] for status in PENDING)

    # Asked by devices

    def handle(self, requester: str, topic: str, payload: bytes, now_s: int) -> list[Effect]:
        """Answer one request. `requester` is the thing that published it, `topic` names the thing it is about.

        Whether the one may act for the other is the broker's policy; the answer goes to the requester. A topic the
        service may not answer on (foreign, or one of its own answers) has no effects.
        """
        target = topics.parse_request(topic)
        if target is None:
            return []
        token: str | None = None
        try:
            if target.operation is None:
                raise Refused(RejectedCode.INVALID_TOPIC, "The topic does not name an operation on a job.")
            token = requests.client_token(payload)
            answer = self._perform(target.operation, target, payload, now_s, requester)
        except Refused as refused:
            return [Reply(topics.rejected(topic), encode(_rejected(refused, token, now_s)))]
        if not answer and token is None:
            return [Reply(topics.accepted(topic), _done(now_s)), *self._ledger.drain()]
        answer["timestamp"] = now_s
        if token is not None:
            answer["clientToken"] = token
        return [Reply(topics.accepted(topic), encode(answer)), *self._ledger.drain()]

    def ask(self, operation: Operation, thing: str, job_id: str, body: bytes, now_s: int) -> Asked:
        """Answer one request of the HTTPS data plane.

        `body` is JSON with all members that are not part of the path; `job_id` is "" where the operation has none, and
        may be `$next` for a describe. Documents are strings in the answer. Raises JobError with the exception's name.
        """
        try:
            if not topics.THING_NAME.fullmatch(thing) or not _names_job(operation, job_id):
                raise Refused(RejectedCode.INVALID_REQUEST, f"There is no job execution {job_id!r} of thing {thing!r}.")
            target = JobsRequest(thing, operation, job_id)
            requests.parse_body(body)
            found: Any = self._perform(operation, target, body, now_s, thing)
        except Refused as refused:
            raise JobError(HTTPS_EXCEPTIONS[refused.code], refused.message) from None
        if "execution" in found:
            found["execution"]["thingName"] = thing
        return Asked(found, self._ledger.drain())

    def _perform(
        self, operation: Operation, target: JobsRequest, payload: bytes, now_s: int, requester: str
    ) -> Accepted:
        kind, per_s, perform = _OPERATIONS[operation]
        if self.rules.throttles == "aws" and not self._throttle.admits(kind, per_s, now_s):
            raise Refused(RejectedCode.REQUEST_THROTTLED, "Rate exceeded")
        return perform(self, target, payload, now_s, requester)

    def _get_pending(self, target: JobsRequest, _payload: bytes, _now_s: int, _requester: str) -> Accepted:
        if target.thing not in self._ledger.things and self.rules.unknown_thing == "empty":
            return {"inProgressJobs": [], "queuedJobs": []}
        pending = self._thing(target).pending
        return {
            "inProgressJobs": notify.summaries(pending, Status.IN_PROGRESS),
            "queuedJobs": notify.summaries(pending, Status.QUEUED),
        }

    def _start_next(self, target: JobsRequest, payload: bytes, now_s: int, requester: str) -> Accepted:
        body = requests.parse_body(payload)
        details = requests.status_details(body, strict=self.rules.details == "strict")
        minutes = requests.step_timeout_minutes(body)
        pending = self._thing(target).pending
        if not pending:
            return {}
        execution = pending[0]
        if execution.status is Status.QUEUED:
            execution = self._timed(execution.advance(Status.IN_PROGRESS, Actor.DEVICE, now_s, details), minutes, now_s)
            self._engine.apply(execution, now_s, requester, told=self.rules.start_notifies)
        elif minutes is not None and self.rules.restarted_step == "set":
            # A job already started is returned as it is; only its step timer may be set.
            execution = execution.with_step_timer(minutes, now_s)
            self._ledger.go_on(self._ledger.jobs[execution.job_id], pending[0], execution)
        return {"execution": self._with_document(execution, now_s)}

    def _describe(self, target: JobsRequest, payload: bytes, now_s: int, _requester: str) -> Accepted:
        asked = requests.describe(payload)
        record, job_id = self._thing(target), target.job_id
        if job_id == NEXT:
            if not record.pending:
                return {}
            job_id = record.pending[0].job_id
        execution = self._find(record, job_id, asked.number)
        if not execution.pending:
            raise Refused(
                RejectedCode.TERMINAL_STATE_REACHED,
                f"Job execution has reached terminal state {execution.status}.",
            )
        if asked.with_document:
            return {"execution": self._with_document(execution, now_s)}
        return {"execution": notify.view(execution, now_s)}

    def _update(self, target: JobsRequest, payload: bytes, now_s: int, requester: str) -> Accepted:
        asked = requests.update(payload, self.rules.details == "strict")
        status, expected = asked.status, asked.expected_version
        current = self._find(self._thing(target), target.job_id, asked.number)
        # The state is told before the version: a cancelled job is over, whatever version the device knew.
        try:
            changed = current.advance(status, Actor.DEVICE, now_s, asked.details)
        except IllegalTransition:
            message = f"Can't transition job execution from {current.status} to {status}"
            code = RejectedCode(self.rules.terminal_update)
            raise Refused(code, message, current if code is RejectedCode.INVALID_STATE_TRANSITION else None) from None
        if expected is not None and expected != current.version:
            message = f"Expected version {expected} but found version {current.version}"
            raise Refused(RejectedCode.VERSION_MISMATCH, message, current)
        changed = self._timed(changed, asked.step_minutes, now_s)
        answer: Accepted = {}
        if asked.with_state:
            answer["executionState"] = notify.state(changed)
        if asked.with_document:
            answer["jobDocument"] = self._ledger.document(changed, now_s)
        started = current.status is Status.QUEUED and changed.status is Status.IN_PROGRESS
        told = started and self.rules.start_notifies
        self._engine.apply(changed, now_s, requester, told=told)
        return answer

    def _thing(self, target: JobsRequest) -> ThingRecord:
        """Refused when there is no such thing."""
        record = self._ledger.things.get(target.thing)
        if record is None:
            raise Refused(RejectedCode.RESOURCE_NOT_FOUND, f"Thing {target.thing} does not exist.")
        return record

    def _find(self, record: ThingRecord, job_id: str, number: int | None) -> JobExecution:
        thing, job = record.name, self._ledger.jobs.get(job_id)
        execution = None if job is None else job.find(thing, number)
        # A thing that was deleted and made again knows nothing of its namesake's executions.
        if execution is None or execution.sequence < record.born:
            attempt = "" if number is None else f" with execution number {number}"
            raise Refused(
                RejectedCode.RESOURCE_NOT_FOUND,
                f"Job execution of job {job_id}{attempt} for thing {thing} does not exist.",
            )
        return execution

    def _timed(self, execution: JobExecution, minutes: int | None, now_s: int) -> JobExecution:
        """With the timers it should have now: its own step timer, and the job's from its start."""
        if minutes is not None:
            execution = execution.with_step_timer(minutes, now_s)
        if execution.started_at_s != now_s:  # a changed configuration is for those that start later
            return execution
        return execution.with_start_timer(self._ledger.jobs[execution.job_id].spec.in_progress_minutes)

    def _with_document(self, execution: JobExecution, now_s: int) -> Execution:
        return {**notify.view(execution, now_s), "jobDocument": self._ledger.document(execution, now_s)}


_Perform = Callable[[JobService, JobsRequest, bytes, int, str], Accepted]
"""(service, target, payload, now_s, requester) → answer; Refused when it is refused."""

_OPERATIONS: Mapping[Operation, tuple[str, int, _Perform]] = {
    Operation.GET_PENDING: ("read", READS_PER_S, JobService._get_pending),
    Operation.DESCRIBE: ("read", READS_PER_S, JobService._describe),
    Operation.START_NEXT: ("write", WRITES_PER_S, JobService._start_next),
    Operation.UPDATE: ("write", WRITES_PER_S, JobService._update),
}
"""By what each is throttled, and who performs it."""


@lru_cache(maxsize=1)  # most updates are told no more than this, many of them in the same second
def _done(now_s: int) -> bytes:
    return encode({"timestamp": now_s})


def _names_job(operation: Operation, job_id: str) -> bool:
    if operation is Operation.DESCRIBE and job_id == NEXT:
        return True
    wanted = operation in (Operation.DESCRIBE, Operation.UPDATE)
    return bool(topics.JOB_ID.fullmatch(job_id)) if wanted else not job_id


def _rejected(refused: Refused, token: str | None, now_s: int) -> Rejected:
    body: Rejected = {"code": refused.code.value, "message": refused.message}
    if token is not None:
        body["clientToken"] = token
    body["timestamp"] = now_s
    if refused.execution is not None:
        body["executionState"] = notify.state(refused.execution)
    return body
