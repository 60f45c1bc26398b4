"""The tables of the Jobs service, as plain data: who may move what, who is told, how odd input is answered.

Written out from the AWS IoT developer guide, the API reference and captures, never taken from the code. A row is what
comes before, one step, and what must follow; `stages.py` plays the steps, and each row is played on every stage where
it can exist. Where it cannot, the row says why. Times are seconds since the row began. The thing is `t` unless said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Step:
    """A verb of a stage with its arguments."""

    verb: str
    args: tuple[Any, ...] = ()
    members: Mapping[str, Any] = field(default_factory=dict)


def do(verb: str, *args: Any, **members: Any) -> Step:
    return Step(verb, args, members)


# Who may move an execution from one status to another

STATUSES = ("QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED", "TIMED_OUT", "CANCELED", "REMOVED")
TERMINAL = STATUSES[2:]

WHO_MAY: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "QUEUED": {
        "IN_PROGRESS": ("device",),
        "SUCCEEDED": ("device",),
        "FAILED": ("device",),
        "REJECTED": ("device",),
        "CANCELED": ("operator", "operator with force", "abort"),
        "REMOVED": ("service",),
    },
    "IN_PROGRESS": {
        "IN_PROGRESS": ("device",),
        "SUCCEEDED": ("device",),
        "FAILED": ("device",),
        "REJECTED": ("device",),
        "TIMED_OUT": ("timer",),
        "CANCELED": ("operator with force",),
        "REMOVED": ("service",),
    },
}
"""Developer guide, "Jobs and job execution states". A status that is not here is terminal and frozen."""

REACHED: Mapping[str, tuple[Step, ...]] = {
    "QUEUED": (),
    "IN_PROGRESS": (do("start_next"),),
    "SUCCEEDED": (do("update", "j", "SUCCEEDED"),),
    "FAILED": (do("update", "j", "FAILED"),),
    "REJECTED": (do("update", "j", "REJECTED"),),
    "TIMED_OUT": (do("start_next"), do("wait", 61)),
    "CANCELED": (do("cancel", "j"),),
    "REMOVED": (do("leave", "g", "t"),),
}
"""How the execution of job j comes into each status."""

WATCHED_JOB = (
    do("group", "g", "t", "u"),
    do(
        "create",
        "j",
        "g",
        targetSelection="CONTINUOUS",
        timeoutConfig={"inProgressTimeoutInMinutes": 1},
        abortConfig={
            "criteriaList": [
                {
                    "failureType": "REJECTED",
                    "action": "CANCEL",
                    "thresholdPercentage": 1,
                    "minNumberOfExecutedThings": 1,
                }
            ]
        },
    ),
)
"""A job that everything can happen to. When it is t itself that rejects, the abort has already happened."""


@dataclass(frozen=True)
class Means:
    """One way to ask for a status."""

    name: str
    actor: str
    to: str
    step: Step


MEANS = (
    *(Means(f"update to {it}", "device", it, do("update", "j", it)) for it in STATUSES),
    Means("start-next", "device", "IN_PROGRESS", do("start_next")),
    Means("CancelJobExecution", "operator", "CANCELED", do("cancel", "j")),
    Means("CancelJobExecution with force", "operator with force", "CANCELED", do("cancel", "j", force=True)),
    Means("CancelJob", "operator", "CANCELED", do("cancel_job", "j")),
    Means("CancelJob with force", "operator with force", "CANCELED", do("cancel_job", "j", force=True)),
    Means("abort", "abort", "CANCELED", do("update", "j", "REJECTED", thing="u")),
    Means("time passes", "timer", "TIMED_OUT", do("wait", 61)),
    Means("thing leaves the group", "service", "REMOVED", do("leave", "g", "t")),
    Means("thing is deleted", "service", "REMOVED", do("remove_thing", "t")),
)

REPORTED = ("IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED")
"""What a device may report; any other word is InvalidRequest, whatever the execution's status."""


@dataclass(frozen=True)
class Transition:
    """What `means` does to an execution in status `old`: the new status, how much the version grows, the refusal."""

    old: str
    means: Means
    new: str
    growth: int
    refusal: str = ""

    @property
    def name(self) -> str:
        return f"{self.old}: {self.means.name}"


def _transition(old: str, means: Means) -> Transition:
    if means.actor in WHO_MAY.get(old, {}).get(means.to, ()):
        # start-next gives back what has been started before, as it is.
        again = means.name == "start-next" and old == "IN_PROGRESS"
        return Transition(old, means, means.to, 0 if again else 1)
    if means.name.startswith("update"):
        code = "InvalidStateTransition" if means.to in REPORTED else "InvalidRequest"
        return Transition(old, means, old, 0, code)
    if means.name.startswith("CancelJobExecution"):
        return Transition(old, means, old, 0, "InvalidStateTransitionException")
    if old == "REJECTED" and means.name.startswith("CancelJob"):  # the abort has cancelled the job
        return Transition(old, means, old, 0, "InvalidRequestException")
    if old == "REJECTED" and means.name == "abort":  # and the execution of u with it
        return Transition(old, means, old, 0, "InvalidStateTransition")
    return Transition(old, means, old, 0)


TRANSITIONS = tuple(_transition(old, means) for old in STATUSES for means in MEANS)

# What a refusal is called over HTTPS

HTTPS: Mapping[str, tuple[str, int]] = {
    "InvalidJson": ("InvalidRequestException", 400),
    "InvalidRequest": ("InvalidRequestException", 400),
    "InvalidStateTransition": ("InvalidStateTransitionException", 409),
    "VersionMismatch": ("InvalidStateTransitionException", 409),
    "ResourceNotFound": ("ResourceNotFoundException", 404),
    "TerminalStateReached": ("TerminalStateException", 410),
    "RequestThrottled": ("ThrottlingException", 429),
}
CODES = (*HTTPS, "InvalidTopic", "InternalError")
"""Every code of a rejected answer. InternalError is a defect of the service, which no row can ask for."""

# Beginnings that several rows share

ABC = (do("create", "a"), do("wait", 1), do("create", "b"), do("wait", 1), do("create", "c"), do("wait", 1))
STARTED = tuple(do("update", it, "IN_PROGRESS") for it in "abc")
RETRY = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 1}]}
TEN_OF_EACH_HOUR = {"maintenanceWindows": [{"startTime": "cron(0 * * * ? *)", "durationInMinutes": 10}]}
"""A row begins on a full hour, so inside a window."""

# Which execution is next


@dataclass(frozen=True)
class Order:
    """The two lists of `get` and what `$next` and start-next give, after `given`."""

    name: str
    given: tuple[Step, ...]
    started: str
    queued: str


ORDERS = (
    Order("nothing", (), "", ""),
    Order("by the time of queueing", ABC, "", "a b c"),
    Order("in the same second by creation", (do("create", "z"), do("create", "a"), do("create", "m")), "", "z a m"),
    Order("in progress comes first", (*ABC, do("update", "c", "IN_PROGRESS")), "c", "a b"),
    Order(
        "in progress by the time of queueing, not of starting",
        (*ABC, do("update", "c", "IN_PROGRESS"), do("wait", 1), do("update", "b", "IN_PROGRESS")),
        "b c",
        "a",
    ),
    Order("several in progress", (*ABC, *STARTED), "a b c", ""),
    Order("finished ones are not listed", (*ABC, do("update", "a", "REJECTED"), do("cancel", "c")), "", "b"),
    Order(
        "a retry queues anew",
        (do("create", "a", jobExecutionsRetryConfig=RETRY), do("create", "b"), do("update", "a", "FAILED")),
        "",
        "b a#2",
    ),
    Order(
        "hidden outside the maintenance window, while the started one goes on",
        (
            do("group", "g", "t"),
            do("create", "a", "g", targetSelection="CONTINUOUS", schedulingConfig=TEN_OF_EACH_HOUR),
            do("create", "b", "g", targetSelection="CONTINUOUS", schedulingConfig=TEN_OF_EACH_HOUR),
            do("start_next"),
            do("wait", 900),
        ),
        "a",
        "",
    ),
    Order(
        "more than a notify lists",
        tuple(do("create", f"j{it}") for it in range(12)),
        "",
        " ".join(f"j{it}" for it in range(12)),
    ),
    Order("a job for another thing is not listed", (do("create", "a", "u"), do("create", "b", "t")), "", "b"),
    Order(
        "a group and a thing in it are one target", (do("group", "g", "t", "u"), do("create", "a", "g", "t")), "", "a"
    ),
)
