"""`qpyota run --repeat N`, `--matrix`: many runs of a scenario, as one table and one exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from sim.cli.exits import Exit, exit_of
from sim.cli.output import print_columns, print_json
from sim.units import format_duration

if TYPE_CHECKING:
    from sim.lab.runs import Plan, Played
    from sim.scenario.result import RunResult

REASONS_SHOWN = 20
"""Runs of which it is told why they did not pass; --json has all."""

_WORST = (
    Exit.PASSED, Exit.FAILED, Exit.INCOMPLETE, Exit.ENVIRONMENT, Exit.USAGE, Exit.INTERNAL, Exit.INTERRUPTED
)  # fmt: skip
"""Exit codes, the worst last."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """What came of a plan; `whole` is False when Ctrl-C ended it."""

    plan: Plan
    played: Sequence[Played[RunResult]]
    whole: bool

    @property
    def exit(self) -> Exit:
        """The worst of all runs."""
        codes = [_exit_of(one) for one in self.played] or [Exit.PASSED]
        return Exit.INTERRUPTED if not self.whole else max(codes, key=_WORST.index)


def repeat(plan: Plan, jobs: int, *, as_json: bool, quiet: bool) -> Exit:
    """Make all runs, tell what came of them, and say the worst."""
    from sim.lab.runs import play, play_all

    plan.checked()
    tasks = plan.tasks()
    with counted(len(tasks), shown=not (as_json or quiet)) as tell:
        repeated = Repeated(plan, *play_all(play, tasks, jobs, tell))
    if as_json:
        print_json(_json(repeated))
    else:
        _print(repeated)
    return repeated.exit


@contextmanager
def counted(total: int, *, shown: bool) -> Iterator[Callable[[object], None]]:
    """To be called after each of so many runs; a person at a terminal sees how many are done."""
    done = 0
    live = shown and sys.stderr.isatty()

    def tell(_: object) -> None:
        nonlocal done
        done += 1
        if live:
            click.echo(f"\r{done} of {total} runs", nl=False, err=True)

    yield tell
    if live:
        click.echo("\r" + " " * 40 + "\r", nl=False, err=True)


def _exit_of(played: Played[RunResult]) -> Exit:
    return Exit(played.error_code) if played.answer is None else exit_of(played.answer)


def _print(repeated: Repeated) -> None:
    ways = [setting.way for setting in repeated.plan.cells[0]]
    rows = [("RUN", *ways, "SEED", "VERDICT", "EXECUTIONS", "SIMULATED", "REPLAY")]
    for played in repeated.played:
        values = [setting.text for setting in repeated.plan.cells[played.task.cell]]
        seed = str(played.task.options.seed)
        rows.append((str(played.task.run + 1), *values, seed, *_told(played), _replay(played)))
    print_columns(rows)
    bad = [played for played in repeated.played if _exit_of(played) is not Exit.PASSED]
    for played in bad[:REASONS_SHOWN]:
        click.echo(f"  {click.style('✗', fg='red')} run {played.task.run + 1}: {_why(played)}")
    if len(bad) > REASONS_SHOWN:
        click.echo(f"  … and {len(bad) - REASONS_SHOWN} more; --json lists all")
    if not repeated.whole:
        possible = repeated.plan.runs * len(repeated.plan.cells)
        click.echo(f"interrupted: {len(repeated.played)} of {possible} runs were made")
    good = len(repeated.played) - len(bad)
    verdict, colour = ("PASSED", "green") if repeated.exit is Exit.PASSED else (repeated.exit.name, "red")
    click.echo(f"{click.style(verdict, fg=colour, bold=True)} {good} of {len(repeated.played)} runs passed")


def _told(played: Played[RunResult]) -> tuple[str, str, str]:
    result = played.answer
    if result is None:
        return "not run", "", ""
    counted = ", ".join(f"{number} {status}" for status, number in sorted(result.executions.items()))
    return exit_of(result).name.lower(), counted or "none", format_duration(round(result.virtual_s) * 1_000_000)


def _why(played: Played[RunResult]) -> str:
    result = played.answer
    if result is None:
        return played.error.splitlines()[0]
    failing = [f"{expect.expr}   {expect.detail}".rstrip() for expect in result.expects if not expect.passed]
    broken = [f"{one.metric}: {one.expr}   {one.shown}".rstrip() for one in result.thresholds if not one.passed]
    return [*result.problems, *failing, *broken][0]


def _replay(played: Played[RunResult]) -> str:
    if played.answer is not None:
        return played.answer.replay
    task = played.task
    return task.options.replay(str(task.path), task.options.seed or 0, tuple(map(str, task.settings)))


def _json(repeated: Repeated) -> dict[str, Any]:
    return {
        "root_seed": repeated.plan.root,
        "whole": repeated.whole,
        "passed": sum(_exit_of(played) is Exit.PASSED for played in repeated.played),
        "exit_code": int(repeated.exit),
        "runs": [_run_json(repeated.plan, played) for played in repeated.played],
    }


def _run_json(plan: Plan, played: Played[RunResult]) -> dict[str, Any]:
    """As `qpyota run --json` has it, but for what each device took: its replay tells that."""
    values = {setting.way: setting.text for setting in plan.cells[played.task.cell]}
    head = {"run": played.task.run + 1, "settings": values, "exit_code": int(_exit_of(played))}
    if played.answer is None:
        return head | {"error": played.error, "seed": played.task.options.seed, "replay": _replay(played)}
    result = played.answer.to_json()
    del result["costs"]
    return head | result
