"""A Jobs service with things, and a short way to ask it and read its effects."""

from __future__ import annotations

import json
from typing import Any, Literal

from sim.jobs.messages import Status
from sim.jobs.service import Changed, Effect, JobService, Publish, Reply

T0 = 1_767_225_600


class Bench:
    """One service; `now_s` is moved by hand, `last` holds the effects of the last call."""

    def __init__(self, *things: str, details: Literal["lenient", "strict"] = "lenient") -> None:
        self.service = JobService(self._presign, details=details)
        self.now_s = T0
        self.last: list[Effect] = []
        for thing in things or ("t",):
            self.service.add_thing(thing)

    @staticmethod
    def _presign(bucket: str, key: str, expires_s: int, now_s: int) -> str:
        return f'https://{bucket}/{key}?"{expires_s}"at{now_s}'

    def create(
        self, job_id: str, *things: str, document: Any = None, presign_expires_s: int | None = None
    ) -> list[Effect]:
        text = json.dumps({"job": job_id} if document is None else document)
        self.last = self.service.create_job(job_id, text, things or ("t",), self.now_s, presign_expires_s)
        return self.last

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
        return [(it.topic, json.loads(it.payload)) for it in self.last if isinstance(it, Publish)]

    def changed(self) -> list[Changed]:
        return [it for it in self.last if isinstance(it, Changed)]

    def status(self, job_id: str, thing: str = "t") -> tuple[Status, int]:
        (found,) = [it for it in self.service.executions(job_id) if it.thing == thing]
        return found.status, found.version
