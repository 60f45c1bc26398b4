"""From a run that fails to the smallest scenario that still fails the same way.

The same way: the same expect or threshold does not hold, the run is incomplete only if the first one was, and, where
devices of the first one came to a bad end, a device comes to one of those ends. The last rule is there because an
expect that counts (`succeeded == 200`) fails for any smaller fleet, which says nothing. Devices that came to a bad end
are tried first.

It goes on until nothing changes, so that at the end no single device and no single fault can be left out. Everything is
tried with real runs in memory, one after another, the same ones each time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sim.cloud.account import TRACK_SUFFIX
from sim.errors import QpyotaError, SpecError
from sim.fleet.run import run_judged
from sim.lab.parts import PARTS, Data, Kept, effective, everything, names_left, put_together, taken_apart
from sim.lab.reduce import fewest
from sim.scenario.loader import load_plain, scenario_of
from sim.scenario.result import RunOptions, RunResult
from sim.scenario.schema import Scenario
from sim.scenario.settings import Setting
from sim.trace import Record

MOST_RUNS = 5_000
"""After which it ends with what it has, and says that it may not be the smallest."""

BRICKED = "bricked"
LASTING = frozenset(("FAILED", "REJECTED", "TIMED_OUT", BRICKED))
"""Ends that stay as they are, so that time may be cut after them; an execution in progress may only need more time."""


class Ends:
    """An observer: how each device's jobs ended, as far as they ended badly."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], str] = {}
        self._bricked: dict[str, None] = {}

    def __call__(self, record: Record) -> None:
        if record.kind == "execution":
            self._last[record.track.removesuffix(TRACK_SUFFIX), record.data["job"]] = str(record.data["new"])
        elif record.kind == BRICKED:
            self._bricked[record.track] = None

    def bad(self) -> dict[str, str]:
        """Device → a bad end; of several the last job's, of these the worst."""
        ends = {device: status for (device, _), status in self._last.items() if status != "SUCCEEDED"}
        lasting = {d: status for (d, _), status in self._last.items() if status in LASTING}
        return ends | lasting | dict.fromkeys(self._bricked, BRICKED)


@dataclass(frozen=True, slots=True)
class Way:
    """How it failed: at an expect, or a threshold of a metric, or, with neither, it was incomplete, and why; and which
    bad ends there were."""

    expr: str
    metric: str
    problems: frozenset[str]
    ends: frozenset[str]

    def same(self, result: RunResult, bad: dict[str, str]) -> bool:
        """Whether this run fails that way, too."""
        problems = _kinds(result)
        if self.problems:
            return not self.problems.isdisjoint(problems)
        alike = not self.ends or not self.ends.isdisjoint(bad.values())
        return not problems and alike and (self.metric, self.expr) in _failing(result)

    @property
    def judged_by(self) -> Data:
        """The keys of a scenario that is judged by this alone."""
        if self.metric:
            return {"thresholds": {self.metric: [self.expr]}}
        return {"expect": [self.expr]} if self.expr else {}

    def __str__(self) -> str:
        line = f"{self.metric}: {self.expr}" if self.metric else self.expr
        return line or f"incomplete: {', '.join(sorted(self.problems))}"


@dataclass
class Shrunk:
    """The smallest found: plain `data`, what was `kept` of what was `whole`, and whether nothing more can go."""

    way: Way
    data: Data
    kept: Kept
    whole: Kept
    result: RunResult
    runs: int
    smallest: bool
    others: list[str] = field(default_factory=list)
    """Further expects and thresholds that failed, and were not looked at."""


class _TooMany(Exception):  # noqa: N818 - not an error
    pass


class Shrink:
    """One reduction. `tell` hears how many devices and faults are left, after each success."""

    def __init__(self, path: Path, settings: tuple[Setting, ...], options: RunOptions, fails: str | None) -> None:
        self._path, self._options = path, options
        data, scenario = load_plain(path, settings)
        seed = scenario.seed if options.seed is None else options.seed
        self._scenario = scenario
        given: Data = {key: data[key] for key in ("expect", "thresholds") if key in data}
        given = given if fails is None else {"expect": [fails]}
        first, ends = self._play(taken_apart(data, scenario, seed, given))
        self._way, self._others = _way_of(first, ends.bad(), path)
        self._suspects = ends.bad()
        self._data = taken_apart(data, scenario, seed, self._way.judged_by)
        self._whole = everything(self._data, scenario)
        self._best, self._result = self._whole, first
        self._asked: dict[str, RunResult | None] = {}
        self._runs = 1
        self.tell: Callable[[Kept, int], None] = lambda _kept, _runs: None

    def run(self) -> Shrunk:
        """Reduce until nothing more can go, or Ctrl-C."""
        smallest = True
        try:
            if not (self._try_suspects() or self._enough(self._whole)):
                raise SpecError(f"{self._path}: taken apart, it does not fail the same way: {self._way}")
            before = None
            while before != self._best:
                before = self._best
                for part in PARTS:
                    self._reduce(part)
                self._shorten()
        except (KeyboardInterrupt, _TooMany):
            smallest = False
        data = put_together(self._data, self._scenario, self._best)
        return Shrunk(self._way, data, self._best, self._whole, self._result, self._runs, smallest, self._others)

    def _try_suspects(self) -> bool:
        found = [name for name in self._whole.devices if name in self._suspects]
        lasting = [name for name in found if self._suspects[name] in LASTING]
        tries = (replace(self._whole, devices=tuple(names)) for names in (lasting[:1], lasting, found) if names)
        return any(map(self._enough, tries))

    def _reduce(self, part: str) -> None:
        kept = self._best
        parts = getattr(kept, part)
        if part == "faults":
            parts = effective(self._data, parts, names_left(self._scenario, kept))

        def enough(some: Sequence[Any]) -> bool:
            changed: dict[str, Any] = {part: tuple(some)}
            return self._enough(replace(kept, **changed))

        fewest(parts, enough)

    def _shorten(self) -> None:
        """Cut the time, in whole seconds, to where it only just fails: by halves, as what lasts does not go away."""
        if not self._way.ends & LASTING:
            return
        late, early = -(-round(self._result.virtual_s * 1000) // 1000), 0
        if self._best.duration_s is not None:
            late = min(late, self._best.duration_s)
        while late - early > 1:
            middle = (late + early) // 2
            if self._enough(replace(self._best, duration_s=middle)):
                late = middle
            else:
                early = middle

    def _enough(self, kept: Kept) -> bool:
        """Whether this fails the same way; if so it is the best so far."""
        data = put_together(self._data, self._scenario, kept)
        name = json.dumps(data, sort_keys=True)
        if name not in self._asked:
            self._asked[name] = self._ask(data)
        result = self._asked[name]
        if result is None:
            return False
        self._best, self._result = kept, result
        self.tell(kept, self._runs)
        return True

    def _ask(self, data: Data) -> RunResult | None:
        """The run that fails the same way, if it does."""
        if not data["fleet"]:
            return None
        if self._runs >= MOST_RUNS:
            raise _TooMany
        self._runs += 1
        try:
            result, ends = self._play(data)
        except QpyotaError:
            return None  # something that is left needs something that is gone
        return result if self._way.same(result, ends.bad()) else None

    def _play(self, data: Data) -> tuple[RunResult, Ends]:
        ends = Ends()
        return run_judged(scenario_of(data, self._path), replace(self._options, seed=None), [ends]), ends


def _way_of(result: RunResult, bad: dict[str, str], path: Path) -> tuple[Way, list[str]]:
    """How it failed, and what else did."""
    failing, problems = _failing(result), _kinds(result)
    others = [f"{metric}: {expr}" if metric else expr for metric, expr in failing]
    if problems:
        return Way("", "", problems, frozenset()), others
    if not failing:
        raise SpecError(
            f"{path} with seed {result.seed} passes, so there is nothing to shrink; "
            f"`qpyota run {path} --repeat 20` finds a seed that fails, --fails judges by another expect"
        )
    (metric, expr), ends = failing[0], frozenset(bad.values())
    return Way(expr, metric, problems, ends), others[1:]


def _failing(result: RunResult) -> list[tuple[str, str]]:
    """Expects that do not hold, as ("", EXPR), then thresholds, as (METRIC, EXPR)."""
    expects = [("", expect.expr) for expect in result.expects if not expect.passed]
    return expects + [(one.metric, one.expr) for one in result.thresholds if not one.passed]


def _kinds(result: RunResult) -> frozenset[str]:
    return frozenset(problem.partition(":")[0] for problem in result.problems)


def summary(shrunk: Shrunk) -> dict[str, Any]:
    """What `qpyota shrink --json` says of it, but for the files."""
    jobs, faults = len(shrunk.data.get("jobs", ())), len(shrunk.data.get("faults", ()))
    return {
        "fails": str(shrunk.way),
        "seed": shrunk.data["seed"],
        "devices": len(shrunk.kept.devices),
        "devices_before": len(shrunk.whole.devices),
        "faults": faults,
        "faults_before": len(shrunk.whole.faults),
        "jobs": jobs,
        "jobs_before": len(shrunk.whole.jobs),
        "duration": shrunk.data.get("duration", ""),
        "simulated_s": shrunk.result.virtual_s,
        "runs": shrunk.runs,
        "smallest": shrunk.smallest,
        "other_failures": shrunk.others,
        "trace_hash": shrunk.result.trace_hash,
    }


def check_alike(way: Way, scenario: Scenario, options: RunOptions, trace_hash: str) -> None:
    """That a written scenario does what was found; anything else is a defect."""
    ends = Ends()
    result = run_judged(scenario, options, [ends])
    assert way.same(result, ends.bad()), f"the written scenario does not fail at {way}"
    assert result.trace_hash == trace_hash, "the written scenario is not the one that was found"
