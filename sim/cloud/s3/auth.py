"""Who may ask S3 what: SigV4 in the query (presigned URLs) and in the Authorization header, checked in full.

Presigned URLs of version 2 are taken too, because the AWS CLI makes them; in a header that version is refused.

Presigned URLs live and die by the emulated clock. The date of a header signature is not compared with it: outside
clients sign with the machine's clock, which a simulation has left behind. Two pairs count: the service's own, with a
session token, which signs what devices get; and the operator's. A bucket may be public to readers.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sim.cloud import sigv4
from sim.cloud.s3.fault import Fault, bad_request
from sim.cloud.s3.request import S3Request
from sim.cloud.sigv4 import Canonical, Claim, Credentials, Scope
from sim.kernel.bounded import keep

EXPIRES_MAX_S = 7 * 86400
"""Longest life of a SigV4 query signature (Amazon S3 API reference)."""
CLOCK_SKEW_MAX_S = 15 * 60
"""A signature dated further ahead than this is not valid yet (Amazon S3 API reference)."""

GOOD_MAX = 256
"""Presigned URLs kept whose signature was found good: a download asks with one again and again, range by range."""

_SIGNED = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
_SUB_RESOURCES = frozenset(
    ("delete", "location", "partNumber", "uploadId", "uploads", "versionId", "versioning", "versions")
)
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Seal:
    """A checked signature; signed chunks of the body continue it."""

    claim: Claim
    secret: str


class Gate:
    """The keys of one region. `sealed` raises the fault S3 answers with, or returns."""

    def __init__(self, region: str, *keys: Credentials) -> None:
        self._region = region
        self._keys = {key.access_key: key for key in keys}
        self._good: dict[tuple[Any, ...], tuple[str, int]] = {}

    def good_until_s(self, request: S3Request) -> int | None:
        """Up to when a presigned URL that was found good stays so; None for every other request."""
        stamp, expires_s = self._good.get((request.method, request.host, request.path, *request.query), ("", 0))
        signed_s = sigv4.epoch_s(stamp)
        return None if signed_s is None else signed_s + expires_s

    def sealed(self, request: S3Request) -> Seal | None:
        """The signature of the request; None when it carries none at all."""
        about = (request.method, request.host, request.path, *request.query)
        if about in self._good:
            _check_dates(*self._good[about], request.now_s)
            return None
        given = {name.decode(errors="replace"): value.decode(errors="replace") for name, value in request.query}
        if "X-Amz-Signature" in given:
            claim, expires_s = self._check_query(given, request)
            if claim.header_names == ("host",):  # then nothing but the time can change the answer
                keep(self._good, about, (claim.stamp, expires_s), GOOD_MAX)
            return None
        if "AWSAccessKeyId" in given and "Signature" in given:
            self._check_old_query(given, request)
            return None
        if request.headers.get("authorization", "").startswith("AWS "):
            message = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
            raise bad_request("InvalidRequest", message)
        if "authorization" not in request.headers:
            raise Fault(403, "AccessDenied", "Access Denied")
        return self._check_header(request)

    def _check_header(self, request: S3Request) -> Seal:
        claim = sigv4.parse_authorization(request.headers)
        if claim is None:
            raise bad_request(
                "AuthorizationHeaderMalformed", "The authorization header that you provided is not valid."
            )
        expected = Scope(claim.stamp[:8], self._region, "s3")
        if claim.scope != expected:
            message = (
                f"The authorization header is malformed; the scope '{claim.scope}' is wrong; expecting '{expected}'"
            )
            raise Fault(400, "AuthorizationHeaderMalformed", message, {"Region": self._region})
        credentials = self._credentials(claim.access_key, request.headers.get("x-amz-security-token", ""))
        payload_hash = request.headers.get("x-amz-content-sha256", "")
        if not _HASH.fullmatch(payload_hash) and payload_hash.split("-")[0] not in ("UNSIGNED", "STREAMING"):
            raise bad_request("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
        self._compare(credentials, claim, request, payload_hash)
        return Seal(claim, credentials.secret)

    def _check_old_query(self, given: Mapping[str, str], request: S3Request) -> None:
        """Signature version 2 in the query, which boto3 and the AWS CLI still give presigned URLs by default."""
        credentials = self._credentials(given["AWSAccessKeyId"], given.get("x-amz-security-token", ""))
        expires = given.get("Expires", "")
        if not re.fullmatch("[0-9]{1,11}", expires):
            raise Fault(403, "AccessDenied", "Query-string authentication requires Expires in seconds")
        if request.now_s > int(expires):
            times = {"Expires": sigv4.iso(int(expires)), "ServerTime": sigv4.iso(request.now_s)}
            raise Fault(403, "AccessDenied", "Request has expired", times)
        headers = request.headers
        amazon = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers) if name.startswith("x-amz-"))
        about = [request.method, headers.get("content-md5", ""), headers.get("content-type", ""), expires]
        text = "\n".join([*about, amazon + _resource(given, request)])
        digest = hmac.digest(credentials.secret.encode(), text.encode(errors="replace"), "sha1")
        if not sigv4.same(b64encode(digest).decode(), given["Signature"]):
            raise _mismatch(credentials.access_key, given["Signature"])

    def _check_query(self, given: Mapping[str, str], request: S3Request) -> tuple[Claim, int]:
        claim, expires_s = self._check_parameters(given)
        credentials = self._credentials(claim.access_key, given.get("X-Amz-Security-Token", ""))
        _check_dates(claim.stamp, expires_s, request.now_s)
        self._compare(credentials, claim, request, sigv4.UNSIGNED_PAYLOAD)
        return claim, expires_s

    def _check_parameters(self, given: Mapping[str, str]) -> tuple[Claim, int]:
        """Claim and life in seconds of a query signature whose parameters are all well formed."""
        if any(f"X-Amz-{name}" not in given for name in _SIGNED):
            names = ", ".join(f"X-Amz-{name}" for name in _SIGNED)
            raise _bad_query(f"Query-string authentication version 4 requires the {names} parameters.")
        if given["X-Amz-Algorithm"] != sigv4.ALGORITHM:
            raise _bad_query(f'X-Amz-Algorithm only supports "{sigv4.ALGORITHM}"')
        stamp, expires = given["X-Amz-Date"], given["X-Amz-Expires"]
        if sigv4.epoch_s(stamp) is None:
            raise _bad_query("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
        if not re.fullmatch("[0-9]{1,9}", expires):
            raise _bad_query("X-Amz-Expires should be a number")
        if int(expires) > EXPIRES_MAX_S:
            raise _bad_query("X-Amz-Expires must be less than a week (in seconds); that is, 604800 or less")
        access_key, scope = sigv4.split_credential(given["X-Amz-Credential"])
        expected = Scope(stamp[:8], self._region, "s3")
        if scope != expected:
            raise _bad_query(f"Error parsing the X-Amz-Credential parameter; expecting the scope {expected}")
        signed = tuple(given["X-Amz-SignedHeaders"].split(";"))
        return Claim(access_key, expected, stamp, signed, given["X-Amz-Signature"]), int(expires)

    def _credentials(self, access_key: str, token: str) -> Credentials:
        credentials = self._keys.get(access_key)
        if credentials is None:
            message = "The AWS Access Key Id you provided does not exist in our records."
            raise Fault(403, "InvalidAccessKeyId", message, {"AWSAccessKeyId": access_key})
        if credentials.token != token:
            raise Fault(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
        return credentials

    def _compare(self, credentials: Credentials, claim: Claim, request: S3Request, payload_hash: str) -> None:
        signed = sigv4.signed_headers(claim.header_names, request.headers, request.host)
        canonical = Canonical(request.method, quote(request.path), request.query, signed, payload_hash)
        expected = sigv4.signature(credentials.secret, claim.scope, claim.stamp, canonical)
        if "host" not in signed or not sigv4.same(expected, claim.signature):
            raise _mismatch(claim.access_key, claim.signature)


def _resource(given: Mapping[str, str], request: S3Request) -> str:
    """What a signature of version 2 says is asked for."""
    path = quote(request.path, safe="/~")
    virtual = request.bucket and request.path == f"/{request.key}".encode()
    names = sorted(name for name in given if name in _SUB_RESOURCES or name.startswith("response-"))
    shown = [f"{name}={given[name]}" if given[name] else name for name in names]
    return (f"/{request.bucket}{path}" if virtual else path) + ("?" + "&".join(shown) if shown else "")


def _mismatch(access_key: str, signature: str) -> Fault:
    message = (
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method."
    )
    return Fault(403, "SignatureDoesNotMatch", message, {"AWSAccessKeyId": access_key, "SignatureProvided": signature})


def _check_dates(stamp: str, expires_s: int, now_s: int) -> None:
    signed_s = sigv4.epoch_s(stamp) or 0
    if signed_s - CLOCK_SKEW_MAX_S <= now_s <= signed_s + expires_s:
        return
    times = {"Expires": sigv4.iso(signed_s + expires_s), "ServerTime": sigv4.iso(now_s)}
    if now_s > signed_s + expires_s:
        raise Fault(403, "AccessDenied", "Request has expired", {"X-Amz-Expires": str(expires_s), **times})
    raise Fault(403, "AccessDenied", "Request is not yet valid", {"X-Amz-Date": str(signed_s * 1000), **times})


def _bad_query(message: str) -> Fault:
    return bad_request("AuthorizationQueryParametersError", message)
