"""Run one scenario to its verdict. The only place that looks at the wall clock, to say how long it took."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from sim.cloud.account import TRACK_SUFFIX, Account
from sim.device.module import Module
from sim.device.peek import installed_version, read_file
from sim.kernel.garbage import rare_collections
from sim.scenario.expect import evaluate
from sim.scenario.explain.evidence import Watch
from sim.scenario.explain.reasons import explain
from sim.scenario.faults import nobody_struck
from sim.scenario.hosts import Host
from sim.scenario.result import RunOptions, RunResult
from sim.scenario.schema import Scenario
from sim.scenario.sightings import Sightings, kinds_in
from sim.scenario.tally import Cost, Tally
from sim.scenario.views import (
    Counts,
    DeviceView,
    ExecutionView,
    FleetView,
    HostView,
    JobView,
    Namespace,
    SeenView,
)
from sim.scenario.world import World
from sim.script.runtime import ScriptRuntime
from sim.shipped import scenarios_dir
from sim.trace import Observer, Record

SETTLE_US = 5_000_000
"""A run goes on for this long after its last execution became terminal, so that devices get their last answers."""

ENDING = ("step", "execution", "job", "job.rollout", "order.refused", "injected")
"""Kinds of records after which nothing may be left to do: a device's steps, and whatever the cloud tells."""


class Attendant(Protocol):
    """Somebody who attends a run: sees its world before time begins, and again, with what it came to, after its end."""

    def begin(self, world: World) -> None:
        """The world is built and nothing has happened in it."""

    def end(self, world: World, result: RunResult) -> RunResult:
        """Time is over; the world still stands. Gives the result, with what there is to add to it."""


def run_scenario(
    scenario: Scenario,
    options: RunOptions,
    observers: Sequence[Observer] = (),
    attendants: Sequence[Attendant] = (),
) -> RunResult:
    """Build the world, let its time pass, judge it, take it down. Raises QpyotaError when it cannot be built or run.

    Thresholds are judged by an attendant: `sim.fleet.run.run_judged` brings one.
    """
    started_s = time.perf_counter()
    world = World(scenario, options)
    try:
        for observer in observers:
            world.trace.observe(observer)
        world.trace.observe(partial(end_when_finished, world), ENDING)
        tally, watch = Tally(world.devices), watch_of(world)
        tally.listen(world.trace)
        if watch.evidence:
            watch.listen(world.trace)
        seen = Sightings(kinds_in(scenario.expect))
        seen.listen(world.trace)
        for attendant in attendants:
            attendant.begin(world)
        world.start()
        with rare_collections(paced=options.transport == "paced"):
            world.clock.run(scenario.duration_us)
        world.views = {name: device_view(module) for name, module in world.devices.items()}
        outcome = Outcome(
            costs=tally.costs,
            hosts={host.name: host_view(host) for host in world.hosts},
            problems=list(_problems(world)),
            notes=list(_notes(world, tally)),
            explanations=list(explanations(world.devices, watch).values()),
        )
        result = judged(world, outcome, seen.views(), time.perf_counter() - started_s)
        for attendant in attendants:
            result = attendant.end(world, result)
        return result
    finally:
        world.close()


def end_when_finished(world: World, record: Record) -> None:
    """To be told every record of the kinds in ENDING: once nothing is left to do, the run ends a little later."""
    may_end = record.kind == "step" or record.track.endswith(TRACK_SUFFIX)
    if may_end:
        end_if_finished(world)


def end_if_finished(world: World) -> None:
    """Once nothing is left to do, the run ends a little later."""
    if not world.ending and world.finished:
        world.ending = True
        world.clock.stop_at(world.clock.now_us + SETTLE_US)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run has come to besides `world.views` and the account, wherever its devices live."""

    costs: Sequence[Cost]
    hosts: Mapping[str, HostView]
    problems: list[str]
    notes: list[str]
    explanations: list[str]


def judged(world: World, outcome: Outcome, seen: Mapping[str, SeenView], wall_s: float) -> RunResult:
    """The verdict of a run whose time is over."""
    scenario = world.scenario
    names = namespace(world, outcome.costs, seen, outcome.hosts)
    return RunResult(
        scenario=scenario.name,
        seed=world.seed,
        transport=world.options.transport,
        devices=len(world.views),
        executions={status.value: number for status, number in world.account.jobs.counts().items() if number},
        expects=[evaluate(line, names) for line in scenario.expect],
        virtual_s=world.clock.now_us / 1_000_000,
        wall_s=round(wall_s, 3),
        trace_hash=world.trace.digest(),
        replay=world.options.replay(named(scenario), world.seed, scenario.settings),
        problems=outcome.problems,
        costs=[cost.to_json() for cost in outcome.costs],
        notes=outcome.notes,
        explanations=outcome.explanations,
        shard_lost=list(world.lost),
        pace=world.truth.to_json() if world.truth is not None else None,
    )


def watch_of(world: World) -> Watch:
    """Of the devices that run a script: the traps that are known are those of scripts, not of the built-in agent."""
    scripted = (name for entry in world.scenario.fleet if entry.agent is None for name in entry.devices())
    return Watch(filter(world.devices.__contains__, scripted))


def explanations(devices: Mapping[str, Module], watch: Watch) -> dict[str, str]:
    """What is to be said of devices in a known trap, in the scenario's order."""
    found = {}
    for name in watch.evidence:
        module = devices[name]
        runs = not isinstance(module.program, ScriptRuntime) or module.program.runs
        sentence = explain(watch.evidence[name], partial(read_file, module), runs=runs)
        if sentence is not None:
            found[name] = sentence
    return found


def _problems(world: World) -> Iterator[str]:
    """What makes a run worth nothing, whatever it ended with."""
    yield from world.problems
    truth = world.truth
    if truth is not None and truth.behind and truth.measures:
        yield truth.behind
    if world.options.transport != "memory":
        for name in world.clock.loop.stuck:
            yield f"a connection did not drain: {name}"
    if world.cut_short:
        return
    yield from (text for _, text in missed_faults(world))
    for fault in world.account.artifacts.faults:
        if not fault.done:
            yield never_happened(fault)
    yield from (text for _, text in missed_steps(world))
    for one in world.injections:
        if not one.begun:
            yield f"never happened: {one}"


def missed_faults(world: World) -> Iterator[tuple[tuple[int, str], str]]:
    """Faults of devices that never happened, each with its number in the scenario and its device."""
    for fault in world.faults:
        if fault.must_happen and not fault.done:
            yield fault.place, never_happened(fault)


def missed_steps(world: World) -> Iterator[tuple[tuple[int, str], str]]:
    """Steps that never happened, likewise."""
    for step in world.steps:
        if not step.done:
            yield step.place, f"a step never happened: {step}"


def never_happened(fault: object) -> str:
    """What is said of a fault that must happen and did not."""
    return f"a fault never happened: {fault}"


def _notes(world: World, tally: Tally) -> Iterator[str]:
    """A pace that was not kept where nothing is measured, and what serial lines said that nobody reckoned with."""
    yield from nobody_struck(world.scenario, world.ground.places, world.seed)
    truth = world.truth
    if truth is not None and truth.behind and not truth.measures:
        yield truth.behind
    yield from (text for _, text in peer_notes(world, tally))


def peer_notes(world: World, tally: Tally) -> Iterator[tuple[tuple[str, int], str]]:
    """What serial lines said that nobody reckoned with, each with its device and port."""
    for name, peer in world.peers:
        line, where = (name, peer.port), f"{name}, port {peer.port}"
        if (unmatched := tally.unmatched.get(line)) is not None:
            more = f" ({unmatched.count} such texts)" if unmatched.count > 1 else ""
            yield line, f"{where}: no exchange expects {unmatched.text!r}{more}"
        for number in peer.left:
            yield line, f"{where}: nobody asked for exchange {number}"


def namespace(
    world: World,
    costs: Sequence[Cost] = (),
    seen: Mapping[str, SeenView] | None = None,
    hosts: Mapping[str, HostView] | None = None,
) -> Namespace:
    """What a run has come to, as `expect` lines see it; `costs` and `seen` are what was counted on the way. Of a run
    that is not over, what its devices and hosts are like now."""
    taken = {(cost.job, cost.device): cost for cost in costs}  # of several attempts, the last
    jobs = {job_id: job_view(world.account, job_id, taken) for job_id in world.account.job_ids}
    devices = world.views or {name: device_view(module) for name, module in world.devices.items()}
    counts = {status.value: number for status, number in world.account.jobs.counts().items()}
    hosts = {host.name: host_view(host) for host in world.hosts} if hosts is None else hosts
    return Namespace(FleetView(devices), jobs, Counts(counts), hosts, seen or {})


def job_view(account: Account, job_id: str, costs: Mapping[tuple[str, str], Cost] | None = None) -> JobView:
    """A job as it stands, with what its ended executions cost; DELETED where there is none of this id."""
    progress = account.jobs.progress(job_id)
    if progress is None:
        return JobView({})
    executions = {}
    for execution in account.jobs.executions(job_id):
        status, cost = execution.status.value, (costs or {}).get((job_id, execution.thing))
        ended = cost is not None and cost.status == status
        executions[execution.thing] = ExecutionView(
            status, execution.version, dict(execution.details), *(_taken(cost) if cost is not None and ended else ())
        )
    return JobView(executions, *progress)


def _taken(cost: Cost) -> tuple[float, int, int, int, int]:
    """What an execution took, in the order of its view."""
    return cost.seconds, cost.downloaded_bytes, cost.staged_bytes, cost.reboots, cost.erases


def host_view(host: Host) -> HostView:
    """What a host has come to."""
    return HostView(host.connections, host.finished, host.unmet, host.requests, host.text)


def device_view(module: Module) -> DeviceView:
    """What a device has come to."""
    radio, nor = module.radio, module.nor
    radio.settle()
    return DeviceView(
        firmware=installed_version(module),
        boots=module.boots,
        bricked=module.bricked,
        _read=partial(read_file, module),
        up_bytes=radio.up_bytes,
        down_bytes=radio.down_bytes,
        sector_erases=nor.all_erases(),
        worst_sector=nor.max_erase_count(),
        flash_ops=nor.ops,
    )


def named(scenario: Scenario) -> str:
    """The scenario as one would name it here: a shipped one by its bare name, a file by its shortest path."""
    source = scenario.source
    if source.parent == scenarios_dir():
        return source.stem
    here = Path.cwd()
    return str(source.relative_to(here)) if source.is_relative_to(here) else str(source)
