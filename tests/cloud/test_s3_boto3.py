"""S3 as boto3 uses it, over HTTP: objects, versions, uploads in parts, lists, presigned URLs, refusals."""

from __future__ import annotations

import gzip
import io
import json
import re
import socket
import urllib.error
import urllib.request
import zlib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_rig import REGION, Cloud, refusal, running
from botocore import xform_name
from botocore.config import Config

WALKED = """ListBuckets CreateBucket HeadBucket DeleteBucket GetBucketLocation GetBucketVersioning PutBucketVersioning
ListObjectVersions PutObject GetObject HeadObject CopyObject DeleteObject DeleteObjects ListObjects ListObjectsV2
CreateMultipartUpload UploadPart CompleteMultipartUpload AbortMultipartUpload ListParts ListMultipartUploads"""
"""Every operation of docs/aws-rest.md."""
HERE = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with running() as made:
        made.catch_up()
        yield made


@pytest.fixture
def s3(cloud: Cloud) -> Any:
    return cloud.client("s3")


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    name = "b-" + "".join(char if char.isalnum() else "-" for char in request.node.name.lower())[:50].strip("-")
    s3.create_bucket(Bucket=name, **HERE)
    return name


def fetch(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    """A plain HTTP request, as curl would make it."""
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


# Refusals


def test_keys_that_are_not_ours(cloud: Cloud) -> None:
    stranger = cloud.client("s3", aws_access_key_id="AKIAIOSFODNN7EXAMPLE")
    assert refusal(stranger.list_buckets) == (403, "InvalidAccessKeyId")
    liar = cloud.client("s3", aws_secret_access_key="guess")
    assert refusal(liar.list_buckets) == (403, "SignatureDoesNotMatch")
    tourist = cloud.client("s3", region_name="eu-west-1")
    assert refusal(tourist.list_buckets) == (400, "AuthorizationHeaderMalformed")
    guest = cloud.client("s3", aws_session_token="token")
    assert refusal(guest.list_buckets) == (400, "InvalidToken")


def test_buckets_that_cannot_be_made_or_deleted(s3: Any, bucket: str) -> None:
    assert refusal(s3.create_bucket, Bucket=bucket, **HERE) == (409, "BucketAlreadyOwnedByYou")
    assert refusal(s3.create_bucket, Bucket="Has.Capitals", **HERE) == (400, "InvalidBucketName")
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    assert refusal(s3.create_bucket, Bucket="else-where", **elsewhere) == (400, "InvalidLocationConstraint")
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert refusal(s3.delete_bucket, Bucket=bucket) == (409, "BucketNotEmpty")
    assert refusal(s3.delete_bucket, Bucket="never-made") == (404, "NoSuchBucket")
    s3.head_bucket(Bucket=bucket)
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == REGION


def test_what_is_not_there(s3: Any, bucket: str) -> None:
    assert refusal(s3.get_object, Bucket=bucket, Key="no") == (404, "NoSuchKey")
    assert refusal(s3.head_object, Bucket=bucket, Key="no") == (404, "404")
    assert refusal(s3.get_object, Bucket="never-made", Key="no") == (404, "NoSuchBucket")
    assert refusal(s3.get_object, Bucket=bucket, Key="no", VersionId="v1") == (404, "NoSuchVersion")
    assert refusal(s3.abort_multipart_upload, Bucket=bucket, Key="no", UploadId="u") == (404, "NoSuchUpload")


def test_what_is_not_emulated_says_so(s3: Any, bucket: str) -> None:
    assert refusal(s3.get_bucket_acl, Bucket=bucket) == (501, "NotImplemented")
    assert refusal(s3.put_bucket_tagging, Bucket=bucket, Tagging={"TagSet": []}) == (501, "NotImplemented")
    assert refusal(s3.get_bucket_policy, Bucket=bucket) == (501, "NotImplemented")


def test_a_checksum_that_does_not_fit(s3: Any, bucket: str) -> None:
    wrong = {"ChecksumSHA256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}
    assert refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **wrong) == (400, "BadDigest")
    assert refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"x", ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==") == (
        400,
        "BadDigest",
    )
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_conditions(s3: Any, bucket: str) -> None:
    tag = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    assert refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*") == (412, "PreconditionFailed")
    assert refusal(s3.get_object, Bucket=bucket, Key="k", IfMatch='"other"') == (412, "PreconditionFailed")
    assert refusal(s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=tag) == (304, "304")
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=tag)["Body"].read() == b"1"


def test_parts_that_do_not_make_an_upload(s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    name = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    tags = [s3.upload_part(PartNumber=number, Body=b"small", **name)["ETag"] for number in (1, 2)]
    parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]

    def complete(chosen: list[dict[str, Any]]) -> tuple[int, str]:
        return refusal(s3.complete_multipart_upload, MultipartUpload={"Parts": chosen}, **name)

    assert complete(parts) == (400, "EntityTooSmall")
    assert complete(parts[::-1]) == (400, "InvalidPartOrder")
    assert complete([{"PartNumber": 3, "ETag": tags[0]}]) == (400, "InvalidPart")
    assert complete([{"PartNumber": 1, "ETag": '"bad"'}]) == (400, "InvalidPart")
    assert refusal(s3.upload_part, PartNumber=10_001, Body=b"", **name) == (400, "InvalidArgument")
    assert refusal(s3.upload_part, PartNumber=1, Body=b"", **{**name, "Key": "other"}) == (404, "NoSuchUpload")
    assert refusal(s3.get_object, Bucket=bucket, Key="k") == (404, "NoSuchKey")
    s3.abort_multipart_upload(**name)
    assert refusal(s3.list_parts, **name) == (404, "NoSuchUpload")


# Good answers


def test_an_object_with_everything(s3: Any, bucket: str) -> None:
    key = "a b+c/ü~(1).py"
    s3.put_object(
        Bucket=bucket,
        Key=key,
        Body=b"hello",
        ContentType="text/x-python",
        Metadata={"rev": "7"},
        CacheControl="no-cache",
    )
    found = s3.get_object(Bucket=bucket, Key=key, Range="bytes=1-3")
    assert (found["Body"].read(), found["ContentRange"]) == (b"ell", "bytes 1-3/5")
    head = s3.head_object(Bucket=bucket, Key=key)
    assert (head["ContentLength"], head["ContentType"], head["Metadata"]) == (5, "text/x-python", {"rev": "7"})
    assert (head["CacheControl"], head["ETag"]) == ("no-cache", '"5d41402abc4b2a76b9719d911017c592"')
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    assert s3.head_object(Bucket=bucket, Key="copy")["Metadata"] == {"rev": "7"}
    assert "Deleted" in s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}, {"Key": "copy"}]})
    s3.delete_object(Bucket=bucket, Key=key)
    s3.delete_bucket(Bucket=bucket)
    assert bucket not in [it["Name"] for it in s3.list_buckets()["Buckets"]]


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums_are_kept_and_given_back(s3: Any, bucket: str, algorithm: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"content", ChecksumAlgorithm=algorithm)
    found = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert found["Body"].read() == b"content"
    assert found[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]


def test_over_tls_boto3_sends_chunks_with_the_checksum_behind_them(tmp_path: Path) -> None:
    with running(tls=tmp_path) as cloud:
        s3 = cloud.client("s3")
        s3.create_bucket(Bucket="chunked", **HERE)
        s3.put_object(Bucket="chunked", Key="k", Body=io.BytesIO(b"one two"))
        (sent,) = [it for it in cloud.seen if it.method == "PUT" and it.url.endswith("/k")]
        headers = {name.lower(): value for name, value in sent.headers.items()}
        assert headers["x-amz-content-sha256"] == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
        assert sent.body.startswith(b"7\r\none two\r\n0\r\n")
        found = s3.get_object(Bucket="chunked", Key="k", ChecksumMode="ENABLED")
        assert (found["Body"].read(), found["ChecksumCRC32"]) == (
            b"one two",
            b64encode(zlib.crc32(b"one two").to_bytes(4, "big")).decode(),
        )
        assert "ContentEncoding" not in found
        del found  # the client closes its connection when nobody reads from it any more


def test_versions(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"2")["VersionId"]
    gone = s3.delete_object(Bucket=bucket, Key="k")
    assert gone["DeleteMarker"] is True
    assert refusal(s3.get_object, Bucket=bucket, Key="k") == (404, "NoSuchKey")
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=first)["Body"].read() == b"1"
    assert s3.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == b"before"
    listed = s3.list_object_versions(Bucket=bucket)
    assert [it["VersionId"] for it in listed["Versions"]] == [second, first, "null"]
    assert [it["IsLatest"] for it in listed["DeleteMarkers"]] == [True]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=gone["VersionId"])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"after")
    listed = s3.list_object_versions(Bucket=bucket)
    assert [it["VersionId"] for it in listed["Versions"]] == ["null", second, first]
    assert s3.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == b"after"


def test_a_large_file_goes_up_in_parts(s3: Any, bucket: str) -> None:
    data = bytes(range(256)) * 40_000
    s3.upload_fileobj(io.BytesIO(data), bucket, "big.pack")
    assert s3.head_object(Bucket=bucket, Key="big.pack")["ETag"].endswith('-2"')
    target = io.BytesIO()
    s3.download_fileobj(bucket, "big.pack", target)
    assert target.getvalue() == data


def test_parts_of_an_upload_can_be_seen(s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", Metadata={"x": "1"})["UploadId"]
    name = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    tags = [
        s3.upload_part(PartNumber=number, Body=bytes(size), **name)["ETag"] for number, size in ((2, 5_242_880), (9, 3))
    ]
    assert [it["Size"] for it in s3.list_parts(**name)["Parts"]] == [5_242_880, 3]
    assert [it["UploadId"] for it in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
    parts = [{"PartNumber": number, "ETag": tag} for number, tag in zip((2, 9), tags, strict=True)]
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **name)
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentLength"], head["Metadata"]) == (5_242_883, {"x": "1"})
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_lists_in_pages(s3: Any, bucket: str) -> None:
    keys = [f"d{number % 3}/k {number:02}" for number in range(12)] + ["top"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    for operation in ("list_objects", "list_objects_v2", "list_object_versions"):
        member = "Versions" if operation == "list_object_versions" else "Contents"
        pages = s3.get_paginator(operation).paginate(Bucket=bucket, PaginationConfig={"PageSize": 5})
        assert [it["Key"] for page in pages for it in page[member]] == sorted(keys)
        folded = list(
            s3.get_paginator(operation).paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 2})
        )
        prefixes = [it["Prefix"] for page in folded for it in page.get("CommonPrefixes", [])]
        assert (prefixes, [it["Key"] for page in folded for it in page.get(member, [])]) == (
            ["d0/", "d1/", "d2/"],
            ["top"],
        )
    under = s3.list_objects_v2(Bucket=bucket, Prefix="d1/", StartAfter="d1/k 04", FetchOwner=True)["Contents"]
    assert [it["Key"] for it in under] == ["d1/k 07", "d1/k 10"]


# Presigned URLs


@pytest.fixture
def v4(cloud: Cloud) -> Any:
    return cloud.client("s3", config=Config(signature_version="s3v4", retries={"total_max_attempts": 1}))


def test_presigned_get_and_put_of_the_operator(cloud: Cloud, s3: Any, v4: Any, bucket: str) -> None:
    put = v4.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k y"}, ExpiresIn=60)
    assert fetch(put, "PUT", b"by curl")[0] == 200
    get = v4.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k y"}, ExpiresIn=60)
    assert fetch(get) == (200, b"by curl")
    assert fetch(get, Range="bytes=3-") == (206, b"curl")
    assert fetch(get, "PUT", b"no")[0] == 403
    assert fetch(get.replace("k%20y", "other"))[0] == 403
    typed = {"Bucket": bucket, "Key": "k y", "ContentType": "text/plain"}
    put_typed = v4.generate_presigned_url("put_object", Params=typed, ExpiresIn=60)
    assert fetch(put_typed, "PUT", b"no", **{"Content-Type": "text/html"})[0] == 403
    assert fetch(put_typed, "PUT", b"yes", **{"Content-Type": "text/plain"})[0] == 200
    assert s3.get_object(Bucket=bucket, Key="k y")["Body"].read() == b"yes"


def test_presigned_urls_expire_on_the_emulated_clock(v4: Any) -> None:
    with running() as cloud:
        cloud.catch_up()
        s3 = cloud.client("s3", config=Config(signature_version="s3v4", retries={"total_max_attempts": 1}))
        s3.create_bucket(Bucket="expiring", **HERE)
        s3.put_object(Bucket="expiring", Key="k", Body=b"x")
        get = s3.generate_presigned_url("get_object", Params={"Bucket": "expiring", "Key": "k"}, ExpiresIn=60)
        put = s3.generate_presigned_url("put_object", Params={"Bucket": "expiring", "Key": "k"}, ExpiresIn=60)
        assert fetch(get) == (200, b"x")
        cloud.pass_time(120)
        assert fetch(get)[0] == fetch(put, "PUT", b"late")[0] == 403
        assert b"Request has expired" in fetch(get)[1]
        assert s3.get_object(Bucket="expiring", Key="k")["Body"].read() == b"x"


def test_urls_signed_the_old_way(cloud: Cloud, s3: Any, bucket: str) -> None:
    old = cloud.client("s3", config=Config(signature_version="s3"))
    s3.put_object(Bucket=bucket, Key="k y", Body=b"old")
    version = {"Bucket": bucket, "Key": "k y", "VersionId": "null", "ResponseContentType": "text/x"}
    for params in ({"Bucket": bucket, "Key": "k y"}, version):
        url = old.generate_presigned_url("get_object", Params=params, ExpiresIn=60)
        assert "AWSAccessKeyId" in url
        assert fetch(url) == (200, b"old")
        assert fetch(url.replace("k%20y", "other"))[0] == fetch(url, "PUT", b"no")[0] == 403
        late = re.sub(r"Expires=([0-9]+)", lambda it: f"Expires={int(it[1]) + 1}", url)
        assert fetch(late)[0] == 403
    put = old.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "new"}, ExpiresIn=60)
    assert fetch(put, "PUT", b"1", **{"Content-Type": ""})[0] == 200
    over = old.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k y"}, ExpiresIn=-1000)
    assert b"Request has expired" in fetch(over)[1]
    assert refusal(old.list_buckets) == (400, "InvalidRequest")


def test_a_document_uploaded_is_json_again(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="fota.json", Body=json.dumps({"operation": "FOTA"}))
    assert json.loads(s3.get_object(Bucket=bucket, Key="fota.json")["Body"].read()) == {"operation": "FOTA"}


@pytest.mark.parametrize("name", ["localhost", f"s3.{REGION}.amazonaws.com"])
def test_virtual_hosted_addresses(
    cloud: Cloud, s3: Any, bucket: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bucket in the host's name, which only a resolver of our own leads to the cloud."""
    resolve, asked = socket.getaddrinfo, []

    def everything_is_here(host: str, *rest: Any, **more: Any) -> Any:
        asked.append(host)
        return resolve("127.0.0.1", *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", everything_is_here)
    endpoint = cloud.url.replace("127.0.0.1", name)
    config = Config(s3={"addressing_style": "virtual"}, signature_version="s3v4", retries={"total_max_attempts": 1})
    virtual = cloud.client("s3", endpoint_url=endpoint, config=config)
    virtual.put_object(Bucket=bucket, Key="a/b c", Body=b"virtual")
    assert s3.get_object(Bucket=bucket, Key="a/b c")["Body"].read() == b"virtual"
    assert [it["Key"] for it in virtual.list_objects_v2(Bucket=bucket)["Contents"]] == ["a/b c"]
    assert refusal(virtual.get_object, Bucket=bucket, Key="none") == (404, "NoSuchKey")
    url = virtual.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a/b c"}, ExpiresIn=60)
    assert fetch(url) == (200, b"virtual")
    assert set(asked) == {f"{bucket}.{name}"}


def test_a_packed_object_is_kept_as_it_was_sent(s3: Any, bucket: str) -> None:
    packed = gzip.compress(b"content" * 100)
    s3.put_object(Bucket=bucket, Key="k", Body=packed, ContentEncoding="gzip")
    found = s3.get_object(Bucket=bucket, Key="k")
    assert (found["Body"].read(), found["ContentEncoding"]) == (packed, "gzip")


def test_every_operation_was_walked_and_refused(cloud: Cloud, s3: Any) -> None:
    """Runs last: whoever adds an operation adds its calls above."""
    nothing: dict[str, dict[str, Any]] = {
        "CopyObject": {"CopySource": "never-made/k"},
        "CreateBucket": {"Bucket": "Has.Capitals", **HERE},
        "DeleteObjects": {"Delete": {"Objects": [{"Key": "k"}]}},
        "PutBucketVersioning": {"VersioningConfiguration": {"Status": "Enabled"}},
        "UploadPart": {"PartNumber": 1},
    }
    for name in WALKED.split():
        if name == "ListBuckets":
            continue  # a stranger is refused it above
        model = s3.meta.service_model.operation_model(name)
        given = {"Bucket": "never-made", "Key": "k", "UploadId": "u", "Body": b"", **nothing.get(name, {})}
        arguments = {key: value for key, value in given.items() if key in model.input_shape.members}
        status, _ = refusal(getattr(s3, xform_name(name)), **arguments)
        assert status in (400, 404), name
    assert {name for name in WALKED.split() if f"s3:{name}" not in cloud.asked} == set()
    assert {name for name in WALKED.split() if f"s3:{name}" not in cloud.refused} == set()
