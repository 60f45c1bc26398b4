"""One account of the embedded cloud: jobs, things, artifacts, and the way between them and a broker.

The Jobs service never talks to sockets: what a device asked comes in through `on_request` in the simulation
phase, and each effect goes out through the broker's face. The same object stands behind every transport.

What changed the account goes to the `journal` before anybody is answered or told. The account is a function of these
inputs: `replay` of all of them, or of those since a `state`, makes the same account again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from sim.cloud.api.router import Plane, Router, may_change, plane_of
from sim.cloud.api.services import Services
from sim.cloud.artifacts import ArtifactStore
from sim.cloud.device_policy import DEVICE_POLICY, device_document
from sim.cloud.gate import Gate
from sim.cloud.inputs import Asked, Called, Input, Issued, JobOperation, Ordered, Passed
from sim.cloud.registry.certificates import ACTIVE
from sim.cloud.registry.records import Group
from sim.cloud.registry.registry import Registry
from sim.cloud.sigv4 import Credentials
from sim.cloud.things import Identity, Things
from sim.jobs.documents import S3Place
from sim.jobs.messages import Json
from sim.jobs.rules import RELAXED_QUOTAS, JobRules
from sim.jobs.service import Changed, Effect, JobChanged, JobService, Publish, Reply, RolledOut
from sim.jobs.spec import job_spec
from sim.jobs.topics import Operation, accepted, parse_request
from sim.kernel.bounded import keep
from sim.kernel.clock import Clock, Timer
from sim.mqtt.switchboard import Greeting, Payload, Request, Rights
from sim.ports import Foreseen, HttpRequest, HttpResponse
from sim.trace import Trace

TRACK_SUFFIX = "@cloud"
"""A thing's records in the cloud are a track of their own, beside the device's. So are a job's, under `job/JOBID`."""


SCENARIO_RULES = JobRules(quotas=RELAXED_QUOTAS, schedule_minima="relaxed")
"""A scenario names its things one by one and plays in hours what takes weeks; a served cloud asks for AWS's quotas."""

URLS_KEPT = 64
"""Signed URLs that are given again: all who ask within one second get the same."""

_CHANGING = (Operation.START_NEXT, Operation.UPDATE)


class Face(Protocol):
    """What the account needs of a broker, on sockets or in memory. `connection` is what it gave with the request."""

    def reply(self, connection: Any, topic: str, payload: bytes) -> None: ...
    def publish(self, topic: str, payload: Payload, qos: int = 0) -> None: ...
    def acknowledge(self, connection: Any, packet_id: int) -> None: ...


class RefusedReplay(Exception):  # noqa: N818 - a finding
    """A journal does not fit the state it is replayed on, or the code that replays it."""


class Account:
    """`face` is set by whoever starts the broker, before anything connects; `journal` by whoever keeps the inputs."""

    face: Face

    def __init__(self, clock: Clock, trace: Trace, seed: int, rules: JobRules = SCENARIO_RULES) -> None:
        self.clock = clock
        self.trace = trace
        self.journal: Callable[[Input], None] = _forgotten
        jobs = JobService(self._presign, rules=rules)
        registry = Registry(jobs.arns)
        jobs.use_targets(registry)
        artifacts = ArtifactStore(seed=seed)
        identities = Things(seed)
        self.gate = Gate(registry, identities)
        self._take(Services(registry, jobs, artifacts, identities, self.carry, self._publish))
        self._held: list[Callable[[], None]] | None = None
        self._due_s: int | None = None
        self._timer: Timer | None = None
        self.expired: frozenset[tuple[str, str]] = frozenset()
        self._signed: dict[tuple[S3Place, int, int, str], str] = {}
        self.orders: dict[str, int] = {}
        """How many orders were given for each job, by its id; those of scenarios, in the order of creation."""

    @property
    def job_ids(self) -> list[str]:
        """Jobs of scenarios, in the order of their creation."""
        return list(self.orders)

    def register(self, thing: str, group: str = "") -> None:
        """A thing that jobs may target, in a static group that is made when it is not there.

        One that is there already stays as it is, whatever became of it.
        """
        if thing not in self.registry.things:
            self.registry.things.create(thing)
            if group:
                if group not in self.registry.groups.by_name:
                    self.registry.groups.create(Group(group, "", self.clock.epoch_s))
                self.registry.groups.add(thing, group)
        self.jobs.add_thing(thing)

    def issue(self, thing: str) -> Identity:
        """The certificate of a device of this cloud; made, registered and given the device policy at the first call."""
        if thing not in self.things:
            order = Issued(self.clock.epoch_s, thing)
            self._issue(order)
            self.journal(order)
        return self.things.register(thing)

    def _issue(self, order: Issued) -> None:
        identity, registry = self.things.register(order.thing), self.registry
        if DEVICE_POLICY not in registry.policies.by_name:
            registry.policies.create(DEVICE_POLICY, device_document(registry.arns), order.now_s)
        made = registry.certificates.add(identity.certificate_pem, ACTIVE, order.now_s, self.things.authority_id)
        if order.thing in registry.things:
            registry.certificates.attach(made.certificate_id, order.thing, exclusive=False)
        registry.policies.attach(DEVICE_POLICY, registry.arns.of("cert", made.certificate_id))

    def admit(self, greeting: Greeting) -> Rights | int:
        """What a client that came over TLS may do, or the CONNACK code that refuses it."""
        return self.gate.admit(greeting)

    def order(self, operation: JobOperation, job_id: str, members: Mapping[str, Json]) -> None:
        """An operator's request about a job, now; `members` are AWS's. Raises JobError."""
        order = Ordered(self.clock.epoch_s, operation, job_id, members)
        effects = self._order(order)
        self.journal(order)
        self.carry(effects)

    def _order(self, order: Ordered) -> list[Effect]:
        effects = self._control(order)
        self.orders[order.job_id] = self.orders.get(order.job_id, 0) + 1
        return effects

    def _control(self, order: Ordered) -> list[Effect]:
        control, job_id, given, now_s = self.jobs.control, order.job_id, order.members, order.now_s
        comment, force = given.get("comment"), bool(given.get("force"))
        match order.operation:
            case "create":
                return control.create_job(job_spec(job_id, given), now_s)
            case "cancel":
                reason = given.get("reasonCode")
                return control.cancel_job(job_id, now_s, reason_code=reason, comment=comment, force=force)
            case "delete":
                return control.delete_job(job_id, now_s, force=force)
            case "associate":
                return control.associate_targets(job_id, given["targets"], now_s, comment=comment)

    def on_request(self, request: Request) -> None:
        """A device asked the Jobs service; its answer goes back to that very connection."""
        now_s = self.clock.epoch_s
        effects = self.jobs.handle(request.client_id, request.topic, request.payload, now_s)
        if self.journal is not _forgotten and _accepted_change(request.topic, effects):
            self.journal(Asked(now_s, request.client_id, request.topic, request.payload))
        if request.packet_id:
            self.face.acknowledge(request.connection, request.packet_id)
        self.carry(effects, request.connection)

    def respond(self, request: HttpRequest, now_s: int) -> HttpResponse:
        """The answer of any REST service, the artifact server's included."""
        held = self._held = []
        try:
            answer = self._rest.respond(request, now_s)
            if may_change(request, answer):
                self.journal(Called(now_s, request))
        finally:
            self._held = None
        for act in held:
            act()
        return answer

    def foresee(self, request: HttpRequest, now_s: int) -> Foreseen | None:
        """What `respond` will say at a later second of this run, to a reader of an object: nobody but a client changes
        objects. None when a fault has a say in it, which may strike only so often."""
        if self.artifacts.faults:
            return None
        known = self.artifacts.foreseen(request, now_s)
        if known is None and plane_of(request) is Plane.S3:
            return self.artifacts.foresee(request, now_s)
        return known

    # What is kept

    def state(self) -> tuple[object, ...]:
        """All that the account is, to be given to `restore` in another process; plain values and the `ports`."""
        return self._services, self.orders

    @property
    def ports(self) -> Mapping[str, Callable[..., object]]:
        """By what its state leads out of it, by name; another account has its own."""
        return {"presign": self._presign, "carry": self.carry, "publish": self._publish}

    def restore(self, state: tuple[object, ...]) -> None:
        """Be what an account was at its `state`; the rules and keys it had then come along."""
        services, orders = state
        assert isinstance(services, Services)
        assert isinstance(orders, dict)
        self._take(services)
        self.orders = orders

    def replay(self, entry: Input) -> None:
        """Do again what a journal tells; nothing goes out. RefusedReplay when it is refused this time."""
        self._held = []
        try:
            if isinstance(entry, Asked):
                effects = self.jobs.handle(entry.client_id, entry.topic, entry.payload, entry.now_s)
                done = _accepted_change(entry.topic, effects)
            elif isinstance(entry, Called):
                done = may_change(entry.request, self._rest.respond(entry.request, entry.now_s))
            elif isinstance(entry, Passed):
                self.jobs.advance(entry.now_s)
                done = True
            elif isinstance(entry, Issued):
                self._issue(entry)
                done = True
            else:
                self._order(entry)
                done = True
        finally:
            self._held = None
        if not done:
            raise RefusedReplay(f"what was accepted is refused: {entry}")

    def resume(self, rules: JobRules, operator: Credentials, site: str = "") -> None:
        """Go on after `restore` and `replay`: by these rules, with this operator's key, with URLs to this site."""
        self.jobs.use_rules(rules)
        self._services.operator = operator
        self.artifacts.use_operator(operator)
        self.artifacts.site = site
        self._set_timer()

    def _take(self, services: Services) -> None:
        self._services = services
        self.things, self.artifacts = services.identities, services.artifacts
        self.jobs, self.registry = services.jobs, services.registry
        self.gate.guard(services.registry, services.identities)
        self._rest = Router(services, self.gate)

    # The ways out

    def carry(self, effects: list[Effect], connection: Any = None) -> None:
        """Bring about what a call of the Jobs service asks for; answers go to `connection`."""
        if self._held is not None:
            self._held.append(partial(self.carry, effects, connection))
            return
        for effect in effects:
            if type(effect) is Reply:
                self.face.reply(connection, effect.topic, effect.payload)
            elif type(effect) is Changed:
                self._record(effect)
            elif type(effect) is Publish:
                self.face.publish(effect.topic, effect.write)
            elif type(effect) is JobChanged:
                self.trace.emit(job_track(effect.job_id), "job", old=effect.old, new=effect.new)
            elif type(effect) is RolledOut:
                pace = {"per_minute": effect.per_minute, "notified": effect.notified, "waiting": effect.waiting}
                self.trace.emit(job_track(effect.job_id), "job.rollout", **pace)
        if self.jobs.due_s() != self._due_s:
            self._set_timer()

    def _publish(self, topic: str, payload: bytes, qos: int) -> None:
        if self._held is not None:
            self._held.append(partial(self._publish, topic, payload, qos))
            return
        self.face.publish(topic, payload, qos)

    def _set_timer(self) -> None:
        """Keep one timer at the moment at which the Jobs service has something to do by itself."""
        due_s = self._due_s = self.jobs.due_s()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due_s is not None:
            delay_us = max(0, (due_s - self.clock.start_s) * 1_000_000 - self.clock.now_us)
            self._timer = self.clock.after(delay_us, self._advance)

    def _advance(self) -> None:
        self._timer = self._due_s = None
        now_s = self.clock.epoch_s
        effects = self.jobs.advance(now_s)
        self.journal(Passed(now_s))
        self.carry(effects)

    def _record(self, change: Changed) -> None:
        data = {
            "job": change.job_id,
            "old": change.old,
            "new": change.new,
            "version": change.version,
            "details": change.details,
        }
        self.trace.take(self.clock.now_us, change.thing + TRACK_SUFFIX, "execution", data)

    def _presign(self, place: S3Place, expires_s: int, now_s: int) -> str:
        """A signed URL; objects under the `url_expired` fault get one whose time is already over."""
        late_s = expires_s + 1 if self.expired and (place.bucket, place.key) in self.expired else 0
        wanted = (place, expires_s, now_s - late_s, self.artifacts.site)
        url = self._signed.get(wanted)
        if url is None:
            method = "PUT" if place.upload else "GET"
            url = self.artifacts.presign(
                place.bucket, place.key, expires_s, now_s - late_s, version=place.version, method=method
            )
            keep(self._signed, wanted, url, URLS_KEPT)
        return url


def _forgotten(_entry: Input) -> None:
    """Where nobody keeps the inputs."""


def job_track(job_id: str) -> str:
    """The track of a job's own records."""
    return f"job/{job_id}{TRACK_SUFFIX}"


def _accepted_change(topic: str, effects: Sequence[Effect]) -> bool:
    """Whether a device's request was accepted, and is one that may have changed something."""
    asked = parse_request(topic)
    answer = next((effect for effect in effects if isinstance(effect, Reply)), None)
    return asked is not None and asked.operation in _CHANGING and answer is not None and answer.topic == accepted(topic)
