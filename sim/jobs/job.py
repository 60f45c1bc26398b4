"""One job as the service keeps it: what was asked, how far it is, and its executions.

Plain data. Who may change what is written in `engine.py`; executions and counts are changed by the ledger alone.
A job's cost is its things, never the other jobs.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from sim.jobs.execution import JobExecution
from sim.jobs.messages import PENDING, JobStatus, Status
from sim.jobs.rollout import Pace
from sim.jobs.spec import JobSpec


@dataclass(slots=True)
class Sweep:
    """Executions being cancelled or deleted, a few at a time; `things` are those not yet looked at."""

    what: Literal["cancel", "force_cancel", "delete"]
    things: deque[str]
    pace: Pace


@dataclass(slots=True)
class Job:
    """`waiting` are things whose turn has not come: they have no execution. `members` is for CONTINUOUS jobs only."""

    spec: JobSpec
    born: int
    status: JobStatus
    created_at_s: int
    last_updated_at_s: int
    targets: list[str]
    completed_at_s: int | None = None
    reason_code: str | None = None
    comment: str | None = None
    force_canceled: bool = False
    started: bool = False
    """The scheduled start has come."""
    ended: bool = False
    """The scheduled end has passed: nothing new is handed out."""
    open: bool = True
    """Inside a maintenance window, or there are none."""
    notified: int = 0
    waiting: deque[str] = field(default_factory=deque)
    pace: Pace | None = None
    sweep: Sweep | None = None
    members: dict[str, None] = field(default_factory=dict)
    latest: dict[str, JobExecution] = field(default_factory=dict)
    earlier: dict[str, list[JobExecution]] = field(default_factory=dict)
    """Former attempts of the things that have any, oldest first."""
    log: list[str | tuple[str, int]] = field(default_factory=list)
    """Every attempt ever made, thing and number, the thing alone for its first one, in order of creation; deleted ones
    stay as dead entries."""
    numbers: dict[str, int] = field(default_factory=dict)
    """Highest attempt of a thing whose attempts were more than one or were deleted."""
    withheld: dict[str, None] = field(default_factory=dict)
    """Things whose queued execution is hidden until the next maintenance window."""
    used_retries: dict[str, dict[str, int]] = field(default_factory=dict)
    counts: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    first_of_a_thing: tuple[tuple[str, int], ...] = field(init=False)
    """What a thing notes of its first attempt, if it has had none at any job before; one for all things."""

    def __post_init__(self) -> None:
        self.first_of_a_thing = ((self.job_id, 1),)

    @property
    def job_id(self) -> str:
        return self.spec.job_id

    @property
    def concurrent(self) -> bool:
        """Still handing out, cancelling or deleting executions (AWS's isConcurrent)."""
        return self.sweep is not None or (bool(self.waiting) and self.started and self.open)

    @property
    def pending(self) -> int:
        """Executions that can still change."""
        return sum(self.counts[status] for status in PENDING)

    @property
    def executed(self) -> int:
        """Executions that reached a terminal status, those about to be retried not counted."""
        return sum(self.counts.values()) - self.pending

    @property
    def accepts(self) -> bool:
        """May create executions, now or later."""
        return self.status in (JobStatus.IN_PROGRESS, JobStatus.SCHEDULED) and not self.ended

    def find(self, thing: str, number: int | None = None) -> JobExecution | None:
        """An attempt of a thing; without a number the latest."""
        latest = self.latest.get(thing)
        if latest is None or number in (None, latest.number):
            return latest
        return next((it for it in self.earlier.get(thing, ()) if it.number == number), None)
