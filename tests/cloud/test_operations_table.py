"""Every JSON operation is declared as Amazon's service models have it: route, inputs, limits, errors; and documented.

The table in docs/aws-rest.md is written by `python tests/cloud/test_operations_table.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, StringShape, StructureShape

from sim.cloud.api import errors
from sim.cloud.api.operation import Operation
from sim.cloud.api.router import OPERATIONS, Plane
from sim.cloud.api.shapes import Choice, Elsewhere, Flag, ListOf, MapOf, Shape, Structure, Text, Whole

SERVICES = {Plane.CONTROL: "iot", Plane.JOBS_DATA: "iot-jobs-data", Plane.DATA: "iot-data"}
PAGE = Path(__file__).parents[2] / "docs" / "aws-rest.md"

_session = botocore.session.get_session()
_models: dict[Plane, ServiceModel] = {}


def model(plane: Plane) -> ServiceModel:
    if plane not in _models:
        _models[plane] = _session.get_service_model(SERVICES[plane])
    return _models[plane]


ALL = [(plane, operation) for plane, operations in OPERATIONS.items() for operation in operations]
NAMES = [f"{plane.value}:{operation.name}" for plane, operation in ALL]


@pytest.mark.parametrize(("plane", "operation"), ALL, ids=NAMES)
def test_route_is_amazons(plane: Plane, operation: Operation) -> None:
    http = model(plane).operation_model(operation.name).http
    assert operation.method == http["method"]
    assert operation.route.partition(" ")[2].replace("+}", "}") == http["requestUri"]


@pytest.mark.parametrize(("plane", "operation"), ALL, ids=NAMES)
def test_inputs_and_their_limits_are_amazons(plane: Plane, operation: Operation) -> None:
    assert list(differences(operation, model(plane).operation_model(operation.name))) == []


@pytest.mark.parametrize("plane", SERVICES)
def test_statuses_of_errors_are_amazons(plane: Plane) -> None:
    ours = errors.STATUS if plane is Plane.CONTROL else errors.DATA_STATUS
    theirs = {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in model(plane).error_shapes}
    assert {name: status for name, status in ours.items() if theirs.get(name, status) != status} == {}


def test_no_two_operations_share_a_route() -> None:
    for operations in OPERATIONS.values():
        routes = [operation.route for operation in operations]
        assert len(set(routes)) == len(routes)


def test_the_documented_table_is_the_real_one() -> None:
    assert PAGE.read_text() == page(), f"write it anew: python {Path(__file__).name}"


def differences(operation: Operation, theirs: OperationModel) -> Iterator[str]:
    ours = {(it.place, it.name): it for it in operation.inputs}
    shape = theirs.input_shape
    members = {} if shape is None else shape.members
    wanted = {}
    for name, it in members.items():
        place = it.serialization.get("location", "body")
        if shape is not None and shape.serialization.get("payload") == name:
            place = "payload"
        wanted[place, it.serialization.get("name", name)] = (it, name in shape.required_members)
    yield from (f"{key} is not in Amazon's model" for key in ours.keys() - wanted.keys())
    yield from (f"{key} is missing" for key in wanted.keys() - ours.keys())
    for key in sorted(ours.keys() & wanted.keys()):
        it, required = wanted[key]
        if ours[key].required != required and not (required and isinstance(ours[key].shape, Elsewhere)):
            yield f"{key}: required is {ours[key].required} and not {required}"
        yield from shape_differences(ours[key].shape, it, f"{operation.name}.{key[1]}")


def shape_differences(ours: Shape, theirs: Any, where: str) -> Iterator[str]:
    if isinstance(ours, Elsewhere):
        return
    limits = (theirs.metadata.get("min"), theirs.metadata.get("max"))
    match ours:
        case Text():
            if not isinstance(theirs, StringShape) or getattr(theirs, "enum", None):
                yield f"{where} is no plain text but {theirs}"
            elif (ours.least, ours.pattern) != (limits[0] or 0, theirs.metadata.get("pattern")):
                yield f"{where}: {ours} differs from {theirs.metadata}"
            elif ours.most != limits[1] and not (limits[1] is None and ours.most):  # stricter where a quota is
                yield f"{where}: {ours.most} differs from {limits[1]}"
        case Choice():
            if list(ours.words) != theirs.enum:
                yield f"{where}: {ours.words} differ from {theirs.enum}"
        case Whole():
            if theirs.type_name not in ("integer", "long") or (ours.least, ours.most) != limits:
                yield f"{where}: {ours} differs from {theirs} {limits}"
        case Flag():
            if theirs.type_name != "boolean":
                yield f"{where} is no boolean but {theirs}"
        case ListOf():
            if not isinstance(theirs, ListShape) or ours.least != (limits[0] or 0):
                yield f"{where}: {ours} differs from {theirs} {limits}"
            else:
                yield from shape_differences(ours.item, theirs.member, f"{where}[]")
        case MapOf():
            assert isinstance(theirs, MapShape)
            yield from shape_differences(ours.key, theirs.key, f"{where} key")
            yield from shape_differences(ours.value, theirs.value, f"{where}{{}}")
        case Structure():
            assert isinstance(theirs, StructureShape)
            if set(ours.required) != set(theirs.required_members):
                yield f"{where}: {ours.required} are required, not {theirs.required_members}"
            for name, it in theirs.members.items():
                if name not in ours.members:
                    yield f"{where}.{name} is missing"
                else:
                    yield from shape_differences(ours.members[name], it, f"{where}.{name}")


def page() -> str:
    """The text of docs/aws-rest.md."""
    lines = [
        "# REST operations of the emulated cloud",
        "",
        "One port serves all of them. A service is told by the scope of the signature, else by the host, else by the",
        "path. What is not in these tables is refused: `UnknownOperationException`, 404, or 501 where S3 has it.",
        "",
        "[tutorials/cloud.md](tutorials/cloud.md) drives a virtual device through them.",
        "",
    ]
    titles = {
        Plane.CONTROL: "Control plane (boto3 `iot`)",
        Plane.JOBS_DATA: "Jobs data plane (boto3 `iot-jobs-data`)",
        Plane.DATA: "Data plane (boto3 `iot-data`)",
    }
    for plane, title in titles.items():
        lines += [f"## {title}", "", "| operation | route |", "|---|---|"]
        for operation in sorted(OPERATIONS[plane], key=lambda it: it.name):
            note = " (answers 501)" if operation.handler.__name__ in ("_shadow", "_retained", "_connection") else ""
            lines.append(f"| {operation.name}{note} | `{operation.route.replace('+}', '}')}` |")
        lines.append("")
    return "\n".join(lines + S3_TEXT.splitlines()) + "\n"


S3_TEXT = """## S3 (boto3 `s3`)

Path style and virtual-hosted; signatures (version 4) in the header and in the query, checked in full, bodies in chunks
and signed chunks included.

| operation | notes |
|---|---|
| ListBuckets, CreateBucket, HeadBucket, DeleteBucket, GetBucketLocation | one region |
| GetBucketVersioning, PutBucketVersioning, ListObjectVersions | |
| PutObject, GetObject, HeadObject, CopyObject | Range, ETag, If-Match, If-None-Match, versionId, metadata, checksums |
| DeleteObject, DeleteObjects | versions and markers |
| ListObjects, ListObjectsV2 | prefix, delimiter, pages |
| CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload | parts of at least 5 MiB |
| ListParts, ListMultipartUploads | |
| presigned GET, HEAD, PUT, DELETE | expire on the emulated clock |

## Roles (boto3 `iam`, `sts`)

GetCallerIdentity; CreateRole, GetRole, ListRoles, DeleteRole, PutRolePolicy, GetRolePolicy, DeleteRolePolicy,
AttachRolePolicy, DetachRolePolicy. Policies of roles are kept and never evaluated.
"""

if __name__ == "__main__":
    sys.stdout.write(f"{PAGE}\n")
    PAGE.write_text(page())
