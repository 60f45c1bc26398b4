"""Control plane: fleet indexing. Searches walk the registry; there is no index that could lag behind."""

from __future__ import annotations

from sim.cloud.api.groups import QUERY_VERSION
from sim.cloud.api.operation import Ask, Operation
from sim.cloud.api.services import Services
from sim.cloud.api.shapes import NAME, TOKEN, Choice, Elsewhere, Flag, Structure, Text, Whole, label, member, query
from sim.cloud.api.things import Answer
from sim.cloud.refusals import invalid, not_emulated, not_found
from sim.cloud.registry import queries
from sim.cloud.registry.groups import INDEX
from sim.cloud.registry.pages import RESULTS_MAX, Span, page
from sim.jobs.documents import JobError
from sim.jobs.messages import Json

_SCHEMA = '{"registry":{"thingName":"String","thingTypeName":"String","attributes.*":"String"}}'


def _search(services: Services, ask: Ask) -> Answer:
    if ask.maybe("indexName") not in (None, INDEX):
        raise not_found("Index", ask.text("indexName"))
    if ask.maybe("queryVersion") not in (None, QUERY_VERSION):
        raise invalid(f"queryVersion must be {QUERY_VERSION}")
    if services.indexing.things == "OFF":
        raise JobError("IndexNotReadyException", "Fleet indexing is off; see UpdateIndexingConfiguration")
    matches = queries.parse(ask.text("queryString"))
    registry = services.registry
    names = (thing.name for thing in registry.things if matches(registry.groups.document(thing.name)))
    size = min(ask.whole("maxResults") or RESULTS_MAX, RESULTS_MAX)
    found, token = page(names, Span(size, ask.maybe("nextToken")))
    return {"things": [_row(services, name) for name in found], "nextToken": token}


def _row(services: Services, name: str) -> Json:
    registry = services.registry
    thing = registry.things.get(name)
    row: Answer = {
        "thingName": name,
        "thingId": thing.thing_id,
        "thingGroupNames": list(registry.groups.of_thing(name)),
        "attributes": dict(thing.attributes),
    }
    return row | ({"thingTypeName": thing.type_name} if thing.type_name else {})


def _configuration(services: Services, _ask: Ask) -> Answer:
    return {
        "thingIndexingConfiguration": {
            "thingIndexingMode": services.indexing.things,
            "thingConnectivityIndexingMode": "OFF",
        },
        "thingGroupIndexingConfiguration": {"thingGroupIndexingMode": services.indexing.groups},
    }


def _configure(services: Services, ask: Ask) -> None:
    things, groups = ask.mapping("thingIndexingConfiguration"), ask.mapping("thingGroupIndexingConfiguration")
    if things.get("thingIndexingMode") == "REGISTRY_AND_SHADOW":
        raise not_emulated("shadows; thingIndexingMode is REGISTRY or OFF")
    for name in ("thingConnectivityIndexingMode", "deviceDefenderIndexingMode", "namedShadowIndexingMode"):
        if things.get(name) not in (None, "OFF"):
            raise not_emulated(f"{name}; leave it OFF")
    services.indexing.things = str(things.get("thingIndexingMode", services.indexing.things))
    services.indexing.groups = str(groups.get("thingGroupIndexingMode", services.indexing.groups))


def _connectivity(services: Services, ask: Ask) -> Answer:
    services.registry.things.get(ask.text("thingName"))
    raise JobError("IndexNotReadyException", "Connectivity indexing is off")


def _indices(services: Services, ask: Ask) -> Answer:
    found, token = page([INDEX] if services.indexing.things != "OFF" else [], ask.span())
    return {"indexNames": list(found), "nextToken": token}


def _describe(services: Services, ask: Ask) -> Answer:
    if ask.text("indexName") != INDEX or services.indexing.things == "OFF":
        raise not_found("Index", ask.text("indexName"))
    return {"indexName": INDEX, "indexStatus": "ACTIVE", "schema": _SCHEMA}


_THINGS = Structure(
    {
        "thingIndexingMode": Choice(("OFF", "REGISTRY", "REGISTRY_AND_SHADOW")),
        "thingConnectivityIndexingMode": Choice(("OFF", "STATUS")),
        "deviceDefenderIndexingMode": Choice(("OFF", "VIOLATIONS")),
        "namedShadowIndexingMode": Choice(("OFF", "ON")),
        "managedFields": Elsewhere(),
        "customFields": Elsewhere(),
        "filter": Elsewhere(),
    },
    required=("thingIndexingMode",),
)
_GROUPS = Structure(
    {"thingGroupIndexingMode": Choice(("OFF", "ON")), "managedFields": Elsewhere(), "customFields": Elsewhere()},
    required=("thingGroupIndexingMode",),
)

OPERATIONS = (
    Operation(
        "SearchIndex",
        "POST /indices/search",
        _search,
        (
            member("indexName", NAME),
            member("queryString", Text(1), required=True),
            member("nextToken", TOKEN),
            member("maxResults", Whole(1)),
            member("queryVersion", Text()),
        ),
    ),
    Operation("ListIndices", "GET /indices", _indices, (query("nextToken", TOKEN), query("maxResults", Whole(1, 500)))),
    Operation("DescribeIndex", "GET /indices/{indexName}", _describe, (label("indexName", NAME),)),
    Operation("GetIndexingConfiguration", "GET /indexing/config", _configuration),
    Operation(
        "UpdateIndexingConfiguration",
        "POST /indexing/config",
        _configure,
        (member("thingIndexingConfiguration", _THINGS), member("thingGroupIndexingConfiguration", _GROUPS)),
    ),
    Operation(
        "GetThingConnectivityData",
        "POST /things/{thingName}/connectivity-data",
        _connectivity,
        (label("thingName", NAME), member("includeSocketInformation", Flag())),
    ),
)
