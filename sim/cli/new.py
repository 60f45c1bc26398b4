"""`qpyota new`: something to begin with."""

from __future__ import annotations

import re
from pathlib import Path

import click

from sim.cli.exits import Exit
from sim.cli.schema import write_schema
from sim.errors import MachineError, SpecError
from sim.shipped import scenarios_dir

TEMPLATES = ("basic", "rollout", "power-cut")


@click.group()
def new() -> None:
    """Make something to begin with."""


@new.command()
@click.argument("name", default="scenario")
@click.option("--template", type=click.Choice(TEMPLATES), default="basic", show_default=True, help="What it is about.")
def scenario(name: str, template: str) -> Exit:
    """Write NAME.yaml, a scenario that runs as it is, and the schema for editors."""
    from sim.scenario.json_schema import LINE

    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name):
        raise SpecError(f"{name!r} is not a scenario name: small letters, digits, - and _")
    text = (scenarios_dir() / "templates" / f"{template}.yaml").read_text(encoding="utf-8")
    file = Path(f"{name}.yaml")
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(f"{LINE}\n{text.replace('name: template', f'name: {name}', 1)}")
    except FileExistsError:
        raise SpecError(f"there is a file {file} already; choose another name") from None
    except OSError as error:
        raise MachineError(f"{file} cannot be written: {error.strerror}") from None
    write_schema(Path())
    click.echo(f"{file}\nqpyota run {file}")
    return Exit.PASSED
