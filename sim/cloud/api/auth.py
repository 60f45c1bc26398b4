"""Who may use the JSON planes: SigV4 in the Authorization header, by the operator's key, checked in full.

The date of a signature is not compared with the emulated clock: clients sign with the machine's, which a simulation has
left behind. The session token of temporary credentials is covered by the signature and otherwise ignored.
"""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import quote, urlsplit

from sim.cloud import sigv4
from sim.cloud.sigv4 import OPERATOR, Canonical, Claim
from sim.jobs.documents import JobError
from sim.ports import HttpRequest


def authenticate(request: HttpRequest, region: str | None, service: str) -> None:
    """Return, or raise the JobError AWS answers with. `region` None: a service that has no region."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    if "authorization" not in headers:
        raise JobError("MissingAuthenticationTokenException", "Missing Authentication Token")
    claim = sigv4.parse_authorization(headers)
    if claim is None:
        raise JobError("IncompleteSignatureException", "The Authorization header is no AWS4-HMAC-SHA256 signature")
    if claim.access_key != OPERATOR.access_key:
        raise JobError("UnrecognizedClientException", "The security token included in the request is invalid.")
    expected = sigv4.Scope(claim.stamp[:8], region or claim.scope.region, service)
    if claim.scope != expected:
        message = f"Credential should be scoped to a valid region and service: '{expected}'."
        raise JobError("InvalidSignatureException", message)
    if not _genuine(request, claim, headers):
        message = (
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method."
        )
        raise JobError("InvalidSignatureException", message)


def _genuine(request: HttpRequest, claim: Claim, headers: dict[str, str]) -> bool:
    parts = urlsplit(request.url)
    signed = sigv4.signed_headers(claim.header_names, headers, headers.get("host", parts.netloc))
    canonical = Canonical(
        method=request.method,
        path=quote(_normal(parts.path), safe="/~"),
        query=sigv4.parse_query(parts.query),
        headers=signed,
        payload_hash=sha256(request.body).hexdigest(),
    )
    expected = sigv4.signature(OPERATOR.secret, claim.scope, claim.stamp, canonical)
    return "host" in signed and sigv4.same(expected, claim.signature)


def _normal(path: str) -> str:
    """A path without empty, `.` and `..` segments; every service but S3 signs it so, encoded once more."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    slash = "/" if path.endswith("/") and kept else ""
    return "/" + "/".join(kept) + slash
