"""boto3 walks every operation there is: each succeeds once, with every request and answer held to the models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from aws_rig import REGION, Cloud, running
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sim.cloud.api.router import OPERATIONS
from sim.cloud.things import Things

POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]})
ARN = f"arn:aws:iot:{REGION}:123456789012:"
TAGS = [{"Key": "team", "Value": "field"}, {"Key": "a"}]


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with running() as made:
        yield made


@pytest.fixture
def iot(cloud: Cloud) -> Any:
    return cloud.client("iot")


def test_things_and_types(cloud: Cloud, iot: Any) -> None:
    iot.create_thing_type(
        thingTypeName="meter",
        thingTypeProperties={"thingTypeDescription": "a meter", "searchableAttributes": ["site"]},
        tags=TAGS,
    )
    iot.update_thing_type(thingTypeName="meter", thingTypeProperties={"thingTypeDescription": "the meter"})
    found = iot.describe_thing_type(thingTypeName="meter")
    assert found["thingTypeProperties"] == {"thingTypeDescription": "the meter", "searchableAttributes": ["site"]}
    made = iot.create_thing(
        thingName="m:1", thingTypeName="meter", attributePayload={"attributes": {"site": "a", "floor": "1"}}
    )
    iot.update_thing(
        thingName="m:1", attributePayload={"attributes": {"floor": "", "rack": "2"}, "merge": True}, expectedVersion=1
    )
    thing = iot.describe_thing(thingName="m:1")
    assert (thing["thingId"], thing["thingArn"]) == (made["thingId"], ARN + "thing/m:1")
    assert (thing["attributes"], thing["version"]) == ({"site": "a", "rack": "2"}, 2)
    listed = iot.list_things(attributeName="site", attributeValue="a", thingTypeName="meter")["things"]
    assert [it["thingName"] for it in listed] == ["m:1"]
    iot.update_thing(thingName="m:1", removeThingType=True)
    iot.delete_thing(thingName="m:1", expectedVersion=3)
    iot.deprecate_thing_type(thingTypeName="meter")
    cloud.pass_time(300)
    assert iot.list_thing_types()["thingTypes"][0]["thingTypeMetadata"]["deprecated"] is True
    iot.delete_thing_type(thingTypeName="meter")
    assert iot.list_thing_types()["thingTypes"] == iot.list_things()["things"] == []


def test_groups(iot: Any) -> None:
    for name in ("a", "b"):
        iot.create_thing(thingName=name)
    iot.create_thing_group(
        thingGroupName="top", thingGroupProperties={"attributePayload": {"attributes": {"x": "1"}}}, tags=TAGS
    )
    iot.create_thing_group(thingGroupName="low", parentGroupName="top")
    iot.create_thing_group(thingGroupName="side")
    iot.add_thing_to_thing_group(thingName="a", thingGroupName="low")
    iot.add_thing_to_thing_group(thingArn=ARN + "thing/b", thingGroupArn=ARN + "thinggroup/side")
    iot.update_thing_groups_for_thing(thingName="b", thingGroupsToAdd=["top"], thingGroupsToRemove=["side"])
    assert iot.list_things_in_thing_group(thingGroupName="top")["things"] == ["b"]
    assert iot.list_things_in_thing_group(thingGroupName="top", recursive=True)["things"] == ["a", "b"]
    assert [it["groupName"] for it in iot.list_thing_groups_for_thing(thingName="b")["thingGroups"]] == ["top"]
    assert iot.list_thing_groups(parentGroup="top")["thingGroups"] == [
        {"groupName": "low", "groupArn": ARN + "thinggroup/low"}
    ]
    low = iot.describe_thing_group(thingGroupName="low")
    assert low["thingGroupMetadata"]["rootToParentThingGroups"][0]["groupName"] == "top"
    properties = {"thingGroupDescription": "new", "attributePayload": {"attributes": {"y": "2"}, "merge": True}}
    assert iot.update_thing_group(thingGroupName="top", thingGroupProperties=properties)["version"] == 2
    top = iot.describe_thing_group(thingGroupName="top")["thingGroupProperties"]
    assert top == {"thingGroupDescription": "new", "attributePayload": {"attributes": {"x": "1", "y": "2"}}}
    iot.remove_thing_from_thing_group(thingName="b", thingGroupName="top")
    made = iot.create_dynamic_thing_group(thingGroupName="dyn", queryString="thingName:a*")
    assert (made["indexName"], made["queryVersion"]) == ("AWS_Things", "2017-09-30")
    assert iot.list_things_in_thing_group(thingGroupName="dyn")["things"] == ["a"]
    iot.update_dynamic_thing_group(
        thingGroupName="dyn", thingGroupProperties={}, queryString="NOT thingName:a", expectedVersion=1
    )
    assert iot.list_things_in_thing_group(thingGroupName="dyn")["things"] == ["b"]
    assert iot.describe_thing_group(thingGroupName="dyn")["queryString"] == "NOT thingName:a"
    iot.delete_dynamic_thing_group(thingGroupName="dyn")
    for name in ("low", "top", "side", "never"):
        iot.delete_thing_group(thingGroupName=name)
    for name in ("a", "b"):
        iot.delete_thing(thingName=name)
    assert iot.list_thing_groups()["thingGroups"] == []


def test_certificates_and_principals(iot: Any) -> None:
    made = iot.create_keys_and_certificate(setAsActive=True)
    key = serialization.load_pem_private_key(made["keyPair"]["PrivateKey"].encode(), None)
    certificate = x509.load_pem_x509_certificate(made["certificatePem"].encode())
    assert certificate.public_key() == key.public_key()
    own = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "own")])
    asked = x509.CertificateSigningRequestBuilder().subject_name(name).sign(own, hashes.SHA256())
    pem = asked.public_bytes(serialization.Encoding.PEM).decode()
    signed = iot.create_certificate_from_csr(certificateSigningRequest=pem)
    assert x509.load_pem_x509_certificate(signed["certificatePem"].encode()).public_key() == own.public_key()
    known = iot.register_certificate(certificatePem=Things().register("other").certificate_pem)
    alien = iot.register_certificate_without_ca(
        certificatePem=Things(seed=5).register("x").certificate_pem, status="ACTIVE"
    )
    described = iot.describe_certificate(certificateId=alien["certificateId"])["certificateDescription"]
    assert (described["status"], described["certificateMode"]) == ("ACTIVE", "SNI_ONLY")
    iot.create_thing(thingName="t")
    arn = made["certificateArn"]
    iot.attach_thing_principal(thingName="t", principal=arn, thingPrincipalType="EXCLUSIVE_THING")
    assert iot.list_thing_principals(thingName="t")["principals"] == [arn]
    assert iot.list_thing_principals_v2(thingName="t")["thingPrincipalObjects"] == [
        {"principal": arn, "thingPrincipalType": "EXCLUSIVE_THING"}
    ]
    assert iot.list_principal_things(principal=arn)["things"] == ["t"]
    assert iot.list_principal_things_v2(principal=arn)["principalThingObjects"][0]["thingName"] == "t"
    iot.detach_thing_principal(thingName="t", principal=arn)
    iot.update_certificate(certificateId=made["certificateId"], newStatus="INACTIVE")
    assert len(iot.list_certificates(ascendingOrder=True)["certificates"]) == 4
    for it in (made, signed, known):
        iot.delete_certificate(certificateId=it["certificateId"])
    assert [it["certificateId"] for it in iot.list_certificates()["certificates"]] == [alien["certificateId"]]
    iot.delete_thing(thingName="t")


def test_policies(iot: Any) -> None:
    certificate = iot.create_keys_and_certificate()
    arn = certificate["certificateArn"]
    iot.create_policy(policyName="p", policyDocument=POLICY, tags=TAGS)
    iot.create_policy_version(policyName="p", policyDocument=POLICY.replace("*", "+"), setAsDefault=True)
    assert iot.get_policy(policyName="p")["defaultVersionId"] == "2"
    iot.set_default_policy_version(policyName="p", policyVersionId="1")
    assert iot.get_policy_version(policyName="p", policyVersionId="2")["isDefaultVersion"] is False
    assert [it["versionId"] for it in iot.list_policy_versions(policyName="p")["policyVersions"]] == ["1", "2"]
    iot.delete_policy_version(policyName="p", policyVersionId="2")
    iot.create_thing_group(thingGroupName="g")
    iot.attach_policy(policyName="p", target=ARN + "thinggroup/g")
    iot.attach_policy(policyName="p", target=arn)
    iot.detach_policy(policyName="p", target=arn)
    iot.attach_principal_policy(policyName="p", principal=arn)
    listed = [{"policyName": "p", "policyArn": ARN + "policy/p"}]
    assert iot.list_attached_policies(target=arn)["policies"] == listed
    assert iot.list_principal_policies(principal=arn)["policies"] == listed
    assert iot.list_policies()["policies"] == listed
    assert iot.list_targets_for_policy(policyName="p")["targets"] == [arn, ARN + "thinggroup/g"]
    assert iot.list_policy_principals(policyName="p")["principals"] == [arn, ARN + "thinggroup/g"]
    iot.detach_principal_policy(policyName="p", principal=arn)
    iot.delete_thing_group(thingGroupName="g")
    iot.delete_policy(policyName="p")
    iot.delete_certificate(certificateId=certificate["certificateId"])


def test_account_and_index(iot: Any) -> None:
    assert iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"] == "127.0.0.1"
    iot.update_event_configurations(eventConfigurations={"JOB": {"Enabled": True}})
    events = iot.describe_event_configurations()["eventConfigurations"]
    assert events["JOB"] == {"Enabled": True}
    assert events["JOB_EXECUTION"] == {"Enabled": False}
    assert len(events) == 11
    iot.update_event_configurations(eventConfigurations={"JOB": {"Enabled": False}})
    group = iot.create_thing_group(thingGroupName="tagged", tags=TAGS)["thingGroupArn"]
    iot.tag_resource(resourceArn=group, tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "1"}])
    iot.untag_resource(resourceArn=group, tagKeys=["team"])
    assert iot.list_tags_for_resource(resourceArn=group)["tags"] == [
        {"Key": "a", "Value": "1"},
        {"Key": "b", "Value": "2"},
    ]
    iot.delete_thing_group(thingGroupName="tagged")
    iot.create_thing(thingName="found", attributePayload={"attributes": {"level": "7"}})
    found = iot.search_index(queryString="attributes.level>6 AND thingName:f?und")["things"]
    assert [(it["thingName"], it["attributes"]) for it in found] == [("found", {"level": "7"})]
    iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"})
    assert iot.get_indexing_configuration()["thingIndexingConfiguration"]["thingIndexingMode"] == "REGISTRY"
    assert iot.list_indices()["indexNames"] == ["AWS_Things"]
    assert iot.describe_index(indexName="AWS_Things")["indexStatus"] == "ACTIVE"
    iot.delete_thing(thingName="found")


def test_jobs_and_executions(cloud: Cloud, iot: Any) -> None:
    data = cloud.client("iot-jobs-data")
    for name in ("j:1", "j:2"):
        iot.create_thing(thingName=name)
    iot.create_thing_group(thingGroupName="jobs")
    iot.add_thing_to_thing_group(thingName="j:1", thingGroupName="jobs")
    made = iot.create_job(
        jobId="one",
        targets=[ARN + "thinggroup/jobs"],
        document='{"n": 1}',
        description="first",
        targetSelection="CONTINUOUS",
        timeoutConfig={"inProgressTimeoutInMinutes": 10},
        tags=TAGS,
    )
    assert made == {
        "ResponseMetadata": made["ResponseMetadata"],
        "jobArn": ARN + "job/one",
        "jobId": "one",
        "description": "first",
    }
    cloud.pass_time(60)
    assert iot.list_tags_for_resource(resourceArn=made["jobArn"])["tags"][0] == {"Key": "a", "Value": ""}
    iot.update_job(jobId="one", description="still first")
    assert iot.describe_job(jobId="one")["job"]["description"] == "still first"
    assert json.loads(iot.get_job_document(jobId="one")["document"]) == {"n": 1}
    iot.associate_targets_with_job(jobId="one", targets=[ARN + "thing/j:2"], comment="more")
    cloud.pass_time(60)
    assert [it["jobId"] for it in data.get_pending_job_executions(thingName="j:2")["queuedJobs"]] == ["one"]
    started = data.start_next_pending_job_execution(thingName="j:1", statusDetails={"at": "start"})["execution"]
    assert (started["status"], json.loads(started["jobDocument"])) == ("IN_PROGRESS", {"n": 1})
    described = data.describe_job_execution(thingName="j:1", jobId="$next", includeJobDocument=False)["execution"]
    assert "jobDocument" not in described
    assert described["approximateSecondsBeforeTimedOut"] > 0
    updated = data.update_job_execution(
        thingName="j:1", jobId="one", status="SUCCEEDED", expectedVersion=2, includeJobExecutionState=True
    )
    assert updated["executionState"] == {"status": "SUCCEEDED", "statusDetails": {"at": "start"}, "versionNumber": 3}
    done = iot.describe_job_execution(thingName="j:1", jobId="one")["execution"]
    assert (done["status"], done["statusDetails"]) == ("SUCCEEDED", {"detailsMap": {"at": "start"}})
    assert len(iot.list_job_executions_for_job(jobId="one")["executionSummaries"]) == 2
    assert [
        it["jobId"]
        for it in iot.list_job_executions_for_thing(thingName="j:1", status="SUCCEEDED")["executionSummaries"]
    ] == ["one"]
    iot.cancel_job_execution(thingName="j:2", jobId="one", expectedVersion=1, statusDetails={"why": "tired"})
    iot.delete_job_execution(thingName="j:1", jobId="one", executionNumber=1)
    iot.cancel_job(jobId="one", reasonCode="TEST", comment="over")
    cloud.pass_time(60)
    job = iot.describe_job(jobId="one")["job"]
    assert (job["status"], job["reasonCode"], job["comment"]) == ("CANCELED", "TEST", "over")
    assert [it["jobId"] for it in iot.list_jobs(status="CANCELED")["jobs"]] == ["one"]
    iot.delete_job(jobId="one", force=True)
    cloud.pass_time(60)
    assert iot.list_jobs()["jobs"] == []


def test_templates(iot: Any) -> None:
    made = iot.create_job_template(jobTemplateId="tpl", document='{"t": 1}', description="a template", tags=TAGS)
    assert iot.describe_job_template(jobTemplateId="tpl")["document"] == '{"t": 1}'
    assert [it["jobTemplateId"] for it in iot.list_job_templates()["jobTemplates"]] == ["tpl"]
    iot.create_thing(thingName="tt")
    iot.create_job(jobId="from-tpl", targets=[ARN + "thing/tt"], jobTemplateArn=made["jobTemplateArn"])
    assert json.loads(iot.get_job_document(jobId="from-tpl")["document"]) == {"t": 1}
    assert len(iot.list_tags_for_resource(resourceArn=made["jobTemplateArn"])["tags"]) == 2
    iot.delete_job_template(jobTemplateId="tpl")
    names = {it["templateName"] for it in iot.list_managed_job_templates()["managedJobTemplates"]}
    assert "AWS-Reboot" in names
    assert iot.describe_managed_job_template(templateName="AWS-Reboot")["templateName"] == "AWS-Reboot"


def test_publish(cloud: Cloud) -> None:
    cloud.client("iot-data").publish(topic="site/1", qos=1, payload=b"\x00raw")
    assert cloud.face.published[-1] == ("site/1", b"\x00raw", 1)


def test_every_operation_was_walked(cloud: Cloud) -> None:
    """Runs last: whoever adds an operation adds its call above. Those that only say 501 or 400 are left out."""
    silent = ("_shadow", "_retained", "_connection", "_connectivity")
    wanted = {
        f"{plane.value}:{operation.name}"
        for plane, operations in OPERATIONS.items()
        for operation in operations
        if operation.handler.__name__ not in silent
    }
    assert wanted - cloud.asked == set()
