"""`qpyota check`: everything that can be said of scenario files without running them."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import click

from sim.cli.exits import Exit
from sim.cli.output import json_option, print_json
from sim.cli.resolved import print_resolved
from sim.errors import Problem, SpecError
from sim.units import format_duration

if TYPE_CHECKING:
    from sim.scenario.schema import Scenario


@click.command()
@click.argument("scenarios", nargs=-1, required=True)
@click.option("--plan", is_flag=True, help="Tell what each draw and each network comes to, too.")
@json_option
def check(scenarios: tuple[str, ...], plan: bool, as_json: bool) -> Exit:
    """Check SCENARIOS and print what each would do; all errors of all files at once."""
    found: list[list[Scenario]] = []
    problems: list[Problem] = []
    for name in scenarios:
        try:
            found.append(_cells(name))
        except SpecError as error:
            if not error.problems:
                raise
            problems += error.problems
    if problems:
        raise SpecError(problems)
    if as_json:
        print_json({"scenarios": [_plan(cells[0]) | {"runs": len(cells)} for cells in found]})
        return Exit.PASSED
    for cells in found:
        _print_plan(cells[0])
        if len(cells) > 1:
            click.echo(f"   matrix   {', '.join(cells[0].matrix)}: {len(cells)} runs")
        for scenario in cells if plan else ():
            print_resolved(scenario)
    return Exit.PASSED


def _cells(name: str) -> list[Scenario]:
    """The scenario of each run that is in a file; SpecError holds what is wrong with any of them."""
    from sim.scenario.loader import find_scenario, load_plain, load_scenario
    from sim.scenario.matrix import settings_of

    path = find_scenario(name)
    data, first = load_plain(path)
    cells, problems = list(product(*settings_of(data))), []
    if len(cells) == 1:
        return [first]
    scenarios = []
    for cell in cells:
        try:
            scenarios.append(load_scenario(path, cell))
        except SpecError as error:
            problems += [problem for problem in error.problems if problem not in problems]
    if problems:
        raise SpecError(problems)
    return scenarios


def _plan(scenario: Scenario) -> dict[str, Any]:
    return {
        "file": str(scenario.source),
        "name": scenario.name,
        "devices": sum(entry.count for entry in scenario.fleet),
        "packages": list(scenario.packages),
        "objects": {bucket: list(keys) for bucket, keys in scenario.cloud.buckets.items()},
        "jobs": {job.job_id: list(job.targets) for job in scenario.jobs},
        "faults": len(scenario.faults),
        "expects": len(scenario.expect),
        "seed": scenario.seed,
        "duration_s": scenario.duration_us / 1_000_000,
    }


def _print_plan(scenario: Scenario) -> None:
    click.echo(f"{click.style('ok', fg='green')} {scenario.source}: {scenario.name}, seed {scenario.seed}")
    for entry in scenario.fleet:
        who = entry.name or f"{entry.count} in group {entry.group}"
        told = [entry.model, entry.firmware]
        told += [f"{key} {value}" for key in ("generation", "umqtt") if (value := getattr(entry, key)) is not None]
        click.echo(f"   device   {who}: {', '.join(told)}")
    for name, package in scenario.packages.items():
        base = f"{package.from_version} -> " if package.from_version else ""
        click.echo(f"   package  {name}: {package.method}, {base}{package.to_version}")
    for bucket, keys in scenario.cloud.buckets.items():
        click.echo(f"   bucket   {bucket}: {', '.join(keys)}")
    for job in scenario.jobs:
        click.echo(f"   job      {job.job_id}: at {format_duration(job.at_us)}, for {', '.join(job.targets)}")
    for fault in scenario.faults:
        click.echo(f"   fault    {', '.join(sorted(fault.model_fields_set))}")
    limit = format_duration(scenario.duration_us)
    click.echo(f"   expects  {len(scenario.expect)}, after at most {limit} of simulated time")
