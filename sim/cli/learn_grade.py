"""`qpyota learn --grade`: submissions under hidden seeds, as a table and as files."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli.exits import Exit
from sim.cli.output import mark, print_columns
from sim.cli.sources import read_bytes, write_bytes
from sim.errors import SpecError

if TYPE_CHECKING:
    from sim.learn.grading import Grade
    from sim.learn.library import Shelf

SECRET_VARIABLE = "QPYOTA_SECRET"
STDOUT = Path("-")
WHY_CHARS = 160


def grade(name: str, folder: Path, values: dict[str, Any]) -> Exit:
    """Grade what is in `folder`; exit code 0 when every submission passes."""
    from sim.learn.grading import find_submissions, grade_all, hidden_seeds
    from sim.learn.library import find_lab

    lab = find_lab(name)
    count = lab.spec.seeds if values["seeds"] is None else values["seeds"]
    submissions = find_submissions(lab, folder, values["student"])
    secret = _secret(values["secret"]) if count else b""
    outputs = [values[one] for one in ("as_json", "csv", "junit")]
    if outputs.count(STDOUT) > 1:
        raise click.UsageError("only one of --json, --csv and --junit can go to standard output")

    def seeds_of(student: str) -> list[int]:
        return hidden_seeds(secret, lab.name, student, count) if count else []

    done = 0

    def tell(_: Grade) -> None:
        nonlocal done
        done += 1
        if sys.stderr.isatty():
            click.echo(f"\r{done} of {len(submissions)} submissions", nl=False, err=True)

    grades = grade_all(lab, submissions, seeds_of, values["jobs"] or os.cpu_count() or 1, tell)
    if sys.stderr.isatty():
        click.echo("\r" + " " * 40 + "\r", nl=False, err=True)
    _write(lab, grades, values)
    if STDOUT not in outputs:
        _print(grades)
    return Exit.PASSED if all(one.passed for one in grades) else Exit.FAILED


def _secret(file: Path | None) -> bytes:
    """The teacher's secret; it is told to nobody, nor to the processes that run submissions."""
    if file is not None:
        return read_bytes(file).strip()
    if SECRET_VARIABLE in os.environ:
        return os.environ[SECRET_VARIABLE].strip().encode()
    raise SpecError(
        f"hidden seeds hang on a secret: give --secret FILE or set {SECRET_VARIABLE}; --seeds 0 grades with the "
        "lab's own seed alone, which students know"
    )


def _write(lab: Shelf, grades: Sequence[Grade], values: dict[str, Any]) -> None:
    from sim.learn.written import as_csv, as_json, as_junit

    if values["as_json"] is not None:
        text = json.dumps(as_json(lab, grades), indent=2, ensure_ascii=False) + "\n"
        _put(values["as_json"], text.encode())
    if values["csv"] is not None:
        _put(values["csv"], as_csv(grades).encode())
    if values["junit"] is not None:
        _put(values["junit"], as_junit(lab, grades))


def _put(path: Path, data: bytes) -> None:
    if path == STDOUT:
        click.echo(data.decode(), nl=False)
    else:
        write_bytes(path, data)


def _print(grades: Sequence[Grade]) -> None:
    from sim.learn.written import why

    if len(grades) == 1:
        (only,) = grades
        for goal in only.goals:
            click.echo(f"  {mark(goal.held)} {goal.say}")
            if not goal.held:
                click.echo(f"      under {len(goal.failed_seeds)} of {only.runs} seeds: {goal.detail}")
        if only.predicted is not None:
            click.echo(f"  predictions: {only.predicted['right']} of {only.predicted['questions']} right")
        for sentence in only.explanations:
            click.echo(f"  {click.style('?', fg='yellow')} {sentence}")
        for note in only.notes:
            click.echo(f"  - {note}")
        word, colour = ("PASSED", "green") if only.passed else ("FAILED", "red")
        click.echo(f"{click.style(word, fg=colour, bold=True)} {only.student}: {only.held} of {len(only.goals)} goals")
        return
    rows = [("STUDENT", "GOALS", "PREDICTED", "", "WHY NOT")]
    for one in grades:
        asked = one.predicted
        predicted = f"{asked['right']}/{asked['questions']}" if asked is not None else ""
        rows.append(
            (one.student, f"{one.held}/{len(one.goals)}", predicted, "✓" if one.passed else "✗", why(one)[:WHY_CHARS])
        )
    print_columns(rows)
    click.echo(f"{sum(one.passed for one in grades)} of {len(grades)} passed")
