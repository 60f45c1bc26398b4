"""What a device is shown of its jobs, and the two messages that tell it of a change unasked.

`notify` goes out when the set of pending executions differs, `notify-next` when the first one differs. Progress and the
start of the first job change neither. A job with a namespace is listed in `notify-namespace-NAMESPACE` as well (ADR
0062). Executions are told apart by identity (job and attempt), never by content. Notifications are neither retained nor
repeated: a device that was away has to ask. Who compares is the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sim.jobs import topics
from sim.jobs.execution import JobExecution
from sim.jobs.messages import Execution, ExecutionState, Notify, NotifyNext, Status, Summary

SUMMARIES_MAX, IN_WINDOWS_MAX = 10, 5
"""Executions one notify message lists: of jobs without maintenance windows, and besides of jobs with (AWS IoT developer
guide, "Jobs notifications")."""

HasWindows = Callable[[str], bool]
"""Whether the job of this id has maintenance windows."""

Pending = Sequence[JobExecution]


def summaries(pending: Pending, status: Status) -> list[Summary]:
    """The entries of one status, in order."""
    return [_summary(execution) for execution in pending if execution.status is status]


def view(execution: JobExecution, now_s: int) -> Execution:
    """An execution as describe shows it, without its document."""
    shown: Execution = {"jobId": execution.job_id, "status": execution.status}
    if execution.details:
        shown["statusDetails"] = execution.details
    shown["queuedAt"] = execution.queued_at_s
    if execution.started_at_s is not None:
        shown["startedAt"] = execution.started_at_s
    shown["lastUpdatedAt"] = execution.last_updated_at_s
    shown["versionNumber"] = execution.version
    shown["executionNumber"] = execution.number
    if (deadline_s := execution.deadline_s) is not None:
        shown["approximateSecondsBeforeTimedOut"] = seconds_left(deadline_s, now_s)
    return shown


def seconds_left(deadline_s: int, now_s: int) -> int:
    """Whole seconds that are certainly left: 599 at the start of ten minutes, as live AWS answers."""
    return max(0, deadline_s - now_s - 1)


def state(execution: JobExecution) -> ExecutionState:
    """Where an execution stands, in short."""
    shown: ExecutionState = {"status": execution.status}
    if execution.details:
        shown["statusDetails"] = execution.details
    shown["versionNumber"] = execution.version
    return shown


def list_changed(thing: str, pending: Pending, now_s: int, has_windows: HasWindows) -> tuple[str, Notify]:
    """Topic and body of `notify`: the pending executions by status, the first fifteen at most."""
    return topics.notify(thing), _list(pending, now_s, has_windows)


def namespace_changed(
    thing: str, namespace: str, pending: Pending, now_s: int, has_windows: HasWindows
) -> tuple[str, Notify]:
    """Topic and body of `notify-namespace-NAMESPACE`: as `notify`, for the jobs of one namespace."""
    return topics.notify_namespace(thing, namespace), _list(pending, now_s, has_windows)


def next_changed(thing: str, pending: Pending, document: str, now_s: int) -> tuple[str, NotifyNext]:
    """Topic and body of `notify-next`: the first execution with its document, JSON, or nothing when none is pending."""
    body: NotifyNext = {"timestamp": now_s}
    if pending:
        body["execution"] = {**view(pending[0], now_s), "jobDocument": document}
    return topics.notify_next(thing), body


def _list(pending: Pending, now_s: int, has_windows: HasWindows) -> Notify:
    jobs: dict[str, list[Summary]] = {}  # in the order of `pending`, which is that of the statuses
    left = {False: SUMMARIES_MAX, True: IN_WINDOWS_MAX}
    for execution in pending:
        kind = has_windows(execution.job_id)
        if left[kind]:
            left[kind] -= 1
            jobs.setdefault(execution.status.value, []).append(_summary(execution))
        elif not any(left.values()):
            break
    return {"timestamp": now_s, "jobs": jobs}


def _summary(execution: JobExecution) -> Summary:
    shown: Summary = {"jobId": execution.job_id, "queuedAt": execution.queued_at_s}
    if execution.started_at_s is not None:
        shown["startedAt"] = execution.started_at_s
    shown["lastUpdatedAt"] = execution.last_updated_at_s
    shown["executionNumber"] = execution.number
    shown["versionNumber"] = execution.version
    return shown
