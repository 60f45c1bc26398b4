"""A shard: some devices of a scenario in a process of their own, whose cloud is on the other end of a connection.

It runs through the time that the hub gives it, never further, and says what its devices said, what they did, and the
earliest instant at which one of them can say something again: the nearest of those foretold by the air, or its next
event and the shortest way up. What it does is a function of the windows it is given, so it can be run again.

Connections carry pickles and are authenticated by the run's token: for machines of one owner, never the open net.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from heapq import heappop
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any, NamedTuple

from sim.device.air import delay
from sim.device.link import PACKET_OVERHEAD_BYTES
from sim.device.module import Module
from sim.device.peek import installed_version, read_file
from sim.kernel.garbage import rare_collections
from sim.net.memory import DeviceSide
from sim.net.memory_cloud import Call
from sim.scenario.loader import load_scenario
from sim.scenario.part import Part
from sim.scenario.result import RunOptions
from sim.scenario.settings import parse_setting
from sim.scenario.world import World

NEVER_US = 1 << 62


@dataclass(frozen=True, slots=True)
class ShardSpec:
    """What a process needs to be shard `index` of `of`. `token` is the secret of the run; `hub` (host, port)."""

    scenario: Path
    settings: tuple[str, ...]
    options: RunOptions
    index: int
    of: int
    hub: tuple[str, int]
    token: bytes


class Window(NamedTuple):
    """Let time pass through `until_us`; these `arrivals` (connection number, what) are handed over in that instant."""

    until_us: int
    arrivals: list[tuple[int, Any]]


class Done(NamedTuple):
    """What came of a window. `next_us`: the next event; `bound_us`: before it no device says anything."""

    next_us: int
    bound_us: int
    calls: list[Call]
    records: list[tuple[int, str, str, dict[str, Any]]]
    steps_left: int


class Finish(NamedTuple):
    """The run ends at `at_us`, before all else of that instant; these are the files that somebody wants to see."""

    at_us: int
    files: tuple[str, ...]


class DeviceEnd(NamedTuple):
    """What a device has come to."""

    firmware: str | None
    boots: int
    bricked: bool
    files: dict[str, Any]
    up_bytes: int
    down_bytes: int


class Summary(NamedTuple):
    """The end of a shard: its last records, its devices, and what it was to do and did not."""

    records: list[tuple[int, str, str, dict[str, Any]]]
    devices: dict[str, DeviceEnd]
    problems: list[str]


def names_of(devices: Iterable[str], index: int, of: int) -> frozenset[str]:
    """The devices of a shard: every `of`-th."""
    return frozenset(list(devices)[index::of])


def run_shard(spec: ShardSpec) -> None:
    """Be a shard until the run is over, or the hub is gone."""
    with Client(spec.hub, authkey=spec.token) as hub, rare_collections():
        hub.send(spec.index)
        shard = Shard(spec)
        try:
            hub.send(shard.done())
            shard.serve(hub)
        except (EOFError, ConnectionError):
            return  # the hub ended the run, or has put another in this one's place
        finally:
            shard.world.close()


class Shard:
    """The devices of one shard and their clock."""

    def __init__(self, spec: ShardSpec) -> None:
        scenario = load_scenario(spec.scenario, [parse_setting(word) for word in spec.settings])
        every = [name for entry in scenario.fleet for name in entry.devices()]
        self._calls: list[Call] = []
        self._records: list[tuple[int, str, str, dict[str, Any]]] = []
        part = Part(names_of(every, spec.index, spec.of), cloud=False, say=self._calls.append)
        self.world = World(scenario, spec.options, part=part)
        self._clock = self.world.clock
        self._clock.foretold = []
        self._ahead_us = min(map(shortest_up_us, self.world.devices.values()), default=NEVER_US)
        self.world.trace.observe(lambda told: self._records.append((told.at_us, told.track, told.kind, told.data)))
        self.world.start()

    def serve(self, hub: Connection) -> None:
        """Do what the hub says until it says that the run is over."""
        while isinstance(order := hub.recv(), Window):
            hub.send(self.window(order))
        hub.send(self.finish(order))

    def window(self, window: Window) -> Done:
        """Let the time of a window pass."""
        clock = self._clock
        if clock.now_us < window.until_us:
            clock.run_through(window.until_us - 1)
            clock.after(window.until_us - clock.now_us, _nothing)
        network = self.world.wiring.network
        assert isinstance(network, DeviceSide)
        for number, arrival in window.arrivals:
            late = partial(network.arrive, number, arrival)
            clock.after(window.until_us - clock.now_us, clock.handover, late)
        clock.run_through(window.until_us)
        return self.done()

    def done(self) -> Done:
        """What is to be told of the time until now."""
        clock, foretold = self._clock, self._clock.foretold
        assert foretold is not None
        while foretold and foretold[0] <= clock.now_us:
            heappop(foretold)
        next_us = NEVER_US if clock.next_us is None else clock.next_us
        bound_us = min(foretold[0] if foretold else NEVER_US, next_us + self._ahead_us)
        calls, records = list(self._calls), list(self._records)
        self._calls.clear()
        self._records.clear()
        return Done(next_us, bound_us, calls, records, sum(not step.done for step in self.world.steps))

    def finish(self, finish: Finish) -> Summary:
        """Come to the end."""
        self._clock.run(finish.at_us)
        missed = [f"a fault never happened: {f}" for f in self.world.faults if f.must_happen and not f.done]
        missed += [f"a step never happened: {step}" for step in self.world.steps if not step.done]
        ends = {name: _end(module, finish.files) for name, module in self.world.devices.items()}
        return Summary(self._records, ends, [*self.world.problems, *missed])


def shortest_up_us(module: Module) -> int:
    """What a packet of this device needs at least on its way up."""
    spec = module.radio.spec
    way_us, _ = delay(replace(spec, loss=0.0), spec.rtt_us // 2, 0)
    return max(1, way_us + PACKET_OVERHEAD_BYTES * 1_000_000 // spec.up_bytes_per_s)


def _end(module: Module, files: Iterable[str]) -> DeviceEnd:
    module.radio.settle()
    read = {path: read_file(module, path) for path in files}
    radio = module.radio
    return DeviceEnd(installed_version(module), module.boots, module.bricked, read, radio.up_bytes, radio.down_bytes)


def _nothing() -> None:
    pass
