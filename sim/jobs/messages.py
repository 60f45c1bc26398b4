"""The words of the AWS IoT Jobs wire: statuses, refusal codes and the shapes of payloads.

Names only, no rules of the service, because device-side code reads this file too. Times are whole epoch seconds,
as live AWS sends them (examples in its documentation show milliseconds). Members that have nothing to say are
left out, not sent as null or empty; only the two lists of `get/accepted` are always there. A `jobDocument` is JSON: a
string over HTTPS, and a part of the payload over MQTT.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypedDict

Json = Any
"""Any JSON value: a job document may be an object or an array."""


class Status(StrEnum):
    """Status of a job execution."""

    QUEUED = "QUEUED"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    REJECTED = "REJECTED"
    TIMED_OUT = "TIMED_OUT"
    CANCELED = "CANCELED"
    REMOVED = "REMOVED"


class JobStatus(StrEnum):
    """Status of a job as a whole."""

    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"
    DELETION_IN_PROGRESS = "DELETION_IN_PROGRESS"


PENDING = (Status.IN_PROGRESS, Status.QUEUED)
"""The statuses that can still change, in the order in which jobs are offered."""

DEVICE_STATUSES = (Status.IN_PROGRESS, Status.SUCCEEDED, Status.FAILED, Status.REJECTED)
"""What a device may report."""


class RejectedCode(StrEnum):
    """Member `code` of a rejected answer."""

    INVALID_TOPIC = "InvalidTopic"
    INVALID_JSON = "InvalidJson"
    INVALID_REQUEST = "InvalidRequest"
    INVALID_STATE_TRANSITION = "InvalidStateTransition"
    RESOURCE_NOT_FOUND = "ResourceNotFound"
    VERSION_MISMATCH = "VersionMismatch"
    INTERNAL_ERROR = "InternalError"
    REQUEST_THROTTLED = "RequestThrottled"
    TERMINAL_STATE_REACHED = "TerminalStateReached"


class Summary(TypedDict, total=False):
    """One pending execution in a list."""

    jobId: str
    queuedAt: int
    startedAt: int
    lastUpdatedAt: int
    executionNumber: int
    versionNumber: int


class Execution(TypedDict, total=False):
    """One execution as describe, start-next and notify-next show it."""

    jobId: str
    status: str
    statusDetails: Mapping[str, str]
    queuedAt: int
    startedAt: int
    lastUpdatedAt: int
    versionNumber: int
    executionNumber: int
    approximateSecondsBeforeTimedOut: int
    jobDocument: str


class ExecutionState(TypedDict, total=False):
    """Where an execution stands: in `update/accepted` if asked, in two kinds of refusal always."""

    status: str
    statusDetails: Mapping[str, str]
    versionNumber: int


class Accepted(TypedDict, total=False):
    """Any good answer; which members depends on the operation."""

    execution: Execution
    inProgressJobs: list[Summary]
    queuedJobs: list[Summary]
    executionState: ExecutionState
    jobDocument: str
    timestamp: int
    clientToken: str


class Rejected(TypedDict, total=False):
    """Any refusal."""

    code: str
    message: str
    clientToken: str
    timestamp: int
    executionState: ExecutionState


class Notify(TypedDict):
    """The pending jobs by status, on topic `notify`; a status without jobs is left out."""

    timestamp: int
    jobs: dict[str, list[Summary]]


class NotifyNext(TypedDict, total=False):
    """The first pending job, on topic `notify-next`; no `execution` when nothing is pending."""

    timestamp: int
    execution: Execution
