"""`*.ota.yaml` files as tests: one item for each `expect` and each threshold, of each choice of the matrix.

A scenario is run when its first item is, and its items share that run. What is wrong with the file is told when it is
collected, with its places.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sim.errors import QpyotaError
from sim.pytest_plugin.failures import folder_name

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr

    from sim.rig.run import ScenarioRun
    from sim.scenario.schema import Scenario

COMPLETE = "runs to its end"
"""The item of a scenario that expects nothing."""


class ScenarioFile(pytest.File):
    """One file."""

    def collect(self) -> Iterator[ScenarioItem]:
        from sim.rig.run import choices

        try:
            for name, scenario in choices(self.path):
                yield from self._items(name, scenario)
        except QpyotaError as error:
            raise self.CollectError(str(error)) from None

    def _items(self, name: str, scenario: Scenario) -> Iterator[ScenarioItem]:
        folder: Path | None = self.config.getoption("--qpy-artifacts")
        keep = None if folder is None else folder / folder_name(f"{self.nodeid} {name}")
        once = Once(scenario, self.config.getoption("--qpy-seed"), keep)
        rows = [*scenario.expect]
        rows += [f"{metric}: {rule.expr}" for metric, rules in scenario.thresholds.items() for rule in rules]
        for row in rows or [COMPLETE]:
            yield ScenarioItem.from_parent(self, name=f"{row} [{name}]" if name else row, row=row, once=once)


class Once:
    """The run that the items of one scenario share. `keep`: where to keep what there is of one that fails."""

    def __init__(self, scenario: Scenario, seed: int | None, keep: Path | None) -> None:
        self._scenario = scenario
        self._seed = seed
        self._keep = keep

    @cached_property
    def run(self) -> ScenarioRun:
        """What it came to; made when somebody first asks."""
        from sim.rig.artifacts import RunKeeper
        from sim.rig.run import run
        from sim.scenario.result import RunOptions

        options = RunOptions(seed=self._seed, transport="memory")
        if self._keep is None:
            return run(self._scenario, options)
        keeper = RunKeeper(self._keep)
        made = run(self._scenario, options, (keeper,))
        self.kept = (
            f"nothing was kept: {keeper.problem}" if keeper.problem else f"trace, flash and replay line: {self._keep}"
        )
        return made

    kept = ""
    """Where to look, in words, after a run that failed."""


class Unmatched(Exception):  # noqa: N818 - a finding
    """A line of a scenario that does not hold."""


class ScenarioItem(pytest.Item):
    """One line of a scenario that is to hold."""

    def __init__(self, *, row: str, once: Once, **more: Any) -> None:
        super().__init__(**more)
        self._row = row
        self._once = once

    def runtest(self) -> None:
        run = self._once.run
        told = [f"incomplete: {problem}" for problem in run.result.problems]
        told += [f"{one.expr}: {one.detail}" for one in run.expects if one.expr == self._row and not one.passed]
        told += [
            f"{one.metric}: {one.expr}: {one.shown}"
            for one in run.thresholds
            if f"{one.metric}: {one.expr}" == self._row and not one.passed
        ]
        if told:
            lines = [*told, *run.result.explanations, f"replay: {run.replay}", self._once.kept]
            raise Unmatched("\n".join(filter(None, lines)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        if isinstance(excinfo.value, Unmatched | QpyotaError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self.path.name}: {self._row}"
