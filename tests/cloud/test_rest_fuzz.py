"""Nonsense to every REST plane: always an answer, never a 5xx or a traceback, and a refused request changes nothing.

Requests start from well-formed ones of the operator and are then spoilt; most keep a good signature, so that they get
as far as the handlers. What is accepted may change the account, which is then made anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
from aws_rig import REGION
from hypothesis import given, settings
from hypothesis import strategies as st
from signed_rig import HOST, populated, records, signed

from sim.cloud.account import Account
from sim.cloud.api.operation import Operation
from sim.cloud.api.router import OPERATIONS, Plane
from sim.kernel.clock import EPOCH_S
from sim.ports import HttpRequest, HttpResponse

ARN = f"arn:aws:iot:{REGION}:123456789012:"
SOUND = ("t", "g", "j", "p", "1", "$next", ARN + "thing/t", ARN + "thinggroup/g", "0" * 64, "QUEUED", "ACTIVE", "{}")
SPOILT = ("", ".", "..", "%ff", "%", "a%2Fb", "%24next", "\x00", "é", "\U0001f600", "-1", "1e9", "9" * 30, "x" * 3000,
          "<x>", "' OR 1", "${aws:iot:x}", "nan", "\ud800", "a\r\nb: c")  # fmt: skip
METHODS = ("GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "get", "PURGE")
S3_PATHS = ("/", "/bucket", "/bucket/k", "/bucket/new/k", "/none/k", "/new-bucket", "/UP", "/bucket/%ff", "//", "/..")
S3_NAMES = (
    "versionId", "uploadId", "uploads", "versioning", "versions", "delete", "list-type", "max-keys", "partNumber",
    "prefix", "delimiter", "continuation-token", "encoding-type", "marker", "location", "acl", "part-number-marker",
)  # fmt: skip
S3_HEADERS = (
    "range", "if-match", "if-none-match", "content-md5", "x-amz-copy-source", "x-amz-checksum-crc32", "content-type",
    "x-amz-decoded-content-length", "content-encoding", "x-amz-meta-a", "if-modified-since",
)  # fmt: skip
S3_VALUES = ("", "*", "bytes=0-1", "bytes=9-", "bytes=-0", "/bucket/k", "bucket/k?versionId=null", "AAAAAA==", "null")
XML = (
    b"<CreateBucketConfiguration/>",
    b"<Delete><Object><Key>k</Key></Object></Delete>",
    b"<Delete><Object><Key></Key></Object><Object><Key>k</Key></Object></Delete>",
    b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
    b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>",
    b"<CompleteMultipartUpload><Part><PartNumber>x</PartNumber></Part></CompleteMultipartUpload>",
)
JSON = [(plane, operation) for plane, operations in OPERATIONS.items() for operation in operations]
MEMBERS = sorted({it.name for _, operation in JSON for it in operation.inputs if it.place == "body"})
QUERY = sorted({it.name for _, operation in JSON for it in operation.inputs if it.place == "querystring"})
BATCH = 25


class Nonsense:
    """Requests made up from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def json(self) -> HttpRequest:
        """To an operation of the JSON planes, or nearly."""
        plane, operation = self._random.choice(JSON)
        method = operation.method if self._often() else self._random.choice(METHODS)
        headers = {"x-amzn-principal": self.word(), "x-amzn-iot-principal": self.word(), "x-amzn-iot-policy": "p"}
        return self._sign(plane, method, self._path(operation), QUERY, self._body(operation), headers)

    def s3(self) -> HttpRequest:
        """To the object store."""
        path = self._random.choice(S3_PATHS) if self._often() else "/" + quote(self.word(), errors="replace")
        body = self._random.choice(XML) if self._seldom() else self._noise()
        names = self._random.sample(S3_HEADERS, self._random.randrange(3))
        headers = {name: self._random.choice(S3_VALUES) for name in names}
        return self._sign(Plane.S3, self._random.choice(METHODS[:6]), path, S3_NAMES, body, headers)

    def role(self) -> HttpRequest:
        """To IAM or STS: a form in the body."""
        action = self._random.choice(("CreateRole", "GetRole", "DeleteRole", "PutRolePolicy", "ListRoles", "x"))
        names = ("RoleName", "AssumeRolePolicyDocument", "PolicyName", "PolicyDocument", "Marker", "MaxItems", "Path")
        fields = [("Action", action), *((name, self.word()) for name in names if self._often())]
        form = "&".join(f"{name}={quote(value, errors='replace')}" for name, value in fields)
        body = form.encode() if self._often() else self._noise()
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return self._sign(self._random.choice((Plane.IAM, Plane.STS)), "POST", "/", (), body, kind)

    def unsigned(self) -> HttpRequest:
        """From somebody without a key, with or without a story."""
        stories = (
            {},
            {"authorization": self.word()},
            {"authorization": f"AWS4-HMAC-SHA256 Credential={self.word()}/x/{REGION}/iot/aws4_request, {self.word()}"},
        )
        url = f"https://{self._random.choice((HOST, self.word(), 'b.s3.localhost', '[::1', 'iot.amazonaws.com'))}"
        target = f"/{self.word()}?X-Amz-Credential={self.word()}&{self.word()}"
        return HttpRequest(self._random.choice(METHODS), url + target, self._random.choice(stories), self._noise())

    def word(self) -> str:
        return self._random.choice(SOUND if self._often() else SPOILT)

    def _often(self) -> bool:
        return self._random.random() < 0.8

    def _seldom(self) -> bool:
        return not self._often()

    def _noise(self) -> bytes:
        return self._random.randbytes(self._random.randrange(60))

    def _path(self, operation: Operation) -> str:
        parts = [self.word() if part.startswith("{") else part for part in operation.segments]
        if self._seldom():
            parts.insert(self._random.randrange(len(parts) + 1), self.word())
        return "/" + "/".join(quote(part, safe="%$", errors="replace") for part in parts)

    def _sign(
        self, plane: Plane, method: str, path: str, names: tuple[str, ...] | list[str], body: bytes,
        headers: dict[str, str],
    ) -> HttpRequest:  # fmt: skip
        pairs = [(self._random.choice(names), self.word()) for _ in range(self._random.randrange(3)) if names]
        query = "&".join(f"{name}={quote(value, safe='%', errors='replace')}" for name, value in pairs)
        clean = {name: value.encode("ascii", "replace").decode() for name, value in headers.items()}
        return signed(plane, method, f"{path}?{query}", body, **clean)

    def _body(self, operation: Operation) -> bytes:
        own = [it.name for it in operation.inputs if it.place == "body"]
        if self._seldom() and not own:
            return self._noise()
        given = {name: self._value(3) for name in own if self._often()}
        if self._seldom():
            given[self._random.choice(MEMBERS)] = self._value(3)
        text = json.dumps(given)
        return text.encode() if self._often() else text[: self._random.randrange(len(text) + 1)].encode()

    def _value(self, depth: int) -> Any:
        choose = self._random.randrange(9 if depth else 6)
        if choose < 3:
            return self.word()
        if choose < 6:
            return self._random.choice((None, True, False, 0, 1, -1, 2**70, 0.5, 1e300, "", float("nan")))
        if choose == 6:
            return [self._value(depth - 1) for _ in range(self._random.randrange(3))]
        names = (*MEMBERS, *SOUND)
        return {self._random.choice(names): self._value(depth - 1) for _ in range(self._random.randrange(3))}


def judge(owner: Account, request: HttpRequest, before: bytes) -> HttpResponse:
    """The answer, which must be one that a client can do something with."""
    answer = owner.respond(request, EPOCH_S)
    assert 200 <= answer.status < 500 or answer.status == 501, (request, answer)
    assert b"Traceback" not in answer.body
    assert all("\n" not in value and "\r" not in value for value in answer.headers.values()), answer.headers
    if answer.status >= 400:
        assert records(owner) == before, (request, answer)
    return answer


@pytest.mark.parametrize(
    ("make", "batches"),
    [(Nonsense.json, 200), (Nonsense.s3, 80), (Nonsense.role, 30), (Nonsense.unsigned, 40)],
    ids=["json", "s3", "roles", "unsigned"],
)
def test_any_request_is_answered_and_a_refused_one_changes_nothing(
    make: Callable[[Nonsense], HttpRequest], batches: int
) -> None:
    @settings(max_examples=batches, deadline=None, derandomize=True, database=None)
    @given(seed=st.integers(0, 2**32))
    def batch(seed: int) -> None:
        nonsense, owner = Nonsense(seed), populated()
        before = records(owner)
        for _ in range(BATCH):
            if judge(owner, make(nonsense), before).status < 300:
                owner = populated()
                before = records(owner)
            asked.append(1)

    asked: list[int] = []
    batch()
    assert len(asked) >= batches * BATCH * 0.9  # hypothesis may find a seed twice
