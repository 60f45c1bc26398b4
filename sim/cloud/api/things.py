"""Control plane: things and thing types."""

from __future__ import annotations

from collections.abc import Mapping

from sim.cloud.api.operation import Ask, Operation
from sim.cloud.api.services import Services
from sim.cloud.api.shapes import (
    ATTRIBUTE_NAME,
    ATTRIBUTE_VALUE,
    ATTRIBUTES,
    DESCRIPTION,
    NAME,
    PAGE_SIZE,
    TAGS,
    TOKEN,
    Elsewhere,
    Flag,
    ListOf,
    Structure,
    Whole,
    label,
    member,
    query,
)
from sim.cloud.refusals import invalid, not_emulated, not_found
from sim.cloud.registry.pages import page
from sim.cloud.registry.records import Thing, ThingType
from sim.jobs.messages import Json

Answer = dict[str, Json]

_PROPERTIES = Structure(
    {
        "thingTypeDescription": DESCRIPTION,
        "searchableAttributes": ListOf(ATTRIBUTE_NAME),
        "mqtt5Configuration": Elsewhere(),
    }
)


def attributes_of(payload: Mapping[str, Json]) -> tuple[dict[str, str] | None, bool]:
    """Attributes of an attributePayload (None when it gives none), and whether they are to be merged."""
    given = payload.get("attributes")
    attributes = {name: str(value) for name, value in given.items()} if isinstance(given, dict) else None
    return attributes, payload.get("merge") is True


def _create(services: Services, ask: Ask) -> Answer:
    name = ask.text("thingName")
    group = ask.maybe("billingGroupName")
    if group is not None:
        raise not_found("Billing group", group)
    attributes, _ = attributes_of(ask.mapping("attributePayload"))
    fresh = name not in services.registry.things
    thing = services.registry.things.create(name, ask.maybe("thingTypeName") or "", attributes or {})
    if fresh:
        services.jobs.add_thing(name)
        if services.registry.groups.dynamic:
            services.regrouped([name], ask.now_s)
    return {"thingName": name, "thingArn": services.registry.arns.thing(name), "thingId": thing.thing_id}


def _describe(services: Services, ask: Ask) -> Answer:
    thing = services.registry.things.get(ask.text("thingName"))
    return {"defaultClientId": thing.name, "thingId": thing.thing_id, **_row(services, thing)}


def _update(services: Services, ask: Ask) -> None:
    attributes, merge = attributes_of(ask.mapping("attributePayload"))
    type_name = ask.maybe("thingTypeName")
    if ask.flag("removeThingType"):
        if type_name is not None:
            raise invalid("thingTypeName and removeThingType exclude each other")
        type_name = ""
    name, expected = ask.text("thingName"), ask.whole("expectedVersion")
    concerned = services.registry.update_thing(name, expected, type_name, attributes, merge=merge)
    services.regrouped(concerned, ask.now_s)


def _delete(services: Services, ask: Ask) -> None:
    name = ask.text("thingName")
    if services.registry.delete_thing(name, ask.whole("expectedVersion")) is not None:
        services.carry(services.jobs.remove_thing(name, ask.now_s))


def _list(services: Services, ask: Ask) -> Answer:
    things = services.registry.things
    found, token = page((thing.name for thing in things if _wanted(thing, ask)), ask.span())
    return {"things": [_row(services, things.get(name)) for name in found], "nextToken": token}


def _wanted(thing: Thing, ask: Ask) -> bool:
    """Filters of ListThings: they add up."""
    kind, name, value = ask.maybe("thingTypeName"), ask.maybe("attributeName"), ask.maybe("attributeValue")
    if kind is not None and thing.type_name != kind:
        return False
    if name is not None and name not in thing.attributes:
        return False
    if name is None or value is None:
        return True
    has = thing.attributes[name]
    return has.startswith(value) if ask.flag("usePrefixAttributeValue") else has == value


def _row(services: Services, thing: Thing) -> Answer:
    row: Answer = {
        "thingName": thing.name,
        "thingArn": services.registry.arns.thing(thing.name),
        "attributes": dict(thing.attributes),
        "version": thing.version,
    }
    return row | ({"thingTypeName": thing.type_name} if thing.type_name else {})


def _create_type(services: Services, ask: Ask) -> Answer:
    name = ask.text("thingTypeName")
    description, searchable = _properties(ask)
    registry, arn = services.registry, services.registry.arns.of("thingtype", name)
    registry.check_tags(arn, ask.new_tags())
    made = registry.things.create_type(name, description or "", searchable or (), ask.now_s)
    registry.tag(arn, ask.tags())
    return {"thingTypeName": name, "thingTypeArn": arn, "thingTypeId": made.type_id}


def _describe_type(services: Services, ask: Ask) -> Answer:
    found = services.registry.things.type(ask.text("thingTypeName"))
    return {"thingTypeId": found.type_id, **_type_row(services, found)}


def _update_type(services: Services, ask: Ask) -> None:
    services.registry.things.update_type(ask.text("thingTypeName"), *_properties(ask))


def _deprecate_type(services: Services, ask: Ask) -> None:
    now_s = None if ask.flag("undoDeprecate") else ask.now_s
    services.registry.things.deprecate_type(ask.text("thingTypeName"), now_s)


def _delete_type(services: Services, ask: Ask) -> None:
    name = ask.text("thingTypeName")
    services.registry.things.delete_type(name, ask.now_s)
    services.registry.forget_resource(services.registry.arns.of("thingtype", name))


def _list_types(services: Services, ask: Ask) -> Answer:
    types, only = services.registry.things.types, ask.maybe("thingTypeName")
    found, token = page((name for name in types if only in (None, name)), ask.span())
    return {"thingTypes": [_type_row(services, types[name]) for name in found], "nextToken": token}


def _properties(ask: Ask) -> tuple[str | None, tuple[str, ...] | None]:
    properties = ask.mapping("thingTypeProperties")
    if "mqtt5Configuration" in properties:
        raise not_emulated("MQTT 5 and the configuration of a thing type for it")
    description, searchable = properties.get("thingTypeDescription"), properties.get("searchableAttributes")
    return (
        None if description is None else str(description),
        tuple(str(name) for name in searchable) if isinstance(searchable, list) else None,
    )


def _type_row(services: Services, found: ThingType) -> Answer:
    properties: Answer = {"thingTypeDescription": found.description} if found.description else {}
    if found.searchable:
        properties["searchableAttributes"] = list(found.searchable)
    metadata: Answer = {"deprecated": found.deprecated_s is not None, "creationDate": found.created_s}
    if found.deprecated_s is not None:
        metadata["deprecationDate"] = found.deprecated_s
    return {
        "thingTypeName": found.name,
        "thingTypeArn": services.registry.arns.of("thingtype", found.name),
        "thingTypeProperties": properties,
        "thingTypeMetadata": metadata,
    }


_THING = label("thingName", NAME)
_TYPE = label("thingTypeName", NAME)
_PAGE = (query("nextToken", TOKEN), query("maxResults", PAGE_SIZE))

OPERATIONS = (
    Operation(
        "CreateThing",
        "POST /things/{thingName}",
        _create,
        (
            _THING,
            member("thingTypeName", NAME),
            member("attributePayload", ATTRIBUTES),
            member("billingGroupName", NAME),
        ),
    ),
    Operation("DescribeThing", "GET /things/{thingName}", _describe, (_THING,)),
    Operation(
        "UpdateThing",
        "PATCH /things/{thingName}",
        _update,
        (
            _THING,
            member("thingTypeName", NAME),
            member("attributePayload", ATTRIBUTES),
            member("expectedVersion", Whole()),
            member("removeThingType", Flag()),
        ),
    ),
    Operation("DeleteThing", "DELETE /things/{thingName}", _delete, (_THING, query("expectedVersion", Whole()))),
    Operation(
        "ListThings",
        "GET /things",
        _list,
        (
            *_PAGE,
            query("attributeName", ATTRIBUTE_NAME),
            query("attributeValue", ATTRIBUTE_VALUE),
            query("thingTypeName", NAME),
            query("usePrefixAttributeValue", Flag()),
        ),
    ),
    Operation(
        "CreateThingType",
        "POST /thing-types/{thingTypeName}",
        _create_type,
        (_TYPE, member("thingTypeProperties", _PROPERTIES), member("tags", TAGS)),
    ),
    Operation("DescribeThingType", "GET /thing-types/{thingTypeName}", _describe_type, (_TYPE,)),
    Operation(
        "UpdateThingType",
        "PATCH /thing-types/{thingTypeName}",
        _update_type,
        (_TYPE, member("thingTypeProperties", _PROPERTIES)),
    ),
    Operation(
        "DeprecateThingType",
        "POST /thing-types/{thingTypeName}/deprecate",
        _deprecate_type,
        (_TYPE, member("undoDeprecate", Flag())),
    ),
    Operation("DeleteThingType", "DELETE /thing-types/{thingTypeName}", _delete_type, (_TYPE,)),
    Operation("ListThingTypes", "GET /thing-types", _list_types, (*_PAGE, query("thingTypeName", NAME))),
)
