"""The AWS IoT Jobs service, without any transport: values in, effects out.

Every rule of the service is here or below; adapters (broker, REST, memory) only carry. `handle` never raises for
anything a device can send. A refused request changes nothing. An accepted one is answered first, then announced
(`accepted`, `notify`, `notify-next`). Executions are created and changed in `_put` alone, so counts and
announcements cannot be forgotten. The service has no clock: each call brings the time, whole epoch seconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sim.jobs import notify, requests, topics
from sim.jobs.documents import JobDocument, JobError, Presign, parse_document
from sim.jobs.execution import Actor, IllegalTransition, JobExecution
from sim.jobs.messages import PENDING, Accepted, Execution, Json, Rejected, RejectedCode, Status
from sim.jobs.requests import Refused
from sim.jobs.topics import NEXT, JobsRequest, Operation


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. It goes to the requesting connection only, subscribed or not, in exactly one copy."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Publish:
    """A notification. It goes through the broker to whoever subscribed."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Changed:
    """An execution was created (`old` None) or changed, for the trace. `by` names the asking thing, "" the cloud."""

    thing: str
    job_id: str
    old: Status | None
    new: Status
    version: int
    details: Mapping[str, str]
    by: str


Effect = Reply | Publish | Changed


@dataclass(frozen=True, slots=True)
class _Job:
    """A job as created: its document, and its things in the order given."""

    document: JobDocument
    things: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Call:
    """One request of a device, parsed as far as its envelope."""

    requester: str
    target: JobsRequest
    body: dict[str, Json]
    now_s: int


_Outcome = tuple[Accepted, list[Effect]]


class JobService:
    """All jobs and executions of one account. `details` strict refuses statusDetails that are not strings."""

    def __init__(self, presign: Presign, *, details: Literal["lenient", "strict"] = "lenient") -> None:
        self._presign = presign
        self._strict = details == "strict"
        self._jobs: dict[str, _Job] = {}
        self._executions: dict[str, dict[str, JobExecution]] = {}
        self._counts = dict.fromkeys(Status, 0)
        self._created = 0

    def add_thing(self, name: str) -> None:
        """Register a thing; a repeat does nothing. A bad name raises JobError InvalidRequestException."""
        if not topics.THING_NAME.fullmatch(name):
            raise _bad_name("thingName", name, topics.THING_NAME.pattern)
        self._executions.setdefault(name, {})

    def create_job(
        self, job_id: str, document: str, targets: Sequence[str], now_s: int, presign_expires_s: int | None
    ) -> list[Effect]:
        """A SNAPSHOT job: one queued execution for each of `targets` (things) as they are now, none later.

        `document` is JSON text; `presign_expires_s` is presignedUrlConfig.expiresInSec, None without the config.
        Raises JobError, with the name of AWS's exception, before anything is changed.
        """
        if not topics.JOB_ID.fullmatch(job_id):
            raise _bad_name("jobId", job_id, topics.JOB_ID.pattern)
        if job_id in self._jobs:
            raise JobError("ResourceAlreadyExistsException", f"job {job_id} already exists; choose another id")
        for thing in targets:
            if thing not in self._executions:
                raise JobError("ResourceNotFoundException", f"thing {thing} does not exist; create it first")
        things = tuple(dict.fromkeys(targets))
        self._jobs[job_id] = _Job(parse_document(document, presign_expires_s), things)
        effects: list[Effect] = []
        for thing in things:
            self._created += 1
            queued = JobExecution(thing, job_id, 1, self._created, queued_at_s=now_s, last_updated_at_s=now_s)
            effects += self._put(queued, now_s, by="")
        return effects

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
            body = requests.parse_body(payload)
            token = requests.client_token(body)
            call = _Call(requester, target, body, now_s)
            answer, effects = self._perform(target.operation, call)
        except Refused as refused:
            return [Reply(topics.rejected(topic), _encode(_rejected(refused, token, now_s)))]
        answer["timestamp"] = now_s
        if token is not None:
            answer["clientToken"] = token
        return [Reply(topics.accepted(topic), _encode(answer)), *effects]

    def executions(self, job_id: str) -> tuple[JobExecution, ...]:
        """All executions of a job, in the order of its targets. KeyError for an unknown job."""
        return tuple(self._executions[thing][job_id] for thing in self._jobs[job_id].things)

    def pending(self, thing: str) -> tuple[JobExecution, ...]:
        """A thing's unfinished executions, the next one first. KeyError for an unknown thing."""
        return notify.pending_order(self._executions[thing].values())

    def counts(self) -> dict[Status, int]:
        """Executions of all jobs by status; every status is there."""
        return dict(self._counts)

    def all_terminal(self) -> bool:
        """Nothing is queued or in progress."""
        return not any(self._counts[status] for status in PENDING)

    def _perform(self, operation: Operation, call: _Call) -> _Outcome:
        match operation:
            case Operation.GET_PENDING:
                return self._get_pending(call)
            case Operation.START_NEXT:
                return self._start_next(call)
            case Operation.DESCRIBE:
                return self._describe(call)
            case Operation.UPDATE:
                return self._update(call)

    def _get_pending(self, call: _Call) -> _Outcome:
        self._check_thing(call)
        pending = self.pending(call.target.thing)
        return {
            "inProgressJobs": notify.summaries(pending, Status.IN_PROGRESS),
            "queuedJobs": notify.summaries(pending, Status.QUEUED),
        }, []

    def _start_next(self, call: _Call) -> _Outcome:
        details = requests.status_details(call.body, strict=self._strict)
        minutes = requests.step_timeout_minutes(call.body)
        self._check_thing(call)
        pending = self.pending(call.target.thing)
        if not pending:
            return {}, []
        execution, effects = pending[0], list[Effect]()
        if execution.status is Status.QUEUED:
            execution = execution.advance(Status.IN_PROGRESS, Actor.DEVICE, call.now_s, details)
            execution = execution.with_step_timer(minutes, call.now_s)
            effects = self._put(execution, call.now_s, call.requester)
        elif minutes is not None:
            # A job already started is returned as it is; only its step timer may be set.
            execution = execution.with_step_timer(minutes, call.now_s)
            self._executions[execution.thing][execution.job_id] = execution
        return {"execution": self._with_document(execution, call.now_s)}, effects

    def _describe(self, call: _Call) -> _Outcome:
        number = requests.whole(call.body, "executionNumber")
        with_document = requests.flag(call.body, "includeJobDocument", default=True)
        self._check_thing(call)
        job_id = call.target.job_id
        if job_id == NEXT:
            pending = self.pending(call.target.thing)
            if not pending:
                return {}, []
            job_id = pending[0].job_id
        execution = self._find(call.target.thing, job_id, number)
        if not execution.pending:
            raise Refused(
                RejectedCode.TERMINAL_STATE_REACHED,
                f"Job execution has reached terminal state {execution.status}.",
            )
        shown = self._with_document(execution, call.now_s) if with_document else notify.view(execution)
        return {"execution": shown}, []

    def _update(self, call: _Call) -> _Outcome:
        status = requests.device_status(call.body)
        details = requests.status_details(call.body, strict=self._strict)
        expected = requests.whole(call.body, "expectedVersion")
        number = requests.whole(call.body, "executionNumber")
        minutes = requests.step_timeout_minutes(call.body)
        with_state = requests.flag(call.body, "includeJobExecutionState", default=False)
        with_document = requests.flag(call.body, "includeJobDocument", default=False)
        self._check_thing(call)
        current = self._find(call.target.thing, call.target.job_id, number)
        # The state is told before the version: a cancelled job is over, whatever version the device knew.
        try:
            changed = current.advance(status, Actor.DEVICE, call.now_s, details)
        except IllegalTransition:
            message = f"Can't transition job execution from {current.status} to {status}"
            raise Refused(RejectedCode.INVALID_STATE_TRANSITION, message, current) from None
        if expected is not None and expected != current.version:
            message = f"Expected version {expected} but found version {current.version}"
            raise Refused(RejectedCode.VERSION_MISMATCH, message, current)
        changed = changed.with_step_timer(minutes, call.now_s)
        answer: Accepted = {}
        if with_state:
            answer["executionState"] = notify.state(changed)
        if with_document:
            answer["jobDocument"] = self._document(changed, call.now_s)
        return answer, self._put(changed, call.now_s, call.requester)

    def _put(self, execution: JobExecution, now_s: int, by: str) -> list[Effect]:
        """Store a new or changed execution; the effects are the record of it and what is announced."""
        thing, mine = execution.thing, self._executions[execution.thing]
        old = mine.get(execution.job_id)
        before = self.pending(thing)
        mine[execution.job_id] = execution
        if old is not None:
            self._counts[old.status] -= 1
        self._counts[execution.status] += 1
        changed = Changed(
            thing=thing,
            job_id=execution.job_id,
            old=old.status if old else None,
            new=execution.status,
            version=execution.version,
            details=execution.details,
            by=by,
        )
        told = notify.announcements(
            thing, before, self.pending(thing), lambda first: self._document(first, now_s), now_s
        )
        return [changed, *(Publish(topic, _encode(body)) for topic, body in told)]

    def _check_thing(self, call: _Call) -> None:
        if call.target.thing not in self._executions:
            raise Refused(RejectedCode.RESOURCE_NOT_FOUND, f"Thing {call.target.thing} does not exist.")

    def _find(self, thing: str, job_id: str, number: int | None) -> JobExecution:
        execution = self._executions[thing].get(job_id)
        if execution is None or number not in (None, execution.number):
            attempt = "" if number is None else f" with execution number {number}"
            raise Refused(
                RejectedCode.RESOURCE_NOT_FOUND,
                f"Job execution of job {job_id}{attempt} for thing {thing} does not exist.",
            )
        return execution

    def _document(self, execution: JobExecution, now_s: int) -> Json:
        return self._jobs[execution.job_id].document.deliver(self._presign, now_s)

    def _with_document(self, execution: JobExecution, now_s: int) -> Execution:
        return {**notify.view(execution), "jobDocument": self._document(execution, now_s)}


def _rejected(refused: Refused, token: str | None, now_s: int) -> Rejected:
    body: Rejected = {"code": refused.code.value, "message": refused.message}
    if token is not None:
        body["clientToken"] = token
    body["timestamp"] = now_s
    if refused.execution is not None:
        body["executionState"] = notify.state(refused.execution)
    return body


def _encode(body: object) -> bytes:
    try:
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        # A device may send half of a surrogate pair; it goes back escaped, as it came.
        return json.dumps(body, separators=(",", ":")).encode()


def _bad_name(member: str, name: str, pattern: str) -> JobError:
    return JobError(
        "InvalidRequestException",
        f"1 validation error detected: Value '{name}' at '{member}' failed to satisfy constraint: "
        f"Member must satisfy regular expression pattern: {pattern}",
    )
