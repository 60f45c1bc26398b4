"""One attempt of one thing at one job, and the table of who may move it where.

Records are immutable; a change gives a new one with `version` one higher. A pair of statuses that is missing
from `TRANSITIONS` is the error, so a finished execution is frozen because no row starts there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from enum import StrEnum

from sim.jobs.messages import PENDING, Status
from sim.records import record


class Actor(StrEnum):
    """Who asks for a change."""

    DEVICE = "device"
    OPERATOR = "operator"
    OPERATOR_FORCED = "operator, forced"
    SERVICE = "service"


_DEVICE = frozenset({Actor.DEVICE})
_SERVICE = frozenset({Actor.SERVICE})

TRANSITIONS: Mapping[tuple[Status, Status], frozenset[Actor]] = {
    (Status.QUEUED, Status.IN_PROGRESS): _DEVICE,
    (Status.QUEUED, Status.SUCCEEDED): _DEVICE,
    (Status.QUEUED, Status.FAILED): _DEVICE,
    (Status.QUEUED, Status.REJECTED): _DEVICE,
    (Status.QUEUED, Status.CANCELED): frozenset({Actor.OPERATOR, Actor.OPERATOR_FORCED}),
    (Status.QUEUED, Status.REMOVED): _SERVICE,
    (Status.IN_PROGRESS, Status.IN_PROGRESS): _DEVICE,
    (Status.IN_PROGRESS, Status.SUCCEEDED): _DEVICE,
    (Status.IN_PROGRESS, Status.FAILED): _DEVICE,
    (Status.IN_PROGRESS, Status.REJECTED): _DEVICE,
    (Status.IN_PROGRESS, Status.TIMED_OUT): _SERVICE,
    (Status.IN_PROGRESS, Status.CANCELED): frozenset({Actor.OPERATOR_FORCED}),
    (Status.IN_PROGRESS, Status.REMOVED): _SERVICE,
}
"""From, to → who may. AWS IoT developer guide, "Jobs and job execution states"."""


class IllegalTransition(Exception):  # noqa: N818 - named for what it is, not "…Error"
    """The table has no such row for this actor."""


@record
class JobExecution:
    """One attempt. `number` counts attempts of the thing at the job from 1; `sequence` is the order of creation.

    `step_deadline_s` and `start_deadline_s` are the moments at which the step timer and the in-progress timer run out,
    epoch seconds; None without that timer. `retry` counts retries so far, which a new membership begins anew.
    """

    thing: str
    job_id: str
    number: int
    sequence: int
    queued_at_s: int
    last_updated_at_s: int
    status: Status = Status.QUEUED
    details: Mapping[str, str] = field(default_factory=dict)
    version: int = 1
    started_at_s: int | None = None
    step_deadline_s: int | None = None
    start_deadline_s: int | None = None
    retry: int = 0
    force_canceled: bool = False

    @property
    def deadline_s(self) -> int | None:
        """When this attempt times out: the earlier of its two timers. The step timer never prolongs the other."""
        if self.step_deadline_s is None or self.start_deadline_s is None:
            return self.start_deadline_s if self.step_deadline_s is None else self.step_deadline_s
        return min(self.step_deadline_s, self.start_deadline_s)

    @property
    def rank(self) -> tuple[int, int, int]:
        """Place among a thing's pending executions: in progress first, then by time of queueing and creation."""
        return PENDING.index(self.status), self.queued_at_s, self.sequence

    @property
    def pending(self) -> bool:
        """Not finished: it is offered to the device and can still change."""
        return self.status in PENDING

    @property
    def identity(self) -> tuple[str, int]:
        """What makes two views show the same execution, whatever its progress."""
        return self.job_id, self.number

    def advance(
        self, status: Status, actor: Actor, now_s: int, details: Mapping[str, str] | None = None
    ) -> JobExecution:
        """The execution after the change; `details`, which nobody may change later, replace all former ones, None keeps
        those.

        Raises IllegalTransition when the table does not let this actor go there.
        """
        if actor not in TRANSITIONS.get((self.status, status), ()):
            raise IllegalTransition(f"{self.status} cannot become {status} by the {actor}")
        started_at_s = self.started_at_s
        if status is Status.IN_PROGRESS and started_at_s is None:
            started_at_s = now_s
        goes_on = status in PENDING
        return JobExecution(
            self.thing,
            self.job_id,
            self.number,
            self.sequence,
            self.queued_at_s,
            now_s,
            status,
            self.details if details is None else details,
            self.version + 1,
            started_at_s,
            self.step_deadline_s if goes_on else None,
            self.start_deadline_s if goes_on else None,
            self.retry,
            status is Status.CANCELED and actor is Actor.OPERATOR_FORCED,
        )

    def with_start_timer(self, minutes: int | None) -> JobExecution:
        """The same execution with its in-progress timer, which runs from its start and is set only once."""
        if minutes is None or self.started_at_s is None or self.start_deadline_s is not None or not self.pending:
            return self
        return replace(self, start_deadline_s=self.started_at_s + 60 * minutes)

    def with_step_timer(self, minutes: int | None, now_s: int) -> JobExecution:
        """The same execution with its step timer set anew; -1 cancels it, None leaves it as it is.

        No new version: AWS counts the change of status or details, not of the timer.
        """
        if minutes is None or not self.pending:
            return self
        return replace(self, step_deadline_s=None if minutes < 0 else now_s + 60 * minutes)
