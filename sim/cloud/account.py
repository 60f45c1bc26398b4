"""One account of the embedded cloud: jobs, things, artifacts, and the way between them and a broker.

The Jobs service never talks to sockets: what a device asked comes in through `on_request` in the simulation
phase, and each effect goes out through the broker's face. The same object stands behind every transport.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Protocol

from sim.cloud.api.router import Router
from sim.cloud.api.services import Services
from sim.cloud.artifacts import ArtifactStore
from sim.cloud.registry.registry import Registry
from sim.cloud.things import ACCEPTED, NOT_AUTHORISED, Things
from sim.jobs.rules import RELAXED_QUOTAS, JobRules
from sim.jobs.service import Changed, Effect, JobService, Publish, Reply
from sim.jobs.spec import job_spec
from sim.kernel.clock import Clock, Timer
from sim.ports import HttpRequest, HttpResponse
from sim.trace import Trace

TRACK_SUFFIX = "@cloud"
"""A thing's records in the cloud are a track of their own, beside the device's."""


SCENARIO_RULES = JobRules(quotas=RELAXED_QUOTAS, schedule_minima="relaxed")
"""A scenario names its things one by one and plays in hours what takes weeks; a served cloud asks for AWS's quotas."""
PRESIGN_ROLE = "role/qpyota-presign"
"""Role that signs URLs for jobs of a scenario, which has no roles of its own."""


class Face(Protocol):
    """What the account needs of a broker, on sockets or in memory."""

    def reply(self, connection: str, topic: str, payload: bytes) -> None: ...
    def publish(self, topic: str, payload: bytes, qos: int = 0) -> None: ...


class Account:
    """`face` is set by whoever starts the broker, before anything connects."""

    face: Face

    def __init__(self, clock: Clock, trace: Trace, seed: int, rules: JobRules = SCENARIO_RULES) -> None:
        self._clock = clock
        self._trace = trace
        self.things = Things(seed)
        self.artifacts = ArtifactStore(seed=seed)
        self.jobs = JobService(self._presign, rules=rules)
        self.registry = Registry(self.jobs.arns)
        self.jobs.use_targets(self.registry)
        self._rest = Router(Services(self.registry, self.jobs, self.artifacts, self.things, self.carry, self._publish))
        self._timer: tuple[int, Timer] | None = None
        self.expired: frozenset[tuple[str, str]] = frozenset()
        self.job_ids: list[str] = []

    def register(self, thing: str) -> None:
        """A thing that jobs may target."""
        self.registry.things.create(thing)
        self.jobs.add_thing(thing)

    def authorise(self, client_id: str, certificate: bytes | None) -> int:
        """CONNACK code for a mutual TLS client: 0 for a thing with a certificate of its own that counts, else 5."""
        if certificate is None:
            return NOT_AUTHORISED
        if self.things.authorise(client_id, certificate) == ACCEPTED:
            return ACCEPTED
        known = self.registry.certificate_for(client_id, sha256(certificate).hexdigest())
        return NOT_AUTHORISED if known is None else ACCEPTED

    def create_job(self, job_id: str, document: str, targets: Sequence[str], presign_expires_s: int | None) -> None:
        """CreateJob, now, in short: `targets` are names of things."""
        members: dict[str, object] = {
            "document": document,
            "targets": [self.jobs.arns.thing(name) for name in targets],
        }
        if presign_expires_s is not None:
            role = f"arn:aws:iam::{self.jobs.arns.account}:{PRESIGN_ROLE}"
            members["presignedUrlConfig"] = {"roleArn": role, "expiresInSec": presign_expires_s}
        effects = self.jobs.control.create_job(job_spec(job_id, members), self._clock.epoch_s)
        self.job_ids.append(job_id)
        self.carry(effects)

    def on_request(self, connection: str, client_id: str, topic: str, payload: bytes) -> None:
        """A device asked the Jobs service; its answer goes back to that very connection."""
        self.carry(self.jobs.handle(client_id, topic, payload, self._clock.epoch_s), connection)

    def respond(self, request: HttpRequest, now_s: int) -> HttpResponse:
        """The answer of any REST service, the artifact server's included."""
        return self._rest.respond(request, now_s)

    def carry(self, effects: list[Effect], connection: str = "") -> None:
        """Bring about what a call of the Jobs service asks for; answers go to `connection`."""
        for effect in effects:
            if isinstance(effect, Reply):
                self.face.reply(connection, effect.topic, effect.payload)
            elif isinstance(effect, Publish):
                self.face.publish(effect.topic, effect.payload)
            elif isinstance(effect, Changed):
                self._record(effect)
        self._set_timer()

    def _publish(self, topic: str, payload: bytes, qos: int) -> None:
        self.face.publish(topic, payload, qos)

    def _set_timer(self) -> None:
        """Keep one timer at the moment at which the Jobs service has something to do by itself."""
        due_s = self.jobs.due_s()
        if self._timer is not None:
            if self._timer[0] == due_s:
                return
            self._timer[1].cancel()
            self._timer = None
        if due_s is not None:
            delay_us = max(0, (due_s - self._clock.start_s) * 1_000_000 - self._clock.now_us)
            self._timer = due_s, self._clock.after(delay_us, self._advance)

    def _advance(self) -> None:
        self._timer = None
        self.carry(self.jobs.advance(self._clock.epoch_s))

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
