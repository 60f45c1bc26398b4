"""Data planes: iot-jobs-data, which is what a device asks over MQTT, in HTTP; and iot-data, of which publish is here.

A job document is a string in these answers, as in Amazon's. Shadows, retained messages and connections of iot-data are
not emulated and say so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from sim.cloud.api.operation import Ask, Operation
from sim.cloud.api.services import Services
from sim.cloud.api.shapes import (
    JOB_ID,
    NAME,
    TOKEN,
    Choice,
    Elsewhere,
    Flag,
    Member,
    Text,
    Whole,
    header,
    label,
    member,
    query,
)
from sim.cloud.api.things import Answer
from sim.cloud.refusals import invalid, not_emulated
from sim.jobs import topics
from sim.jobs.messages import Json

PAYLOAD_MAX_BYTES = 128 * 1024
TOPIC_MAX_SLASHES = 7
"""AWS IoT Core message broker limits."""


def _get_pending(services: Services, ask: Ask) -> Answer:
    return _asked(services, ask, topics.Operation.GET_PENDING, "", b"")


def _start_next(services: Services, ask: Ask) -> Answer:
    return _asked(services, ask, topics.Operation.START_NEXT, "", ask.body)


def _describe(services: Services, ask: Ask) -> Answer:
    members = {name: ask.given[name] for name in ("includeJobDocument", "executionNumber") if name in ask.given}
    return _asked(services, ask, topics.Operation.DESCRIBE, ask.text("jobId"), json.dumps(members).encode())


def _update(services: Services, ask: Ask) -> Answer:
    return _asked(services, ask, topics.Operation.UPDATE, ask.text("jobId"), ask.body)


def _asked(services: Services, ask: Ask, operation: topics.Operation, job_id: str, body: bytes) -> Answer:
    asked = services.jobs.ask(operation, ask.text("thingName"), job_id, body, ask.now_s)
    services.carry(asked.effects)
    return asked.answer


def _publish(services: Services, ask: Ask) -> None:
    topic = ask.text("topic")
    if not topic or set(topic) & set("+#\0") or len(topic.encode()) > topics.TOPIC_MAX_BYTES:
        raise invalid(f"Topic {topic[:60]!r} cannot be published to")
    if topic.startswith("$"):
        raise invalid("Reserved topics are not open to iot-data; use the service they belong to")
    if topic.count("/") > TOPIC_MAX_SLASHES:
        raise invalid(f"A topic has at most {TOPIC_MAX_SLASHES} slashes")
    if len(ask.body) > PAYLOAD_MAX_BYTES:
        raise invalid(f"The payload has {len(ask.body)} bytes; at most {PAYLOAD_MAX_BYTES} are allowed")
    if ask.flag("retain"):
        raise not_emulated("retained messages")
    services.publish(topic, ask.body, ask.whole("qos") or 0)


def _shadow(_services: Services, _ask: Ask) -> Mapping[str, Json] | None:
    raise not_emulated("device shadows")


def _retained(_services: Services, _ask: Ask) -> Mapping[str, Json] | None:
    raise not_emulated("retained messages")


def _connection(_services: Services, _ask: Ask) -> Mapping[str, Json] | None:
    raise not_emulated("ending a connection of the broker")


_THING, _JOB = label("thingName", NAME), label("jobId", JOB_ID)
_DETAILS = (member("statusDetails", Elsewhere()), member("stepTimeoutInMinutes", Elsewhere()))

JOBS_OPERATIONS = (
    Operation("GetPendingJobExecutions", "GET /things/{thingName}/jobs", _get_pending, (_THING,)),
    Operation("StartNextPendingJobExecution", "PUT /things/{thingName}/jobs/$next", _start_next, (_THING, *_DETAILS)),
    Operation(
        "DescribeJobExecution",
        "GET /things/{thingName}/jobs/{jobId}",
        _describe,
        (
            _THING,
            label("jobId", Text(0, None, r"[a-zA-Z0-9_-]+|^\$next")),
            query("includeJobDocument", Flag()),
            query("executionNumber", Whole()),
        ),
    ),
    Operation(
        "UpdateJobExecution",
        "POST /things/{thingName}/jobs/{jobId}",
        _update,
        (
            _THING,
            _JOB,
            member("status", Elsewhere(), required=True),
            *_DETAILS,
            member("expectedVersion", Elsewhere()),
            member("includeJobExecutionState", Elsewhere()),
            member("includeJobDocument", Elsewhere()),
            member("executionNumber", Elsewhere()),
        ),
    ),
)

_SHADOW = (_THING, query("name", Text(1, 64, "[$a-zA-Z0-9:_-]+")))

DATA_OPERATIONS = (
    Operation(
        "Publish",
        "POST /topics/{topic+}",
        _publish,
        (
            label("topic", Text()),
            query("qos", Whole(0, 1)),
            query("retain", Flag()),
            Member("payload", "payload", Elsewhere()),
            header("x-amz-mqtt5-user-properties", Text()),
            header("x-amz-mqtt5-payload-format-indicator", Choice(("UNSPECIFIED_BYTES", "UTF8_DATA"))),
            query("contentType", Text()),
            query("responseTopic", Text()),
            header("x-amz-mqtt5-correlation-data", Text()),
            query("messageExpiry", Whole()),
        ),
    ),
    Operation("GetThingShadow", "GET /things/{thingName}/shadow", _shadow, _SHADOW),
    Operation(
        "UpdateThingShadow",
        "POST /things/{thingName}/shadow",
        _shadow,
        (*_SHADOW, Member("payload", "payload", Elsewhere())),
    ),
    Operation("DeleteThingShadow", "DELETE /things/{thingName}/shadow", _shadow, _SHADOW),
    Operation(
        "ListNamedShadowsForThing",
        "GET /api/things/shadow/ListNamedShadowsForThing/{thingName}",
        _shadow,
        (_THING, query("nextToken", TOKEN), query("pageSize", Whole(1, 100))),
    ),
    Operation(
        "ListRetainedMessages",
        "GET /retainedMessage",
        _retained,
        (query("nextToken", TOKEN), query("maxResults", Whole(1, 200))),
    ),
    Operation("GetRetainedMessage", "GET /retainedMessage/{topic+}", _retained, (label("topic", Text()),)),
    Operation(
        "DeleteConnection",
        "DELETE /connections/{clientId}",
        _connection,
        (
            label("clientId", Text(1, 128, "^[^$].*")),
            query("cleanSession", Flag()),
            query("preventWillMessage", Flag()),
        ),
    ),
)
