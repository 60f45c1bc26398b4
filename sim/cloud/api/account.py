"""Control plane: what belongs to the account as a whole. Endpoint, event configuration, tags."""

from __future__ import annotations

from sim.cloud.api.operation import Ask, Operation
from sim.cloud.api.services import Services
from sim.cloud.api.shapes import ARN, TAG_KEY, TAGS, TOKEN, Choice, Flag, ListOf, MapOf, Structure, Text, member, query
from sim.cloud.api.things import Answer
from sim.cloud.refusals import invalid, not_found
from sim.cloud.registry.pages import page
from sim.cloud.registry.registry import EVENT_TYPES

ENDPOINT_TYPES = ("iot:Data", "iot:Data-ATS", "iot:CredentialProvider", "iot:Jobs")


def _endpoint(services: Services, ask: Ask) -> Answer:
    kind = ask.maybe("endpointType") or "iot:Data"
    if kind not in ENDPOINT_TYPES:
        raise invalid(f"Endpoint type {kind[:60]} is invalid; use one of {', '.join(ENDPOINT_TYPES)}")
    return {"endpointAddress": services.endpoint or ask.host}


def _events(services: Services, _ask: Ask) -> Answer:
    registry = services.registry
    answer: Answer = {"eventConfigurations": {kind: {"Enabled": on} for kind, on in registry.events.items()}}
    if registry.events_changed_s is not None:
        answer |= {"creationDate": registry.events_changed_s, "lastModifiedDate": registry.events_changed_s}
    return answer


def _set_events(services: Services, ask: Ask) -> None:
    given = ask.mapping("eventConfigurations")
    changes = {kind: it.get("Enabled") is True for kind, it in given.items() if isinstance(it, dict)}
    registry = services.registry
    registry.set_events(changes, ask.now_s)
    services.jobs.set_events(jobs=registry.events["JOB"], executions=registry.events["JOB_EXECUTION"])


def _tag(services: Services, ask: Ask) -> None:
    services.registry.tag(_resource(services, ask), ask.tags())


def _untag(services: Services, ask: Ask) -> None:
    services.registry.untag(_resource(services, ask), ask.texts("tagKeys"))


def _tags(services: Services, ask: Ask) -> Answer:
    tags = services.registry.tags(_resource(services, ask))
    found, token = page(tags, ask.span())
    return {"tags": [{"Key": key, "Value": tags[key]} for key in found], "nextToken": token}


def _resource(services: Services, ask: Ask) -> str:
    """The ARN of a resource that is there; jobs and their templates are the Jobs service's to know."""
    arn = ask.text("resourceArn")
    kind, name = services.registry.arns.parse(arn) or ("", "")
    if kind == "job":
        services.jobs.control.created(name)
    elif kind == "jobtemplate":
        services.jobs.templates.members(arn)
    elif not services.registry.has_resource(arn):
        raise not_found("Resource", arn)
    return arn


_ARN = member("resourceArn", ARN, required=True)

OPERATIONS = (
    Operation("DescribeEndpoint", "GET /endpoint", _endpoint, (query("endpointType", Text(0, 128, r"[\s\S]*")),)),
    Operation("DescribeEventConfigurations", "GET /event-configurations", _events),
    Operation(
        "UpdateEventConfigurations",
        "PATCH /event-configurations",
        _set_events,
        (member("eventConfigurations", MapOf(Choice(EVENT_TYPES), Structure({"Enabled": Flag()}))),),
    ),
    Operation("TagResource", "POST /tags", _tag, (_ARN, member("tags", TAGS, required=True))),
    Operation("UntagResource", "POST /untag", _untag, (_ARN, member("tagKeys", ListOf(TAG_KEY), required=True))),
    Operation(
        "ListTagsForResource",
        "GET /tags",
        _tags,
        (query("resourceArn", ARN, required=True), query("nextToken", TOKEN)),
    ),
)
