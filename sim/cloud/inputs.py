"""What can change an account, each with its time: the account is a function of these, in their order.

A journal of them is therefore all that has to be kept. Only what was accepted is worth keeping; a refused request has
changed nothing. Times are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sim.jobs.messages import Json
from sim.ports import HttpRequest

JobOperation = Literal["create", "cancel", "delete", "associate"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A device's request over MQTT."""

    now_s: int
    client_id: str
    topic: str
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Called:
    """A request to any REST service."""

    now_s: int
    request: HttpRequest


@dataclass(frozen=True, slots=True)
class Passed:
    """Time: what was due by itself was done."""

    now_s: int


@dataclass(frozen=True, slots=True)
class Ordered:
    """What a scenario's operator asked of a job; `members` are those of AWS's request."""

    now_s: int
    operation: JobOperation
    job_id: str
    members: Mapping[str, Json] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate made for a device of this cloud, with the policy of devices."""

    now_s: int
    thing: str


Input = Asked | Called | Passed | Ordered | Issued
