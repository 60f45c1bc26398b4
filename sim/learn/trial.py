"""One run of a student's work under one seed: which goals hold, and what the questions' answers are.

Rules: a run ends for whatever reason, and what comes of it is an answer, never an exception of the student's making.
A run that floods its trace is ended at a fixed record, so that its verdict repeats. The machine's clock has no say
here; whoever runs the work of others puts it into a process with limits (sim/learn/cell.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sim.fleet.run import run_judged
from sim.learn.live import Ticks
from sim.learn.schema import Goal, Lab
from sim.scenario.expect import measure
from sim.scenario.result import RunOptions, RunResult
from sim.scenario.runner import namespace
from sim.scenario.schema import Scenario
from sim.scenario.schema_reports import Limit
from sim.scenario.sightings import Sightings, kinds_in
from sim.scenario.tally import Cost
from sim.scenario.world import World
from sim.trace import Record

RECORDS_MOST = 400_000
"""Of one run; the busiest model solution makes a tenth of that."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A goal, whether it holds, and, when it does not, what was found instead."""

    goal: Goal
    held: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run. `reason` is why it says nothing about its goals, empty when it does."""

    seed: int
    goals: tuple[Reached, ...]
    answers: Mapping[str, Any]
    reason: str = ""
    explanations: tuple[str, ...] = ()
    virtual_s: float = 0.0
    trace_hash: str = ""
    changes: tuple[tuple[tuple[int, bool], ...], ...] = ()
    """When each goal came to hold, and ceased to, if anybody asked (sim/learn/live.py)."""

    @property
    def passed(self) -> bool:
        """Every goal holds."""
        return not self.reason and all(one.held for one in self.goals)


def try_work(lab: Lab, scenario: Scenario, seed: int | None = None, *, live: bool = False) -> Outcome:
    """Run it in memory, with the scenario's own seed unless another is given. QpyotaError when it cannot be run."""
    judged = _with_goals(lab, scenario)
    watch, ticks = _Watch(lab), Ticks(lab)
    attendants = (watch, ticks) if live else (watch,)
    result = run_judged(judged, RunOptions(seed=seed, transport="memory"), attendants=lambda _: attendants)
    reason = watch.flooded or "; ".join(result.problems)
    goals = tuple(_reached(lab.goals, result))
    if reason:
        goals = tuple(replace(one, held=False, detail=one.detail or reason) for one in goals)
    told = tuple(result.explanations)
    changes = tuple(map(tuple, ticks.changes)) if live else ()
    return Outcome(result.seed, goals, watch.answers, reason, told, result.virtual_s, result.trace_hash, changes)


def could_not_run(lab: Lab, seed: int, reason: str) -> Outcome:
    """The outcome of work that cannot be run at all."""
    return Outcome(seed, tuple(Reached(goal, False, reason) for goal in lab.goals), {}, reason)


def _with_goals(lab: Lab, scenario: Scenario) -> Scenario:
    """The scenario with the goals as what it expects, and nothing else."""
    limits: dict[str, tuple[Limit, ...]] = {}
    for goal in lab.goals:
        if goal.metric is not None:
            limits[goal.metric] = (*limits.get(goal.metric, ()), Limit(expr=str(goal.limit)))
    expects = tuple(goal.expect for goal in lab.goals if goal.expect is not None)
    return scenario.model_copy(update={"expect": expects, "thresholds": limits})


def _reached(goals: Sequence[Goal], result: RunResult) -> list[Reached]:
    expects = iter(result.expects)
    limits = {(one.metric.replace(" ", ""), one.expr): one for one in result.thresholds}
    found = []
    for goal in goals:
        if goal.expect is not None:
            line = next(expects)
            found.append(Reached(goal, line.passed, line.detail))
        else:
            limit = limits[str(goal.metric).replace(" ", ""), str(goal.limit).strip()]
            found.append(Reached(goal, limit.passed, "" if limit.passed else f"measured: {limit.shown}"))
    return found


class _Watch:
    """An attendant: the answers to the questions, and an eye on the number of records."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._seen = Sightings(kinds_in(asked.answer for asked in lab.predict))
        self._records = 0
        self.answers: dict[str, Any] = {}
        self.flooded = ""

    def begin(self, world: World) -> None:
        """Look at every record."""
        self._world = world
        world.trace.observe(self._count)
        self._seen.listen(world.trace)

    def end(self, world: World, result: RunResult) -> RunResult:
        """What the questions' expressions come to."""
        names = namespace(world, [Cost(**cost) for cost in result.costs], self._seen.views())
        self.answers = {asked.name: measure(asked.answer, names) for asked in self._lab.predict}
        return result

    def _count(self, record: Record) -> None:
        self._records += 1
        if self._records == RECORDS_MOST:
            what = f"{record.track} at {record.at_us / 1_000_000:.0f} s, the last of them {record.kind!r}"
            self.flooded = f"ended after {RECORDS_MOST} records, which is a flood: {what}"
            self._world.ending = self._world.cut_short = True
            self._world.clock.stop_at(record.at_us)
