"""A Jobs service with things, and a short way to ask it and read its effects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sim.jobs.documents import S3Place
from sim.jobs.messages import Status
from sim.jobs.rules import JobRules
from sim.jobs.service import Changed, Effect, JobChanged, JobService, Publish, Reply
from sim.jobs.spec import job_spec

T0 = 1_767_225_600
"""2026-01-01T00:00Z, a Thursday."""
ROLE = "arn:aws:iam::123456789012:role/presign"


class Bench:
    """One service; time is moved by hand, `last` holds the effects of the last call. Groups are lists of things."""

    def __init__(self, *things: str, rules: JobRules | None = None) -> None:
        self.service = JobService(self._presign, rules=rules, targets=self)
        self.control = self.service.control
        self.arns = self.service.arns
        self.groups: dict[str, list[str]] = {}
        self.now_s = T0
        self.last: list[Effect] = []
        for thing in things or ("t",):
            self.service.add_thing(thing)

    @staticmethod
    def _presign(place: S3Place, expires_s: int, now_s: int) -> str:
        return f'https://{place.bucket}/{place.key}?"{expires_s}"at{now_s}'

    def create(
        self, job_id: str, *things: str, document: Any = None, presign_expires_s: int | None = None
    ) -> list[Effect]:
        members: dict[str, Any] = {"document": json.dumps({"job": job_id} if document is None else document)}
        members["targets"] = [self.arns.thing(name) for name in things or ("t",)]
        if presign_expires_s is not None:
            members["presignedUrlConfig"] = {"roleArn": ROLE, "expiresInSec": presign_expires_s}
        self.last = self.control.create_job(job_spec(job_id, members), self.now_s)
        return self.last

    def job(self, job_id: str, *targets: str, **members: Any) -> list[Effect]:
        """CreateJob with AWS's members; a target is a group's name when there is such a group, else a thing's."""
        body = {"document": json.dumps({"job": job_id}), "targets": self.aim(targets or ("t",)), **members}
        self.last = self.control.create_job(job_spec(job_id, body), self.now_s)
        return self.last

    def aim(self, names: Sequence[str]) -> list[str]:
        return [self.arns.group(name) if name in self.groups else self.arns.thing(name) for name in names]

    def shown(self, job_id: str) -> dict[str, Any]:
        """DescribeJob, without the wrapping."""
        found: dict[str, Any] = self.control.describe_job(job_id, self.now_s)["job"]
        return found

    def process(self, job_id: str) -> dict[str, int]:
        """jobProcessDetails by short name, those that are not 0."""
        details = self.shown(job_id)["jobProcessDetails"]
        numbers = {name: value for name, value in details.items() if name != "processingTargets"}
        return {name[len("numberOf") : -len("Things")]: value for name, value in numbers.items() if value}

    def wait(self, seconds: int) -> list[Effect]:
        """Let time pass second by second, as an account's timer would."""
        end_s, effects = self.now_s + seconds, list[Effect]()
        while (due_s := self.service.due_s()) is not None and due_s <= end_s:
            self.now_s = max(self.now_s, due_s)
            effects += self.service.advance(self.now_s)
        self.now_s = end_s
        self.last = effects
        return effects

    def regroup(self, group: str, *things: str) -> list[Effect]:
        """Give a group these members and tell the service of every thing concerned."""
        concerned = dict.fromkeys([*self.groups.get(group, ()), *things])
        self.groups[group] = list(things)
        self.last = [it for thing in concerned for it in self.service.membership_changed(thing, self.now_s)]
        return self.last

    # The port for groups

    def exists(self, arn: str) -> bool:
        return arn.rpartition("/")[2] in self.groups

    def members(self, arn: str) -> Iterator[str]:
        return iter(self.groups[arn.rpartition("/")[2]])

    def groups_of(self, thing: str) -> Iterator[str]:
        return (self.arns.group(name) for name, members in self.groups.items() if thing in members)

    def ask(self, tail: str, body: Any = None, thing: str = "t") -> dict[str, Any]:
        """Send a request; the answer's body, with its kind (`accepted` or `rejected`) as member `?`."""
        payload = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        topic = f"$aws/things/{thing}/jobs/{tail}"
        self.last = self.service.handle(thing, topic, payload, self.now_s)
        reply = self.last[0]
        assert isinstance(reply, Reply)
        assert [it for it in self.last if isinstance(it, Reply)] == [reply]
        assert reply.topic in (f"{topic}/accepted", f"{topic}/rejected")
        answer: dict[str, Any] = json.loads(reply.payload)
        return {"?": reply.topic.rpartition("/")[2], **answer}

    def update(self, job_id: str, status: str, **members: Any) -> dict[str, Any]:
        return self.ask(f"{job_id}/update", {"status": status, **members})

    @property
    def told(self) -> list[str]:
        """The notifications of the last call by name, in order."""
        return [topic.rpartition("/")[2] for topic, _ in self.published()]

    def published(self) -> list[tuple[str, dict[str, Any]]]:
        return [(it.topic, json.loads(it.write())) for it in self.last if isinstance(it, Publish)]

    def changed(self) -> list[Changed]:
        return [it for it in self.last if isinstance(it, Changed)]

    def jobs_changed(self) -> list[JobChanged]:
        return [it for it in self.last if isinstance(it, JobChanged)]

    def status(self, job_id: str, thing: str = "t") -> tuple[Status, int]:
        (found,) = [it for it in self.service.executions(job_id) if it.thing == thing]
        return found.status, found.version
