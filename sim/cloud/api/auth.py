"""Who may use the JSON planes: SigV4 in the Authorization header, by the operator's key, checked in full; on the data
planes also a client certificate, by its policies.

The date of a signature is not compared with the emulated clock: clients sign with the machine's, which a simulation has
left behind. The session token of temporary credentials is covered by the signature and otherwise ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import quote, urlsplit

from sim.cloud import sigv4
from sim.cloud.gate import Gate
from sim.cloud.sigv4 import Canonical, Claim, Credentials
from sim.jobs.documents import JobError
from sim.jobs.messages import Json
from sim.ports import HttpRequest

_ACTION_PREFIX = {"iot-jobs-data": "iotjobsdata", "iotdata": "iot"}
"""How policies call the operations of a service that takes certificates, by its signing name."""


def authenticate(request: HttpRequest, region: str | None, service: str, operator: Credentials) -> None:
    """Return, or raise the JobError AWS answers with. `region` None: a service that has no region."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    if "authorization" not in headers:
        raise JobError("MissingAuthenticationTokenException", "Missing Authentication Token")
    claim = sigv4.parse_authorization(headers)
    if claim is None:
        raise JobError("IncompleteSignatureException", "The Authorization header is no AWS4-HMAC-SHA256 signature")
    if claim.access_key != operator.access_key:
        raise JobError("UnrecognizedClientException", "The security token included in the request is invalid.")
    expected = sigv4.Scope(claim.stamp[:8], region or claim.scope.region, service)
    if claim.scope != expected:
        message = f"Credential should be scoped to a valid region and service: '{expected}'."
        raise JobError("InvalidSignatureException", message)
    if not _genuine(request, claim, headers, operator.secret):
        message = (
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method."
        )
        raise JobError("InvalidSignatureException", message)


def shows_certificate(request: HttpRequest) -> bool:
    """Whether the caller is known by a certificate alone."""
    return request.certificate is not None and all(name.lower() != "authorization" for name in request.headers)


def authorise(gate: Gate, request: HttpRequest, service: str, operation: str, given: Mapping[str, Json]) -> None:
    """Return when the policies of the caller's certificate allow the operation with its `given` inputs, else refuse."""
    thing = str(given.get("thingName", ""))
    resource = f"topic/{given['topic']}" if "topic" in given else f"thing/{thing}"
    actions = [f"{_ACTION_PREFIX[service]}:{operation}"]
    if given.get("retain") is True:
        actions.append("iot:RetainPublish")
    assert request.certificate is not None
    if not all(gate.permits(request.certificate, thing, action, resource) for action in actions):
        raise JobError("ForbiddenException", f"This certificate is not allowed to {' or '.join(actions)} on {resource}")


def _genuine(request: HttpRequest, claim: Claim, headers: dict[str, str], secret: str) -> bool:
    parts = urlsplit(request.url)
    signed = sigv4.signed_headers(claim.header_names, headers, headers.get("host", parts.netloc))
    canonical = Canonical(
        method=request.method,
        path=quote(_normal(parts.path), safe="/~"),
        query=sigv4.parse_query(parts.query),
        headers=signed,
        payload_hash=sha256(request.body).hexdigest(),
    )
    expected = sigv4.signature(secret, claim.scope, claim.stamp, canonical)
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
