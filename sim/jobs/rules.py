"""Every choice of the Jobs service that somebody may want otherwise, by name.

Where Amazon's documentation is silent or contradicts itself, the first value of a switch is ours and the reason is in
docs/adr/0040 to 0044. Numbers are AWS's published quotas; `RELAXED_QUOTAS` lifts those that stand in the way of a load
test. A rule is read where it applies; nothing else in this package asks which cloud it pretends to be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Quotas:
    """AWS IoT Device Management quotas for jobs (AWS General Reference), per account and region."""

    concurrent_jobs: int = 500
    """Jobs that roll out, cancel or delete executions at one time."""
    active_jobs: int = 100_000
    """Jobs that are neither completed nor cancelled."""
    targets_per_job: int = 100
    templates: int = 100
    deletions_at_once: int = 10
    rollout_per_minute: int = 1000
    """Highest rollout pace a job may ask for, and the pace of cancelling and deleting."""


AWS_QUOTAS = Quotas()
_PLENTY = 10**9
RELAXED_QUOTAS = Quotas(
    concurrent_jobs=_PLENTY,
    targets_per_job=_PLENTY,
    active_jobs=_PLENTY,
    templates=_PLENTY,
    deletions_at_once=_PLENTY,
    rollout_per_minute=600_000,
)

READS_PER_S = 200
"""DescribeJobExecution and GetPendingJobExecutions together, per account; not adjustable on AWS."""
WRITES_PER_S = 200
"""StartNextPendingJobExecution and UpdateJobExecution together, per account; not adjustable on AWS."""
CONTROL_PER_S = 10
"""Each operation of the control plane, per account."""
DEFAULT_ROLLOUT_PER_MINUTE = 1000
"""Pace of a job without rollout configuration, and the pace of cancelling and deleting."""


@dataclass(frozen=True, slots=True)
class JobRules:
    """One service's choices. The defaults are what AWS does, or most probably does."""

    details: Literal["lenient", "strict"] = "lenient"
    """statusDetails values that are numbers or booleans: stored as text, or refused (ADR 0040)."""
    terminal_update: Literal["InvalidStateTransition", "TerminalStateReached"] = "InvalidStateTransition"
    """Code of an update to a finished execution (ADR 0040)."""
    unknown_thing: Literal["refused", "empty"] = "refused"
    """GetPendingJobExecutions for a thing that does not exist: ResourceNotFound, or two empty lists (ADR 0040)."""
    restarted_step: Literal["set", "kept"] = "set"
    """Step timer of a started job that start-next returns again, when the request brings one (ADR 0040)."""
    start_notifies: bool = False
    """Send `notify` also when an execution goes from QUEUED to IN_PROGRESS (ADR 0042)."""
    window_close_notifies: bool = False
    """Send `notify` and `notify-next` when a maintenance window closes over queued executions (ADR 0042)."""
    left_group: Literal["removed", "started_go_on"] = "removed"
    """A started execution whose thing leaves the target group of a CONTINUOUS job (ADR 0043)."""
    counted: Literal["things", "attempts"] = "things"
    """jobProcessDetails and abort criteria with retries: latest attempt per thing, or every attempt (ADR 0043)."""
    queued_deletion: Literal["free", "forced"] = "free"
    """DeleteJobExecution on a QUEUED execution: allowed as it is, or with force only (ADR 0043)."""
    quotas: Quotas = AWS_QUOTAS
    throttles: Literal["off", "aws"] = "off"
    """Refuse requests beyond AWS's rates (ADR 0044)."""
    schedule_minima: Literal["aws", "relaxed"] = "aws"
    """Thirty minutes before a scheduled start and end, or no minimum (ADR 0044)."""
