"""Uploads in parts: begin, upload a part, complete, abort. An object appears whole, at completion, or not at all."""

from __future__ import annotations

from hashlib import md5
from xml.etree import ElementTree

from sim.cloud.s3.buckets import Bucket, Buckets, Part, Stored, Upload, check_key, etag_of
from sim.cloud.s3.fault import Fault, bad_request, leaf
from sim.cloud.s3.objects import Answer, kept_headers, version_header, xml
from sim.cloud.s3.request import S3Request

PARTS_MAX = 10_000
PART_MIN_BYTES = 5 * 1024 * 1024
"""Every part but the last (Amazon S3 user guide, multipart upload limits)."""
DELETE_MAX = 1000
"""Keys of one DeleteObjects (Amazon S3 API reference)."""


def begin(buckets: Buckets, bucket: Bucket, request: S3Request) -> Answer:
    """CreateMultipartUpload."""
    check_key(request.key)
    upload = Upload(buckets.new_id(), request.key, kept_headers(request), request.now_s)
    bucket.uploads[upload.upload_id] = upload
    names = [leaf("Bucket", bucket.name), leaf("Key", request.key), leaf("UploadId", upload.upload_id)]
    return xml(200, "InitiateMultipartUploadResult", names)


def upload_part(bucket: Bucket, request: S3Request, content: tuple[bytes, dict[str, str]]) -> Answer:
    """UploadPart with a checked body; a number given before is replaced."""
    upload = find(bucket, request)
    number = request.whole("partNumber", 0)
    if not 1 <= number <= PARTS_MAX:
        message = f"Part number must be an integer between 1 and {PARTS_MAX}, inclusive"
        raise bad_request("InvalidArgument", message)
    data, checksums = content
    part = Part(number, data, etag_of(data), request.now_s)
    upload.parts[number] = part
    return Answer(200, {"ETag": part.etag, **checksums})


def complete(buckets: Buckets, bucket: Bucket, request: S3Request) -> Answer:
    """CompleteMultipartUpload: the parts named, in their order, become the object."""
    upload = find(bucket, request)
    named = _named_parts(upload, request.body)
    for part in named[:-1]:
        if len(part.data) < PART_MIN_BYTES:
            message = "Your proposed upload is smaller than the minimum allowed size"
            raise bad_request("EntityTooSmall", message)
    digests = b"".join(bytes.fromhex(part.etag.strip('"')) for part in named)
    etag = f'"{md5(digests, usedforsecurity=False).hexdigest()}-{len(named)}"'
    data = b"".join(part.data for part in named)
    stored = buckets.store(bucket, Stored(upload.key, data, etag, request.now_s, upload.headers))
    del bucket.uploads[upload.upload_id]
    where = f"https://{request.host}/{bucket.name}/{upload.key}"
    rows = [leaf("Location", where), leaf("Bucket", bucket.name), leaf("Key", upload.key), leaf("ETag", etag)]
    answer = xml(200, "CompleteMultipartUploadResult", rows)
    return Answer(200, {**answer.headers, **version_header(bucket, stored)}, answer.body)


def abort(bucket: Bucket, request: S3Request) -> Answer:
    """AbortMultipartUpload."""
    del bucket.uploads[find(bucket, request).upload_id]
    return Answer(204, {})


def find(bucket: Bucket, request: S3Request) -> Upload:
    """The upload a request names."""
    upload = bucket.uploads.get(request.parameter("uploadId") or "")
    if upload is None or upload.key != request.key:
        message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
        raise Fault(404, "NoSuchUpload", message + "aborted or completed.")
    return upload


def parse_xml(body: bytes) -> ElementTree.Element:
    """The root of an XML body, namespaces taken off. No entities: a small body could expand to a large one."""
    try:
        text = body.decode()
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise ValueError("no document types")
        root = ElementTree.fromstring(text)
    except (ValueError, ElementTree.ParseError):
        message = "The XML you provided was not well-formed or did not validate against our published schema"
        raise bad_request("MalformedXML", message) from None
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]
    return root


def _named_parts(upload: Upload, body: bytes) -> list[Part]:
    named: list[Part] = []
    for node in parse_xml(body).iter("Part"):
        number, etag = node.findtext("PartNumber") or "", (node.findtext("ETag") or "").strip('"')
        part = upload.parts.get(int(number)) if number.isdecimal() and len(number) < 9 else None
        if part is None or part.etag.strip('"') != etag:
            message = "One or more of the specified parts could not be found."
            raise bad_request("InvalidPart", message)
        if named and part.number <= named[-1].number:
            raise bad_request("InvalidPartOrder", "The list of parts was not in ascending order.")
        named.append(part)
    if not named:
        raise bad_request("MalformedXML", "You must specify at least one part")
    return named
