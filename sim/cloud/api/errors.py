"""How the JSON planes say no: HTTP status, `x-amzn-ErrorType`, and a body with the message."""

from __future__ import annotations

import json
from base64 import b32encode
from collections.abc import Mapping
from email.utils import formatdate
from hashlib import blake2b

from sim.jobs.documents import JobError
from sim.jobs.messages import Json
from sim.ports import HttpRequest, HttpResponse

STATUS = {
    "CertificateConflictException": 409,
    "CertificateStateException": 406,
    "CertificateValidationException": 400,
    "ConflictException": 409,
    "ConflictingResourceUpdateException": 409,
    "DeleteConflictException": 409,
    "ForbiddenException": 403,
    "IncompleteSignatureException": 400,
    "IndexNotReadyException": 400,
    "InternalFailureException": 500,
    "InternalServerException": 500,
    "InvalidJobDocumentException": 400,
    "InvalidQueryException": 400,
    "InvalidRequestException": 400,
    "InvalidSignatureException": 403,
    "InvalidStateTransitionException": 409,
    "LimitExceededException": 410,
    "MalformedPolicyException": 400,
    "MissingAuthenticationTokenException": 403,
    "NotImplementedException": 501,
    "RequestEntityTooLargeException": 413,
    "ResourceAlreadyExistsException": 409,
    "ResourceNotFoundException": 404,
    "ServiceUnavailableException": 503,
    "TerminalStateException": 410,
    "ThrottlingException": 400,
    "UnauthorizedException": 401,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
    "VersionConflictException": 409,
    "VersionsLimitExceededException": 409,
}
"""HTTP status of every exception (AWS IoT API reference); throttling differs on the data planes."""

DATA_STATUS = {**STATUS, "ThrottlingException": 429}


def refused(error: JobError, statuses: Mapping[str, int], request: HttpRequest, now_s: int) -> HttpResponse:
    """The answer to a request that is refused."""
    headers = {"x-amzn-ErrorType": error.exception}
    return answer(statuses[error.exception], {"message": str(error)}, headers, request, now_s)


def foreign(error: JobError, request: HttpRequest, now_s: int) -> HttpResponse:
    """The refusal of a service that is not emulated; the older JSON protocols look for its name in the body."""
    body = {"__type": error.exception, "message": str(error)}
    return answer(STATUS[error.exception], body, {"x-amzn-ErrorType": error.exception}, request, now_s)


def answer(
    status: int,
    body: Mapping[str, Json] | None,
    headers: Mapping[str, str],
    request: HttpRequest,
    now_s: int,
) -> HttpResponse:
    """A JSON answer; None is an empty body, and members that are None are left out."""
    shown = {} if body is None else {name: value for name, value in body.items() if value is not None}
    data = b"" if body is None else json.dumps(shown, separators=(",", ":")).encode()
    common = {
        "Content-Type": "application/json",
        "Content-Length": str(len(data)),
        "Date": formatdate(now_s, usegmt=True),
        "x-amzn-RequestId": request_id(request, now_s),
    }
    return HttpResponse(status, {**common, **headers}, b"" if request.method.upper() == "HEAD" else data)


def request_id(request: HttpRequest, now_s: int) -> str:
    """An id from the request and the time, not from a counter, so runs repeat."""
    seen = "\n".join([request.method, request.url, *map(str, request.headers.items()), str(now_s)])
    return b32encode(blake2b(seen.encode(errors="replace") + request.body, digest_size=20).digest()).decode()
