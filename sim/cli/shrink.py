"""`qpyota shrink`: the smallest scenario that still fails the same way, as YAML and as a test."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli.data import data_option
from sim.cli.exits import Exit
from sim.cli.output import json_option, print_json
from sim.errors import SpecError

if TYPE_CHECKING:
    from sim.lab.parts import Kept


@click.command()
@click.argument("scenario", metavar="SCENARIO|RUN")
@click.option("--fails", metavar="EXPECT", help="Shrink what makes this expect fail.  [default: the first that fails]")
@click.option("--seed", type=click.IntRange(0), help="Root of all randomness.  [default: the scenario's]")
@click.option("--set", "settings", metavar="WAY=VALUE", multiple=True, help="Another value, e.g. fleet.0.count=200.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The YAML to write; the test goes beside it.  [default: NAME-shrunk.yaml]",
)
@data_option
@json_option
def shrink(scenario: str, as_json: bool, output: Path | None, **values: Any) -> Exit:
    """Reduce SCENARIO, which fails, to the fewest devices, faults, jobs and steps and the shortest time that still do.

    RUN is the file or the id of a run that was kept: its scenario, seed and settings are taken. The same expect or
    threshold must fail, and a device must come to one of the same bad ends. Runs in memory; Ctrl-C writes the
    smallest found so far.
    """
    from sim.lab.shrink import Shrink, check_alike, summary
    from sim.lab.written import write
    from sim.scenario.loader import find_scenario, load_scenario
    from sim.scenario.result import RunOptions
    from sim.scenario.settings import parse_setting

    seed, settings = values["seed"], list(values["settings"])
    if _is_run(scenario, values["data"]):
        if seed is not None or settings:
            raise click.UsageError(
                f"{scenario} is a run and has its seed and settings: --seed and --set are not for it"
            )
        path, seed, settings = _of_run(scenario, values["data"])
    else:
        path = find_scenario(scenario)
    options = RunOptions(seed=seed, transport="memory")
    work = Shrink(path, tuple(map(parse_setting, settings)), options, values["fails"])
    if not as_json and sys.stderr.isatty():
        work.tell = _tell
    shrunk = work.run()
    target = output or Path(f"{path.stem}-shrunk.yaml")
    test = write(shrunk, path, target)
    check_alike(shrunk.way, load_scenario(target), RunOptions(transport="memory"), shrunk.result.trace_hash)
    told = summary(shrunk) | {"yaml": str(target), "test": str(test)}
    if as_json:
        print_json(told)
    else:
        _print(told)
    return Exit.PASSED if shrunk.smallest else Exit.INTERRUPTED


def _is_run(name: str, data: Path) -> bool:
    from sim.report.reading import SUFFIX, runs_folder
    from sim.report.run_file import is_run_file

    return is_run_file(Path(name)) or is_run_file(runs_folder(data) / f"{name}{SUFFIX}")


def _of_run(name: str, data: Path) -> tuple[Path, int, list[str]]:
    """Scenario, seed and settings of a run that was kept. SpecError when it cannot be made again from these."""
    from sim.report.reading import open_run

    with open_run(name, data) as run:
        head = run.head
    words, path = shlex.split(head["replay"]), Path(head["source"])
    for option in ("--umqtt", "--generation", "--runtime"):
        if option in words:
            raise SpecError(f"{name} was run with {option}; write it into the scenario, and shrink that")
    try:
        changed = path.read_text("utf-8") != head["text"]
    except OSError as error:
        raise SpecError(f"{name} is a run of {path}: {error.strerror}") from None
    if changed:
        raise SpecError(f"{path} is not what it was when {name} was run; run it again")
    return path, head["seed"], [words[index + 1] for index, word in enumerate(words) if word == "--set"]


def _tell(kept: Kept, runs: int) -> None:
    click.echo(f"\r{len(kept.devices)} devices after {runs} runs   ", nl=False, err=True)


def _print(told: dict[str, Any]) -> None:
    click.echo(f"fails: {told['fails']}")
    for other in told["other_failures"]:
        click.echo(f"  also fails, not looked at (--fails): {other}")
    for part in ("devices", "faults", "jobs"):
        click.echo(f"  {part:8} {told[part]} of {told[f'{part}_before']}")
    click.echo(f"  time     {told['simulated_s']:.1f} s, after {told['runs']} runs")
    if not told["smallest"]:
        click.echo("ended early: it may not be the smallest")
    click.echo(f"{told['yaml']}   replay: qpyota run {told['yaml']} --transport memory")
    click.echo(f"{told['test']}   pytest {told['test']}")
