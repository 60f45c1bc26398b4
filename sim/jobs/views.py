"""What operators are shown of jobs and executions: the members of AWS's answers and events, times in epoch seconds.

A member without a value is left out. Nothing is decided here.
"""

from __future__ import annotations

from sim.jobs import notify
from sim.jobs.civil import minute_text
from sim.jobs.execution import JobExecution
from sim.jobs.job import Job
from sim.jobs.messages import JobStatus, Json, Status
from sim.jobs.targets import Arns

Answer = dict[str, Json]

_COUNTED = {
    "numberOfCanceledThings": Status.CANCELED,
    "numberOfSucceededThings": Status.SUCCEEDED,
    "numberOfFailedThings": Status.FAILED,
    "numberOfRejectedThings": Status.REJECTED,
    "numberOfQueuedThings": Status.QUEUED,
    "numberOfInProgressThings": Status.IN_PROGRESS,
    "numberOfRemovedThings": Status.REMOVED,
    "numberOfTimedOutThings": Status.TIMED_OUT,
}


def job_short(job: Job) -> Answer:
    """A job as ListJobs shows it, without its names."""
    shown: Answer = {
        "targetSelection": "CONTINUOUS" if job.spec.continuous else "SNAPSHOT",
        "status": job.status.value,
        "createdAt": job.created_at_s,
        "lastUpdatedAt": job.last_updated_at_s,
        "isConcurrent": job.concurrent,
    }
    if job.completed_at_s is not None:
        shown["completedAt"] = job.completed_at_s
    return shown


def job_view(job: Job, now_s: int) -> Answer:
    """A job as DescribeJob shows it, without its names; the configuration as it was given."""
    kept = {name: value for name, value in job.spec.given.items() if name not in ("documentSource", "tags")}
    shown: Answer = {**job_short(job), "targets": list(job.targets), **kept}
    for name, value in (("reasonCode", job.reason_code), ("comment", job.comment)):
        if value is not None:
            shown[name] = value
    if job.status is JobStatus.CANCELED:
        shown["forceCanceled"] = job.force_canceled
    shown["jobProcessDetails"] = _process(job)
    if job.concurrent:
        shown["jobProcessDetails"]["processingTargets"] = list(job.targets)
    if job.spec.schedule.windows:
        openings = job.spec.schedule.openings(now_s) if job.accepts else []
        shown["scheduledJobRollouts"] = [{"startTime": minute_text(at_s)} for at_s in openings]
    return shown


def job_event(job: Job, operation: str, now_s: int) -> Answer:
    """Body of an event of a job, without its kind and id."""
    shown: Answer = {
        "operation": operation,
        "jobId": job.job_id,
        "status": job.status.value,
        "timestamp": now_s,
        "targetSelection": "CONTINUOUS" if job.spec.continuous else "SNAPSHOT",
        "targets": list(job.targets),
        "createdAt": job.created_at_s,
        "lastUpdatedAt": job.last_updated_at_s,
        "jobProcessDetails": _process(job),
    }
    if job.completed_at_s is not None:
        shown["completedAt"] = job.completed_at_s
    if "description" in job.spec.given:
        shown["description"] = job.spec.given["description"]
    return shown


def execution_view(execution: JobExecution, arns: Arns, now_s: int) -> Answer:
    """An execution as the control plane's DescribeJobExecution shows it."""
    shown: Answer = {
        "jobId": execution.job_id,
        "status": execution.status.value,
        "forceCanceled": execution.force_canceled,
        "statusDetails": {"detailsMap": dict(execution.details)},
        "thingArn": arns.thing(execution.thing),
        **_times(execution),
        "executionNumber": execution.number,
        "versionNumber": execution.version,
    }
    if execution.deadline_s is not None:
        shown["approximateSecondsBeforeTimedOut"] = notify.seconds_left(execution.deadline_s, now_s)
    return shown


def execution_summary(execution: JobExecution | None) -> Answer:
    """An execution in a list."""
    assert execution is not None, "only what was found is shown"
    shown: Answer = {"status": execution.status.value, **_times(execution), "executionNumber": execution.number}
    if execution.retry:
        shown["retryAttempt"] = execution.retry
    return shown


def _process(job: Job) -> Answer:
    return {name: job.counts[status] for name, status in _COUNTED.items()}


def _times(execution: JobExecution) -> Answer:
    shown: Answer = {"queuedAt": execution.queued_at_s, "lastUpdatedAt": execution.last_updated_at_s}
    if execution.started_at_s is not None:
        shown["startedAt"] = execution.started_at_s
    return shown
