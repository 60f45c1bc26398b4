"""Signed requests to a whole account, without a server between; and all that an account is, as bytes."""

from __future__ import annotations

import json
import tempfile
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from aws_rig import REGION, Face

from sim.cloud import sigv4
from sim.cloud.account import Account
from sim.cloud.api.router import Plane
from sim.cloud.sigv4 import OPERATOR, Canonical, Scope
from sim.cloud.store.objects import Objects
from sim.cloud.store.values import pack
from sim.jobs.rules import JobRules
from sim.kernel.clock import EPOCH_S, Clock
from sim.ports import HttpRequest
from sim.trace import Trace

HOST = "127.0.0.1:4000"


def signed(plane: Plane, method: str, target: str, body: bytes = b"", **headers: str) -> HttpRequest:
    """A request of the operator, signed step by step; `target` is the raw path and query."""
    stamp = "20260101T000000Z"
    scope = Scope(stamp[:8], REGION, plane.value)
    path, _, query = target.partition("?")
    digest = sha256(body).hexdigest()
    given_headers = {"host": HOST, "x-amz-date": stamp, "x-amz-content-sha256": digest, **headers}
    raw = path if plane is Plane.S3 else "/" + "/".join(it for it in path.split("/") if it not in ("", "."))
    canonical = Canonical(
        method, raw if plane is Plane.S3 else quote(raw, safe="/~"), sigv4.parse_query(query), given_headers, digest
    )
    signature = sigv4.signature(OPERATOR.secret, scope, stamp, canonical)
    names = ";".join(sorted(given_headers))
    credential = f"Credential={OPERATOR.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    all_headers = {**given_headers, "Authorization": f"AWS4-HMAC-SHA256 {credential}"}
    return HttpRequest(method, f"https://{HOST}{target}", all_headers, body)


def account() -> Account:
    clock = Clock("memory")
    made = Account(clock, Trace(clock), seed=0, rules=JobRules(schedule_minima="relaxed"))
    made.face = Face()
    return made


def populated() -> Account:
    owner = account()
    for target, body in (
        ("/things/t", {}),
        ("/thing-groups/g", {}),
        ("/policies/p", {"policyDocument": '{"Statement":{"Effect":"Allow","Action":"a","Resource":"*"}}'}),
    ):
        assert owner.respond(signed(Plane.CONTROL, "POST", target, json.dumps(body).encode()), EPOCH_S).status == 200
    job = {"targets": [f"arn:aws:iot:{REGION}:123456789012:thing/t"], "document": "{}"}
    assert owner.respond(signed(Plane.CONTROL, "PUT", "/jobs/j", json.dumps(job).encode()), EPOCH_S).status == 200
    owner.artifacts.put("bucket", "k", b"data")
    return owner


def records(owner: Account) -> bytes:
    """Everything that a restart would bring back, and what went out to devices."""
    with tempfile.TemporaryDirectory() as folder:
        packed, _ = pack(owner.state(), Objects(Path(folder), synced=False), owner.ports)
    assert isinstance(owner.face, Face)
    return packed + repr(owner.face.published).encode()
