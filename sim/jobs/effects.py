"""What a call of the Jobs service brings about outside it: an answer, a notification, a record."""

from __future__ import annotations

from collections.abc import Mapping

from sim.jobs.messages import JobStatus, Json, Status
from sim.jobs.wire import encode
from sim.records import record


@record
class Reply:
    """An answer. It goes to the requesting connection only, subscribed or not, in exactly one copy."""

    topic: str
    payload: bytes


@record
class Publish:
    """A notification or an event, its body as JSON. It goes through the broker to whoever subscribed, and need not be
    written when nobody did."""

    topic: str
    body: Mapping[str, Json]

    def write(self) -> bytes:
        return encode(self.body)


@record
class Changed:
    """An execution was created (`old` None), changed, or deleted (`new` None), for the trace and the store.

    `by` names the asking thing, "" the cloud; `number` is the attempt.
    """

    thing: str
    job_id: str
    old: Status | None
    new: Status | None
    version: int
    details: Mapping[str, str]
    by: str
    number: int = 1


@record
class JobChanged:
    """A job was created (`old` None), changed its status, or is gone (`new` None)."""

    job_id: str
    old: JobStatus | None
    new: JobStatus | None


@record
class RolledOut:
    """A minute of a job's rollout begins: its pace, things notified before it, and things that wait for their turn."""

    job_id: str
    per_minute: int
    notified: int
    waiting: int


Effect = Reply | Publish | Changed | JobChanged | RolledOut
