"""Many runs of one scenario: the same seeds under each combination of settings.

A seed is named by the root seed and the number of its run, so that run 7 has the same one whatever is varied and
however many runs there are: combinations are compared under the same luck. A run that cannot be made is an answer
like any other, and does not end the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from sim.errors import QpyotaError, SpecError
from sim.fleet.run import run_judged
from sim.kernel.seeds import key
from sim.scenario.loader import load_scenario
from sim.scenario.processes import as_finished
from sim.scenario.result import RunOptions, RunResult
from sim.scenario.schema import Scenario
from sim.scenario.settings import Setting

MOST_RUNS = 100_000
"""Of one command."""

SEED_BITS = 48
"""Every JSON reader has them exactly, and of 10,000 seeds two are the same once in five million times."""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Plan:
    """`path` with `settings`, and with each of the `cells` on top, for `runs` seeds that hang on `root`."""

    path: Path
    settings: tuple[Setting, ...]
    cells: tuple[tuple[Setting, ...], ...]
    root: int
    runs: int
    options: RunOptions

    def __post_init__(self) -> None:
        if len(self.cells) * self.runs > MOST_RUNS:
            raise SpecError(
                f"{len(self.cells)} combinations of {self.runs} runs are more than {MOST_RUNS} runs; give fewer values"
            )

    def checked(self) -> list[Scenario]:
        """The scenario of each cell; SpecError holds what is wrong with any of them, before anything runs."""
        scenarios, problems = [], []
        for cell in self.cells:
            try:
                scenarios.append(load_scenario(self.path, (*self.settings, *cell)))
            except SpecError as error:
                problems += [problem for problem in error.problems if problem not in problems]
        if problems:
            raise SpecError(problems)
        return scenarios

    def tasks(self) -> list[Task]:
        """All runs, cell by cell, each in the order of its seeds."""
        return [
            Task(cell, run, self.path, (*self.settings, *settings), replace(self.options, seed=seed_of(self.root, run)))
            for cell, settings in enumerate(self.cells)
            for run in range(self.runs)
        ]


@dataclass(frozen=True, slots=True)
class Task:
    """One run: the number of its cell, and its own number, from 0."""

    cell: int
    run: int
    path: Path
    settings: tuple[Setting, ...]
    options: RunOptions


@dataclass(frozen=True, slots=True)
class Played(Generic[_Answer]):
    """What came of a task: an `answer`, or the `error` that kept it from running, with its exit code."""

    task: Task
    answer: _Answer | None
    error: str = ""
    error_code: int = 0


def seed_of(root: int, run: int) -> int:
    """The seed of run number `run`, from 0. The first has the root itself: it is the run one already knows."""
    return root if run == 0 else key(root, "", f"run {run}") >> (64 - SEED_BITS)


def play_all(
    call: Callable[[Task], Played[_Answer]],
    tasks: Sequence[Task],
    jobs: int,
    tell: Callable[[Played[_Answer]], None] = lambda _: None,
) -> tuple[list[Played[_Answer]], bool]:
    """Every task by so many processes, in the order of the tasks; `tell` hears of each as it is done. False with those
    that were done when Ctrl-C came."""
    done: dict[int, Played[_Answer]] = {}
    whole = True
    try:
        with closing(as_finished(call, tasks, jobs)) as answers:
            for index, played in answers:
                done[index] = played
                tell(played)
    except KeyboardInterrupt:
        whole = False
    return [done[index] for index in sorted(done)], whole


def play(task: Task) -> Played[RunResult]:
    """Run it to its verdict."""
    try:
        return Played(task, run_judged(load_scenario(task.path, task.settings), task.options))
    except QpyotaError as error:
        return Played(task, None, str(error), error.exit_code)
