"""No operation of the table is without its refusal: the rows that the main ones lack, and a stranger's key for all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from aws_rig import Cloud, refusal, running
from botocore import xform_name
from botocore.model import Shape, StructureShape
from test_rest_refusals import ARN, CASES, CONFLICT, DATA_CASES, INVALID, MISSING, POLICY, records

from sim.cloud.api.router import OPERATIONS, Plane

NOBODY = ARN + "cert/" + "0" * 64
CLIENTS = {Plane.CONTROL: "iot", Plane.JOBS_DATA: "iot-jobs-data", Plane.DATA: "iot-data"}
STRANGER = {"aws_access_key_id": "AKIASTRANGEREXAMPLE2", "aws_secret_access_key": "x" * 40}
CANNOT_BE_ASKED_WRONGLY = {"DescribeEventConfigurations", "GetIndexingConfiguration", "CreateKeysAndCertificate"}
"""With boto3, which checks types: the first two take nothing, the last one takes a boolean."""

ROWS: list[tuple[str, dict[str, Any], tuple[int, str]]] = [
    ("update_thing_type", {"thingTypeName": "none"}, MISSING),
    ("list_thing_types", {"thingTypeName": "bad name"}, INVALID),
    ("update_dynamic_thing_group", {"thingGroupName": "none", "thingGroupProperties": {}}, MISSING),
    (
        "update_dynamic_thing_group",
        {"thingGroupName": "dyn", "thingGroupProperties": {}, "expectedVersion": 9},
        CONFLICT,
    ),
    (
        "update_dynamic_thing_group",
        {"thingGroupName": "dyn", "thingGroupProperties": {}, "queryString": "NOT"},
        (400, "InvalidQueryException"),
    ),
    ("detach_thing_principal", {"thingName": "t", "principal": NOBODY}, MISSING),
    ("list_thing_principals_v2", {"thingName": "none"}, MISSING),
    ("list_principal_things", {"principal": "no ARN"}, INVALID),
    ("list_principal_things", {"principal": NOBODY}, MISSING),
    ("list_principal_things_v2", {"principal": NOBODY}, MISSING),
    ("get_policy", {"policyName": "none"}, MISSING),
    ("list_policies", {"pageSize": 251}, INVALID),
    ("list_policy_versions", {"policyName": "none"}, MISSING),
    ("set_default_policy_version", {"policyName": "p", "policyVersionId": "9"}, MISSING),
    ("detach_policy", {"policyName": "p", "target": "elsewhere"}, INVALID),
    ("detach_policy", {"policyName": "p", "target": ""}, INVALID),
    ("attach_policy", {"policyName": "p", "target": ""}, INVALID),
    ("list_attached_policies", {"target": ARN + "thinggroup/none"}, MISSING),
    ("list_targets_for_policy", {"policyName": "none"}, MISSING),
    ("attach_principal_policy", {"policyName": "none", "principal": NOBODY}, MISSING),
    ("detach_principal_policy", {"policyName": "none", "principal": NOBODY}, MISSING),
    ("list_principal_policies", {"principal": NOBODY}, MISSING),
    ("list_policy_principals", {"policyName": "none"}, MISSING),
    ("update_event_configurations", {"eventConfigurations": {"WEATHER": {"Enabled": True}}}, INVALID),
    ("untag_resource", {"resourceArn": ARN + "thinggroup/none", "tagKeys": ["a"]}, MISSING),
    ("list_tags_for_resource", {"resourceArn": ARN + "thinggroup/none"}, MISSING),
    ("list_indices", {"maxResults": 501}, INVALID),
    ("describe_index", {"indexName": "none"}, MISSING),
    ("update_indexing_configuration", {"thingIndexingConfiguration": {"thingIndexingMode": "ALL"}}, INVALID),
    ("delete_job_template", {"jobTemplateId": "none"}, MISSING),
    ("list_job_templates", {"nextToken": "made up"}, INVALID),
    ("list_managed_job_templates", {"maxResults": 251}, INVALID),
]


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with running() as made:
        iot = made.client("iot")
        iot.create_thing(thingName="t")
        iot.create_dynamic_thing_group(thingGroupName="dyn", queryString="thingName:t*")
        iot.create_policy(policyName="p", policyDocument=POLICY)
        yield made


@pytest.mark.parametrize(
    ("operation", "arguments", "expected"), ROWS, ids=[f"{n}-{it[0]}" for n, it in enumerate(ROWS)]
)
def test_refused_and_nothing_changed(
    cloud: Cloud, operation: str, arguments: dict[str, Any], expected: tuple[int, str]
) -> None:
    before = records(cloud)
    assert refusal(getattr(cloud.client("iot"), operation), **arguments) == expected
    assert records(cloud) == before


def test_every_operation_has_a_row() -> None:
    elsewhere = {"publish", "get_retained_message", "list_retained_messages", "list_named_shadows_for_thing"}
    elsewhere |= {
        "get_thing_shadow",
        "update_thing_shadow",
        "delete_thing_shadow",
        "delete_certificate",
        "delete_connection",
    }
    named = {row[0] for row in (*CASES, *ROWS, *DATA_CASES)} | elsewhere
    names = {operation.name for operations in OPERATIONS.values() for operation in operations}
    assert {name for name in names - CANNOT_BE_ASKED_WRONGLY if xform_name(name) not in named} == set()


@pytest.mark.parametrize("plane", CLIENTS)
def test_every_operation_refuses_a_strangers_key(cloud: Cloud, plane: Plane) -> None:
    client = cloud.client(CLIENTS[plane], **STRANGER)
    before = records(cloud)
    for operation in OPERATIONS[plane]:
        model = client.meta.service_model.operation_model(operation.name)
        answer = refusal(getattr(client, xform_name(operation.name)), **least(model.input_shape))
        assert answer == (403, "UnrecognizedClientException"), operation.name
    assert records(cloud) == before


def least(shape: Shape | None) -> Any:
    """The smallest value that boto3 lets out."""
    if shape is None:
        return {}
    if isinstance(shape, StructureShape):
        return {name: least(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "string":
        enum = getattr(shape, "enum", None)
        return enum[0] if enum else "a" * max(1, shape.metadata.get("min", 1))
    values: dict[str, Any] = {"list": [], "map": {}, "boolean": True, "blob": b"", "integer": 1, "long": 1}
    value = values[shape.type_name]
    return [least(shape.member)] if value == [] and shape.metadata.get("min") else value
