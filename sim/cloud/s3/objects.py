"""Reading and writing single objects: GET, HEAD, PUT, copy, DELETE; ranges and conditions.

Conditions are those of RFC 9110 on the entity tag. A malformed Range is as if not sent, one that cannot be satisfied
is 416, more than one is ignored, as S3 does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from sim.cloud import sigv4
from sim.cloud.s3.body import CHECKSUM_PREFIX
from sim.cloud.s3.buckets import Bucket, Buckets, Stored, etag_of
from sim.cloud.s3.fault import Fault, bad_request, document, leaf
from sim.cloud.s3.request import S3Request, http_date

DEFAULT_TYPE = "binary/octet-stream"
METADATA_MAX_BYTES = 2048
"""User metadata of an object, names and values (Amazon S3 user guide)."""

_RANGE = re.compile(r"bytes=\s*([0-9]*)-([0-9]*)\s*")
_KEPT = ("content-type", "cache-control", "content-disposition", "content-language", "expires")
_META = "x-amz-meta-"
_OVERRIDES = ("content-type", "content-language", "expires", "cache-control", "content-disposition")


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers beside the common ones, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


def xml(status: int, root: str, parts: list[str]) -> Answer:
    """An XML answer."""
    return Answer(status, {"Content-Type": "application/xml"}, document(root, parts))


def kept_headers(request: S3Request) -> dict[str, str]:
    """Headers of an upload that every reader gets back."""
    kept = {name: value for name, value in request.headers.items() if name in _KEPT or name.startswith(_META)}
    size = sum(len(name) - len(_META) + len(value) for name, value in kept.items() if name.startswith(_META))
    if size > METADATA_MAX_BYTES:
        raise bad_request("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
    # aws-chunked is how the body travelled, not what it is.
    codings = [it.strip() for it in request.headers.get("content-encoding", "").split(",")]
    left = ",".join(it for it in codings if it and it != "aws-chunked")
    return kept | ({"content-encoding": left} if left else {})


def read(bucket: Bucket, request: S3Request) -> Answer:
    """GET and HEAD of an object."""
    version = request.parameter("versionId")
    stored = bucket.find(request.key, version)
    if stored.marker:
        message = "The specified method is not allowed against this resource."
        raise Fault(405, "MethodNotAllowed", message, {"Method": request.method, "ResourceType": "DeleteMarker"})
    headers = _reader_headers(bucket, stored)
    if _same_tag(request.headers.get("if-none-match"), stored):
        return Answer(304, headers)
    if "if-match" in request.headers and not _same_tag(request.headers["if-match"], stored):
        raise precondition_failed("If-Match")
    return _select(stored, headers, request)


def put(buckets: Buckets, bucket: Bucket, request: S3Request, content: tuple[bytes, dict[str, str]]) -> Answer:
    """PutObject with a checked body."""
    data, checksums = content
    current = bucket.latest(request.key)
    if request.headers.get("if-none-match") == "*" and current is not None:
        raise precondition_failed("If-None-Match")
    if "if-match" in request.headers and (current is None or not _same_tag(request.headers["if-match"], current)):
        raise precondition_failed("If-Match")
    made = Stored(request.key, data, etag_of(data), request.now_s, kept_headers(request) | checksums)
    stored = buckets.store(bucket, made)
    return Answer(200, {"ETag": stored.etag, **checksums, **version_header(bucket, stored)})


def copy(buckets: Buckets, bucket: Bucket, request: S3Request) -> Answer:
    """CopyObject from `x-amz-copy-source`."""
    where, _, query = unquote(request.headers["x-amz-copy-source"]).partition("?versionId=")
    source_bucket, _, source_key = where.removeprefix("/").partition("/")
    source = buckets[source_bucket].find(source_key, query or None)
    if source.marker:
        raise bad_request("InvalidRequest", "The source of a copy request may not be a delete marker")
    replaced = request.headers.get("x-amz-metadata-directive", "COPY") == "REPLACE"
    headers = kept_headers(request) if replaced else source.headers
    stored = buckets.store(bucket, Stored(request.key, source.data, etag_of(source.data), request.now_s, headers))
    parts = [leaf("ETag", stored.etag), leaf("LastModified", sigv4.iso(stored.modified_s))]
    answer = xml(200, "CopyObjectResult", parts)
    return Answer(200, {**answer.headers, **version_header(bucket, stored)}, answer.body)


def delete(buckets: Buckets, bucket: Bucket, request: S3Request) -> Answer:
    """DeleteObject; deleting what is not there is as good."""
    gone = buckets.delete_object(bucket, request.key, request.parameter("versionId"), request.now_s)
    headers = {} if gone is None else version_header(bucket, gone)
    if gone is not None and gone.marker:
        headers["x-amz-delete-marker"] = "true"
    return Answer(204, headers)


def version_header(bucket: Bucket, stored: Stored) -> dict[str, str]:
    """The version, where versions are kept."""
    return {"x-amz-version-id": stored.version} if bucket.versioning else {}


def precondition_failed(condition: str) -> Fault:
    """A 412."""
    message = "At least one of the pre-conditions you specified did not hold"
    return Fault(412, "PreconditionFailed", message, {"Condition": condition})


def _reader_headers(bucket: Bucket, stored: Stored) -> dict[str, str]:
    headers = {
        "Last-Modified": http_date(stored.modified_s),
        "ETag": stored.etag,
        "Accept-Ranges": "bytes",
        "Content-Type": stored.headers.get("content-type", DEFAULT_TYPE),
    }
    kept = {name: text for name, text in stored.headers.items() if not name.startswith(CHECKSUM_PREFIX)}
    kept.pop("content-type", None)
    return headers | kept | version_header(bucket, stored)


def _select(stored: Stored, headers: dict[str, str], request: S3Request) -> Answer:
    """The part an optional Range header wants."""
    wanted, size_bytes = request.headers.get("range"), len(stored.data)
    for name in _OVERRIDES:
        value = request.parameter(f"response-{name}")
        if value is not None:
            proper = name.title()
            headers = {key: text for key, text in headers.items() if key.lower() != name} | {proper: _plain(value)}
    span = _span(wanted or "", size_bytes)
    if span is None:
        if request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
            headers |= {name: text for name, text in stored.headers.items() if name.startswith(CHECKSUM_PREFIX)}
        return Answer(200, headers, stored.data)
    start, end = span
    if start >= end:
        members = {"RangeRequested": wanted or "", "ActualObjectSize": str(size_bytes)}
        raise Fault(416, "InvalidRange", "The requested range is not satisfiable", members)
    return Answer(
        206, headers | {"Content-Range": f"bytes {start}-{end - 1}/{size_bytes}"}, _part(stored.data, start, end)
    )


@lru_cache(maxsize=64)  # a fleet that downloads one file gets the same bytes, not a copy each
def _part(data: bytes, start: int, end: int) -> bytes:
    return data[start:end]


def _span(wanted: str, size_bytes: int) -> tuple[int, int] | None:
    """First byte and end of a Range header; equal when it cannot be satisfied, None when it does not count."""
    match = _RANGE.fullmatch(wanted)
    if match is None or match.group(1, 2) == ("", "") or max(map(len, match.groups())) > 18:
        return None
    if not match[1]:
        return max(0, size_bytes - int(match[2])), size_bytes
    start = int(match[1])
    if match[2] and int(match[2]) < start:
        return None
    end = min(size_bytes, int(match[2]) + 1) if match[2] else size_bytes
    return min(start, end), end


def _same_tag(condition: str | None, stored: Stored) -> bool:
    if condition is None:
        return False
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in condition.split(",")]
    return "*" in tags or stored.etag.strip('"') in tags


def _plain(value: str) -> str:
    """A header value from a query: no line breaks."""
    return "".join(char for char in value if char.isprintable() and char.isascii())
