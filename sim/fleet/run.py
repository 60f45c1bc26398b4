"""A run that is counted and judged: a scenario's thresholds, and which devices did not come through.

An attendant of the run (sim.scenario.runner). What it adds repeats with the run, as it sees nothing but the trace and
the world's end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from sim.device.catalogue import load_model
from sim.device.module import Module
from sim.fleet.judge import Judge
from sim.fleet.stats import OPEN, Stats, Tags
from sim.scenario.metrics import MetricRow
from sim.scenario.places import Places
from sim.scenario.result import Failure, RunOptions, RunResult
from sim.scenario.runner import Attendant, run_scenario
from sim.scenario.schema import Scenario
from sim.scenario.world import World
from sim.trace import Observer, Record

BAD_ENDS = ("FAILED", "TIMED_OUT", "REJECTED")
"""Statuses of an execution that make its device one that failed; a canceled or removed one was the operator's wish."""
FAILURES_KEPT = 1000
JUDGED = ("execution", "bricked", "power.cut", "link.lost", "mqtt.connack", "mqtt.in", "mqtt.closed", "http", "fault")
"""Kinds of records that a threshold with abortOnFail is looked at after."""
JUDGED_EVERY_US = 1_000_000
"""Simulation time: no more often than this, or a run would do nothing else."""


class Counting:
    """Counts a run and judges its thresholds; `stats` is what was counted, from `begin` on."""

    stats: Stats

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._aborted_by = ""
        self._judge_next_us = 0

    def begin(self, world: World) -> None:
        """Count what happens in a world."""
        self._world = world
        self.stats = Stats(device_tags(self._scenario, world.ground.places).get)
        self._judge = Judge(self._scenario.thresholds, self.stats)
        self.stats.listen(world.trace)
        if self._judge.may_abort:
            world.trace.observe(self._abort_when_broken, JUDGED)

    def end(self, world: World, result: RunResult) -> RunResult:
        """The result, with its thresholds and the devices that failed."""
        for name, view in world.views.items():
            if view.flash_ops:
                self.stats.count("flash_ops", name, view.flash_ops)
        self.stats.finish()
        thresholds = list(self._judge.results(self._aborted_by))
        return replace(result, thresholds=thresholds, failures=list(_failures(world, result.replay)))

    def rows(self) -> Iterator[MetricRow]:
        """What was counted, by metric and tags."""
        return self.stats.rows()

    def _abort_when_broken(self, record: Record) -> None:
        if record.at_us < self._judge_next_us or self._world.ending:
            return
        self._judge_next_us = record.at_us + JUDGED_EVERY_US
        self._world.once_over(record.at_us, partial(self._judge_after, record.at_us))

    def _judge_after(self, at_us: int) -> None:
        if self._world.ending:
            return
        self._aborted_by = self._judge.broken()
        if self._aborted_by:
            self._world.ending = self._world.cut_short = True
            self._world.end_at(at_us + 1)


Run = Callable[[Scenario, RunOptions, Sequence[Observer], Sequence[Attendant]], RunResult]
"""How a scenario is run: here, or in several processes."""


def run_judged(
    scenario: Scenario,
    options: RunOptions,
    observers: Sequence[Observer] = (),
    attendants: Callable[[Counting], Sequence[Attendant]] = lambda _: (),
    run: Run = run_scenario,
) -> RunResult:
    """`run_scenario`, with thresholds judged and failed devices named. More `attendants`, who may look at what is
    counted, see the result with both."""
    counting = Counting(scenario)
    return run(scenario, options, observers, (counting, *attendants(counting)))


def device_tags(scenario: Scenario, places: Places) -> dict[str, Tags]:
    """The tags of every device. Where no network is named, it is the category of the model's radio."""
    found: dict[str, Tags] = {}
    for entry in scenario.fleet:
        usual, group = load_model(entry.model).radio.category, str(entry.group or entry.name)
        alike: dict[str, Tags] = {}
        for name in entry.devices():
            network = places.of(name).network or usual
            if network not in alike:
                alike[network] = Tags(entry.model, network, group)
            found[name] = alike[network]
    return found


def tags_of(module: Module) -> Tags:
    """Tags of a device that no scenario has."""
    return Tags(module.model.variant, module.model.radio.category, "")


def _failures(world: World, replay: str) -> Iterator[Failure]:
    """Devices that did not come through, in the scenario's order, at most FAILURES_KEPT."""
    reasons: dict[str, str] = {}
    for job_id in world.account.job_ids:
        if world.account.jobs.progress(job_id) is None:
            continue
        for execution in world.account.jobs.executions(job_id):
            status = execution.status.value
            if execution.thing in world.lost:
                continue
            if status in BAD_ENDS or status in OPEN:
                known = "" if execution.thing not in reasons else reasons[execution.thing] + "; "
                how = f"is still {status}" if status in OPEN else f"ended {status}"
                reasons[execution.thing] = f"{known}job {job_id} {how}"
    kept = 0
    for name, view in world.views.items():
        if view.bricked:
            reasons[name] = "; ".join(filter(None, ("bricked", reasons.get(name, ""))))
        if name in reasons and kept < FAILURES_KEPT:
            kept += 1
            yield Failure(name, reasons[name], f"{replay} --follow {name}")
