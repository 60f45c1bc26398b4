"""`qpyota schema`: the scenario language as JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sim.cli.exits import Exit
from sim.errors import MachineError


@click.command()
@click.option("--write", is_flag=True, help="Put it beside the scenarios of this folder, in .qpyota.")
@click.option("--lab", is_flag=True, help="That of lab files, for teachers.")
def schema(write: bool, lab: bool) -> Exit:
    """Print the JSON Schema of scenarios, for editors."""
    from sim.scenario.json_schema import LINE, scenario_schema

    if lab:
        from sim.learn.schema import lab_schema

        if write:
            raise click.UsageError("--write is for scenarios; save what --lab prints where your editor looks for it")
        click.echo(json.dumps(lab_schema(), indent=1))
    elif write:
        click.echo(f"{write_schema(Path())}\nfirst line of a scenario whose editor is to know it:\n{LINE}")
    else:
        click.echo(json.dumps(scenario_schema(), indent=1))
    return Exit.PASSED


def write_schema(folder: Path) -> Path:
    """Put the schema where scenarios in this folder look for it."""
    from sim.scenario.json_schema import FILE, FOLDER, scenario_schema

    path = folder / FOLDER / FILE
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(scenario_schema(), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise MachineError(f"the schema cannot be written: {path}: {error.strerror}") from None
    return path
