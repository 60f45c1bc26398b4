"""Control plane: thing groups, static and dynamic, and who is in them."""

from __future__ import annotations

from dataclasses import replace

from sim.cloud.api.operation import Ask, Operation
from sim.cloud.api.services import Services
from sim.cloud.api.shapes import (
    ARN,
    ATTRIBUTES,
    DESCRIPTION,
    NAME,
    PAGE_SIZE,
    TAGS,
    TOKEN,
    Flag,
    ListOf,
    Structure,
    Text,
    Whole,
    label,
    member,
    query,
)
from sim.cloud.api.things import Answer, attributes_of
from sim.cloud.refusals import invalid
from sim.cloud.registry.groups import INDEX
from sim.cloud.registry.pages import page
from sim.cloud.registry.records import Group
from sim.jobs.messages import Json

QUERY_VERSION = "2017-09-30"
"""The one version of the query language AWS documents."""

_PROPERTIES = Structure({"thingGroupDescription": DESCRIPTION, "attributePayload": ATTRIBUTES})


def _create(services: Services, ask: Ask) -> Answer:
    parent = ask.maybe("parentGroupName")
    if parent and parent not in services.registry.groups.by_name:  # this operation knows no ResourceNotFoundException
        raise invalid(f"Parent thing group {parent} does not exist")
    return _made(services, ask, _wanted(ask, parent=parent or ""))


def _create_dynamic(services: Services, ask: Ask) -> Answer:
    wanted = _wanted(ask, query=ask.text("queryString"), index=_index(ask) or INDEX)
    answer = _made(services, ask, wanted)
    services.regrouped(services.registry.groups.members(wanted.name), ask.now_s)
    return answer | {"indexName": wanted.index, "queryString": wanted.query, "queryVersion": QUERY_VERSION}


def _made(services: Services, ask: Ask, wanted: Group) -> Answer:
    registry = services.registry
    if wanted.name in ("addThingToThingGroup", "removeThingFromThingGroup", "updateThingGroupsForThing"):
        raise invalid(f"{wanted.name} is the name of an operation")
    registry.check_tags(registry.arns.group(wanted.name), ask.new_tags())
    made = registry.groups.create(wanted)
    registry.tag(registry.arns.group(made.name), ask.tags())
    return {
        "thingGroupName": made.name,
        "thingGroupArn": registry.arns.group(made.name),
        "thingGroupId": made.group_id,
    }


def _wanted(ask: Ask, *, parent: str = "", query: str = "", index: str = "") -> Group:
    properties = ask.mapping("thingGroupProperties")
    payload = properties.get("attributePayload")
    attributes, _ = attributes_of(payload if isinstance(payload, dict) else {})
    return Group(
        name=ask.text("thingGroupName"),
        group_id="",
        created_s=ask.now_s,
        parent=parent,
        description=str(properties.get("thingGroupDescription", "")),
        attributes=attributes or {},
        query=query,
        index=index,
    )


def _describe(services: Services, ask: Ask) -> Answer:
    group = services.registry.groups.get(ask.text("thingGroupName"))
    arns = services.registry.arns
    properties: Answer = {"thingGroupDescription": group.description} if group.description else {}
    if group.attributes:
        properties["attributePayload"] = {"attributes": dict(group.attributes)}
    metadata: Answer = {"creationDate": group.created_s}
    if group.parent:
        above = services.registry.groups.ancestry(group.parent)
        metadata["parentGroupName"] = group.parent
        metadata["rootToParentThingGroups"] = _rows(services, above)
    answer: Answer = {
        "thingGroupName": group.name,
        "thingGroupId": group.group_id,
        "thingGroupArn": arns.group(group.name),
        "version": group.version,
        "thingGroupProperties": properties,
        "thingGroupMetadata": metadata,
    }
    if group.query:
        answer |= {"indexName": group.index, "queryString": group.query, "queryVersion": QUERY_VERSION}
        answer["status"] = "ACTIVE"
    return answer


def _update(services: Services, ask: Ask) -> Answer:
    return _updated(services, ask, None)


def _update_dynamic(services: Services, ask: Ask) -> Answer:
    _index(ask)
    return _updated(services, ask, ask.maybe("queryString") or "")


def _updated(services: Services, ask: Ask, query: str | None) -> Answer:
    """`query` None: a static group; "": a dynamic one whose query stays."""
    old = services.registry.groups.get(ask.text("thingGroupName"))
    if bool(old.query) is (query is None):
        raise invalid(
            f"{old.name} is a {'dynamic' if old.query else 'static'} thing group; use the operation for those"
        )
    properties = ask.mapping("thingGroupProperties")
    payload = properties.get("attributePayload")
    attributes, merge = attributes_of(payload if isinstance(payload, dict) else {})
    changed = replace(
        old,
        description=str(properties.get("thingGroupDescription", old.description)),
        attributes=old.attributes if attributes is None else attributes,
        query=query or old.query,
    )
    expected = ask.whole("expectedVersion")
    made, concerned = services.registry.update_group(changed, expected, merge=merge or attributes is None)
    services.regrouped(concerned, ask.now_s)
    return {"version": made.version}


def _index(ask: Ask) -> str | None:
    """The index named; there is one, and one version of its language."""
    if ask.maybe("queryVersion") not in (None, QUERY_VERSION):
        raise invalid(f"queryVersion must be {QUERY_VERSION}")
    index = ask.maybe("indexName")
    if index not in (None, INDEX):
        raise invalid(f"Dynamic thing groups query the index {INDEX}")
    return index


def _delete(services: Services, ask: Ask) -> None:
    _deleted(services, ask, dynamic=False)


def _delete_dynamic(services: Services, ask: Ask) -> None:
    _deleted(services, ask, dynamic=True)


def _deleted(services: Services, ask: Ask, *, dynamic: bool) -> None:
    name, expected = ask.text("thingGroupName"), ask.whole("expectedVersion")
    services.regrouped(services.registry.delete_group(name, expected, dynamic=dynamic), ask.now_s)


def _list(services: Services, ask: Ask) -> Answer:
    groups, parent = services.registry.groups, ask.maybe("parentGroup")
    prefix = ask.maybe("namePrefixFilter") or ""
    if parent is not None:
        groups.get(parent)
    deep = ask.flag("recursive", default=True)
    names = groups.below(parent or "") if deep else iter(groups.children(parent or ""))
    found, token = page((name for name in names if name.startswith(prefix)), ask.span())
    return {"thingGroups": _rows(services, found), "nextToken": token}


def _add(services: Services, ask: Ask) -> None:
    thing, group = _pair(services, ask)
    services.registry.groups.add(thing, group)
    services.regrouped([thing], ask.now_s)


def _remove(services: Services, ask: Ask) -> None:
    thing, group = _pair(services, ask)
    services.registry.things.get(thing)
    services.registry.groups.remove(thing, group)
    services.regrouped([thing], ask.now_s)


def _pair(services: Services, ask: Ask) -> tuple[str, str]:
    registry = services.registry
    return (
        registry.thing_name(ask.maybe("thingName"), ask.maybe("thingArn")),
        registry.group_name(ask.maybe("thingGroupName"), ask.maybe("thingGroupArn")),
    )


def _regroup(services: Services, ask: Ask) -> None:
    thing = services.registry.thing_name(ask.maybe("thingName"), None)
    services.registry.change_groups(thing, ask.texts("thingGroupsToAdd"), ask.texts("thingGroupsToRemove"))
    services.regrouped([thing], ask.now_s)


def _things(services: Services, ask: Ask) -> Answer:
    groups, name = services.registry.groups, ask.text("thingGroupName")
    groups.get(name)
    things = groups.members_below(name) if ask.flag("recursive") else groups.members(name)
    found, token = page(things, ask.span())
    return {"things": list(found), "nextToken": token}


def _of_thing(services: Services, ask: Ask) -> Answer:
    thing = services.registry.things.get(ask.text("thingName"))
    found, token = page(services.registry.groups.of_thing(thing.name), ask.span())
    return {"thingGroups": _rows(services, found), "nextToken": token}


def _rows(services: Services, names: list[str]) -> Json:
    return [{"groupName": name, "groupArn": services.registry.arns.group(name)} for name in names]


_GROUP = label("thingGroupName", NAME)
_PAGE = (query("nextToken", TOKEN), query("maxResults", PAGE_SIZE))
_PAIR = (
    member("thingName", NAME),
    member("thingArn", ARN),
    member("thingGroupName", NAME),
    member("thingGroupArn", ARN),
)
_VERSION = member("expectedVersion", Whole())
_QUERY = (member("indexName", NAME), member("queryVersion", Text()))

OPERATIONS = (
    Operation(
        "AddThingToThingGroup",
        "PUT /thing-groups/addThingToThingGroup",
        _add,
        (*_PAIR, member("overrideDynamicGroups", Flag())),
    ),
    Operation("RemoveThingFromThingGroup", "PUT /thing-groups/removeThingFromThingGroup", _remove, _PAIR),
    Operation(
        "UpdateThingGroupsForThing",
        "PUT /thing-groups/updateThingGroupsForThing",
        _regroup,
        (
            member("thingName", NAME),
            member("thingGroupsToAdd", ListOf(NAME)),
            member("thingGroupsToRemove", ListOf(NAME)),
            member("overrideDynamicGroups", Flag()),
        ),
    ),
    Operation(
        "CreateThingGroup",
        "POST /thing-groups/{thingGroupName}",
        _create,
        (_GROUP, member("parentGroupName", NAME), member("thingGroupProperties", _PROPERTIES), member("tags", TAGS)),
    ),
    Operation("DescribeThingGroup", "GET /thing-groups/{thingGroupName}", _describe, (_GROUP,)),
    Operation(
        "UpdateThingGroup",
        "PATCH /thing-groups/{thingGroupName}",
        _update,
        (_GROUP, member("thingGroupProperties", _PROPERTIES, required=True), _VERSION),
    ),
    Operation(
        "DeleteThingGroup",
        "DELETE /thing-groups/{thingGroupName}",
        _delete,
        (_GROUP, query("expectedVersion", Whole())),
    ),
    Operation(
        "ListThingGroups",
        "GET /thing-groups",
        _list,
        (*_PAGE, query("parentGroup", NAME), query("namePrefixFilter", NAME), query("recursive", Flag())),
    ),
    Operation(
        "ListThingsInThingGroup",
        "GET /thing-groups/{thingGroupName}/things",
        _things,
        (_GROUP, query("recursive", Flag()), *_PAGE),
    ),
    Operation(
        "ListThingGroupsForThing",
        "GET /things/{thingName}/thing-groups",
        _of_thing,
        (label("thingName", NAME), *_PAGE),
    ),
    Operation(
        "CreateDynamicThingGroup",
        "POST /dynamic-thing-groups/{thingGroupName}",
        _create_dynamic,
        (
            _GROUP,
            member("thingGroupProperties", _PROPERTIES),
            member("queryString", Text(1), required=True),
            *_QUERY,
            member("tags", TAGS),
        ),
    ),
    Operation(
        "UpdateDynamicThingGroup",
        "PATCH /dynamic-thing-groups/{thingGroupName}",
        _update_dynamic,
        (
            _GROUP,
            member("thingGroupProperties", _PROPERTIES, required=True),
            _VERSION,
            member("queryString", Text(1)),
            *_QUERY,
        ),
    ),
    Operation(
        "DeleteDynamicThingGroup",
        "DELETE /dynamic-thing-groups/{thingGroupName}",
        _delete_dynamic,
        (_GROUP, query("expectedVersion", Whole())),
    ),
)
