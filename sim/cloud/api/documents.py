"""Where a job document comes from: the text in the request, or an S3 object that is read once, now."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

from sim.cloud.api.services import Services
from sim.cloud.refusals import invalid
from sim.jobs.documents import DOCUMENT_MAX_CHARS
from sim.jobs.messages import Json

_VIRTUAL_HOST = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9.-]*)\.s3(?:[.-][a-z0-9-]+)?\.(?:amazonaws\.com|localhost)")
_PATH_HOST = re.compile(r"s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com")


def with_document(services: Services, members: dict[str, Json], host: str) -> dict[str, Json]:
    """The members of a job or template; with a documentSource its text is added as `document`.

    `host` is the name the caller has for us: URLs of our own port count as S3 too. JobError InvalidRequestException
    when the object cannot be read.
    """
    source = members.get("documentSource")
    if source is None:
        return members
    if members.get("document") is not None:
        raise invalid("document and documentSource exclude each other")
    if not isinstance(source, str):
        raise invalid("documentSource must be a string")
    return {**members, "document": _fetched(services, source, host)}


def _fetched(services: Services, source: str, host: str) -> str:
    bucket, key, version = _place(source, host)
    data = services.artifacts.get(bucket, key, version)
    if data is None:
        raise invalid(f"The job document cannot be read: there is no object {key[:200]!r} in bucket {bucket[:63]!r}")
    if len(data) > DOCUMENT_MAX_CHARS:
        raise invalid(f"The job document has {len(data)} bytes; at most {DOCUMENT_MAX_CHARS} are allowed")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise invalid("The job document is not UTF-8") from None


def _place(source: str, host: str) -> tuple[str, str, str | None]:
    """Bucket, key and version of an S3 URL."""
    try:
        parts = urlsplit(source)
        version = parse_qs(parts.query).get("versionId", [None])[0]
        name, path = parts.hostname or "", unquote(parts.path, errors="strict").removeprefix("/")
    except ValueError:
        name = path = ""
        version = None
    virtual = _VIRTUAL_HOST.fullmatch(name)
    if virtual is not None and path:
        return virtual["bucket"], path, version
    bucket, _, key = path.partition("/")
    if not key or not (_PATH_HOST.fullmatch(name) or name == host):
        raise invalid(f"{source[:200]!r} is no S3 object; write https://BUCKET.s3.REGION.amazonaws.com/KEY")
    return bucket, key, version
