"""What the REST planes act upon: the services of one account, and the two ways out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sim.cloud.api.roles import Roles
from sim.cloud.artifacts import ArtifactStore
from sim.cloud.registry.registry import Registry
from sim.cloud.sigv4 import OPERATOR, Credentials
from sim.cloud.things import Things
from sim.jobs.effects import Effect
from sim.jobs.service import JobService

Carry = Callable[[list[Effect]], None]
"""Takes the effects of the Jobs service where they belong."""
Publish = Callable[[str, bytes, int], None]
"""(topic, payload, qos): an ordinary publish through the broker."""


@dataclass(slots=True)
class Indexing:
    """Fleet indexing as configured. On by default, so that dynamic groups and searches just work; AWS has it off."""

    things: str = "REGISTRY"
    groups: str = "ON"


@dataclass(slots=True)
class Services:
    """One account. `endpoint` is the host that DescribeEndpoint tells; "" tells the one the caller used.

    All of it outlives the process, so whatever is added here has to be plain values; `carry` and `publish` are ports.
    """

    registry: Registry
    jobs: JobService
    artifacts: ArtifactStore
    identities: Things
    carry: Carry
    publish: Publish
    endpoint: str = ""
    operator: Credentials = OPERATOR
    indexing: Indexing = field(default_factory=Indexing)
    roles: Roles = field(init=False)

    def __post_init__(self) -> None:
        self.roles = Roles(self.registry.arns.account)

    def regrouped(self, things: Iterable[str], now_s: int) -> None:
        """The groups of these things may have changed: tell the jobs that follow groups."""
        for thing in things:
            self.carry(self.jobs.membership_changed(thing, now_s))
