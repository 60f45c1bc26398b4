"""One port for every service of the cloud: which one a request is for, and which operation.

A service is told by the scope of the signature, else by the host, else by the path. What nobody knows is refused
loudly: real endpoints answer 200 to some wrong calls, and clients take that for success. A refused request has changed
nothing; a defect of ours is raised, never answered.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from sim.cloud import sigv4
from sim.cloud.api import (
    account,
    certificates,
    data,
    executions,
    groups,
    index,
    jobs,
    policies,
    roles,
    templates,
    things,
)
from sim.cloud.api.auth import authenticate, authorise, shows_certificate
from sim.cloud.api.errors import DATA_STATUS, STATUS, answer, foreign, refused
from sim.cloud.api.operation import Ask, Operation
from sim.cloud.api.services import Services
from sim.cloud.gate import Gate
from sim.cloud.refusals import invalid
from sim.jobs.documents import JobError
from sim.ports import HttpRequest, HttpResponse


class Plane(Enum):
    """A service, by the name its requests are signed with."""

    CONTROL = "iot"
    JOBS_DATA = "iot-jobs-data"
    DATA = "iotdata"
    S3 = "s3"
    IAM = "iam"
    STS = "sts"


OPERATIONS: dict[Plane, Sequence[Operation]] = {
    Plane.CONTROL: (
        *things.OPERATIONS,
        *groups.OPERATIONS,
        *certificates.OPERATIONS,
        *policies.OPERATIONS,
        *account.OPERATIONS,
        *index.OPERATIONS,
        *jobs.OPERATIONS,
        *executions.OPERATIONS,
        *templates.OPERATIONS,
    ),
    Plane.JOBS_DATA: data.JOBS_OPERATIONS,
    Plane.DATA: data.DATA_OPERATIONS,
}
"""Every JSON operation, in the order in which routes are tried."""

URLS_KEPT = 256
"""Addresses whose service need not be found again."""

_SCOPE = re.compile(r"Credential=[^\s,/]+/[^\s,/]+/[^\s,/]+/(?P<service>[^\s,/]+)/aws4_request")
_CREDENTIAL = re.compile(r"(?:^|&)X-Amz-Credential=([^&]*)")
_HOSTS = (
    (re.compile(r"(?:data|[a-z0-9]+)\.jobs\.iot\..*"), Plane.JOBS_DATA),
    (re.compile(r"(?:data-ats\.iot|data\.iot|[a-z0-9]+-ats\.iot|data\.iotdata)\..*"), Plane.DATA),
    (re.compile(r"iot\..*amazonaws\.com"), Plane.CONTROL),
)
_PATHS = (
    (re.compile(r"/things/[^/]+/jobs(/[^/]+)?"), Plane.JOBS_DATA),
    (re.compile(r"/topics/.+"), Plane.DATA),
)


class Router:
    """The REST face of one account."""

    def __init__(self, services: Services, gate: Gate) -> None:
        self._services = services
        self._gate = gate

    def respond(self, request: HttpRequest, now_s: int) -> HttpResponse:
        """The answer to any request at `now_s`, epoch seconds."""
        try:
            plane = plane_of(request)
        except JobError as error:
            return foreign(error, request, now_s) if _is_json(request) else roles.refused(error, request, now_s)
        if plane is Plane.S3:
            return self._services.artifacts.respond(request, now_s)
        if plane in (Plane.IAM, Plane.STS):
            return self._on_roles(plane, request, now_s)
        statuses = STATUS if plane is Plane.CONTROL else DATA_STATUS
        try:
            if plane is Plane.CONTROL or not shows_certificate(request):
                authenticate(request, self._services.artifacts.region, plane.value, self._services.operator)
            return self._perform(plane, request, now_s)
        except JobError as error:
            return refused(error, statuses, request, now_s)

    def _on_roles(self, plane: Plane, request: HttpRequest, now_s: int) -> HttpResponse:
        try:
            authenticate(request, None, plane.value, self._services.operator)
        except JobError as error:
            return roles.refused(error, request, now_s)
        return self._services.roles.respond(plane.value, request, now_s)

    def _perform(self, plane: Plane, request: HttpRequest, now_s: int) -> HttpResponse:
        parts = urlsplit(request.url)
        operation, labels = _find(plane, request.method, parts.path)
        if plane is Plane.CONTROL:
            self._services.jobs.admit(operation.name, now_s)
        try:
            query = {name.decode(): value.decode() for name, value in sigv4.parse_query(parts.query)}
        except UnicodeDecodeError:
            raise invalid("The query is not UTF-8") from None
        given = operation.read(request, labels, query)
        if plane is not Plane.CONTROL and shows_certificate(request):
            authorise(self._gate, request, plane.value, operation.name, given)
        ask = Ask(given, now_s, host=parts.hostname or "", body=request.body)
        return answer(200, operation.handler(self._services, ask), {}, request, now_s)


def plane_of(request: HttpRequest) -> Plane:
    """Which service a request is for. JobError for one that is not emulated or an address that cannot be read."""
    scope = next((value for name, value in request.headers.items() if name.lower() == "authorization"), "")
    return _plane(request.url, scope)


@lru_cache(maxsize=URLS_KEPT)  # a download asks with one URL again and again
def _plane(url: str, authorization: str) -> Plane:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return Plane.S3  # which knows what to say of such a URL
    service = _signed_for(authorization, parts.query)
    if service is not None:
        if service not in {plane.value for plane in Plane}:
            message = (
                f"The service {service[:40]!r} is not emulated; known are {', '.join(plane.value for plane in Plane)}"
            )
            raise JobError("UnknownOperationException", message)
        return Plane(service)
    by_host = next((plane for pattern, plane in _HOSTS if pattern.fullmatch(host)), None)
    if by_host is not None:
        return by_host
    if host.endswith((".amazonaws.com", ".localhost")):
        return Plane.S3
    return next((plane for pattern, plane in _PATHS if pattern.fullmatch(parts.path)), Plane.S3)


def reads_object(request: HttpRequest) -> bool:
    """Whether a request only reads from S3, so that it may be answered at once, outside the simulation's turn."""
    if request.method.upper() not in ("GET", "HEAD"):
        return False
    try:
        return plane_of(request) is Plane.S3
    except JobError:
        return False


def may_change(request: HttpRequest, answer: HttpResponse) -> bool:
    """Whether an answered request may have changed the account: it was accepted, and is not known to only read."""
    if request.method.upper() in ("GET", "HEAD") or answer.status >= 300:
        return False
    return plane_of(request) is not Plane.DATA  # which publishes, and nothing stays of that


def _is_json(request: HttpRequest) -> bool:
    """Whether the client speaks JSON; the others here are the query protocol's, which look for XML."""
    kind = next((value for name, value in request.headers.items() if name.lower() == "content-type"), "")
    return not kind.startswith("application/x-www-form-urlencoded")


def _signed_for(authorization: str, query: str) -> str | None:
    """The signing name in the signature's scope; None when there is no signature with a scope."""
    match = _SCOPE.search(authorization)
    if match is not None:
        return match["service"]
    presigned = _CREDENTIAL.search(query)
    if presigned is None:
        return None
    _, scope = sigv4.split_credential(unquote(presigned[1], errors="replace"))
    return Plane.S3.value if scope is None else scope.service


def _find(plane: Plane, method: str, path: str) -> tuple[Operation, dict[str, str]]:
    """The operation of a route, and the labels in its path."""
    segments = tuple(path.removeprefix("/").split("/"))
    for operation in OPERATIONS[plane]:
        labels = operation.match(method, segments)
        if labels is not None:
            return operation, labels
    message = f"{plane.value} has no operation {method} {path[:200]} here: AWS has none, or it is not emulated"
    raise JobError("UnknownOperationException", message)
