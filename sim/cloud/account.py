"""One account of the embedded cloud: jobs, things, artifacts, and the way between them and a broker.

The Jobs service never talks to sockets: what a device asked comes in through `on_request` in the simulation
phase, and each effect goes out through the broker's face. The same object stands behind every transport.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sim.cloud.artifacts import ArtifactStore
from sim.cloud.things import Things
from sim.jobs.service import Changed, Effect, JobService, Publish, Reply
from sim.kernel.clock import Clock
from sim.ports import HttpRequest, HttpResponse
from sim.trace import Trace

TRACK_SUFFIX = "@cloud"
"""A thing's records in the cloud are a track of their own, beside the device's."""


class Face(Protocol):
    """What the account needs of a broker, on sockets or in memory."""

    def reply(self, connection: str, topic: str, payload: bytes) -> None: ...
    def publish(self, topic: str, payload: bytes, qos: int = 0) -> None: ...


class Account:
    """`face` is set by whoever starts the broker, before anything connects."""

    face: Face

    def __init__(self, clock: Clock, trace: Trace, seed: int) -> None:
        self._clock = clock
        self._trace = trace
        self.things = Things(seed)
        self.artifacts = ArtifactStore(seed=seed)
        self.jobs = JobService(self._presign)
        self.expired: frozenset[tuple[str, str]] = frozenset()
        self.job_ids: list[str] = []

    def register(self, thing: str) -> None:
        """A thing that jobs may target."""
        self.jobs.add_thing(thing)

    def create_job(self, job_id: str, document: str, targets: Sequence[str], presign_expires_s: int | None) -> None:
        """CreateJob, now."""
        effects = self.jobs.create_job(job_id, document, targets, self._clock.epoch_s, presign_expires_s)
        self.job_ids.append(job_id)
        self._carry(effects, connection="")

    def on_request(self, connection: str, client_id: str, topic: str, payload: bytes) -> None:
        """A device asked the Jobs service; its answer goes back to that very connection."""
        self._carry(self.jobs.handle(client_id, topic, payload, self._clock.epoch_s), connection)

    def respond(self, request: HttpRequest, now_s: int) -> HttpResponse:
        """The artifact server's answer."""
        return self.artifacts.respond(request, now_s)

    def _carry(self, effects: list[Effect], connection: str) -> None:
        for effect in effects:
            if isinstance(effect, Reply):
                self.face.reply(connection, effect.topic, effect.payload)
            elif isinstance(effect, Publish):
                self.face.publish(effect.topic, effect.payload)
            else:
                self._record(effect)

    def _record(self, change: Changed) -> None:
        self._trace.emit(
            change.thing + TRACK_SUFFIX,
            "execution",
            job=change.job_id,
            old=change.old,
            new=change.new,
            version=change.version,
            details=dict(change.details),
        )

    def _presign(self, bucket: str, key: str, expires_s: int, now_s: int) -> str:
        """A signed URL; objects under the `url_expired` fault get one whose time is already over."""
        late_s = expires_s + 1 if (bucket, key) in self.expired else 0
        return self.artifacts.presign(bucket, key, expires_s, now_s - late_s)
