"""Control plane: job executions, by job and by thing."""

from __future__ import annotations

from sim.cloud.api.operation import Ask, Operation
from sim.cloud.api.services import Services
from sim.cloud.api.shapes import (
    EXECUTION_STATUS,
    JOB_ID,
    NAME,
    NAMESPACE,
    PAGE_SIZE,
    TOKEN,
    Flag,
    MapOf,
    Text,
    Whole,
    label,
    member,
    no_control,
    query,
)
from sim.cloud.api.things import Answer
from sim.cloud.refusals import invalid

DETAILS_MAX = 10
"""Pairs of statusDetails (AWS IoT Jobs limits)."""


def _list_for_job(services: Services, ask: Ask) -> Answer:
    control = services.jobs.control
    return control.list_executions_for_job(ask.text("jobId"), ask.page(), status=ask.maybe("status"))


def _list_for_thing(services: Services, ask: Ask) -> Answer:
    control = services.jobs.control
    return control.list_executions_for_thing(
        ask.text("thingName"), ask.page(), status=ask.maybe("status"), job_id=ask.maybe("jobId")
    )


def _describe(services: Services, ask: Ask) -> Answer:
    return services.jobs.control.describe_execution(
        ask.text("thingName"), ask.text("jobId"), ask.now_s, number=ask.whole("executionNumber")
    )


def _cancel(services: Services, ask: Ask) -> None:
    details = {name: str(value) for name, value in ask.mapping("statusDetails").items()}
    if len(details) > DETAILS_MAX:
        raise invalid(f"statusDetails has at most {DETAILS_MAX} entries")
    effects = services.jobs.control.cancel_execution(
        ask.text("thingName"),
        ask.text("jobId"),
        ask.now_s,
        force=ask.flag("force"),
        expected_version=ask.whole("expectedVersion"),
        details=details or None,
    )
    services.carry(effects)


def _delete(services: Services, ask: Ask) -> None:
    number = ask.whole("executionNumber") or 0
    effects = services.jobs.control.delete_execution(
        ask.text("thingName"), ask.text("jobId"), number, ask.now_s, force=ask.flag("force")
    )
    services.carry(effects)


_JOB, _THING = label("jobId", JOB_ID), label("thingName", NAME)
_PAGE = (query("maxResults", PAGE_SIZE), query("nextToken", TOKEN))
_STATUS = query("status", EXECUTION_STATUS)
_FORCE = query("force", Flag())
_NAMESPACE = query("namespaceId", NAMESPACE)

OPERATIONS = (
    Operation("ListJobExecutionsForJob", "GET /jobs/{jobId}/things", _list_for_job, (_JOB, _STATUS, *_PAGE)),
    Operation(
        "ListJobExecutionsForThing",
        "GET /things/{thingName}/jobs",
        _list_for_thing,
        (_THING, _STATUS, _NAMESPACE, *_PAGE, query("jobId", JOB_ID)),
    ),
    Operation(
        "DescribeJobExecution",
        "GET /things/{thingName}/jobs/{jobId}",
        _describe,
        (_THING, _JOB, query("executionNumber", Whole())),
    ),
    Operation(
        "CancelJobExecution",
        "PUT /things/{thingName}/jobs/{jobId}/cancel",
        _cancel,
        (
            _THING,
            _JOB,
            _FORCE,
            member("expectedVersion", Whole()),
            member(
                "statusDetails",
                MapOf(Text(1, 128, "[a-zA-Z0-9:_-]+"), Text(1, 1024, r"[^\p{C}]+", no_control)),
            ),
        ),
    ),
    Operation(
        "DeleteJobExecution",
        "DELETE /things/{thingName}/jobs/{jobId}/executionNumber/{executionNumber}",
        _delete,
        (_THING, _JOB, label("executionNumber", Whole()), _FORCE, _NAMESPACE),
    ),
)
