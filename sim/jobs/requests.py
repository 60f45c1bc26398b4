"""What a device sent, made into values, or the refusal it gets.

Lenient where AWS must be, since its own SDKs rely on it: unknown members are ignored, null is absent, whole numbers
may be quoted, an empty payload is `{}`, and numbers or booleans in statusDetails become text. Any bytes end in a value
or in `Refused`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from typing import Any, TypeVar, cast

from sim.jobs.execution import JobExecution
from sim.jobs.messages import DEVICE_STATUSES, Json, RejectedCode, Status
from sim.records import record

Read = TypeVar("Read", bound=Callable[..., Any])

DETAILS_MAX_PAIRS = 10
DETAIL_VALUE_MAX_CHARS = 1024
STEP_TIMEOUT_MAX_MINUTES = 10_080
"""Limits of the AWS IoT Jobs data model (UpdateJobExecution)."""

_DETAIL_NAME = re.compile(r"[a-zA-Z0-9:_-]{1,128}")
_WHOLE = re.compile(r"-?[0-9]{1,18}")  # fits AWS's 64-bit long
_SHOWN_CHARS = 64

BODIES_KEPT, SMALL_BYTES = 256, 512
"""Requests that need not be read again, if they are no longer than this."""
DETAILS_KEPT = 1024
"""Different statusDetails that are given again when they are reported again."""


class Refused(Exception):  # noqa: N818 - an outcome, not a defect
    """The request is refused: code and text of the answer, and the execution whose state goes along."""

    def __init__(self, code: RejectedCode, message: str, execution: JobExecution | None = None) -> None:
        self.code = code
        self.message = message
        self.execution = execution
        super().__init__(message)


@record
class Update:
    """UpdateJobExecution, read. None: it was not said."""

    status: Status
    details: Mapping[str, str] | None
    expected_version: int | None
    number: int | None
    step_minutes: int | None
    with_state: bool
    with_document: bool


@record
class Describe:
    """DescribeJobExecution, read."""

    number: int | None
    with_document: bool


class _Number(str):
    """A JSON number as it was written, so that none is too long, too large or re-formatted."""

    __slots__ = ()


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


# Made once: the module's functions make one for each call with other than the usual parsers.
_DECODER = json.JSONDecoder(parse_int=_Number, parse_float=_Number, parse_constant=_no_constant)


def _once(read: Read) -> Read:
    """A small payload is read once: a fleet says the same few things. What was found is for all who say it."""
    small = lru_cache(maxsize=BODIES_KEPT)(read)

    @wraps(read)
    def reading(payload: bytes, *more: Any) -> Any:
        return (small if len(payload) <= SMALL_BYTES else read)(payload, *more)

    return cast(Read, reading)


@_once
def parse_body(payload: bytes) -> dict[str, Json]:
    """The JSON object of a request, which nobody may change; Refused InvalidJson for everything else."""
    if not payload:
        return {}
    try:
        body = _DECODER.decode(payload.decode())
    except (ValueError, RecursionError):
        raise Refused(RejectedCode.INVALID_JSON, "The payload is not valid JSON.") from None
    if not isinstance(body, dict):
        raise Refused(RejectedCode.INVALID_JSON, "The payload is not a JSON object.")
    return body


@_once
def update(payload: bytes, strict: bool) -> Update:
    """An UpdateJobExecution; `strict` refuses details that are not strings."""
    body = parse_body(payload)
    return Update(
        device_status(body),
        status_details(body, strict=strict),
        whole(body, "expectedVersion"),
        whole(body, "executionNumber"),
        step_timeout_minutes(body),
        flag(body, "includeJobExecutionState", default=False),
        flag(body, "includeJobDocument", default=False),
    )


@_once
def describe(payload: bytes) -> Describe:
    """A DescribeJobExecution."""
    body = parse_body(payload)
    return Describe(whole(body, "executionNumber"), flag(body, "includeJobDocument", default=True))


@_once
def client_token(payload: bytes) -> str | None:
    """The token to send back; None without one. A number is taken as its text."""
    token = parse_body(payload).get("clientToken")
    if token is not None and not isinstance(token, str):
        raise _invalid("clientToken", token, "Member must be a string")
    return None if token is None else str(token)


def device_status(body: dict[str, Json]) -> Status:
    """The status a device reports; only four of the eight are its to give."""
    status = body.get("status")
    if status is None:
        raise _invalid("status", None, "Member must not be null")
    if status not in DEVICE_STATUSES:
        allowed = ", ".join(DEVICE_STATUSES)
        raise _invalid("status", status, f"Member must satisfy enum value set: [{allowed}]")
    return Status(status)


def status_details(body: dict[str, Json], *, strict: bool) -> Mapping[str, str] | None:
    """All details, None when absent; nobody may change them. `strict` refuses values that are not strings."""
    details = body.get("statusDetails")
    if details is None:
        return None
    if not isinstance(details, dict):
        raise _invalid("statusDetails", details, "Member must be a map")
    if len(details) > DETAILS_MAX_PAIRS:
        raise _invalid("statusDetails", details, f"Member must have at most {DETAILS_MAX_PAIRS} entries")
    for name in details:
        if not _DETAIL_NAME.fullmatch(name):
            raise _invalid("statusDetails", name, f"Map keys must satisfy regular expression {_DETAIL_NAME.pattern}")
    return _kept(tuple([(name, _detail(name, value, strict)) for name, value in details.items()]))


@lru_cache(maxsize=DETAILS_KEPT)
def _kept(pairs: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    """Details that many devices report are kept once."""
    return dict(pairs)


def whole(body: dict[str, Json], name: str) -> int | None:
    """A whole number, quoted or not; None when absent."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        raise _invalid(name, value, "Member must be a whole number")
    return int(value)


def flag(body: dict[str, Json], name: str, *, default: bool) -> bool:
    """A boolean; `default` when absent."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise _invalid(name, value, "Member must be a boolean")
    return value


def step_timeout_minutes(body: dict[str, Json]) -> int | None:
    """Minutes of the step timer, -1 to cancel it, None when absent."""
    minutes = whole(body, "stepTimeoutInMinutes")
    if minutes is not None and minutes != -1 and not 1 <= minutes <= STEP_TIMEOUT_MAX_MINUTES:
        constraint = f"Member must be -1 or between 1 and {STEP_TIMEOUT_MAX_MINUTES}"
        raise _invalid("stepTimeoutInMinutes", minutes, constraint)
    return minutes


def _detail(name: str, value: Json, strict: bool) -> str:
    where = f"statusDetails.{name}"
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = str(value)
    else:
        raise _invalid(where, value, "Member must be a string")
    if strict and type(value) is not str:
        raise _invalid(where, text, "Member must be a string")
    if not 1 <= len(text) <= DETAIL_VALUE_MAX_CHARS:
        raise _invalid(where, text, f"Member must have length between 1 and {DETAIL_VALUE_MAX_CHARS}")
    if not text.isprintable() and any(unicodedata.category(char)[0] == "C" for char in text):
        raise _invalid(where, text, "Member must not contain control characters")
    return text


def _invalid(name: str, value: Json, constraint: str) -> Refused:
    """InvalidRequest, worded as AWS words a failed constraint."""
    shown = "null" if value is None else f"'{_shown(value)}'"
    return Refused(
        RejectedCode.INVALID_REQUEST,
        f"1 validation error detected: Value {shown} at '{name}' failed to satisfy constraint: {constraint}",
    )


def _shown(value: Json) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    return str(value)[:_SHOWN_CHARS]
