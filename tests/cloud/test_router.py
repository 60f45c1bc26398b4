"""Which service a request is for, who may ask, and what nobody knows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from aws_rig import REGION, Cloud, refusal, running
from signed_rig import account, signed

from sim.cloud.api.router import Plane, plane_of, reads_object
from sim.jobs.documents import JobError
from sim.kernel.clock import EPOCH_S
from sim.ports import HttpRequest, HttpResponse


def told(answer: HttpResponse) -> tuple[int, str]:
    """Status and error of a JSON plane; what is not an error of one fails."""
    assert "message" in json.loads(answer.body)
    assert answer.headers["Content-Length"] == str(len(answer.body))
    return answer.status, answer.headers["x-amzn-ErrorType"]


# Which service


def scoped(service: str) -> dict[str, str]:
    return {
        "authorization": f"AWS4-HMAC-SHA256 Credential=K/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host"
    }


@pytest.mark.parametrize(
    ("url", "headers", "plane"),
    [
        ("http://localhost/things/t/jobs", scoped("iot"), Plane.CONTROL),
        ("http://localhost/things/t/jobs", scoped("iot-jobs-data"), Plane.JOBS_DATA),
        ("http://localhost/things/t/jobs", scoped("s3"), Plane.S3),
        ("http://localhost/topics/a", scoped("iotdata"), Plane.DATA),
        (f"http://localhost/things?X-Amz-Credential=K%2F20260101%2F{REGION}%2Fs3%2Faws4_request", {}, Plane.S3),
        (f"http://localhost/x?X-Amz-Credential=K%2F20260101%2F{REGION}%2Fiot%2Faws4_request", {}, Plane.CONTROL),
        (f"https://iot.{REGION}.amazonaws.com/things", {}, Plane.CONTROL),
        (f"https://abc123.jobs.iot.{REGION}.amazonaws.com/things/t/jobs", {}, Plane.JOBS_DATA),
        (f"https://abc123-ats.iot.{REGION}.amazonaws.com/topics/a", {}, Plane.DATA),
        (f"https://b.s3.{REGION}.amazonaws.com/things/t/jobs", {}, Plane.S3),
        ("https://b.s3.localhost/things/t/jobs", {}, Plane.S3),
        ("http://localhost/things/t/jobs", {}, Plane.JOBS_DATA),
        ("http://localhost/things/t/jobs/$next", {}, Plane.JOBS_DATA),
        ("http://localhost/topics/a/b", {}, Plane.DATA),
        ("http://localhost/bucket/key", {}, Plane.S3),
        ("http://[bad/x", {}, Plane.S3),
    ],
)
def test_service_by_scope_then_host_then_path(url: str, headers: dict[str, str], plane: Plane) -> None:
    assert plane_of(HttpRequest("GET", url, headers)) is plane


def test_a_service_that_is_not_emulated() -> None:
    with pytest.raises(JobError, match="sqs"):
        plane_of(HttpRequest("POST", "http://localhost/", scoped("sqs")))
    with running() as cloud:
        assert refusal(cloud.client("sns").list_topics) == (404, "UnknownOperationException")
        assert refusal(cloud.client("dynamodb").list_tables) == (404, "UnknownOperationException")


@pytest.mark.parametrize(
    ("method", "url", "headers", "direct"),
    [
        ("GET", "https://b.s3.us-west-2.amazonaws.com/k", {}, True),
        ("HEAD", "http://localhost/b/k", scoped("s3"), True),
        ("PUT", "http://localhost/b/k", scoped("s3"), False),
        ("GET", "http://localhost/things", scoped("iot"), False),
        ("GET", "http://localhost/things", scoped("sqs"), False),
    ],
)
def test_only_reading_from_s3_may_be_answered_at_once(
    method: str, url: str, headers: dict[str, str], direct: bool
) -> None:
    assert reads_object(HttpRequest(method, url, headers)) is direct


# Who may ask


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with running() as made:
        yield made


def test_keys_that_are_not_ours(cloud: Cloud) -> None:
    for service, call in (("iot", "list_things"), ("iot-jobs-data", "get_pending_job_executions")):
        arguments = {} if service == "iot" else {"thingName": "t"}
        stranger = cloud.client(service, aws_access_key_id="AKIAIOSFODNN7EXAMPLE")
        assert refusal(getattr(stranger, call), **arguments) == (403, "UnrecognizedClientException")
        liar = cloud.client(service, aws_secret_access_key="guess")
        assert refusal(getattr(liar, call), **arguments) == (403, "InvalidSignatureException")
        tourist = cloud.client(service, region_name="eu-west-1")
        assert refusal(getattr(tourist, call), **arguments) == (403, "InvalidSignatureException")


def test_unsigned_and_half_signed() -> None:
    respond = account().respond
    bare = HttpRequest("GET", "http://localhost/things/t/jobs")
    assert told(respond(bare, EPOCH_S)) == (403, "MissingAuthenticationTokenException")
    half = HttpRequest("GET", "http://localhost/things", scoped("iot"))
    assert told(respond(half, EPOCH_S)) == (400, "IncompleteSignatureException")


@pytest.mark.parametrize("change", ["method", "path", "query", "body", "header"])
def test_a_signature_covers_everything(change: str) -> None:
    respond = account().respond
    good = signed(Plane.CONTROL, "POST", "/things/t?x=1", b"{}")
    assert respond(good, EPOCH_S).status == 200
    changed = {
        "method": HttpRequest("DELETE", good.url, good.headers, good.body),
        "path": HttpRequest("POST", good.url.replace("/t?", "/u?"), good.headers, good.body),
        "query": HttpRequest("POST", good.url.replace("x=1", "x=2"), good.headers, good.body),
        "body": HttpRequest("POST", good.url, good.headers, b'{"a":1}'),
        "header": HttpRequest("POST", good.url, {**good.headers, "x-amz-date": "20260101T000001Z"}, good.body),
    }[change]
    assert told(respond(changed, EPOCH_S)) == (403, "InvalidSignatureException")


def test_names_that_need_escapes_are_signed_and_routed_right(cloud: Cloud) -> None:
    iot = cloud.client("iot")
    for name in ("a:b", "x_y-z", "addThingToThingGroup"):
        iot.create_thing(thingName=name)
        assert iot.describe_thing(thingName=name)["thingName"] == name
    policy = json.dumps({"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}})
    iot.create_policy(policyName="a+b=c,d.e@f", policyDocument=policy)
    assert iot.get_policy(policyName="a+b=c,d.e@f")["policyName"] == "a+b=c,d.e@f"


def test_keys_of_iam_and_sts(cloud: Cloud) -> None:
    liar = cloud.client("sts", aws_secret_access_key="guess")
    assert refusal(liar.get_caller_identity) == (403, "InvalidSignatureException")


# What nobody knows


@pytest.mark.parametrize(
    ("plane", "method", "target"),
    [
        (Plane.CONTROL, "GET", "/"),
        (Plane.CONTROL, "GET", "/billing-groups"),
        (Plane.CONTROL, "PATCH", "/jobs"),
        (Plane.CONTROL, "PUT", "/things/t/jobs/$next"),
        (Plane.CONTROL, "POST", "/things/t/jobs/j"),
        (Plane.CONTROL, "GET", "/things//jobs/j/extra"),
        (Plane.JOBS_DATA, "GET", "/things/t"),
        (Plane.JOBS_DATA, "DELETE", "/things/t/jobs/j"),
        (Plane.DATA, "GET", "/connections/c"),
        (Plane.CONTROL, "BREW", "/things"),
    ],
)
def test_unknown_operations_are_404(plane: Plane, method: str, target: str) -> None:
    assert told(account().respond(signed(plane, method, target), EPOCH_S)) == (404, "UnknownOperationException")


def test_operations_amazon_has_and_we_have_not(cloud: Cloud) -> None:
    iot = cloud.client("iot")
    unknown = (404, "UnknownOperationException")
    assert refusal(iot.list_billing_groups) == refusal(iot.list_streams) == refusal(iot.list_ca_certificates) == unknown


@pytest.mark.parametrize(
    "body",
    [b"[]", b"1", b"{", b"\xff", b'{"a":NaN}', b"[" * 100_000, b'{"thingTypeName":"\\ud800"}', b'{"thingTypeName":5}'],
)
def test_bodies_that_cannot_be_read(body: bytes) -> None:
    owner = account()
    answer = owner.respond(signed(Plane.CONTROL, "POST", "/things/t", body), EPOCH_S)
    assert told(answer) == (400, "InvalidRequestException")
    assert "t" not in owner.registry.things


@pytest.mark.parametrize("body", ['{"tags":[{"Key":"k","Value":"\\ud800"}]}', '{"else":' + "[" * 40 + "]" * 40 + "}"])
def test_text_that_cannot_be_stored_and_bodies_nested_too_deep(body: str) -> None:
    owner = account()
    answer = owner.respond(signed(Plane.CONTROL, "POST", "/thing-types/x", body.encode()), EPOCH_S)
    assert told(answer) == (400, "InvalidRequestException")
    assert owner.registry.things.types == {}


@pytest.mark.parametrize(
    "query", ["maxResults=x", "maxResults=0", "maxResults=" + "9" * 30, "recursive=maybe", "%ff=1"]
)
def test_queries_that_cannot_be_read(query: str) -> None:
    request = signed(Plane.CONTROL, "GET", f"/thing-groups?{query}")
    assert told(account().respond(request, EPOCH_S)) == (400, "InvalidRequestException")


def test_unknown_members_are_ignored_and_null_is_absent() -> None:
    owner = account()
    body = b'{"key":0,"thingTypeName":null,"attributePayload":{"merge":null,"else":1}}'
    assert owner.respond(signed(Plane.CONTROL, "POST", "/things/t", body), EPOCH_S).status == 200


# Pages


@pytest.mark.parametrize(
    ("operation", "member", "key"),
    [
        ("list_things", "things", "thingName"),
        ("list_thing_groups", "thingGroups", "groupName"),
        ("list_thing_types", "thingTypes", "thingTypeName"),
        ("list_policies", "policies", "policyName"),
        ("list_jobs", "jobs", "jobId"),
        ("list_job_templates", "jobTemplates", "jobTemplateId"),
    ],
)
def test_paginators(operation: str, member: str, key: str) -> None:
    with running() as cloud:
        iot = cloud.client("iot")
        names = [f"n{number:02}" for number in range(7)]
        policy = json.dumps({"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}})
        arn = f"arn:aws:iot:{REGION}:123456789012:thing/t"
        iot.create_thing(thingName="t")
        iot.delete_thing(thingName="t") if operation == "list_things" else None
        for name in names:
            match operation:
                case "list_things":
                    iot.create_thing(thingName=name)
                case "list_thing_groups":
                    iot.create_thing_group(thingGroupName=name)
                case "list_thing_types":
                    iot.create_thing_type(thingTypeName=name)
                case "list_policies":
                    iot.create_policy(policyName=name, policyDocument=policy)
                case "list_jobs":
                    iot.create_job(jobId=name, targets=[arn], document="{}")
                case _:
                    iot.create_job_template(jobTemplateId=name, document="{}", description="d")
        pages = list(iot.get_paginator(operation).paginate(PaginationConfig={"PageSize": 3}))
        assert [len(page[member]) for page in pages] == [3, 3, 1]
        assert sorted(it[key] for page in pages for it in page[member]) == names
        assert "nextToken" not in pages[-1]


def test_executions_in_pages(cloud: Cloud) -> None:
    iot = cloud.client("iot")
    arns = [iot.create_thing(thingName=f"page{number}")["thingArn"] for number in range(5)]
    iot.create_job(jobId="paged", targets=arns, document="{}")
    pages = iot.get_paginator("list_job_executions_for_job").paginate(jobId="paged", PaginationConfig={"PageSize": 2})
    assert sorted(it["thingArn"] for page in pages for it in page["executionSummaries"]) == arns
    one = iot.get_paginator("list_job_executions_for_thing").paginate(thingName="page0")
    assert [it["jobId"] for page in one for it in page["executionSummaries"]] == ["paged"]


def test_urls_split_the_same_everywhere() -> None:
    """The path that is signed is the path that is routed."""
    request = signed(Plane.CONTROL, "GET", "/things/a%3Ab")
    assert urlsplit(request.url).path == "/things/a%3Ab"
    assert told(account().respond(request, EPOCH_S)) == (404, "ResourceNotFoundException")
