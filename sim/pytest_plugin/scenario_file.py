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
        once = Once(scenario, self.config)
        rows = [*scenario.expect]
        rows += [f"{metric}: {rule.expr}" for metric, rules in scenario.thresholds.items() for rule in rules]
        for row in rows or [COMPLETE]:
            yield ScenarioItem.from_parent(self, name=f"{row} [{name}]" if name else row, row=row, once=once)


class Once:
    """The run that the items of one scenario share."""

    def __init__(self, scenario: Scenario, config: pytest.Config) -> None:
        self._scenario = scenario
        self._config = config
        self._lines: list[str] = []

    @cached_property
    def run(self) -> ScenarioRun:
        """What it came to; made when somebody first asks."""
        from sim.rig.run import run
        from sim.scenario.result import RunOptions

        options = RunOptions(seed=self._config.getoption("--qpy-seed"), transport="memory")
        keep = self._config.getoption("--qpy-artifacts") is not None
        observers = [lambda record: self._lines.append(record.to_json() + "\n")] if keep else []
        return run(self._scenario, options, observers)

    def keep(self, nodeid: str) -> str:
        """Write what there is of it, if that was asked for; where, in words."""
        folder: Path | None = self._config.getoption("--qpy-artifacts")
        if folder is None:
            return ""
        mine = folder / folder_name(nodeid)
        try:
            mine.mkdir(parents=True, exist_ok=True)
            (mine / "replay.txt").write_text(self.run.replay + "\n", encoding="utf-8")
            (mine / "trace.jsonl").write_text("".join(self._lines), encoding="utf-8")
        except OSError as error:
            return f"nothing was kept: {mine}: {error.strerror}"
        return f"trace and replay line: {mine}"


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
            lines = [*told, *run.result.explanations, f"replay: {run.replay}", self._once.keep(self.nodeid)]
            raise Unmatched("\n".join(filter(None, lines)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        if isinstance(excinfo.value, Unmatched | QpyotaError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self.path.name}: {self._row}"
