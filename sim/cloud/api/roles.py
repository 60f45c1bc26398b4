"""Roles, as far as a rollout needs one: IAM keeps them, STS says whose account this is. Both speak the query protocol.

A role's policies are kept and never evaluated: the role that signs URLs of a job may read every bucket here. Whatever
else IAM and STS have is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from sim.cloud import sigv4
from sim.cloud.api.errors import request_id
from sim.jobs.documents import JobError
from sim.ports import HttpRequest, HttpResponse

ROLES_MAX = 1000
"""Roles of an account (IAM quotas)."""
STATUS = {
    "EntityAlreadyExists": 409,
    "NoSuchEntity": 404,
    "LimitExceeded": 409,
    "ValidationError": 400,
    "MalformedPolicyDocument": 400,
    "UnknownOperationException": 404,
    "DeleteConflict": 409,
}

_NAME = re.compile(r"[a-zA-Z0-9_+=,.@-]{1,64}")
_NAMESPACES = {
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}

Fields = Mapping[str, str]


@dataclass(slots=True)
class Role:
    """A role with its trust policy, inline policies by name and attached policies by ARN."""

    name: str
    trust: str
    description: str
    created_s: int
    inline: dict[str, str] = field(default_factory=dict)
    attached: dict[str, None] = field(default_factory=dict)


class Roles:
    """All roles of an account, and the answers of IAM and STS."""

    def __init__(self, account: str) -> None:
        self._account = account
        self.by_name: dict[str, Role] = {}

    def respond(self, service: str, request: HttpRequest, now_s: int) -> HttpResponse:
        """The answer to a request of a caller who is known already."""
        given = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        name = given.get("Action", "")
        action = _ACTIONS.get((service, name))
        if action is None:
            message = f"{service} has no action {name[:60]!r} here: AWS has none, or it is not emulated"
            return refused(JobError("UnknownOperationException", message), request, now_s)
        try:
            result = action(self, given, now_s)
        except JobError as error:
            return refused(error, request, now_s)
        body = f"<{name}Result>{result}</{name}Result>" if result else ""
        meta = f"<ResponseMetadata><RequestId>{request_id(request, now_s)}</RequestId></ResponseMetadata>"
        text = f'<{name}Response xmlns="{_NAMESPACES[service]}">{body}{meta}</{name}Response>'
        return _xml_answer(200, text, now_s)

    def _caller(self, _given: Fields, _now_s: int) -> str:
        arn = f"arn:aws:iam::{self._account}:root"
        return f"<Arn>{arn}</Arn><UserId>{self._account}</UserId><Account>{self._account}</Account>"

    def _create(self, given: Fields, now_s: int) -> str:
        name = given.get("RoleName", "")
        if not _NAME.fullmatch(name):
            raise JobError("ValidationError", "RoleName must have 1 to 64 of a-z A-Z 0-9 _ + = , . @ -")
        if name in self.by_name:
            raise JobError("EntityAlreadyExists", f"Role with name {name} already exists.")
        if len(self.by_name) >= ROLES_MAX:
            raise JobError("LimitExceeded", f"At most {ROLES_MAX} roles are allowed.")
        trust = _document(given.get("AssumeRolePolicyDocument", ""))
        role = Role(name, trust, given.get("Description", "")[:1000], now_s)
        self.by_name[name] = role
        return self._xml(role)

    def _get(self, given: Fields, _now_s: int) -> str:
        return self._xml(self._role(given))

    def _list(self, _given: Fields, _now_s: int) -> str:
        rows = "".join(self._xml(self.by_name[name], "member") for name in sorted(self.by_name))
        return f"<IsTruncated>false</IsTruncated><Roles>{rows}</Roles>"

    def _delete(self, given: Fields, _now_s: int) -> str:
        role = self._role(given)
        if role.inline or role.attached:
            raise JobError("DeleteConflict", "Cannot delete entity, must detach all policies first.")
        del self.by_name[role.name]
        return ""

    def _put_policy(self, given: Fields, _now_s: int) -> str:
        role, name = self._role(given), given.get("PolicyName", "")
        if not _NAME.fullmatch(name):
            raise JobError("ValidationError", "PolicyName must have 1 to 64 of a-z A-Z 0-9 _ + = , . @ -")
        role.inline[name] = _document(given.get("PolicyDocument", ""))
        return ""

    def _get_policy(self, given: Fields, _now_s: int) -> str:
        role, name = self._role(given), given.get("PolicyName", "")
        if name not in role.inline:
            raise JobError("NoSuchEntity", f"The role policy with name {name[:64]} cannot be found.")
        text = f"<RoleName>{role.name}</RoleName><PolicyName>{escape(name)}</PolicyName>"
        return f"{text}<PolicyDocument>{escape(role.inline[name])}</PolicyDocument>"

    def _delete_policy(self, given: Fields, _now_s: int) -> str:
        self._get_policy(given, 0)
        del self._role(given).inline[given["PolicyName"]]
        return ""

    def _attach(self, given: Fields, _now_s: int) -> str:
        role, arn = self._role(given), given.get("PolicyArn", "")
        if not re.fullmatch(r"arn:aws:iam::[!-~]{1,2000}", arn):
            raise JobError("ValidationError", "PolicyArn is no ARN of IAM.")
        role.attached[arn] = None
        return ""

    def _detach(self, given: Fields, _now_s: int) -> str:
        role, arn = self._role(given), given.get("PolicyArn", "")
        if arn not in role.attached:
            raise JobError("NoSuchEntity", "The policy is not attached to the role.")
        del role.attached[arn]
        return ""

    def _role(self, given: Fields) -> Role:
        name = given.get("RoleName", "")
        if name not in self.by_name:
            raise JobError("NoSuchEntity", f"The role with name {name[:64]} cannot be found.")
        return self.by_name[name]

    def _xml(self, role: Role, tag: str = "Role") -> str:
        members = {
            "Path": "/",
            "RoleName": role.name,
            "RoleId": "AROA" + role.name.encode().hex().upper()[:17].ljust(17, "0"),
            "Arn": f"arn:aws:iam::{self._account}:role/{role.name}",
            "CreateDate": sigv4.iso(role.created_s),
            "AssumeRolePolicyDocument": role.trust,
            "Description": role.description,
        }
        inner = "".join(f"<{name}>{escape(_printable(value))}</{name}>" for name, value in members.items())
        return f"<{tag}>{inner}</{tag}>"


_ACTIONS: Mapping[tuple[str, str], Callable[[Roles, Fields, int], str]] = {
    ("sts", "GetCallerIdentity"): Roles._caller,
    ("iam", "CreateRole"): Roles._create,
    ("iam", "GetRole"): Roles._get,
    ("iam", "ListRoles"): Roles._list,
    ("iam", "DeleteRole"): Roles._delete,
    ("iam", "PutRolePolicy"): Roles._put_policy,
    ("iam", "GetRolePolicy"): Roles._get_policy,
    ("iam", "DeleteRolePolicy"): Roles._delete_policy,
    ("iam", "AttachRolePolicy"): Roles._attach,
    ("iam", "DetachRolePolicy"): Roles._detach,
}


def refused(error: JobError, request: HttpRequest, now_s: int) -> HttpResponse:
    """A refusal of the query protocol."""
    message = escape(_printable(str(error)))
    inner = f"<Type>Sender</Type><Code>{error.exception}</Code><Message>{message}</Message>"
    text = f"<ErrorResponse><Error>{inner}</Error><RequestId>{request_id(request, now_s)}</RequestId></ErrorResponse>"
    return _xml_answer(STATUS.get(error.exception, 403), text, now_s)


def _xml_answer(status: int, text: str, now_s: int) -> HttpResponse:
    body = text.encode()
    headers = {"Content-Type": "text/xml", "Content-Length": str(len(body)), "Date": formatdate(now_s, usegmt=True)}
    return HttpResponse(status, headers, body)


def _document(text: str) -> str:
    """A policy document: any JSON object."""
    try:
        if isinstance(json.loads(text), dict):
            return text
    except (ValueError, RecursionError):
        pass
    raise JobError("MalformedPolicyDocument", "The policy document is no JSON object.")


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
