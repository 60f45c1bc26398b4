"""What a hub and its shards say to each other, as values. They travel as pickles, on a line that only machines of one
owner share.
"""

from __future__ import annotations

from dataclasses import dataclass
from pickle import HIGHEST_PROTOCOL, dumps
from typing import Any, NamedTuple

from sim.net.memory_apart import Call
from sim.scenario.result import RunOptions
from sim.scenario.tally import Cost
from sim.scenario.views import DeviceView, HostView

NEVER_US = 1 << 62

Told = tuple[int, str, str, dict[str, Any]]
"""A record of the trace: when, on which track, what kind, and its data."""


@dataclass(frozen=True, slots=True)
class ShardSpec:
    """What a process needs to be a shard of a run. `index` None: any one that is wanted. `hub`: an URL; `token`: the
    secret of the run."""

    run_id: str
    hub: str
    token: str
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Welcome:
    """You are shard `index` of `of` of a run, with the devices `names`. `orders` (pickled) are those of earlier epochs,
    to be gone through again; only what came of the last one is to be told."""

    run_id: str
    index: int
    of: int
    epoch: int
    luggage: bytes
    options: RunOptions
    names: frozenset[str]
    orders: tuple[bytes, ...] = ()


class Window(NamedTuple):
    """Let time pass through `until_us`. In that instant the cloud said `told` of these devices, and `arrivals`
    (device, connection number, what) are handed over."""

    until_us: int
    arrivals: list[tuple[str, int, Any]]
    told: list[Told]


class Done(NamedTuple):
    """What came of a window. `next_us`: the next event; `bound_us`: before it no device says anything."""

    next_us: int
    bound_us: int
    calls: list[Call]
    records: list[Told]
    steps_left: int


class Finish(NamedTuple):
    """The run ends at `until_us`, before all else of that instant; these are the files that somebody wants to see."""

    until_us: int
    files: tuple[str, ...]


class Dismissed(NamedTuple):
    """You are not needed (any more): the run is over, whatever way."""


class HostEnd(NamedTuple):
    """A host as one shard saw it, which heard from somebody new at `heard_us` last."""

    view: HostView
    heard_us: int


class Summary(NamedTuple):
    """The end of a shard. What it was to do and did not is told with (number in the scenario, device)."""

    records: list[Told]
    devices: dict[str, DeviceView]
    hosts: dict[str, HostEnd]
    costs: list[Cost]
    explanations: dict[str, str]
    peer_notes: list[tuple[tuple[str, int], str]]
    missed_faults: list[tuple[tuple[int, str], str]]
    missed_steps: list[tuple[tuple[int, str], str]]
    artifact_faults: list[bool]
    problems: list[str]


class Failed(NamedTuple):
    """The shard could not do it, and would not another time."""

    error: Exception


def packed(what: object) -> bytes:
    """As bytes."""
    return dumps(what, HIGHEST_PROTOCOL)
