"""The cloud half of a whole upgrade, by boto3 alone: bucket, package, document, role, thing, group, job, watching it.

The steps are those a user takes in the AWS console; the device's part is asked over the HTTPS data plane.
"""

from __future__ import annotations

import json
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from aws_rig import REGION, Cloud, refusal, running

ARN = f"arn:aws:iot:{REGION}:123456789012:"
ROLE = "arn:aws:iam::123456789012:role/qpyota-presign"
PACKAGE = bytes(range(256)) * 64
URL = f"https://qpyota.s3.{REGION}.amazonaws.com"
DOCUMENT = [
    {
        "operation": "FOTA",
        "files": {"name": "fota.bin", "url": f"${{aws:iot:s3-presigned-url:{URL}/fota.bin}}"},
        "second": f"${{aws:iot:s3-presigned-url:https://s3.{REGION}.amazonaws.com/qpyota/fota.bin}}",
    }
]


def prepare(cloud: Cloud) -> Any:
    s3, iot, iam = cloud.client("s3"), cloud.client("iot"), cloud.client("iam")
    trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "iot.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    }
    assert cloud.client("sts").get_caller_identity()["Account"] in ROLE
    made = iam.create_role(RoleName="qpyota-presign", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    assert (made["Arn"], made["AssumeRolePolicyDocument"]) == (ROLE, trust)
    allowed = {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::qpyota/*"}]}
    iam.put_role_policy(RoleName="qpyota-presign", PolicyName="read", PolicyDocument=json.dumps(allowed))
    s3.create_bucket(Bucket="qpyota", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="qpyota", Key="fota.bin", Body=PACKAGE)
    s3.put_object(Bucket="qpyota", Key="fota.json", Body=json.dumps(DOCUMENT))
    iot.create_thing(thingName="QuecPython_OTA")
    iot.create_thing_group(thingGroupName="fleet")
    iot.add_thing_to_thing_group(thingName="QuecPython_OTA", thingGroupName="fleet")
    return iot


def job(**changes: Any) -> dict[str, Any]:
    return {
        "jobId": "jobfota",
        "targets": [ARN + "thinggroup/fleet"],
        "documentSource": f"{URL}/fota.json",
        "presignedUrlConfig": {"roleArn": ROLE, "expiresInSec": 3600},
        **changes,
    }


def download(cloud: Cloud, url: str) -> bytes:
    """GET of a presigned URL at the port the cloud really has, under the host it is signed for."""
    parts = urlsplit(url)
    request = urllib.request.Request(f"{cloud.url}{parts.path}?{parts.query}", headers={"Host": parts.netloc})
    with urllib.request.urlopen(request) as answer:
        return bytes(answer.read())


def test_from_bucket_to_succeeded() -> None:
    with running() as cloud:
        iot, device = prepare(cloud), cloud.client("iot-jobs-data")
        iot.create_job(**job())
        cloud.pass_time(5)
        assert cloud.face.topics() == [
            "$aws/things/QuecPython_OTA/jobs/notify",
            "$aws/things/QuecPython_OTA/jobs/notify-next",
        ]
        told = json.loads(cloud.face.published[1][1])["execution"]["jobDocument"]
        assert download(cloud, told[0]["files"]["url"]) == PACKAGE
        name = {"thingName": "QuecPython_OTA", "jobId": "jobfota"}
        execution = device.describe_job_execution(**name)["execution"]
        (document,) = json.loads(execution["jobDocument"])
        assert download(cloud, document["files"]["url"]) == download(cloud, document["second"]) == PACKAGE
        device.update_job_execution(status="IN_PROGRESS", statusDetails={"progress": "37"}, **name)
        watched = iot.list_job_executions_for_job(jobId="jobfota")["executionSummaries"]
        assert [it["jobExecutionSummary"]["status"] for it in watched] == ["IN_PROGRESS"]
        cloud.pass_time(60)
        device.update_job_execution(status="SUCCEEDED", **name)
        assert [topic.rpartition("/")[2] for topic in cloud.face.topics()] == ["notify", "notify-next"] * 2
        found = iot.describe_job(jobId="jobfota")
        assert found["documentSource"] == f"{URL}/fota.json"
        assert found["job"]["status"] == "COMPLETED"
        assert found["job"]["jobProcessDetails"]["numberOfSucceededThings"] == 1
        assert found["job"]["presignedUrlConfig"] == {"roleArn": ROLE, "expiresInSec": 3600}
        assert iot.describe_job_execution(**name)["execution"]["statusDetails"]["detailsMap"] == {"progress": "37"}
        assert refusal(device.describe_job_execution, **name) == (410, "TerminalStateException")
        assert refusal(device.update_job_execution, status="SUCCEEDED", **name) == (
            409,
            "InvalidStateTransitionException",
        )
        assert json.loads(iot.get_job_document(jobId="jobfota")["document"]) == DOCUMENT


def test_the_document_is_read_once_and_a_refused_job_leaves_nothing() -> None:
    with running() as cloud:
        iot, s3 = prepare(cloud), cloud.client("s3")
        invalid = (400, "InvalidRequestException")
        assert refusal(iot.create_job, **job(documentSource=f"{URL}/missing.json")) == invalid
        assert refusal(iot.create_job, **job(documentSource="https://example.com/fota.json")) == invalid
        assert refusal(iot.create_job, **job(document="{}")) == invalid
        assert refusal(iot.create_job, **job(presignedUrlConfig={"roleArn": ROLE, "expiresInSec": 3601})) == invalid
        assert refusal(iot.create_job, **job(presignedUrlConfig={"expiresInSec": 60})) == invalid
        assert refusal(iot.create_job, **job(targets=[ARN + "thing/nobody"])) == (404, "ResourceNotFoundException")
        assert refusal(iot.create_job, **job(targets=[ARN + "thinggroup/none"])) == (404, "ResourceNotFoundException")
        assert refusal(iot.create_job, **job(tags=[{"Key": "aws:x"}])) == invalid
        s3.put_object(Bucket="qpyota", Key="large.json", Body=json.dumps("ü" * 17_000, ensure_ascii=False))
        assert refusal(iot.create_job, **job(documentSource=f"{URL}/large.json")) == invalid
        s3.put_object(Bucket="qpyota", Key="latin.json", Body='"ü"'.encode("latin-1"))
        assert refusal(iot.create_job, **job(documentSource=f"{URL}/latin.json")) == invalid
        assert iot.list_jobs()["jobs"] == []
        assert cloud.face.published == []
        iot.create_job(**job())
        assert refusal(iot.create_job, **job()) == (409, "ResourceAlreadyExistsException")
        s3.delete_object(Bucket="qpyota", Key="fota.json")
        assert json.loads(iot.get_job_document(jobId="jobfota")["document"]) == DOCUMENT


def test_a_document_of_a_certain_version_and_one_under_our_own_address() -> None:
    with running() as cloud:
        iot, s3 = prepare(cloud), cloud.client("s3")
        s3.put_bucket_versioning(Bucket="qpyota", VersioningConfiguration={"Status": "Enabled"})
        old = s3.put_object(Bucket="qpyota", Key="v.json", Body=b"[1]")["VersionId"]
        s3.put_object(Bucket="qpyota", Key="v.json", Body=b"[2]")
        for job_id, source in (("old", f"{URL}/v.json?versionId={old}"), ("new", f"{cloud.url}/qpyota/v.json")):
            iot.create_job(jobId=job_id, targets=[ARN + "thinggroup/fleet"], documentSource=source)
        found = [iot.get_job_document(jobId=job_id)["document"] for job_id in ("old", "new")]
        assert found == ["[1]", "[2]"]


def test_roles() -> None:
    with running() as cloud:
        prepare(cloud)
        iam = cloud.client("iam")
        name = {"RoleName": "qpyota-presign"}
        trust = {"AssumeRolePolicyDocument": "{}"}
        assert refusal(iam.create_role, **name, **trust) == (409, "EntityAlreadyExists")
        assert refusal(iam.create_role, RoleName="bad name", **trust) == (400, "ValidationError")
        assert refusal(iam.create_role, RoleName="x", AssumeRolePolicyDocument="[") == (400, "MalformedPolicyDocument")
        assert refusal(iam.get_role, RoleName="none") == (404, "NoSuchEntity")
        assert refusal(iam.list_users) == (404, "UnknownOperationException")
        assert [it["RoleName"] for it in iam.list_roles()["Roles"]] == ["qpyota-presign"]
        policy = {"PolicyArn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}
        iam.attach_role_policy(**name, **policy)
        assert refusal(iam.delete_role, **name) == (409, "DeleteConflict")
        iam.detach_role_policy(**name, **policy)
        assert iam.get_role_policy(PolicyName="read", **name)["PolicyDocument"]["Statement"][0]["Effect"] == "Allow"
        iam.delete_role_policy(PolicyName="read", **name)
        assert refusal(iam.get_role_policy, PolicyName="read", **name) == (404, "NoSuchEntity")
        iam.delete_role(**name)
        assert iam.list_roles()["Roles"] == []
