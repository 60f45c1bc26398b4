"""Artifact storage: the part of Amazon S3 that an upgrade touches, GET and HEAD of presigned URLs.

Values in, values out: no socket and no clock, each call brings the time. Signatures are real SigV4 query signatures
(AWS Signature Version 4, "UNSIGNED-PAYLOAD"), checked in full, so a device that mangles a URL fails here as it fails
at S3. The credentials are derived from a constant and are no secret; the session token is as long as a real one,
because a device whose URL buffer is too small must fail here too. Any request gets an answer; none raises.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32encode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache
from hashlib import blake2b, md5, sha256
from urllib.parse import SplitResult, quote, unquote_to_bytes, urlsplit
from xml.sax.saxutils import escape

from sim.errors import SpecError
from sim.kernel.clock import EPOCH_S
from sim.ports import HttpRequest, HttpResponse

DEFAULT_REGION = "us-west-2"
EXPIRES_MAX_S = 7 * 86400
"""Longest life of a SigV4 query signature (Amazon S3 API reference)."""
CLOCK_SKEW_MAX_S = 15 * 60
"""A signature dated further ahead than this is not valid yet (Amazon S3 API reference)."""

_ALGORITHM = "AWS4-HMAC-SHA256"
_LAST_S = 253_402_300_799  # 9999-12-31T23:59:59Z
_TOKEN_BYTES = 780  # with its base64 and percent encoding: URLs of about 1.4 kB, as assumed roles give
_SIGNED = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
_DEFAULT_PORT = {"https": 443, "http": 80}
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_VIRTUAL_HOST = re.compile(r"(?P<bucket>.+)\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com")
_RANGE = re.compile(r"bytes=\s*([0-9]*)-([0-9]*)\s*")
_STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")

Query = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class _Object:
    data: bytes = field(repr=False)
    content_type: str
    modified_s: int
    etag: str


@dataclass(eq=False)
class _Fault(Exception):  # noqa: N818 - the word S3's own answers use is Error
    """An S3 error answer: status, code, text and further XML members."""

    status: int
    code: str
    message: str
    members: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Address:
    """What a URL names: the host as signed, the raw path, the query as sent, and bucket and key ("" for none)."""

    host: str
    path: bytes
    query: Query
    bucket: str
    key: str


class ArtifactStore:
    """Buckets and objects of one region. Two stores with the same `seed` sign alike.

    `public` names the buckets whose objects anybody may read without a signature.
    """

    def __init__(self, region: str = DEFAULT_REGION, seed: int = 0) -> None:
        self.region = region
        self.public: frozenset[str] = frozenset()
        self._objects: dict[str, dict[str, _Object]] = {}
        self._access_key = "ASIA" + b32encode(_material(seed, "access key", 10)).decode()
        self._secret = b64encode(_material(seed, "secret", 30)).decode()
        # The first characters of every real token; the rest is opaque there as here.
        self._token = "IQoJb3JpZ2luX2VjE" + b64encode(_material(seed, "token", _TOKEN_BYTES)).decode()
        self._signing_key: tuple[str, bytes] = ("", b"")

    def put(
        self,
        bucket: str,
        key: str,
        data: bytes,
        *,
        content_type: str = "binary/octet-stream",
        modified_s: int = EPOCH_S,
    ) -> None:
        """Store or replace an object; the bucket appears with its first object. `modified_s`: epoch seconds.

        Raises SpecError for a bucket or key name S3 does not allow.
        """
        if not _BUCKET.fullmatch(bucket):
            raise SpecError(f"{bucket!r} is no bucket name: 3 to 63 of a-z 0-9 . - are allowed")
        if not 1 <= len(key.encode()) <= 1024:
            raise SpecError(f"object key {key[:40]!r} must have 1 to 1024 bytes")
        etag = f'"{md5(data, usedforsecurity=False).hexdigest()}"'
        self._objects.setdefault(bucket, {})[key] = _Object(data, content_type, modified_s, etag)

    def get(self, bucket: str, key: str) -> bytes | None:
        """The content of an object, None when there is none."""
        stored = self._objects.get(bucket, {}).get(key)
        return None if stored is None else stored.data

    def presign(self, bucket: str, key: str, expires_s: int, now_s: int) -> str:
        """A virtual-hosted URL that may be GET from `now_s` for `expires_s`. The object need not exist (as at S3)."""
        host = f"{bucket}.s3.{self.region}.amazonaws.com"
        stamp = _amz_date(now_s)
        query = {
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{self._access_key}/{self._scope(stamp)}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(expires_s),
            "X-Amz-Security-Token": self._token,
            "X-Amz-SignedHeaders": "host",
        }
        pairs = [(name.encode(), value.encode()) for name, value in query.items()]
        path = b"/" + key.encode()
        signature = self._signature("GET", _Address(host, path, pairs, bucket, key), {"host": host}, stamp)
        return f"https://{host}{quote(path)}?{_canonical_query(pairs)}&X-Amz-Signature={signature}"

    def respond(self, request: HttpRequest, now_s: int) -> HttpResponse:
        """The answer S3 gives at `now_s`, epoch seconds."""
        method = request.method.upper()
        headers = {name.lower(): value for name, value in request.headers.items()}
        common = _common_headers(request, now_s)
        try:
            if method not in ("GET", "HEAD"):
                message = "The specified method is not allowed against this resource."
                raise _Fault(405, "MethodNotAllowed", message, {"Method": method})
            address = _address(request.url)
            self._authenticate(method, address, headers, now_s)
            status, answer, body = _select(self._find(address), headers.get("range"))
        except _Fault as fault:
            status, body = fault.status, _error_xml(fault, common)
            answer = {"Content-Type": "application/xml"}
        answer = {**common, **answer, "Content-Length": str(len(body))}
        return HttpResponse(status, answer, b"" if method == "HEAD" else body)

    def _find(self, address: _Address) -> _Object:
        objects = self._objects.get(address.bucket)
        if objects is None:
            message = "The specified bucket does not exist"
            raise _Fault(404, "NoSuchBucket", message, {"BucketName": address.bucket})
        stored = objects.get(address.key)
        if stored is None:
            raise _Fault(404, "NoSuchKey", "The specified key does not exist.", {"Key": address.key})
        return stored

    def _authenticate(self, method: str, address: _Address, headers: Mapping[str, str], now_s: int) -> None:
        """Raise the fault S3 answers with unless the query carries a valid signature of ours."""
        given = {name.decode(errors="replace"): value.decode(errors="replace") for name, value in address.query}
        if "X-Amz-Signature" not in given:
            if address.bucket in self.public:
                return
            raise _Fault(403, "AccessDenied", "Access Denied")
        stamp, expires_s = self._check_parameters(given)
        if given.get("X-Amz-Security-Token") != self._token:
            raise _Fault(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
        _check_dates(stamp, expires_s, now_s)
        names = given["X-Amz-SignedHeaders"].split(";")
        signed = {name: address.host if name == "host" else headers.get(name, "") for name in names}
        expected = self._signature(method, address, signed, stamp)
        if "host" not in signed or not hmac.compare_digest(expected.encode(), given["X-Amz-Signature"].encode()):
            message = (
                "The request signature we calculated does not match the signature you provided. "
                "Check your key and signing method."
            )
            members = {"AWSAccessKeyId": self._access_key, "SignatureProvided": given["X-Amz-Signature"]}
            raise _Fault(403, "SignatureDoesNotMatch", message, members)

    def _check_parameters(self, given: Mapping[str, str]) -> tuple[str, int]:
        """Date stamp and life in seconds of a query signature whose parameters are all well formed."""
        if any(f"X-Amz-{name}" not in given for name in _SIGNED):
            names = ", ".join(f"X-Amz-{name}" for name in _SIGNED)
            raise _bad_query(f"Query-string authentication version 4 requires the {names} parameters.")
        if given["X-Amz-Algorithm"] != _ALGORITHM:
            raise _bad_query(f'X-Amz-Algorithm only supports "{_ALGORITHM}"')
        stamp, expires = given["X-Amz-Date"], given["X-Amz-Expires"]
        if not _STAMP.fullmatch(stamp) or _epoch_s(stamp) is None:
            raise _bad_query("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
        if not re.fullmatch("[0-9]{1,9}", expires):
            raise _bad_query("X-Amz-Expires should be a number")
        if int(expires) > EXPIRES_MAX_S:
            raise _bad_query("X-Amz-Expires must be less than a week (in seconds); that is, 604800 or less")
        access_key, _, scope = given["X-Amz-Credential"].partition("/")
        if scope != self._scope(stamp):
            message = f"Error parsing the X-Amz-Credential parameter; expecting the scope {self._scope(stamp)}"
            raise _bad_query(message)
        if access_key != self._access_key:
            message = "The AWS Access Key Id you provided does not exist in our records."
            raise _Fault(403, "InvalidAccessKeyId", message, {"AWSAccessKeyId": access_key})
        return stamp, int(expires)

    def _scope(self, stamp: str) -> str:
        return f"{stamp[:8]}/{self.region}/s3/aws4_request"

    def _signature(self, method: str, address: _Address, signed: Mapping[str, str], stamp: str) -> str:
        """SigV4 of a request: hex HMAC over the hash of its canonical form."""
        names = sorted(signed)
        lines = [method, quote(address.path), _canonical_query(address.query)]
        lines += [f"{name}:{' '.join(signed[name].split())}" for name in names]
        canonical = "\n".join([*lines, "", ";".join(names), "UNSIGNED-PAYLOAD"])
        digest = sha256(canonical.encode(errors="surrogatepass")).hexdigest()
        text = "\n".join([_ALGORITHM, stamp, self._scope(stamp), digest])
        return hmac.new(self._key_of(stamp[:8]), text.encode(), sha256).hexdigest()

    def _key_of(self, date: str) -> bytes:
        """The signing key of a day; kept, because almost every request of a run is of the same day."""
        if self._signing_key[0] != date:
            key = b"AWS4" + self._secret.encode()
            for part in (date, self.region, "s3", "aws4_request"):
                key = hmac.new(key, part.encode(), sha256).digest()
            self._signing_key = (date, key)
        return self._signing_key[1]


def _address(url: str) -> _Address:
    """Take an absolute URL apart; virtual-hosted and path style."""
    try:
        parts = urlsplit(url)
        host = _signed_host(parts)
        path = unquote_to_bytes(parts.path or "/")
        query = [_pair(text) for text in parts.query.split("&") if text]
        text = path.decode()
    except ValueError:  # includes text that is not UTF-8
        raise _Fault(400, "InvalidURI", "Couldn't parse the specified URI.") from None
    virtual = _VIRTUAL_HOST.fullmatch(parts.hostname or "")
    if virtual is not None:
        return _Address(host, path, query, virtual["bucket"], text[1:])
    bucket, _, key = text[1:].partition("/")
    return _Address(host, path, query, bucket, key)


def _signed_host(parts: SplitResult) -> str:
    """The Host header a client sends for this URL: the port only where it is not the scheme's own."""
    host, port = parts.hostname or "", parts.port
    return host if port is None or port == _DEFAULT_PORT.get(parts.scheme) else f"{host}:{port}"


def _pair(text: str) -> tuple[bytes, bytes]:
    name, _, value = text.partition("=")
    return unquote_to_bytes(name), unquote_to_bytes(value)


def _canonical_query(query: Query) -> str:
    """All parameters but the signature, encoded and in order."""
    pairs = [(_encoded(name), _encoded(value)) for name, value in query if name != b"X-Amz-Signature"]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


@lru_cache(maxsize=256)
def _encoded(text: bytes) -> str:
    """A parameter as SigV4 spells it. Kept, because the long session token is part of every URL."""
    return quote(text, safe="")


def _check_dates(stamp: str, expires_s: int, now_s: int) -> None:
    signed_s = _epoch_s(stamp) or 0
    times = {"Expires": _iso(signed_s + expires_s), "ServerTime": _iso(now_s)}
    if now_s > signed_s + expires_s:
        raise _Fault(403, "AccessDenied", "Request has expired", {"X-Amz-Expires": str(expires_s), **times})
    if signed_s > now_s + CLOCK_SKEW_MAX_S:
        members = {"X-Amz-Date": str(signed_s * 1000), **times}
        raise _Fault(403, "AccessDenied", "Request is not yet valid", members)


def _select(stored: _Object, wanted: str | None) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body for an optional Range header. One range; a malformed one is as if not sent."""
    size_bytes = len(stored.data)
    headers = {
        "Last-Modified": formatdate(stored.modified_s, usegmt=True),
        "ETag": stored.etag,
        "Accept-Ranges": "bytes",
        "Content-Type": stored.content_type,
    }
    span = _span(wanted or "", size_bytes)
    if span is None:
        return 200, headers, stored.data
    start, end = span
    if start >= end:
        members = {"RangeRequested": wanted or "", "ActualObjectSize": str(size_bytes)}
        raise _Fault(416, "InvalidRange", "The requested range is not satisfiable", members)
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{size_bytes}"
    return 206, headers, stored.data[start:end]


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


def _common_headers(request: HttpRequest, now_s: int) -> dict[str, str]:
    """Headers of every answer. The ids come from the request and the time, not from a counter, so runs repeat."""
    seen = "\n".join([request.method, request.url, *map(str, request.headers.items()), str(now_s)])
    unique = blake2b(seen.encode(errors="surrogatepass"), digest_size=64).digest()
    return {
        "x-amz-id-2": b64encode(unique[:56]).decode(),
        "x-amz-request-id": b32encode(unique[54:]).decode(),
        "Date": formatdate(now_s, usegmt=True),
        "Server": "AmazonS3",
    }


def _error_xml(fault: _Fault, common: Mapping[str, str]) -> bytes:
    members = {"Code": fault.code, "Message": fault.message, **fault.members}
    members |= {"RequestId": common["x-amz-request-id"], "HostId": common["x-amz-id-2"]}
    inner = "".join(f"<{name}>{escape(_xml_text(value))}</{name}>" for name, value in members.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode()


def _xml_text(value: str) -> str:
    """XML 1.0 has no control characters; a device may well send them in a key."""
    return "".join(char if char.isprintable() or char in "\t\n" else "\ufffd" for char in value)


def _bad_query(message: str) -> _Fault:
    return _Fault(400, "AuthorizationQueryParametersError", message)


def _amz_date(now_s: int) -> str:
    return datetime.fromtimestamp(now_s, UTC).strftime("%Y%m%dT%H%M%SZ")


def _iso(now_s: int) -> str:
    # A date stamp of the year 9999 plus its life would leave the calendar.
    return datetime.fromtimestamp(min(now_s, _LAST_S), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _epoch_s(stamp: str) -> int | None:
    try:
        return int(datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None


def _material(seed: int, purpose: str, size_bytes: int) -> bytes:
    """Bytes of a made-up credential: the same on every machine, and public."""
    blocks = (
        blake2b(f"qpyota artifacts\x1f{seed}\x1f{purpose}\x1f{block}".encode()).digest()
        for block in range(size_bytes // 64 + 1)
    )
    return b"".join(blocks)[:size_bytes]
