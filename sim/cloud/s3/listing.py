"""Lists of S3: buckets, objects (both versions of the call), versions, parts, uploads.

Keys come in the order of their UTF-8 bytes. A page has at most 1000 entries, counting common prefixes; a
continuation token is the last entry of the page before, encoded.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from sim.cloud import sigv4
from sim.cloud.s3.buckets import Bucket, Buckets, Stored, Upload
from sim.cloud.s3.fault import bad_request, element, leaf
from sim.cloud.s3.objects import Answer, xml
from sim.cloud.s3.request import S3Request

PAGE_MAX: Final = 1000
"""Entries of one answer (Amazon S3 API reference)."""
OWNER: Final = element("Owner", [leaf("ID", "qpyota"), leaf("DisplayName", "qpyota")])


@dataclass(frozen=True, slots=True)
class _Page:
    """Keys and common prefixes of one answer; `last` is where the next one goes on, "" when nothing is left."""

    keys: Sequence[str]
    prefixes: Sequence[str]
    last: str


def buckets(all_buckets: Buckets) -> Answer:
    """ListBuckets."""
    rows = (
        element("Bucket", [leaf("Name", bucket.name), leaf("CreationDate", sigv4.iso(bucket.created_s))])
        for bucket in all_buckets
    )
    return xml(200, "ListAllMyBucketsResult", [OWNER, element("Buckets", rows)])


def objects_v1(bucket: Bucket, request: S3Request) -> Answer:
    """ListObjects."""
    marker = request.parameter("marker") or ""
    page, limit = _page(bucket.keys(), request, marker)
    head = [*_echo(bucket, request), leaf("Marker", _spell(request, marker)), leaf("MaxKeys", limit)]
    if page.last and request.parameter("delimiter"):
        head.append(leaf("NextMarker", _spell(request, page.last)))
    rows = [*head, leaf("IsTruncated", bool(page.last)), *_contents(bucket, request, page, owner=True)]
    return xml(200, "ListBucketResult", rows)


def objects_v2(bucket: Bucket, request: S3Request) -> Answer:
    """ListObjectsV2."""
    token, after = request.parameter("continuation-token"), request.parameter("start-after") or ""
    start = after if token is None else _decode(token)
    page, limit = _page(bucket.keys(), request, start)
    head = [*_echo(bucket, request), leaf("MaxKeys", limit), leaf("KeyCount", len(page.keys) + len(page.prefixes))]
    if token is not None:
        head.append(leaf("ContinuationToken", token))
    if after:
        head.append(leaf("StartAfter", _spell(request, after)))
    if page.last:
        head.append(leaf("NextContinuationToken", urlsafe_b64encode(page.last.encode()).decode()))
    owner = request.parameter("fetch-owner") == "true"
    rows = [*head, leaf("IsTruncated", bool(page.last)), *_contents(bucket, request, page, owner=owner)]
    return xml(200, "ListBucketResult", rows)


def versions(bucket: Bucket, request: S3Request) -> Answer:
    """ListObjectVersions; a page never parts the versions of a key."""
    marker = request.parameter("key-marker") or ""
    page, limit = _page(sorted(bucket.objects, key=str.encode), request, marker)
    rows = [*_echo(bucket, request), leaf("KeyMarker", _spell(request, marker)), leaf("MaxKeys", limit)]
    if page.last:
        rows += [leaf("NextKeyMarker", _spell(request, page.last)), leaf("NextVersionIdMarker", "null")]
    rows.append(leaf("IsTruncated", bool(page.last)))
    for key in page.keys:
        newest, *older = reversed(bucket.objects[key])
        rows += [_version(request, stored, stored is newest) for stored in (newest, *older)]
    return xml(200, "ListVersionsResult", [*rows, *_prefixes(request, page)])


def uploads(bucket: Bucket, request: S3Request) -> Answer:
    """ListMultipartUploads, in one page."""
    prefix = request.parameter("prefix") or ""
    found = sorted(
        (it for it in bucket.uploads.values() if it.key.startswith(prefix)),
        key=lambda it: (it.key.encode(), it.begun_s, it.upload_id),
    )
    head = [leaf("Bucket", bucket.name), leaf("Prefix", prefix), leaf("MaxUploads", PAGE_MAX)]
    rows = [
        element(
            "Upload",
            [leaf("Key", it.key), leaf("UploadId", it.upload_id), leaf("Initiated", sigv4.iso(it.begun_s))],
        )
        for it in found[:PAGE_MAX]
    ]
    return xml(200, "ListMultipartUploadsResult", [*head, leaf("IsTruncated", len(found) > PAGE_MAX), *rows])


def parts(bucket: Bucket, request: S3Request, upload: Upload) -> Answer:
    """ListParts."""
    marker, limit = request.whole("part-number-marker", 0), min(request.whole("max-parts", PAGE_MAX), PAGE_MAX)
    numbers = sorted(number for number in upload.parts if number > marker)
    shown = [upload.parts[number] for number in numbers[:limit]]
    head = [
        leaf("Bucket", bucket.name),
        leaf("Key", upload.key),
        leaf("UploadId", upload.upload_id),
        leaf("PartNumberMarker", marker),
        leaf("NextPartNumberMarker", shown[-1].number if shown else marker),
        leaf("MaxParts", limit),
        leaf("IsTruncated", len(numbers) > limit),
    ]
    rows = [
        element(
            "Part",
            [
                leaf("PartNumber", part.number),
                leaf("LastModified", sigv4.iso(part.modified_s)),
                leaf("ETag", part.etag),
                leaf("Size", len(part.data)),
            ],
        )
        for part in shown
    ]
    return xml(200, "ListPartsResult", [*head, *rows])


def _page(keys: Iterable[str], request: S3Request, start: str) -> tuple[_Page, int]:
    """Entries after `start`, folded at the delimiter; and the limit of the page."""
    limit = min(request.whole("max-keys", PAGE_MAX), PAGE_MAX)
    prefix, delimiter = request.parameter("prefix") or "", request.parameter("delimiter") or ""
    entries: dict[str, bool] = {}
    for key in keys:
        if not key.startswith(prefix):
            continue
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        entry = key if at < 0 else key[: at + len(delimiter)]
        if entry.encode() <= start.encode():
            continue
        if len(entries) > limit:
            break
        entries[entry] = at >= 0
    shown = list(entries)[:limit]
    last = shown[-1] if shown and len(entries) > limit else ""
    return _Page([it for it in shown if not entries[it]], [it for it in shown if entries[it]], last), limit


def _echo(bucket: Bucket, request: S3Request) -> list[str]:
    """What a list tells back of the question."""
    rows = [leaf("Name", bucket.name), leaf("Prefix", _spell(request, request.parameter("prefix") or ""))]
    delimiter = request.parameter("delimiter")
    if delimiter:
        rows.append(leaf("Delimiter", _spell(request, delimiter)))
    if request.parameter("encoding-type"):
        rows.append(leaf("EncodingType", "url"))
    return rows


def _contents(bucket: Bucket, request: S3Request, page: _Page, *, owner: bool) -> list[str]:
    rows = []
    for key in page.keys:
        row = _facts(request, bucket.objects[key][-1])
        rows.append(element("Contents", [*row, OWNER] if owner else row))
    return [*rows, *_prefixes(request, page)]


def _prefixes(request: S3Request, page: _Page) -> list[str]:
    return [element("CommonPrefixes", [leaf("Prefix", _spell(request, it))]) for it in page.prefixes]


def _version(request: S3Request, stored: Stored, newest: bool) -> str:
    which = [leaf("VersionId", stored.version), leaf("IsLatest", newest), OWNER]
    if stored.marker:
        row = [leaf("Key", _spell(request, stored.key)), leaf("LastModified", sigv4.iso(stored.modified_s))]
        return element("DeleteMarker", [*row, *which])
    return element("Version", [*_facts(request, stored), *which])


def _facts(request: S3Request, stored: Stored) -> list[str]:
    return [
        leaf("Key", _spell(request, stored.key)),
        leaf("LastModified", sigv4.iso(stored.modified_s)),
        leaf("ETag", stored.etag),
        leaf("Size", len(stored.data)),
        leaf("StorageClass", "STANDARD"),
    ]


def _spell(request: S3Request, text: str) -> str:
    """Names are percent-encoded when the client asks for it, as boto3 always does."""
    return quote(text) if request.parameter("encoding-type") == "url" else text


def _decode(token: str) -> str:
    try:
        return urlsafe_b64decode(token.encode()).decode()
    except ValueError:
        raise bad_request("InvalidArgument", "The continuation token provided is incorrect") from None
