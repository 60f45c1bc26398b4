"""The data planes over HTTPS with a client certificate, on a real socket: one's own jobs, and nobody else's."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from aws_rig import Face
from broker_rig import free_port
from identity_rig import ARN, JOB, A, B, policy

from sim.cloud.account import Account
from sim.cloud.rest import RestServer
from sim.cloud.things import Identity, Things
from sim.kernel.clock import Clock
from sim.net.tls import server_context
from sim.trace import Trace


class Door:
    """The REST port of an account over TLS. Each call runs the server for one request."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock("memory")
        self.account = Account(self.clock, Trace(self.clock), seed=3)
        self.account.face = self.face = Face()
        self._folder = folder
        for name in (A, B):
            self.account.register(name)
        targets: list[Any] = [ARN + "thing/" + name for name in (A, B)]
        self.account.order("create", JOB, {"document": '{"v": 1}', "targets": targets})

    def call(
        self, method: str, path: str, identity: Identity | None, body: bytes = b"", host: str = "localhost"
    ) -> tuple[int, dict[str, Any]]:
        things = self.account.things
        server = things.server_identity()
        tls = server_context(server.certificate_pem, server.private_key_pem, things.authority_pem)

        async def story() -> tuple[int, dict[str, Any]]:
            rest = RestServer(self.account.respond, lambda: self.clock.epoch_s)
            port = await rest.start("127.0.0.1", free_port(), tls=tls)
            request = Request(f"https://127.0.0.1:{port}{path}", body or None, {"Host": host}, method=method)
            try:
                return await asyncio.to_thread(_answer, request, self._context(identity))
            finally:
                await rest.stop()
                await asyncio.sleep(0.02)  # connections under TLS take turns of the loop to close

        return asyncio.run(story())

    def _context(self, identity: Identity | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.account.things.authority_pem)
        if identity is not None:
            path = self._folder / "identity.pem"
            path.write_text(identity.certificate_pem + identity.private_key_pem)
            context.load_cert_chain(path)
        return context

    def status(self, thing: str) -> object:
        found = self.account.jobs.control.describe_execution(thing, JOB, self.clock.epoch_s)["execution"]
        assert isinstance(found, dict)
        return found["status"]


def _answer(request: Request, context: ssl.SSLContext) -> tuple[int, dict[str, Any]]:
    try:
        with urlopen(request, context=context, timeout=10) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except HTTPError as error:
        with error:
            kind = error.headers["x-amzn-ErrorType"]
            return error.code, json.loads(error.read()) | {"error": kind} if kind else {}


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    made = Door(tmp_path)
    yield made
    made.clock.close()


CALLS = [
    ("GET", "/jobs", b""),
    ("GET", f"/jobs/{JOB}", b""),
    ("GET", "/jobs/%24next", b""),
    ("PUT", "/jobs/$next", b"{}"),
    ("POST", f"/jobs/{JOB}", b'{"status": "SUCCEEDED"}'),
]


@pytest.mark.parametrize(("method", "tail", "body"), CALLS)
def test_another_things_jobs_are_forbidden(door: Door, method: str, tail: str, body: bytes) -> None:
    status, answer = door.call(method, f"/things/{B}{tail}", door.account.issue(A), body)
    assert (status, answer["error"]) == (403, "ForbiddenException")
    assert "iotjobsdata:" in answer["message"]
    assert door.status(B) == "QUEUED"


@pytest.mark.parametrize(("method", "tail", "body"), CALLS)
def test_without_certificate_or_signature_nothing_is_answered(door: Door, method: str, tail: str, body: bytes) -> None:
    status, answer = door.call(method, f"/things/{A}{tail}", None, body)
    assert (status, answer["error"]) == (403, "MissingAuthenticationTokenException")
    assert door.status(A) == "QUEUED"


def test_a_certificate_that_does_not_count_is_forbidden(door: Door) -> None:
    identity = door.account.issue(A)
    assert door.call("GET", f"/things/{A}/jobs", identity)[0] == 200
    door.account.registry.certificates.update(identity.fingerprint, "INACTIVE", 0)
    assert door.call("GET", f"/things/{A}/jobs", identity)[0] == 403
    assert door.call("GET", f"/things/{A}/jobs", door.account.things.issue(9))[0] == 403


def test_a_certificate_of_another_authority_is_not_even_heard(door: Door) -> None:
    with pytest.raises(OSError, match=r"(?i)ssl|reset|closed|alert"):
        door.call("GET", f"/things/{A}/jobs", Things(seed=1).register(A))


@pytest.mark.parametrize("path", ["/things", f"/jobs/{JOB}", "/policies", "/"])
def test_a_certificate_opens_no_other_service(door: Door, path: str) -> None:
    assert door.call("GET", path, door.account.issue(A))[0] == 403


@pytest.mark.parametrize("path", ["/things", f"/jobs/{JOB}", "/policies"])
def test_the_control_plane_takes_signatures_only(door: Door, path: str) -> None:
    status, answer = door.call("GET", path, door.account.issue(A), host="iot.us-west-2.amazonaws.com")
    assert (status, answer["error"]) == (403, "MissingAuthenticationTokenException")


def test_a_device_works_on_its_own_jobs(door: Door) -> None:
    identity = door.account.issue(A)
    assert door.call("GET", f"/things/{A}/jobs", identity)[1]["queuedJobs"][0]["jobId"] == JOB
    assert door.call("PUT", f"/things/{A}/jobs/$next", identity, b"{}")[1]["execution"]["jobDocument"] == '{"v":1}'
    assert door.call("GET", f"/things/{A}/jobs/{JOB}", identity)[1]["execution"]["status"] == "IN_PROGRESS"
    assert door.call("POST", f"/things/{A}/jobs/{JOB}", identity, b'{"status": "SUCCEEDED"}')[0] == 200
    assert (door.status(A), door.status(B)) == ("SUCCEEDED", "QUEUED")


def test_publishing_asks_the_policies_too(door: Door) -> None:
    identity, policies = door.account.issue(A), door.account.registry.policies
    assert door.call("POST", "/topics/plant/a?qos=1", identity, b"hello")[0] == 200
    policies.create("p", policy(("iot:Publish", "topic/plant/*"), effect="Deny"), 0)
    policies.attach("p", f"{ARN}cert/{identity.fingerprint}")
    assert door.call("POST", "/topics/plant/a?qos=1", identity, b"hello")[0] == 403
    assert door.call("POST", f"/topics/$aws/things/{B}/jobs/notify", identity, b"{}")[0] == 403
    assert door.face.published[-1] == ("plant/a", b"hello", 1)
