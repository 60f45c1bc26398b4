"""The table of good requests, as plain data: what is sent, and the whole answer.

As in `tables.py`. A body is what is sent over MQTT; REST takes the same members where its routes have a place for them,
and a row that lies outside says so in `no_rest`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tables import ABC, RETRY, Step, do

NO_BODY = "a GET has no body"
NO_ENVELOPE = "HTTP needs no clientToken"

J = (do("create", "j"),)
READS = tuple(do("ask", "get") for _ in range(200))
WRITES = tuple(do("ask", "start-next") for _ in range(200))
STARTED_J = (*J, do("start_next"))
TEN_MINUTES = {"inProgressTimeoutInMinutes": 10}


@dataclass(frozen=True)
class Answered:
    """A request that is accepted, and its whole answer over MQTT without `timestamp`."""

    name: str
    given: tuple[Step, ...]
    tail: str
    body: Any
    answer: Mapping[str, Any]
    no_rest: str = ""
    rules: Mapping[str, Any] = field(default_factory=dict)


def summary(job: str, queued: int, *, version: int = 1, started: int | None = None, number: int = 1) -> dict[str, Any]:
    found = {"jobId": job, "queuedAt": queued, "lastUpdatedAt": queued if started is None else started}
    found |= {"executionNumber": number, "versionNumber": version}
    return found if started is None else {**found, "startedAt": started}


def execution(job: str, queued: int, status: str = "QUEUED", **members: Any) -> dict[str, Any]:
    """As describe shows it, its document included."""
    plain = {"jobId": job, "status": status, "queuedAt": queued, "lastUpdatedAt": queued}
    return plain | {"versionNumber": 1, "executionNumber": 1, "jobDocument": {"job": job}} | members


def without_document(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "jobDocument"}


EMPTY_LISTS = {"inProgressJobs": [], "queuedJobs": []}
QUEUED_J = execution("j", 0)
RUNNING_J = execution("j", 0, "IN_PROGRESS", startedAt=0, versionNumber=2)
DETAILS_AT_THE_LIMIT = {f"{n}{'k:_-' * 31}abc": "ü" * 1024 for n in range(10)}
STATE_2 = {"status": "IN_PROGRESS", "versionNumber": 2}


def _details(sent: Any, kept: Mapping[str, str]) -> dict[str, Any]:
    """Parts of a row whose update sends details and asks for the state."""
    body = {"status": "IN_PROGRESS", "statusDetails": sent, "includeJobExecutionState": True}
    state = {"status": "IN_PROGRESS", **({"statusDetails": kept} if kept else {}), "versionNumber": 2}
    return {"body": body, "answer": {"executionState": state}}


ANSWERS = (
    # GetPendingJobExecutions
    Answered("get, nothing pending", (), "get", {}, EMPTY_LISTS),
    Answered("get, empty payload", (), "get", b"", EMPTY_LISTS),
    Answered("get, unknown member", (), "get", {"key": 0}, EMPTY_LISTS, NO_BODY),
    Answered("get, clientToken", (), "get", {"clientToken": "c"}, {**EMPTY_LISTS, "clientToken": "c"}, NO_ENVELOPE),
    Answered("get, null token", (), "get", {"clientToken": None}, EMPTY_LISTS, NO_ENVELOPE),
    Answered(
        "get, one of each kind",
        (*ABC[:4], do("update", "b", "IN_PROGRESS")),
        "get",
        {},
        {
            "inProgressJobs": [summary("b", 1, version=2, started=2)],
            "queuedJobs": [summary("a", 0)],
        },
    ),
    # StartNextPendingJobExecution
    Answered("start-next, nothing pending", (), "start-next", {}, {}),
    Answered("start-next, empty payload", (), "start-next", b"", {}),
    Answered(
        "start-next, details and token",
        (*J, do("wait", 5)),
        "start-next",
        {"statusDetails": {"step": "begin"}, "clientToken": "c"},
        {
            "execution": {
                **RUNNING_J,
                "statusDetails": {"step": "begin"},
                "startedAt": 5,
                "lastUpdatedAt": 5,
            },
            "clientToken": "c",
        },
    ),
    Answered(
        "start-next on a started job changes nothing",
        (*STARTED_J, do("wait", 5)),
        "start-next",
        {"statusDetails": {"step": "other"}},
        {"execution": RUNNING_J},
    ),
    Answered(
        "start-next, 10 minutes to finish",
        (do("create", "j", timeoutConfig=TEN_MINUTES),),
        "start-next",
        {},
        {"execution": {**RUNNING_J, "approximateSecondsBeforeTimedOut": 599}},
    ),
    Answered(
        "start-next, step timer",
        J,
        "start-next",
        {"stepTimeoutInMinutes": 2},
        {"execution": {**RUNNING_J, "approximateSecondsBeforeTimedOut": 119}},
    ),
    Answered(
        "start-next sets the step timer of a started job",
        STARTED_J,
        "start-next",
        {"stepTimeoutInMinutes": 2},
        {"execution": {**RUNNING_J, "approximateSecondsBeforeTimedOut": 119}},
        rules={"restarted_step": "set"},
    ),
    Answered(
        "start-next keeps the step timer of a started job",
        STARTED_J,
        "start-next",
        {"stepTimeoutInMinutes": 2},
        {"execution": RUNNING_J},
        rules={"restarted_step": "kept"},
    ),
    Answered(
        "start-next cancels the step timer of a started job",
        (*J, do("start_next", stepTimeoutInMinutes=2)),
        "start-next",
        {"stepTimeoutInMinutes": -1},
        {"execution": RUNNING_J},
    ),
    # DescribeJobExecution
    Answered("describe", J, "j/get", {}, {"execution": QUEUED_J}),
    Answered("describe, empty payload", J, "j/get", b"", {"execution": QUEUED_J}),
    Answered("describe, unknown member", J, "j/get", {"key": 0}, {"execution": QUEUED_J}, NO_BODY),
    Answered(
        "describe, job and thing of the body are not read",
        J,
        "j/get",
        {"jobId": "other", "thingName": 4},
        {"execution": QUEUED_J},
        NO_BODY,
    ),
    Answered(
        "describe, members of other operations are not read",
        J,
        "j/get",
        {"status": 7, "statusDetails": {"a": None}, "stepTimeoutInMinutes": 0},
        {"execution": QUEUED_J},
        NO_BODY,
    ),
    Answered(
        "describe without document",
        J,
        "j/get",
        {"includeJobDocument": False},
        {"execution": without_document(QUEUED_J)},
    ),
    Answered("describe, this attempt", J, "j/get", {"executionNumber": 1}, {"execution": QUEUED_J}),
    Answered("describe, number in quotes", J, "j/get", {"executionNumber": "1"}, {"execution": QUEUED_J}),
    Answered("describe, null number", J, "j/get", {"executionNumber": None}, {"execution": QUEUED_J}, NO_BODY),
    Answered("describe $next", J, "$next/get", {}, {"execution": QUEUED_J}),
    Answered("describe $next, nothing pending", (), "$next/get", {}, {}),
    Answered("describe $next, all finished", (*J, do("update", "j", "FAILED")), "$next/get", {}, {}),
    Answered("describe of a started one", STARTED_J, "j/get", {}, {"execution": RUNNING_J}),
    Answered(
        "describe, 10 minutes to finish, 3 of them gone",
        (do("create", "j", timeoutConfig=TEN_MINUTES), do("start_next"), do("wait", 180)),
        "j/get",
        {},
        {"execution": {**RUNNING_J, "approximateSecondsBeforeTimedOut": 419}},
    ),
    Answered(
        "describe of a retry",
        (do("create", "j", jobExecutionsRetryConfig=RETRY), do("wait", 1), do("update", "j", "FAILED")),
        "j/get",
        {},
        {"execution": {**execution("j", 1), "executionNumber": 2}},
    ),
    Answered(
        "describe, document is an array",
        (do("create", "j", document='[{"operation":"FOTA"},[]]'),),
        "j/get",
        {"key": 0},
        {"execution": {**QUEUED_J, "jobDocument": [{"operation": "FOTA"}, []]}},
    ),
    # UpdateJobExecution
    *(
        Answered(f"update to {status}", J, "j/update", {"status": status}, {})
        for status in ("IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED")
    ),
    Answered("update, unknown member", J, "j/update", {"status": "FAILED", "key": 0}, {}),
    Answered("update, token", J, "j/update", {"status": "FAILED", "clientToken": "ü"}, {"clientToken": "ü"}),
    Answered("update, empty token", J, "j/update", {"status": "FAILED", "clientToken": ""}, {"clientToken": ""}),
    Answered(
        "update, state and document",
        J,
        "j/update",
        {
            "status": "SUCCEEDED",
            "statusDetails": {"a": "b"},
            "includeJobExecutionState": True,
            "includeJobDocument": True,
        },
        {
            "executionState": {"status": "SUCCEEDED", "statusDetails": {"a": "b"}, "versionNumber": 2},
            "jobDocument": {"job": "j"},
        },
    ),
    Answered(
        "update, progress bumps the version",
        STARTED_J,
        "j/update",
        {"status": "IN_PROGRESS", "includeJobExecutionState": True},
        {"executionState": {"status": "IN_PROGRESS", "versionNumber": 3}},
    ),
    *(
        Answered(
            f"update, expectedVersion {json.dumps(it)}", J, "j/update", {"status": "FAILED", "expectedVersion": it}, {}
        )
        for it in (1, "1", None)
    ),
    *(
        Answered(
            f"update, executionNumber {json.dumps(it)}", J, "j/update", {"status": "FAILED", "executionNumber": it}, {}
        )
        for it in (1, "1", None)
    ),
    *(
        Answered(
            f"update, stepTimeoutInMinutes {json.dumps(it)}",
            J,
            "j/update",
            {"status": "IN_PROGRESS", "stepTimeoutInMinutes": it},
            {},
        )
        for it in (1, 10_080, -1, "60", None)
    ),
    Answered(
        "update, details replace all former ones",
        (*J, do("update", "j", "IN_PROGRESS", statusDetails={"a": "1", "b": "2"})),
        "j/update",
        {"status": "IN_PROGRESS", "statusDetails": {"b": "3"}, "includeJobExecutionState": True},
        {"executionState": {"status": "IN_PROGRESS", "statusDetails": {"b": "3"}, "versionNumber": 3}},
    ),
    Answered(
        "update without details keeps them",
        (*J, do("update", "j", "IN_PROGRESS", statusDetails={"a": "1"})),
        "j/update",
        {"status": "IN_PROGRESS", "includeJobExecutionState": True},
        {"executionState": {"status": "IN_PROGRESS", "statusDetails": {"a": "1"}, "versionNumber": 3}},
    ),
    Answered(
        "update, empty details clear them",
        (*J, do("update", "j", "IN_PROGRESS", statusDetails={"a": "1"})),
        "j/update",
        {"status": "IN_PROGRESS", "statusDetails": {}, "includeJobExecutionState": True},
        {"executionState": {"status": "IN_PROGRESS", "versionNumber": 3}},
    ),
    Answered("update, details at their limits", J, "j/update", **_details(DETAILS_AT_THE_LIMIT, DETAILS_AT_THE_LIMIT)),
    Answered(
        "update, numbers and booleans in details become text",
        J,
        "j/update",
        **_details(
            {"a": 37, "b": -1, "c": True, "d": 1.5, "e": False, "f": "x"},
            {"a": "37", "b": "-1", "c": "true", "d": "1.5", "e": "false", "f": "x"},
        ),
        rules={"details": "lenient"},
    ),
    Answered(
        "update, text in details, strictly",
        J,
        "j/update",
        **_details({"a": "37"}, {"a": "37"}),
        rules={"details": "strict"},
    ),
    # What a choice of the service accepts, and refuses by default
    Answered(
        "get by a deleted thing", (do("remove_thing", "t"),), "get", {}, EMPTY_LISTS, rules={"unknown_thing": "empty"}
    ),
    Answered("update with 37 in details", J, "j/update", {"status": "FAILED", "statusDetails": {"a": 37}}, {}),
    Answered("the 201st read of a second, unthrottled", READS, "$next/get", {}, {}),
    Answered("the 201st write of a second, unthrottled", WRITES, "start-next", {}, {}),
)
