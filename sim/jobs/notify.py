"""What a device is shown of its jobs, and when it is told unasked.

Two comparisons of the pending list before and after a change decide everything: `notify` goes out when the set of
pending executions differs, `notify-next` when the first one differs. Progress and the start of the first job change
neither. Executions are compared by identity (job and attempt), never by content. Notifications are neither
retained nor repeated: a device that was away has to ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from sim.jobs import topics
from sim.jobs.execution import JobExecution
from sim.jobs.messages import PENDING, Execution, ExecutionState, Json, Notify, NotifyNext, Status, Summary

SUMMARIES_MAX = 10
"""Executions one notify message lists (AWS IoT developer guide, "Jobs notifications")."""

Pending = Sequence[JobExecution]


def pending_order(executions: Iterable[JobExecution]) -> tuple[JobExecution, ...]:
    """The unfinished ones as they are offered: in progress first, then by time of queueing and creation."""
    pending = [execution for execution in executions if execution.pending]
    if len(pending) > 1:
        pending.sort(key=lambda it: (PENDING.index(it.status), it.queued_at_s, it.sequence))
    return tuple(pending)


def summaries(pending: Pending, status: Status) -> list[Summary]:
    """The entries of one status, in order."""
    return [_summary(execution) for execution in pending if execution.status is status]


def view(execution: JobExecution) -> Execution:
    """An execution as describe shows it, without its document."""
    shown: Execution = {"jobId": execution.job_id, "status": execution.status.value}
    if execution.details:
        shown["statusDetails"] = execution.details
    shown["queuedAt"] = execution.queued_at_s
    if execution.started_at_s is not None:
        shown["startedAt"] = execution.started_at_s
    shown["lastUpdatedAt"] = execution.last_updated_at_s
    shown["versionNumber"] = execution.version
    shown["executionNumber"] = execution.number
    return shown


def state(execution: JobExecution) -> ExecutionState:
    """Where an execution stands, in short."""
    shown: ExecutionState = {"status": execution.status.value}
    if execution.details:
        shown["statusDetails"] = execution.details
    shown["versionNumber"] = execution.version
    return shown


def announcements(
    thing: str, before: Pending, after: Pending, document: Callable[[JobExecution], Json], now_s: int
) -> Iterator[tuple[str, Notify | NotifyNext]]:
    """Topic and body of what a change makes known: `notify` first, then `notify-next`, or nothing.

    `document` is called for the document of the new first execution, and only when it is sent.
    """
    if {it.identity for it in before} != {it.identity for it in after}:
        yield topics.notify(thing), _notify(after, now_s)
    if [it.identity for it in before[:1]] != [it.identity for it in after[:1]]:
        body: NotifyNext = {"timestamp": now_s}
        if after:
            body["execution"] = {**view(after[0]), "jobDocument": document(after[0])}
        yield topics.notify_next(thing), body


def _notify(pending: Pending, now_s: int) -> Notify:
    listed = pending[:SUMMARIES_MAX]
    jobs = {status.value: summaries(listed, status) for status in PENDING}
    return {"timestamp": now_s, "jobs": {name: entries for name, entries in jobs.items() if entries}}


def _summary(execution: JobExecution) -> Summary:
    shown: Summary = {"jobId": execution.job_id, "queuedAt": execution.queued_at_s}
    if execution.started_at_s is not None:
        shown["startedAt"] = execution.started_at_s
    shown["lastUpdatedAt"] = execution.last_updated_at_s
    shown["executionNumber"] = execution.number
    shown["versionNumber"] = execution.version
    return shown
