"""A shard: some devices of a scenario in a process of their own, whose cloud is on the other end of a line.

It runs through the time that the hub gives it, never further, and says what its devices said, what they did, and the
earliest instant at which one of them can say something again: the nearest of those foretold by the air, or its next
event and the shortest way up. What it does is a function of the windows it is given, so it can be run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from heapq import heappop
from pathlib import Path
from pickle import loads
from tempfile import TemporaryDirectory
from traceback import format_exc

from sim.device.air import delay
from sim.device.link import PACKET_OVERHEAD_BYTES
from sim.device.module import Module
from sim.device.peek import read_file
from sim.device.sim_card import make_sim
from sim.errors import MachineError, QpyotaError, SpecError
from sim.fleet.luggage import unpack
from sim.fleet.orders import (
    NEVER_US,
    Dismissed,
    Done,
    Failed,
    Finish,
    HostEnd,
    ShardSpec,
    Summary,
    Told,
    Welcome,
    Window,
    packed,
)
from sim.kernel.garbage import rare_collections
from sim.net.lines import Line, LineLost, dial
from sim.net.memory import DeviceSide
from sim.net.memory_apart import Call
from sim.ports import Address
from sim.scenario.part import Part
from sim.scenario.runner import device_view, explanations, host_view, missed_faults, missed_steps, peer_notes, watch_of
from sim.scenario.schema import Scenario
from sim.scenario.tally import Tally
from sim.scenario.views import DeviceView
from sim.scenario.wiring import Wiring
from sim.scenario.world import World
from sim.trace import Record

PATIENCE_S = 60.0
"""Wall time that a shard tries to reach a hub which is not there yet."""

PROBLEMS_KEPT = 20
"""Calls of devices elsewhere, after which no more are told."""

OVER, GONE = "the run is over", "the hub is gone, or has put another in this one's place"
"""How a shard ends."""


def run_shard(spec: ShardSpec, say: Callable[[str], object] = str) -> str:
    """Be a shard until the run is over (OVER), or the hub wants it no more (GONE). MachineError when it never did.
    `say` is told which shard this is."""
    line = dial(spec.hub, spec.token, spec.index, PATIENCE_S)
    try:
        return _serve(line, say)
    except LineLost:
        return GONE
    finally:
        line.close()
        line.closed.wait(PATIENCE_S)


def _serve(line: Line, say: Callable[[str], object]) -> str:
    welcome = loads(line.receive())
    while isinstance(welcome, Welcome):
        which = f"shard {welcome.index} of {welcome.of} of {welcome.run_id}, epoch {welcome.epoch}"
        say(f"{which}: {len(welcome.names)} devices, {len(welcome.orders)} windows to catch up with")
        try:
            welcome = _be(line, welcome)
        except QpyotaError as error:
            kind = SpecError if isinstance(error, SpecError) else MachineError
            line.send(packed(Failed(kind(str(error)))))
            return OVER
        except LineLost:
            raise
        except Exception:
            line.send(packed(Failed(RuntimeError(f"in shard {welcome.index}:\n{format_exc()}"))))
            raise
    return OVER


def _be(line: Line, welcome: Welcome) -> Welcome | None:
    """Be this shard to its end, or until it is to be another, or itself anew."""
    with TemporaryDirectory(prefix="qpyota-shard-") as folder:
        shard = Shard(unpack(welcome.luggage, Path(folder)), welcome)
    try:
        with rare_collections():
            answer: Done | Summary = shard.done()
            for order in map(loads, welcome.orders):
                answer = shard.take(order)
            line.send(packed(answer))
            while True:
                order = loads(line.receive())
                if isinstance(order, Welcome):
                    return order
                if isinstance(order, Dismissed):
                    return None
                answer = shard.take(order)
                line.send(packed(answer))
    except LineLost:
        if isinstance(answer, Summary):
            return None  # all is said, and the hub is content
        raise
    finally:
        shard.world.close()


class Shard:
    """The devices of one shard and their clock."""

    def __init__(self, scenario: Scenario, welcome: Welcome) -> None:
        self._calls: list[Call] = []
        self._records: list[Told] = []
        self._listening = False
        part = Part(welcome.names, cloud=False, say=self._calls.append)
        self.world = World(scenario, welcome.options, part=part)
        wiring = self.world.wiring
        assert isinstance(wiring, Wiring)
        self._far_cloud, self._clock = wiring.far_cloud, self.world.clock
        self._clock.foretold = []
        self._ahead_us = min(map(shortest_up_us, self.world.devices.values()), default=NEVER_US)
        self._tally, self._watch = Tally(self.world.devices), watch_of(self.world)
        trace = self.world.trace
        trace.observe(self._tell)
        self._tally.listen(trace)
        if self._watch.evidence:
            self._watch.listen(trace)
        if any(entry.agent is None for entry in scenario.fleet):
            self._look_out_for_strangers(scenario)
        self.world.start()

    def take(self, order: Window | Finish) -> Done | Summary:
        """Do what the hub says."""
        return self.window(order) if isinstance(order, Window) else self.finish(order)

    def window(self, window: Window) -> Done:
        """Let the time of a window pass."""
        clock = self._clock
        if clock.now_us < window.until_us:
            clock.run_through(window.until_us - 1)
            clock.after(window.until_us - clock.now_us, _nothing)
            clock.run_through(window.until_us)
        self._listening = True
        for told in window.told:
            self.world.trace.take(*told)
        self._listening = False
        for device, number, arrival in window.arrivals:
            clock.after(0, clock.handover, partial(self._far_cloud.arrive, device, number, arrival))
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
        world = self.world
        self._clock.run(finish.until_us)
        return Summary(
            records=self._records,
            devices={name: _seen(module, finish.files) for name, module in world.devices.items()},
            hosts={host.name: HostEnd(host_view(host), host.heard_us) for host in world.hosts},
            costs=self._tally.costs,
            explanations=explanations(world.devices, self._watch),
            peer_notes=list(peer_notes(world, self._tally)),
            missed_faults=list(missed_faults(world)),
            missed_steps=list(missed_steps(world)),
            artifact_faults=[fault.done for fault in world.account.artifacts.faults],
            problems=world.problems,
        )

    def _tell(self, record: Record) -> None:
        if not self._listening:
            self._records.append((record.at_us, record.track, record.kind, record.data))

    def _look_out_for_strangers(self, scenario: Scenario) -> None:
        """A program that calls a device of another shard finds nobody there: the run is not what it would have been."""
        names = [name for entry in scenario.fleet for name in entry.devices() if name not in self.world.devices]
        strangers = {make_sim(self.world.seed, name).address: name for name in names}

        def missing(at: Address) -> None:
            if at.ip in strangers and len(self.world.problems) < PROBLEMS_KEPT:
                self.world.problems.append(f"a program called {strangers[at.ip]}, which is in another shard")

        network = self.world.wiring.network
        assert isinstance(network, DeviceSide)
        network.streams.tell_missing(missing)


def shortest_up_us(module: Module) -> int:
    """What a packet of this device needs at least on its way up."""
    spec = module.radio.spec
    way_us, _ = delay(replace(spec, loss=0.0), spec.rtt_us // 2, 0)
    return max(1, way_us + PACKET_OVERHEAD_BYTES * 1_000_000 // spec.up_bytes_per_s)


def _seen(module: Module, files: Iterable[str]) -> DeviceView:
    return replace(device_view(module), _read={path: read_file(module, path) for path in files}.__getitem__)


def _nothing() -> None:
    pass
