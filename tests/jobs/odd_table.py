"""The table of odd input, as plain data: every kind of request that is refused, with its code.

As in `tables.py`. A body is what is sent over MQTT; REST takes the same members where its routes have a place for them,
and a row that lies outside says so in `no_rest`. Nobody is told of a refused request, and it changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from answer_table import NO_BODY, NO_ENVELOPE, READS, STARTED_J, WRITES, J
from tables import RETRY, Step, do

NO_TOPIC = "a path is no topic"


@dataclass(frozen=True)
class Odd:
    """A request that is refused with `code`. `state`: the executionState that goes along. Nothing is changed."""

    name: str
    given: tuple[Step, ...]
    tail: str
    body: Any
    code: str
    state: Mapping[str, Any] | None = None
    thing: str = "t"
    message: str = ""
    no_rest: str = ""
    rules: Mapping[str, Any] = field(default_factory=dict)


NOT_JSON = (
    b"{",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"not json",
    b" ",
    b"[1,2]",
    b'"x"',
    b"5",
    b"null",
    b"NaN",
    b'{"key":NaN}',
    b'{"key":-Infinity}',
    b"[" * 5000,
    b'{"a":1}{"a":1}',
    b'{"status":"FAILED",}',
    b'{"statusDetails":"{"a":"b"}"}',
)
"""What is no JSON object."""

_F = {"status": "FAILED"}
INVALID_UPDATES: tuple[Any, ...] = (
    {"status": "DONE"},
    {"status": "in_progress"},
    {"status": 5},
    {"status": ["FAILED"]},
    {"status": {}},
    {"status": True},
    {"status": ""},
    *({"status": it} for it in ("QUEUED", "CANCELED", "TIMED_OUT", "REMOVED")),
    *({**_F, "expectedVersion": it} for it in ("one", "", 1.5, True, {}, [], 10**30, "1 ", "+1", "1.0")),
    *({**_F, "executionNumber": it} for it in ("x", 1.5, False, [1])),
    *({**_F, "includeJobDocument": it} for it in ("yes", 1, "true", {})),
    *({**_F, "includeJobExecutionState": it} for it in ("no", 0, [])),
    *({**_F, "stepTimeoutInMinutes": it} for it in (0, -2, 10_081, 2.5, "soon", True, {})),
    *({**_F, "statusDetails": it} for it in ("x", ["x"], 5, True)),
    *({**_F, "statusDetails": {"a": it}} for it in (None, {}, ["1"], "", "x" * 1025, "x\ny", "\x7f")),
    *({**_F, "statusDetails": {it: "x"}} for it in ("", "a b", "ü", "a.b", "k" * 129)),
    {**_F, "statusDetails": {f"k{n}": "x" for n in range(11)}},
)
NEVER_NULL = "1 validation error detected: Value null at 'status' failed to satisfy constraint: Member must not be null"
_FINISHED = {it: (*J, do("update", "j", it, statusDetails={"a": "1"})) for it in ("SUCCEEDED", "FAILED", "REJECTED")}
_AWS_RATES = {"throttles": "aws"}


def _shown(value: Any) -> str:
    text = value.decode("latin-1") if isinstance(value, bytes) else json.dumps(value)
    return text if len(text) < 70 else text[:60] + "..."


ODD_INPUT = (
    *(
        Odd(f"{tail} with {_shown(it)}", J, tail, it, "InvalidJson", no_rest="" if tail == "j/update" else NO_BODY)
        for tail in ("get", "j/get", "j/update")
        for it in NOT_JSON
    ),
    *(Odd(f"start-next with {_shown(it)}", J, "start-next", it, "InvalidJson") for it in NOT_JSON),
    *(Odd(f"update with {_shown(it)}", J, "j/update", it, "InvalidRequest") for it in INVALID_UPDATES),
    Odd("update without status", J, "j/update", {}, "InvalidRequest", message=NEVER_NULL),
    Odd("update with an empty payload", J, "j/update", b"", "InvalidRequest", message=NEVER_NULL),
    Odd("update with status null", J, "j/update", {"status": None}, "InvalidRequest", message=NEVER_NULL),
    Odd("update with half a surrogate pair", J, "j/update", {**_F, "statusDetails": {"a": "\ud800"}}, "InvalidRequest"),
    Odd(
        "update with a token that is no string",
        J,
        "j/update",
        {**_F, "clientToken": {}},
        "InvalidRequest",
        no_rest=NO_ENVELOPE,
    ),
    *(
        Odd(
            f"update with {_shown(it)} in details, strictly",
            J,
            "j/update",
            {**_F, "statusDetails": {"a": it}},
            "InvalidRequest",
            rules={"details": "strict"},
        )
        for it in (37, 1.5, True)
    ),
    *(
        Odd(f"start-next with {_shown(it)}", J, "start-next", it, "InvalidRequest")
        for it in (
            {"statusDetails": {"a": None}},
            {"statusDetails": "x"},
            {"stepTimeoutInMinutes": 0},
            {"stepTimeoutInMinutes": "x"},
        )
    ),
    *(
        Odd(f"{tail} with {_shown(it)}", J, tail, it, "InvalidRequest")
        for tail in ("j/get", "$next/get")
        for it in ({"executionNumber": "x"}, {"includeJobDocument": "x"})
    ),
    # Things, jobs and attempts that do not exist
    *(
        Odd(
            f"{tail} of an unknown thing",
            (),
            tail,
            _F,
            "ResourceNotFound",
            thing="nobody",
            rules={"unknown_thing": "refused"},
        )
        for tail in ("get", "start-next", "$next/get", "j/get", "j/update")
    ),
    Odd(
        "start-next of an unknown thing, with empty lists",
        (),
        "start-next",
        {},
        "ResourceNotFound",
        thing="nobody",
        rules={"unknown_thing": "empty"},
    ),
    *(Odd(f"{tail} of an unknown job", J, tail, _F, "ResourceNotFound") for tail in ("other/get", "other/update")),
    *(
        Odd(f"{tail} of another thing's job", J, tail, _F, "ResourceNotFound", thing="u")
        for tail in ("j/get", "j/update")
    ),
    *(
        Odd(f"{tail} of attempt {_shown(it)}", J, tail, {**_F, "executionNumber": it}, "ResourceNotFound")
        for tail in ("j/get", "j/update", "$next/get")
        for it in (0, 2, -1, "2")
    ),
    Odd("get by a deleted thing", (do("remove_thing", "t"),), "get", {}, "ResourceNotFound"),
    Odd("update by a deleted thing", (*J, do("remove_thing", "t")), "j/update", _F, "ResourceNotFound"),
    Odd(
        "update of a started execution that was deleted",
        (*STARTED_J, do("delete", "j", 1, force=True)),
        "j/update",
        _F,
        "ResourceNotFound",
    ),
    Odd(
        "update of a started job that was deleted",
        (*STARTED_J, do("delete_job", "j", force=True), do("wait", 2)),
        "j/update",
        _F,
        "ResourceNotFound",
    ),
    Odd(
        "describe before the rollout's turn",
        (do("create", "j", "u", "t", jobExecutionsRolloutConfig={"maximumPerMinute": 1}),),
        "j/get",
        {},
        "ResourceNotFound",
    ),
    # Versions
    *(
        Odd(
            f"update of version {_shown(it)}",
            J,
            "j/update",
            {**_F, "expectedVersion": it, "clientToken": "c"},
            "VersionMismatch",
            {"status": "QUEUED", "versionNumber": 1},
            message=f"Expected version {it} but found version 1",
        )
        for it in (99, "99", 0, -1)
    ),
    Odd(
        "update of an older version",
        (*J, do("update", "j", "IN_PROGRESS", statusDetails={"p": "5"})),
        "j/update",
        {**_F, "expectedVersion": 1},
        "VersionMismatch",
        {"status": "IN_PROGRESS", "statusDetails": {"p": "5"}, "versionNumber": 2},
    ),
    # Finished executions
    *(
        Odd(
            f"update of a {old} execution to {new}",
            given,
            "j/update",
            {"status": new, "expectedVersion": 1},
            "InvalidStateTransition",
            {"status": old, "statusDetails": {"a": "1"}, "versionNumber": 2},
            rules={"terminal_update": "InvalidStateTransition"},
        )
        for old, given in _FINISHED.items()
        for new in ("IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED")
    ),
    *(
        Odd(
            f"update of a {old} execution, by the other name",
            given,
            "j/update",
            {**_F, "expectedVersion": 1},
            "TerminalStateReached",
            rules={"terminal_update": "TerminalStateReached"},
        )
        for old, given in _FINISHED.items()
    ),
    *(
        Odd(f"describe of a {old} execution", given, "j/get", {}, "TerminalStateReached")
        for old, given in _FINISHED.items()
    ),
    Odd(
        "update by a device that a forced cancel overtook",
        (*STARTED_J, do("cancel", "j", force=True)),
        "j/update",
        {"status": "SUCCEEDED"},
        "InvalidStateTransition",
        {"status": "CANCELED", "versionNumber": 3},
    ),
    Odd(
        "update after the timeout",
        (*J, do("start_next", stepTimeoutInMinutes=1), do("wait", 61)),
        "j/update",
        {"status": "SUCCEEDED"},
        "InvalidStateTransition",
        {"status": "TIMED_OUT", "versionNumber": 3},
    ),
    Odd(
        "update of a former attempt",
        (do("create", "j", jobExecutionsRetryConfig=RETRY), do("update", "j", "FAILED")),
        "j/update",
        {"status": "SUCCEEDED", "executionNumber": 1},
        "InvalidStateTransition",
        {"status": "FAILED", "versionNumber": 2},
    ),
    # Rates
    Odd("the 201st read of a second", READS, "$next/get", {}, "RequestThrottled", rules=_AWS_RATES),
    Odd("the 201st write of a second", WRITES, "start-next", {}, "RequestThrottled", rules=_AWS_RATES),
    # Topics
    *(
        Odd(f"topic jobs/{tail}", J, tail, {"clientToken": "c"}, "InvalidTopic", no_rest=NO_TOPIC)
        for tail in ("x", "x/y/z", "j/delete", "$next/update", "j.k/get", "$other/get")
    ),
)
