"""Topic names of AWS IoT Jobs: how a request, its answer and a notification are addressed.

Names only, no rules of the service, because device-side code reads this file too. A request is answered on its
own topic plus `/accepted` or `/rejected`; for `$next` the answer keeps the literal `$next`. A job may be called
`get` or `notify`: one level below `jobs/` is always an operation, two levels are always a job.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

from sim.records import record

NEXT = "$next"
"""Stands for the first pending job in a describe request."""

THING_NAME = re.compile(r"[a-zA-Z0-9:_-]{1,128}")
JOB_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
TOPIC_MAX_BYTES = 256
"""AWS IoT Core message broker limit on a topic."""
PARSED_KEPT = 256
"""Topics that need not be taken apart again."""

# What may appear in a topic we answer on: no wildcard, no control character.
_PLAIN = re.compile(r"[a-zA-Z0-9:_$./-]+")
_UNDER_JOBS = re.compile(rf"\$aws/things/(?:({THING_NAME.pattern})|([^/]*))/jobs/(.*)", re.DOTALL)
"""A thing's name, or what stands in its place, and what follows `jobs/`."""


class Operation(StrEnum):
    """The four things a device may ask of the Jobs service."""

    GET_PENDING = "GetPendingJobExecutions"
    START_NEXT = "StartNextPendingJobExecution"
    DESCRIBE = "DescribeJobExecution"
    UPDATE = "UpdateJobExecution"


@record
class JobsRequest:
    """A request topic taken apart. `operation` None: under `jobs/`, but not a request the service knows."""

    thing: str
    operation: Operation | None
    job_id: str = ""


def get_pending(thing: str) -> str:
    """GetPendingJobExecutions: the two lists of pending jobs."""
    return f"$aws/things/{thing}/jobs/get"


def start_next(thing: str) -> str:
    """StartNextPendingJobExecution."""
    return f"$aws/things/{thing}/jobs/start-next"


def describe(thing: str, job_id: str) -> str:
    """DescribeJobExecution; `job_id` may be `$next`."""
    return f"$aws/things/{thing}/jobs/{job_id}/get"


def update(thing: str, job_id: str) -> str:
    """UpdateJobExecution."""
    return f"$aws/things/{thing}/jobs/{job_id}/update"


def notify(thing: str) -> str:
    """Where the list of pending jobs is announced."""
    return f"$aws/things/{thing}/jobs/notify"


def notify_namespace(thing: str, namespace: str) -> str:
    """Where the list of pending jobs of one namespace is announced."""
    return f"$aws/things/{thing}/jobs/notify-namespace-{namespace}"


def notify_next(thing: str) -> str:
    """Where a change of the first pending job is announced."""
    return f"$aws/things/{thing}/jobs/notify-next"


def accepted(request: str) -> str:
    """Topic of the good answer to a request topic."""
    return f"{request}/accepted"


def rejected(request: str) -> str:
    """Topic of the refusal of a request topic."""
    return f"{request}/rejected"


@lru_cache(maxsize=PARSED_KEPT)  # a request's topic is looked at by broker, service and journal, one after the other
def parse_request(topic: str) -> JobsRequest | None:
    """What a published topic asks. None: nothing the Jobs service may answer (foreign, or its own answers)."""
    parts = _UNDER_JOBS.fullmatch(topic)
    if parts is None or len(topic) > TOPIC_MAX_BYTES:
        return None
    thing, other, tail = parts.groups()
    asked = _asked(tail)
    if asked is None:
        return None
    if thing is not None:
        operation, job_id = asked
        return JobsRequest(thing, operation, job_id)
    return None if other and not _PLAIN.fullmatch(other) else JobsRequest(other, None)


@lru_cache(maxsize=PARSED_KEPT)  # a fleet says the same few things
def _asked(tail: str) -> tuple[Operation | None, str] | None:
    """What the part behind `jobs/` asks, and of which job."""
    levels = tail.split("/")
    if not _PLAIN.fullmatch(tail) or levels[-1] in ("accepted", "rejected") or tail in ("notify", "notify-next"):
        return None
    if tail.startswith("notify-namespace-") and len(levels) == 1:
        return None
    return _operation(levels)


def _operation(levels: list[str]) -> tuple[Operation | None, str]:
    match levels:
        case ["get"]:
            return Operation.GET_PENDING, ""
        case ["start-next"]:
            return Operation.START_NEXT, ""
        case [job_id, "get"] if job_id == NEXT or JOB_ID.fullmatch(job_id):
            return Operation.DESCRIBE, job_id
        case [job_id, "update"] if JOB_ID.fullmatch(job_id):
            return Operation.UPDATE, job_id
    return None, ""
