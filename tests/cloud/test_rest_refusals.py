"""What the JSON planes refuse, with which status and which error, row by row; and that a refusal changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from aws_rig import REGION, Cloud, refusal, running

from sim.cloud.registry.things import TYPE_DELETION_WAIT_S
from sim.cloud.things import Things
from sim.jobs.rules import JobRules

ARN = f"arn:aws:iot:{REGION}:123456789012:"
INVALID, MISSING = (400, "InvalidRequestException"), (404, "ResourceNotFoundException")
EXISTS, CONFLICT = (409, "ResourceAlreadyExistsException"), (409, "VersionConflictException")
POLICY = json.dumps({"Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}]})


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """An account with one of everything."""
    with running() as made:
        iot = made.client("iot")
        iot.create_thing_type(thingTypeName="type")
        iot.create_thing_type(thingTypeName="old")
        iot.deprecate_thing_type(thingTypeName="old")
        iot.create_thing(thingName="t", attributePayload={"attributes": {"a": "1"}})
        iot.create_thing(thingName="typed", thingTypeName="type")
        iot.create_thing_group(thingGroupName="g")
        iot.create_thing_group(thingGroupName="child", parentGroupName="g")
        iot.add_thing_to_thing_group(thingName="t", thingGroupName="g")
        iot.create_dynamic_thing_group(thingGroupName="dyn", queryString="thingName:t*")
        iot.create_policy(policyName="p", policyDocument=POLICY)
        pem = Things().register("mine").certificate_pem
        certificate = iot.register_certificate(certificatePem=pem, status="ACTIVE")
        iot.attach_thing_principal(thingName="t", principal=certificate["certificateArn"])
        iot.attach_policy(policyName="p", target=certificate["certificateArn"])
        iot.create_job(jobId="j", targets=[ARN + "thing/t"], document="{}")
        iot.create_job_template(jobTemplateId="tpl", document="{}", description="d")
        yield made


def certificate_id(cloud: Cloud) -> str:
    return str(cloud.client("iot").list_certificates()["certificates"][0]["certificateId"])


def records(cloud: Cloud) -> str:
    """All the registry and the Jobs service know, as text."""
    registry, iot = cloud.account.registry, cloud.client("iot")
    jobs = iot.list_jobs()["jobs"]
    return repr(
        (
            registry.things.by_name,
            registry.things.types,
            registry.groups.by_name,
            {name: list(registry.groups.members(name)) for name in registry.groups.by_name},
            registry.certificates.by_id,
            registry.policies.by_name,
            registry.policies._attached,
            registry.events,
            registry._tags,
            cloud.account.artifacts.buckets.by_name,
            [(it["jobId"], it["status"], it["lastUpdatedAt"]) for it in jobs],
            [iot.describe_job(jobId=it["jobId"])["job"] for it in jobs],
            iot.list_job_templates()["jobTemplates"],
            cloud.account.jobs.counts(),
            cloud.face.published,
        )
    )


CASES: list[tuple[str, dict[str, Any], tuple[int, str]]] = [
    ("create_thing", {"thingName": "bad name"}, INVALID),
    ("create_thing", {"thingName": "n" * 129}, INVALID),
    ("create_thing", {"thingName": "t", "attributePayload": {"attributes": {"a": "2"}}}, EXISTS),
    ("create_thing", {"thingName": "t"}, EXISTS),
    ("create_thing", {"thingName": "n", "thingTypeName": "none"}, MISSING),
    ("create_thing", {"thingName": "n", "thingTypeName": "old"}, INVALID),
    ("create_thing", {"thingName": "n", "billingGroupName": "b"}, MISSING),
    ("create_thing", {"thingName": "n", "attributePayload": {"attributes": {"a b": "1"}}}, INVALID),
    ("create_thing", {"thingName": "n", "attributePayload": {"attributes": {"a": "1" * 801}}}, INVALID),
    ("create_thing", {"thingName": "n", "attributePayload": {"attributes": {f"a{n}": "1" for n in range(4)}}}, INVALID),
    ("describe_thing", {"thingName": "none"}, MISSING),
    ("update_thing", {"thingName": "none"}, MISSING),
    ("update_thing", {"thingName": "t", "expectedVersion": 9}, CONFLICT),
    ("update_thing", {"thingName": "t", "thingTypeName": "type", "removeThingType": True}, INVALID),
    ("delete_thing", {"thingName": "t", "expectedVersion": 9}, CONFLICT),
    ("delete_thing", {"thingName": "t"}, INVALID),
    ("list_things", {"maxResults": 251}, INVALID),
    ("list_things", {"nextToken": "made up"}, INVALID),
    ("create_thing_type", {"thingTypeName": "type", "thingTypeProperties": {"thingTypeDescription": "x"}}, EXISTS),
    ("create_thing_type", {"thingTypeName": "n", "tags": [{"Key": "aws:x"}]}, INVALID),
    ("create_thing_type", {"thingTypeName": "n", "thingTypeProperties": {"thingTypeDescription": "ü"}}, INVALID),
    (
        "create_thing_type",
        {"thingTypeName": "n", "thingTypeProperties": {"mqtt5Configuration": {}}},
        (501, "NotImplementedException"),
    ),
    ("describe_thing_type", {"thingTypeName": "none"}, MISSING),
    ("deprecate_thing_type", {"thingTypeName": "none"}, MISSING),
    ("delete_thing_type", {"thingTypeName": "type"}, INVALID),
    ("delete_thing_type", {"thingTypeName": "old"}, INVALID),
    ("create_thing_group", {"thingGroupName": "child"}, EXISTS),
    ("create_thing_group", {"thingGroupName": "n", "parentGroupName": "none"}, INVALID),
    ("create_thing_group", {"thingGroupName": "n", "parentGroupName": "dyn"}, INVALID),
    ("create_thing_group", {"thingGroupName": "n", "tags": [{"Key": f"k{n}"} for n in range(51)]}, INVALID),
    (
        "tag_resource",
        {"resourceArn": ARN + "thinggroup/g", "tags": [{"Key": f"k{n}"} for n in range(51)]},
        (410, "LimitExceededException"),
    ),
    ("describe_thing_group", {"thingGroupName": "none"}, MISSING),
    ("update_thing_group", {"thingGroupName": "g", "thingGroupProperties": {}, "expectedVersion": 5}, CONFLICT),
    ("update_thing_group", {"thingGroupName": "dyn", "thingGroupProperties": {}}, INVALID),
    ("delete_thing_group", {"thingGroupName": "g"}, INVALID),
    ("delete_thing_group", {"thingGroupName": "dyn"}, INVALID),
    ("delete_dynamic_thing_group", {"thingGroupName": "g"}, INVALID),
    (
        "create_dynamic_thing_group",
        {"thingGroupName": "n", "queryString": "thingName:("},
        (400, "InvalidQueryException"),
    ),
    (
        "create_dynamic_thing_group",
        {"thingGroupName": "n", "queryString": "shadow.x:1"},
        (400, "InvalidQueryException"),
    ),
    ("create_dynamic_thing_group", {"thingGroupName": "n", "queryString": "*", "indexName": "x"}, INVALID),
    ("add_thing_to_thing_group", {"thingName": "t", "thingGroupName": "child"}, INVALID),
    ("add_thing_to_thing_group", {"thingName": "t", "thingGroupName": "dyn"}, INVALID),
    ("add_thing_to_thing_group", {"thingName": "none", "thingGroupName": "g"}, MISSING),
    ("add_thing_to_thing_group", {"thingName": "t"}, INVALID),
    ("add_thing_to_thing_group", {"thingArn": ARN + "thing/t", "thingName": "typed", "thingGroupName": "g"}, INVALID),
    ("remove_thing_from_thing_group", {"thingName": "none", "thingGroupName": "g"}, MISSING),
    (
        "update_thing_groups_for_thing",
        {"thingName": "t", "thingGroupsToRemove": ["g"], "thingGroupsToAdd": ["none"]},
        MISSING,
    ),
    ("update_thing_groups_for_thing", {"thingName": "t", "thingGroupsToAdd": ["child"]}, INVALID),
    ("list_things_in_thing_group", {"thingGroupName": "none"}, MISSING),
    ("list_thing_groups", {"parentGroup": "none"}, MISSING),
    ("list_thing_groups_for_thing", {"thingName": "none"}, MISSING),
    ("attach_thing_principal", {"thingName": "t", "principal": ARN + "cert/" + "0" * 64}, MISSING),
    ("attach_thing_principal", {"thingName": "t", "principal": "us-west-2:cognito"}, INVALID),
    ("list_thing_principals", {"thingName": "none"}, MISSING),
    ("create_certificate_from_csr", {"certificateSigningRequest": "none"}, INVALID),
    ("register_certificate", {"certificatePem": "none"}, (400, "CertificateValidationException")),
    (
        "register_certificate",
        {"certificatePem": Things(seed=7).register("t").certificate_pem},
        (400, "CertificateValidationException"),
    ),
    ("register_certificate", {"certificatePem": Things().register("mine").certificate_pem}, EXISTS),
    ("register_certificate_without_ca", {"certificatePem": "none"}, (400, "CertificateValidationException")),
    ("describe_certificate", {"certificateId": "0" * 64}, MISSING),
    ("describe_certificate", {"certificateId": "g" * 64}, INVALID),
    ("update_certificate", {"certificateId": "0" * 64, "newStatus": "ACTIVE"}, MISSING),
    ("list_certificates", {"marker": "!"}, INVALID),
    ("create_policy", {"policyName": "p", "policyDocument": POLICY}, EXISTS),
    ("create_policy", {"policyName": "n", "policyDocument": "{"}, (400, "MalformedPolicyException")),
    ("create_policy", {"policyName": "n", "policyDocument": '{"Statement": []}'}, (400, "MalformedPolicyException")),
    ("create_policy", {"policyName": "bad name", "policyDocument": POLICY}, INVALID),
    ("create_policy_version", {"policyName": "none", "policyDocument": POLICY}, MISSING),
    ("delete_policy", {"policyName": "p"}, (409, "DeleteConflictException")),
    ("delete_policy_version", {"policyName": "p", "policyVersionId": "1"}, (409, "DeleteConflictException")),
    ("get_policy_version", {"policyName": "p", "policyVersionId": "4"}, MISSING),
    ("attach_policy", {"policyName": "none", "target": ARN + "thinggroup/g"}, MISSING),
    ("attach_policy", {"policyName": "p", "target": ARN + "thinggroup/none"}, MISSING),
    ("attach_policy", {"policyName": "p", "target": "elsewhere"}, INVALID),
    ("describe_endpoint", {"endpointType": "iot:Else"}, INVALID),
    ("tag_resource", {"resourceArn": ARN + "thinggroup/none", "tags": []}, MISSING),
    ("tag_resource", {"resourceArn": ARN + "job/none", "tags": []}, MISSING),
    ("search_index", {"queryString": "NOT"}, (400, "InvalidQueryException")),
    ("search_index", {"queryString": "*", "indexName": "none"}, MISSING),
    ("get_thing_connectivity_data", {"thingName": "t"}, (400, "IndexNotReadyException")),
    ("create_job", {"jobId": "j", "targets": [ARN + "thing/t"], "document": "{}"}, EXISTS),
    ("create_job", {"jobId": "bad id", "targets": [ARN + "thing/t"], "document": "{}"}, INVALID),
    ("create_job", {"jobId": "n" * 65, "targets": [ARN + "thing/t"], "document": "{}"}, INVALID),
    ("create_job", {"jobId": "n", "targets": [ARN + "thing/none"], "document": "{}"}, MISSING),
    ("create_job", {"jobId": "n", "targets": [ARN + "thing/t"]}, INVALID),
    ("create_job", {"jobId": "n", "targets": [ARN + "thing/t"], "document": "{"}, INVALID),
    ("create_job", {"jobId": "n", "targets": [ARN + "thing/t"], "document": "{}", "targetSelection": "ALL"}, INVALID),
    ("create_job", {"jobId": "n", "targets": [ARN + "thing/t"], "document": "{}", "description": "\x01"}, INVALID),
    (
        "create_job",
        {"jobId": "n", "targets": [ARN + "thing/t"], "jobTemplateArn": ARN + "jobtemplate/none"},
        MISSING,
    ),
    ("describe_job", {"jobId": "none"}, MISSING),
    ("update_job", {"jobId": "none"}, MISSING),
    ("update_job", {"jobId": "j", "timeoutConfig": {"inProgressTimeoutInMinutes": 0}}, INVALID),
    ("cancel_job", {"jobId": "none"}, MISSING),
    ("cancel_job", {"jobId": "j", "reasonCode": "lower"}, INVALID),
    ("delete_job", {"jobId": "j"}, (409, "InvalidStateTransitionException")),
    ("associate_targets_with_job", {"jobId": "j", "targets": [ARN + "thing/typed"]}, INVALID),
    ("get_job_document", {"jobId": "none"}, MISSING),
    ("list_jobs", {"status": "RUNNING"}, INVALID),
    ("list_jobs", {"thingGroupName": "none"}, MISSING),
    ("list_jobs", {"thingGroupId": "none"}, MISSING),
    ("list_jobs", {"nextToken": "made up"}, INVALID),
    ("list_job_executions_for_job", {"jobId": "none"}, MISSING),
    ("list_job_executions_for_thing", {"thingName": "none"}, MISSING),
    ("describe_job_execution", {"thingName": "typed", "jobId": "j"}, MISSING),
    ("describe_job_execution", {"thingName": "t", "jobId": "j", "executionNumber": 7}, MISSING),
    ("cancel_job_execution", {"thingName": "t", "jobId": "j", "expectedVersion": 9}, CONFLICT),
    ("delete_job_execution", {"thingName": "t", "jobId": "j", "executionNumber": 9}, MISSING),
    ("create_job_template", {"jobTemplateId": "tpl", "document": "[]", "description": "x"}, (409, "ConflictException")),
    ("describe_job_template", {"jobTemplateId": "none"}, MISSING),
    ("describe_managed_job_template", {"templateName": "none"}, MISSING),
]


@pytest.mark.parametrize(
    ("operation", "arguments", "expected"), CASES, ids=[f"{n}-{it[0]}" for n, it in enumerate(CASES)]
)
def test_refused_and_nothing_changed(
    cloud: Cloud, operation: str, arguments: dict[str, Any], expected: tuple[int, str]
) -> None:
    before = records(cloud)
    assert refusal(getattr(cloud.client("iot"), operation), **arguments) == expected
    assert records(cloud) == before


def test_certificates_that_something_hangs_on(cloud: Cloud) -> None:
    iot, mine = cloud.client("iot"), certificate_id(cloud)
    arn = ARN + "cert/" + mine
    assert refusal(iot.delete_certificate, certificateId=mine) == (406, "CertificateStateException")
    assert refusal(iot.update_certificate, certificateId=mine, newStatus="PENDING_TRANSFER") == INVALID
    exclusive = {"thingName": "typed", "principal": arn, "thingPrincipalType": "EXCLUSIVE_THING"}
    assert refusal(iot.attach_thing_principal, **exclusive) == INVALID
    iot.update_certificate(certificateId=mine, newStatus="REVOKED")
    assert refusal(iot.delete_certificate, certificateId=mine) == (409, "DeleteConflictException")
    iot.detach_thing_principal(thingName="t", principal=arn)
    assert refusal(iot.delete_certificate, certificateId=mine) == (409, "DeleteConflictException")
    iot.delete_certificate(certificateId=mine, forceDelete=True)
    assert iot.list_targets_for_policy(policyName="p")["targets"] == []


def test_a_policy_has_five_versions(cloud: Cloud) -> None:
    iot = cloud.client("iot")
    for _ in range(4):
        iot.create_policy_version(policyName="p", policyDocument=POLICY)
    sixth = refusal(iot.create_policy_version, policyName="p", policyDocument=POLICY)
    assert sixth == (409, "VersionsLimitExceededException")
    assert refusal(iot.delete_policy, policyName="p") == (409, "DeleteConflictException")


def test_the_number_of_a_deleted_version_is_not_given_again() -> None:
    with running() as cloud:
        iot = cloud.client("iot")
        iot.create_policy(policyName="p", policyDocument=POLICY)
        second = iot.create_policy_version(policyName="p", policyDocument=POLICY)
        iot.delete_policy_version(policyName="p", policyVersionId=second["policyVersionId"])
        assert iot.create_policy_version(policyName="p", policyDocument=POLICY)["policyVersionId"] == "3"


def test_events_of_jobs_go_out_once_they_are_switched_on() -> None:
    with running() as cloud:
        iot = cloud.client("iot")
        iot.create_thing(thingName="t")
        for job_id in ("quiet", "loud"):
            iot.create_job(jobId=job_id, targets=[ARN + "thing/t"], document="{}")
            iot.cancel_job(jobId=job_id)
            cloud.pass_time(60)
            iot.update_event_configurations(eventConfigurations={"JOB": {"Enabled": True}})
        assert [topic for topic in cloud.face.topics() if topic.startswith("$aws/events/")] == [
            "$aws/events/job/loud/cancellation_in_progress",
            "$aws/events/job/loud/canceled",
        ]


def test_a_type_can_be_deleted_five_minutes_after_it_was_deprecated() -> None:
    with running() as cloud:
        iot = cloud.client("iot")
        iot.create_thing_type(thingTypeName="x")
        iot.deprecate_thing_type(thingTypeName="x")
        cloud.pass_time(TYPE_DELETION_WAIT_S - 1)
        assert refusal(iot.delete_thing_type, thingTypeName="x") == INVALID
        iot.deprecate_thing_type(thingTypeName="x", undoDeprecate=True)
        iot.deprecate_thing_type(thingTypeName="x")
        cloud.pass_time(1)
        assert refusal(iot.delete_thing_type, thingTypeName="x") == INVALID
        cloud.pass_time(TYPE_DELETION_WAIT_S - 1)
        iot.delete_thing_type(thingTypeName="x")
        iot.create_thing_type(thingTypeName="used")
        iot.create_thing(thingName="t", thingTypeName="used")
        iot.deprecate_thing_type(thingTypeName="used")
        cloud.pass_time(TYPE_DELETION_WAIT_S)
        assert refusal(iot.delete_thing_type, thingTypeName="used") == INVALID
        iot.delete_thing(thingName="t")
        iot.delete_thing_type(thingTypeName="used")


def test_groups_are_limited_as_amazons() -> None:
    with running() as cloud:
        iot = cloud.client("iot")
        iot.create_thing(thingName="t")
        parent: dict[str, str] = {}
        for depth in range(7):
            iot.create_thing_group(thingGroupName=f"deep{depth}", **parent)
            parent = {"parentGroupName": f"deep{depth}"}
        assert refusal(iot.create_thing_group, thingGroupName="deep7", **parent) == INVALID
        for number in range(11):
            iot.create_thing_group(thingGroupName=f"g{number}")
        for number in range(10):
            iot.add_thing_to_thing_group(thingName="t", thingGroupName=f"g{number}")
        assert refusal(iot.add_thing_to_thing_group, thingName="t", thingGroupName="g10") == INVALID


# Data planes


DATA_CASES: list[tuple[str, dict[str, Any], tuple[int, str]]] = [
    ("get_pending_job_executions", {"thingName": "none"}, MISSING),
    ("get_pending_job_executions", {"thingName": "bad name"}, INVALID),
    ("start_next_pending_job_execution", {"thingName": "none"}, MISSING),
    ("start_next_pending_job_execution", {"thingName": "t", "stepTimeoutInMinutes": 0}, INVALID),
    ("start_next_pending_job_execution", {"thingName": "t", "statusDetails": {"a b": "1"}}, INVALID),
    ("describe_job_execution", {"thingName": "t", "jobId": "none"}, MISSING),
    ("describe_job_execution", {"thingName": "t", "jobId": "j", "executionNumber": 3}, MISSING),
    ("describe_job_execution", {"thingName": "t", "jobId": "bad id"}, INVALID),
    ("update_job_execution", {"thingName": "t", "jobId": "j", "status": "CANCELED"}, INVALID),
    ("update_job_execution", {"thingName": "t", "jobId": "j", "status": "DONE"}, INVALID),
    ("update_job_execution", {"thingName": "t", "jobId": "$next", "status": "FAILED"}, INVALID),
    (
        "update_job_execution",
        {"thingName": "t", "jobId": "j", "status": "FAILED", "expectedVersion": 8},
        (409, "InvalidStateTransitionException"),
    ),
    (
        "update_job_execution",
        {"thingName": "t", "jobId": "j", "status": "FAILED", "statusDetails": {f"k{n}": "1" for n in range(11)}},
        INVALID,
    ),
]


@pytest.mark.parametrize(("operation", "arguments", "expected"), DATA_CASES)
def test_refused_by_the_jobs_data_plane(
    cloud: Cloud, operation: str, arguments: dict[str, Any], expected: tuple[int, str]
) -> None:
    before = records(cloud)
    assert refusal(getattr(cloud.client("iot-jobs-data"), operation), **arguments) == expected
    assert records(cloud) == before


@pytest.mark.parametrize("topic", ["a/+", "#", "$aws/things/t/jobs/notify", "a/b/c/d/e/f/g/h/i", "t" * 257])
def test_topics_that_cannot_be_published_to(cloud: Cloud, topic: str) -> None:
    before = records(cloud)
    assert refusal(cloud.client("iot-data").publish, topic=topic, payload=b"") == INVALID
    assert records(cloud) == before


def test_a_payload_over_the_limit(cloud: Cloud) -> None:
    data = cloud.client("iot-data")
    assert refusal(data.publish, topic="t", payload=bytes(128 * 1024 + 1)) == INVALID
    data.publish(topic="t", payload=bytes(128 * 1024))


def test_shadows_are_not_emulated_and_say_so(cloud: Cloud) -> None:
    data = cloud.client("iot-data")
    unsaid = (501, "NotImplementedException")
    assert refusal(data.get_thing_shadow, thingName="t") == unsaid
    assert refusal(data.update_thing_shadow, thingName="t", payload=b"{}") == unsaid
    assert refusal(data.delete_thing_shadow, thingName="t") == unsaid
    assert refusal(data.list_named_shadows_for_thing, thingName="t") == unsaid
    assert refusal(data.list_retained_messages) == refusal(data.get_retained_message, topic="a/b") == unsaid
    assert refusal(data.publish, topic="a", payload=b"", retain=True) == unsaid
    assert refusal(data.delete_connection, clientId="t") == unsaid


def test_throttles_are_400_for_operators_and_429_for_devices() -> None:
    with running(JobRules(throttles="aws")) as cloud:
        iot, device = cloud.client("iot"), cloud.client("iot-jobs-data")
        iot.create_thing(thingName="t")
        for _ in range(10):
            iot.list_jobs()
        assert refusal(iot.list_jobs) == (400, "ThrottlingException")
        for _ in range(200):
            device.get_pending_job_executions(thingName="t")
        assert refusal(device.get_pending_job_executions, thingName="t") == (429, "ThrottlingException")
        cloud.pass_time(1)
        iot.list_jobs()
