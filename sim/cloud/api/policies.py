"""Control plane: policies, their versions, and what they hang on. The older twin of each operation is here too."""

from __future__ import annotations

from sim.cloud.api.operation import Ask, Operation
from sim.cloud.api.services import Services
from sim.cloud.api.shapes import (
    ARN,
    MARKER,
    PAGE_SIZE,
    POLICY_DOCUMENT,
    POLICY_NAME,
    POLICY_VERSION,
    TAGS,
    Flag,
    header,
    label,
    member,
    query,
)
from sim.cloud.api.things import Answer
from sim.cloud.registry.pages import page
from sim.cloud.registry.records import PolicyVersion


def _create(services: Services, ask: Ask) -> Answer:
    registry, name = services.registry, ask.text("policyName")
    registry.check_tags(_arn(services, name), ask.new_tags())
    made = registry.policies.create(name, ask.text("policyDocument"), ask.now_s)
    registry.tag(_arn(services, name), ask.tags())
    version = made.versions[0]
    return {"policyName": name, **_document(services, name, version), "policyVersionId": version.version}


def _get(services: Services, ask: Ask) -> Answer:
    policy = services.registry.policies.get(ask.text("policyName"))
    current = services.registry.policies.version(policy.name, policy.default)
    return {
        "policyName": policy.name,
        **_document(services, policy.name, current),
        "defaultVersionId": policy.default,
        "creationDate": policy.created_s,
        "lastModifiedDate": policy.modified_s,
        "generationId": f"{policy.created_s}-{policy.given}",
    }


def _delete(services: Services, ask: Ask) -> None:
    name = ask.text("policyName")
    services.registry.policies.delete(name)
    services.registry.forget_resource(_arn(services, name))


def _list(services: Services, ask: Ask) -> Answer:
    return _rows(services, ask, list(services.registry.policies.by_name))


def _create_version(services: Services, ask: Ask) -> Answer:
    name, default = ask.text("policyName"), ask.flag("setAsDefault")
    made = services.registry.policies.add_version(name, ask.text("policyDocument"), ask.now_s, default=default)
    return {**_document(services, name, made), "policyVersionId": made.version, "isDefaultVersion": default}


def _get_version(services: Services, ask: Ask) -> Answer:
    policy = services.registry.policies.get(ask.text("policyName"))
    found = services.registry.policies.version(policy.name, ask.text("policyVersionId"))
    return {
        "policyName": policy.name,
        **_document(services, policy.name, found),
        "policyVersionId": found.version,
        "isDefaultVersion": found.version == policy.default,
        "creationDate": found.created_s,
        "lastModifiedDate": found.created_s,
        "generationId": f"{policy.created_s}-{found.version}",
    }


def _list_versions(services: Services, ask: Ask) -> Answer:
    policy = services.registry.policies.get(ask.text("policyName"))
    rows = [
        {"versionId": it.version, "isDefaultVersion": it.version == policy.default, "createDate": it.created_s}
        for it in policy.versions
    ]
    return {"policyVersions": list(rows)}


def _delete_version(services: Services, ask: Ask) -> None:
    services.registry.policies.delete_version(ask.text("policyName"), ask.text("policyVersionId"), ask.now_s)


def _set_default(services: Services, ask: Ask) -> None:
    services.registry.policies.set_default(ask.text("policyName"), ask.text("policyVersionId"), ask.now_s)


def _attach(services: Services, ask: Ask) -> None:
    registry = services.registry
    registry.policies.attach(ask.text("policyName"), registry.policy_target(_target(ask)))


def _detach(services: Services, ask: Ask) -> None:
    registry = services.registry
    registry.policies.detach(ask.text("policyName"), registry.policy_target(_target(ask)))


def _target(ask: Ask) -> str:
    target = ask.maybe("target")
    return ask.text("x-amzn-iot-principal") if target is None else target


def _attached(services: Services, ask: Ask) -> Answer:
    names = services.registry.policies_of(_target(ask), recursive=ask.flag("recursive"))
    return _rows(services, ask, names)


def _targets(services: Services, ask: Ask) -> Answer:
    found, marker = _targets_page(services, ask, ask.text("policyName"))
    return {"targets": list(found), "nextMarker": marker}


def _principals(services: Services, ask: Ask) -> Answer:
    found, marker = _targets_page(services, ask, ask.text("x-amzn-iot-policy"))
    return {"principals": list(found), "nextMarker": marker}


def _targets_page(services: Services, ask: Ask, name: str) -> tuple[list[str], str | None]:
    policies = services.registry.policies
    return page(policies.targets(policies.get(name).name), ask.span())


def _rows(services: Services, ask: Ask, names: list[str]) -> Answer:
    found, marker = page(names, ask.span())
    rows = [{"policyName": name, "policyArn": _arn(services, name)} for name in found]
    return {"policies": list(rows), "nextMarker": marker}


def _document(services: Services, name: str, version: PolicyVersion) -> Answer:
    return {"policyArn": _arn(services, name), "policyDocument": version.document}


def _arn(services: Services, name: str) -> str:
    return services.registry.arns.of("policy", name)


_NAME = label("policyName", POLICY_NAME)
_VERSION = label("policyVersionId", POLICY_VERSION)
_DOCUMENT = member("policyDocument", POLICY_DOCUMENT, required=True)
_PAGE = (query("marker", MARKER), query("pageSize", PAGE_SIZE))
_ORDER = query("isAscendingOrder", Flag())
_TARGET = member("target", ARN, required=True)
_PRINCIPAL = header("x-amzn-iot-principal", ARN, required=True)

OPERATIONS = (
    Operation("CreatePolicy", "POST /policies/{policyName}", _create, (_NAME, _DOCUMENT, member("tags", TAGS))),
    Operation("GetPolicy", "GET /policies/{policyName}", _get, (_NAME,)),
    Operation("DeletePolicy", "DELETE /policies/{policyName}", _delete, (_NAME,)),
    Operation("ListPolicies", "GET /policies", _list, (*_PAGE, _ORDER)),
    Operation(
        "CreatePolicyVersion",
        "POST /policies/{policyName}/version",
        _create_version,
        (_NAME, _DOCUMENT, query("setAsDefault", Flag())),
    ),
    Operation(
        "GetPolicyVersion", "GET /policies/{policyName}/version/{policyVersionId}", _get_version, (_NAME, _VERSION)
    ),
    Operation("ListPolicyVersions", "GET /policies/{policyName}/version", _list_versions, (_NAME,)),
    Operation(
        "DeletePolicyVersion",
        "DELETE /policies/{policyName}/version/{policyVersionId}",
        _delete_version,
        (_NAME, _VERSION),
    ),
    Operation(
        "SetDefaultPolicyVersion",
        "PATCH /policies/{policyName}/version/{policyVersionId}",
        _set_default,
        (_NAME, _VERSION),
    ),
    Operation("AttachPolicy", "PUT /target-policies/{policyName}", _attach, (_NAME, _TARGET)),
    Operation("DetachPolicy", "POST /target-policies/{policyName}", _detach, (_NAME, _TARGET)),
    Operation(
        "ListAttachedPolicies",
        "POST /attached-policies/{target+}",
        _attached,
        (label("target", ARN), query("recursive", Flag()), *_PAGE),
    ),
    Operation("ListTargetsForPolicy", "POST /policy-targets/{policyName}", _targets, (_NAME, *_PAGE)),
    Operation("AttachPrincipalPolicy", "PUT /principal-policies/{policyName}", _attach, (_NAME, _PRINCIPAL)),
    Operation("DetachPrincipalPolicy", "DELETE /principal-policies/{policyName}", _detach, (_NAME, _PRINCIPAL)),
    Operation("ListPrincipalPolicies", "GET /principal-policies", _attached, (_PRINCIPAL, *_PAGE, _ORDER)),
    Operation(
        "ListPolicyPrincipals",
        "GET /policy-principals",
        _principals,
        (header("x-amzn-iot-policy", POLICY_NAME, required=True), *_PAGE, _ORDER),
    ),
)
