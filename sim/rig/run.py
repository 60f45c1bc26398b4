"""A whole scenario, run from a program that may have a loop of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sim.fleet.run import run_judged
from sim.scenario.loader import find_scenario, load_scenario, matrix_settings
from sim.scenario.result import ExpectResult, RunOptions, RunResult, ThresholdResult, Transport
from sim.scenario.runner import Attendant, namespace
from sim.scenario.schema import Scenario
from sim.scenario.settings import Setting
from sim.scenario.views import DeviceView, JobView
from sim.scenario.world import World

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ScenarioRun:
    """What a run came to: its `result`, and `devices` and `jobs` by name as they were at its end."""

    result: RunResult
    devices: Mapping[str, DeviceView]
    jobs: Mapping[str, JobView]

    @property
    def verdict(self) -> str:
        """PASSED, FAILED, or INCOMPLETE."""
        return self.result.verdict

    @property
    def passed(self) -> bool:
        """Every expect and threshold holds, and nothing went wrong with the run itself."""
        return self.result.passed

    @property
    def expects(self) -> Sequence[ExpectResult]:
        """Each `expect` line with `expr`, `passed` and `detail`."""
        return self.result.expects

    @property
    def thresholds(self) -> Sequence[ThresholdResult]:
        """Each threshold with `metric`, `expr`, `passed` and `shown`."""
        return self.result.thresholds

    @property
    def replay(self) -> str:
        """The command that repeats it."""
        return self.result.replay

    def __repr__(self) -> str:
        return "\n".join([f"<{self.result.scenario}: {self.verdict}>", *failing(self.result), f"replay: {self.replay}"])


class _Views:
    """An attendant that looks at the world's end."""

    def begin(self, world: World) -> None:
        """Nothing is to be seen yet."""

    def end(self, world: World, result: RunResult) -> RunResult:
        names = namespace(world)
        self.devices, self.jobs = names.device._by_name, names.job
        return result


def run_file(
    file: Path | str,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    transport: Transport = "memory",
) -> ScenarioRun:
    """Run the scenario in this file, or the shipped one of this name. `settings`: way → value, as `qpyota run --set`.
    SpecError when it cannot be used."""
    return run(load(file, settings), RunOptions(seed=seed, transport=transport))


def load(file: Path | str, settings: Mapping[str, Any] | None = None) -> Scenario:
    """The scenario with these settings."""
    words = [Setting(way, _said(value), "set") for way, value in (settings or {}).items()]
    return load_scenario(find_scenario(str(file)), words)


def choices(file: Path) -> Iterator[tuple[str, Scenario]]:
    """Each combination of the matrix of a scenario: its choices in words, empty where there is no matrix."""
    for settings in matrix_settings(file):
        yield ", ".join(str(setting).removeprefix("matrix.") for setting in settings), load_scenario(file, settings)


def run(scenario: Scenario, options: RunOptions, attendants: Sequence[Attendant] = ()) -> ScenarioRun:
    """Run it, on a thread of its own: its sockets need a loop, and this thread may have one."""
    views = _Views()
    result = _apart(lambda: run_judged(scenario, options, (), lambda _: (views, *attendants)))
    return ScenarioRun(result, views.devices, views.jobs)


def failing(result: RunResult) -> list[str]:
    """A line for each thing that did not come out as it was to."""
    lines = [f"incomplete: {problem}" for problem in result.problems]
    lines += [f"{expect.expr}: {expect.detail or 'does not hold'}" for expect in result.expects if not expect.passed]
    lines += [f"{one.metric}: {one.expr}: {one.shown}" for one in result.thresholds if not one.passed]
    return lines + list(result.explanations) if lines else []


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _apart(work: Callable[[], T]) -> T:
    answers: list[T] = []
    errors: list[BaseException] = []

    def on_thread() -> None:
        try:
            answers.append(work())
        except BaseException as error:  # noqa: BLE001 - raised by the caller
            errors.append(error)

    thread = threading.Thread(target=on_thread, name="qpyota run", daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return answers[0]
