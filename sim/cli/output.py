"""How commands print: JSON for machines, aligned columns for people. Colour only where a terminal shows it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def print_json(value: Any) -> None:
    """One JSON object, readable by people too."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_columns(rows: Iterable[Sequence[str]]) -> None:
    """Rows with their columns aligned, two spaces apart."""
    table = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def mark(passed: bool) -> str:
    """A green ✓ or a red ✗."""
    return click.style("✓", fg="green") if passed else click.style("✗", fg="red")
