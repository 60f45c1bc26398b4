"""What a job is aimed at: the names of things and groups, and who is a member.

The service knows things by `add_thing`. Groups belong to the registry, which stands behind the `Targets` port; the
service never keeps a copy of a membership beyond the executions that follow from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

_ARN = re.compile(r"arn:aws(?:-[a-z]+)*:iot:([a-z0-9-]*):([0-9]*):([a-z]+)/(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Arns:
    """Amazon resource names of one account in one region."""

    region: str = "us-west-2"
    account: str = "123456789012"

    def of(self, kind: str, name: str) -> str:
        """The name of a resource; `kind` is e.g. `thing`, `thinggroup`, `job`, `jobtemplate`."""
        return f"arn:aws:iot:{self.region}:{self.account}:{kind}/{name}"

    def thing(self, name: str) -> str:
        return self.of("thing", name)

    def group(self, name: str) -> str:
        return self.of("thinggroup", name)

    def job(self, job_id: str) -> str:
        return self.of("job", job_id)

    def parse(self, arn: str) -> tuple[str, str] | None:
        """Kind and name of a resource of this account and region (a managed resource has neither); else None."""
        match = _ARN.fullmatch(arn)
        if match is None or match[1] not in ("", self.region) or match[2] not in ("", self.account):
            return None
        return match[3], match[4]


class Targets(Protocol):
    """Thing groups, as the registry keeps them. All names are ARNs, things go by their plain name."""

    def exists(self, arn: str) -> bool:
        """Whether there is a thing group of this ARN (the service itself knows the things)."""

    def members(self, arn: str) -> Iterable[str]:
        """Names of the things in a group and in all groups below it, in a fixed order."""

    def groups_of(self, thing: str) -> Iterable[str]:
        """ARNs of the groups a thing is in, with all groups above them. Cost: its groups only, not their members."""


class NoGroups:
    """An account that has things only."""

    def exists(self, arn: str) -> bool:  # noqa: ARG002 - the port's name
        return False

    def members(self, arn: str) -> Iterable[str]:  # noqa: ARG002 - the port's name
        return ()

    def groups_of(self, thing: str) -> Iterable[str]:  # noqa: ARG002 - the port's name
        return ()
