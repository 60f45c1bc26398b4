"""`qpyota learn`: labs for people without hardware; begin one, look at the own work, take a hint, begin anew."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from shutil import get_terminal_size
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click

from sim.cli.data import data_option
from sim.cli.exits import Exit
from sim.cli.output import mark, print_columns, print_json
from sim.cli.ui import ui_options
from sim.errors import MachineError, SpecError

if TYPE_CHECKING:
    from sim.learn.attempt import Attempt
    from sim.learn.library import Shelf

BEGUN_FILE = "learn.json"
"""In the data directory: which lab was begun in which folder."""
STDOUT = "-"
MOST_NARROW = 30
"""Columns; a terminal that says it has fewer does not know."""

_file = click.Path(dir_okay=False, path_type=Path, allow_dash=True)


@click.command()
@click.argument("lab", required=False)
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option(
    "--into", type=click.Path(path_type=Path), help="Where to begin the lab.  [default: a folder of its name]"
)
@click.option("--check", type=click.Path(path_type=Path), metavar="DIR", help="Look at the work in DIR.")
@click.option("--hint", is_flag=True, help="Show the next hint.")
@click.option("--reset", is_flag=True, help="Put the work aside and begin anew.")
@click.option("--grade", is_flag=True, help="Grade FOLDER, one submission or a folder of them.")
@click.option("--student", metavar="ID", help="Whose submission it is.  [default: the folder's name]")
@click.option("--seeds", type=click.IntRange(0, 1000), help="Hidden seeds of each student.  [default: the lab's]")
@click.option("--secret", type=click.Path(dir_okay=False, path_type=Path), help="File that hidden seeds hang on.")
@click.option("--jobs", type=click.IntRange(1), help="Processes of grading.  [default: one a processor]")
@click.option("--junit", type=_file, is_flag=False, flag_value="grades.xml", help="Write grades as JUnit XML.")
@click.option("--csv", type=_file, is_flag=False, flag_value="grades.csv", help="Write grades as a table.")
@click.option("--json", "as_json", type=_file, is_flag=False, flag_value=STDOUT, help="Write or print JSON.")
@click.option("--ui", type=click.Choice(["web"]), help="The lab as a page, with the film of your run beside it.")
@ui_options
@data_option
def learn(lab: str | None, folder: Path | None, **values: Any) -> Exit:
    """List the labs, begin LAB, or look at the work in FOLDER.

    --grade looks at FOLDER under hidden seeds, which hang on a secret: --secret FILE, or the environment variable
    QPYOTA_SECRET. See docs/labs.md and docs/teaching.md.
    """
    if values["grade"]:
        from sim.cli.learn_grade import grade

        if lab is None or folder is None:
            raise click.UsageError("--grade needs LAB and the folder of the submission")
        return grade(lab, folder, values)
    _refuse_grading_options(values)
    if values["check"] is not None and lab is not None:
        raise click.UsageError("give either LAB and FOLDER or --check DIR")
    if lab is None and values["check"] is None:
        return _list(values["data"], values["as_json"])
    return _work(lab, folder or values["check"], values)


def _refuse_grading_options(values: dict[str, Any]) -> None:
    for name in ("student", "seeds", "secret", "jobs", "junit", "csv"):
        if values[name] is not None:
            raise click.UsageError(f"--{name} is for --grade")


def _work(lab: str | None, folder: Path | None, values: dict[str, Any]) -> Exit:
    from sim.learn.folder import read_note
    from sim.learn.library import find_lab

    if lab is None:
        assert folder is not None, "either is given"
        note = read_note(folder)
        if note is None:
            raise SpecError(f"{folder} is no work folder of a lab; begin one with: qpyota learn LAB")
        lab = note.lab
    shelf = find_lab(lab)
    begun = folder or _begun(values["data"]).get(shelf.name)
    if values["reset"]:
        return _reset(shelf, begun, values["data"])
    if values["hint"]:
        return _hint(shelf, begun)
    if values["ui"] is not None:
        return _page(lab, shelf, begun, values)
    if folder is not None:
        return _check(shelf, folder, values["as_json"])
    if begun is not None and begun.is_dir() and values["into"] is None:
        _print_text(shelf)
        click.echo(f"You have begun this lab in {_shown(begun)}.")
        click.echo(f"Look at your work: qpyota learn --check {_shown(begun)}")
        return Exit.PASSED
    return _begin(lab, shelf, values["into"] or Path(shelf.name), values["data"])


def _list(data: Path, as_json: Path | None) -> Exit:
    from sim.learn.folder import read_note
    from sim.learn.library import find_lab, lab_names

    begun = _begun(data)
    rows = [("LAB", "MINUTES", "", "TITLE")]
    told = []
    for name in lab_names():
        spec = find_lab(name).spec
        folder = begun.get(name)
        note = read_note(folder) if folder is not None else None
        state = "" if note is None else "passed" if note.passed else "begun"
        rows.append((name, str(spec.minutes), state, spec.title))
        told.append({"lab": name, "title": spec.title, "minutes": spec.minutes, "idea": spec.idea, "state": state})
    if as_json is not None:
        print_json({"labs": told})
        return Exit.PASSED
    print_columns(rows)
    click.echo("\nBegin one: qpyota learn LAB")
    return Exit.PASSED


def _begin(word: str, shelf: Shelf, folder: Path, data: Path) -> Exit:
    from sim.learn.folder import begin

    begin(shelf, folder)
    _keep_begun(data, shelf.name, folder)
    _print_text(shelf)
    click.echo(f"Your files are in {_shown(folder)}:")
    for name in _files_of(shelf):
        click.echo(f"  {folder / name}")
    if shelf.spec.predict:
        click.echo(f"First, say what you expect, in {folder / 'predict.yaml'}. Then change your files.")
    click.echo(f"Look at your work: {_look(word, shelf, folder)}")
    return Exit.PASSED


def _look(word: str, shelf: Shelf, folder: Path) -> str:
    """The command that looks at the work; the note in the folder knows labs that ship by their names."""
    from sim.learn.library import lab_names

    known = shelf.name in lab_names()
    return f"qpyota learn --check {_shown(folder)}" if known else f"qpyota learn {word} {_shown(folder)}"


def _files_of(shelf: Shelf) -> list[str]:
    from sim.learn.schema import SCENARIO

    mine = [f"{SCENARIO}   (yours: {', '.join(shelf.spec.yours.keys)})"] if shelf.spec.yours.keys else []
    return mine + list(shelf.spec.yours.files)


def _reset(shelf: Shelf, folder: Path | None, data: Path) -> Exit:
    from sim.learn.folder import reset

    if folder is None or not folder.is_dir():
        raise SpecError(f"{shelf.name} has not been begun; begin it with: qpyota learn {shelf.name}")
    aside = reset(shelf, folder)
    _keep_begun(data, shelf.name, folder)
    click.echo(f"{_shown(folder)} is as it was at the beginning; your work is in {_shown(aside)}")
    return Exit.PASSED


def _hint(shelf: Shelf, folder: Path | None) -> Exit:
    from sim.learn.folder import Note, read_note, write_note

    if folder is None or not folder.is_dir():
        raise SpecError(f"{shelf.name} has not been begun; begin it with: qpyota learn {shelf.name}")
    note = read_note(folder) or Note(shelf.name)
    hints = shelf.spec.hints
    shown = min(note.hints + 1, len(hints))
    for number, hint in enumerate(hints[:shown], 1):
        click.echo(f"{number}. {_folded(hint, 3)}")
    click.echo("That was the last hint." if shown == len(hints) else f"{len(hints) - shown} more.")
    write_note(folder, replace(note, hints=shown))
    return Exit.PASSED


def _page(lab: str, shelf: Shelf, folder: Path | None, values: dict[str, Any]) -> Exit:
    """The lab in a browser; it is begun if it has not been."""
    from sim.cli.ui import place_of

    place = place_of(values)
    if folder is None or not folder.is_dir():
        from sim.learn.folder import begin

        folder = values["into"] or Path(shelf.name)
        begin(shelf, folder)
        _keep_begun(values["data"], shelf.name, folder)
    from sim.ui.lab_routes import Desk
    from sim.ui.stage import Stage
    from sim.ui.theatre import show

    click.echo(f"{lab}: {shelf.spec.title}. Your files are in {_shown(folder)}.")
    stage = Stage()
    show(stage, place, click.echo, Desk(shelf, folder, stage))
    return Exit.PASSED


def _check(shelf: Shelf, folder: Path, as_json: Path | None) -> Exit:
    from sim.learn.attempt import attempt, unanswered
    from sim.learn.folder import Note, note_passed, read_note

    if not folder.is_dir():
        raise SpecError(f"there is no folder {folder}; begin the lab with: qpyota learn {shelf.name} --into {folder}")
    missing = unanswered(shelf, folder)
    if missing:
        questions = "\n".join(f"  - {question}" for question in missing)
        raise SpecError(f"first say what you expect, in {folder / 'predict.yaml'}; any answer will do:\n{questions}")
    done = attempt(shelf, folder)
    if done.outcome.passed:
        note_passed(folder, read_note(folder) or Note(shelf.name))
    if as_json is not None:
        print_json(_attempt_json(shelf, done))
    else:
        _print_attempt(shelf, folder, done)
    return Exit.PASSED if done.outcome.passed else Exit.FAILED


def _print_attempt(shelf: Shelf, folder: Path, done: Attempt) -> None:
    if done.predicted:
        click.echo("What you expected")
    for one in done.predicted:
        _item(mark(one.right), one.asked.ask)
        _more(f"you said {one.said}; it was {one.shown}. {one.asked.why.strip()}")
    click.echo("Goals")
    for goal in done.outcome.goals:
        _item(mark(goal.held), goal.goal.say)
        _more(goal.goal.why if goal.held else goal.detail)
    for sentence in done.outcome.explanations[:3]:
        _item(click.style("?", fg="yellow"), sentence)
    for note in done.notes:
        _item("-", note)
    if done.outcome.passed:
        click.echo(
            f"{click.style('PASSED', fg='green', bold=True)} {shelf.spec.title}\n\n{_folded(shelf.spec.after, 0)}"
        )
        return
    held = sum(one.held for one in done.outcome.goals)
    click.echo(f"{held} of {len(done.outcome.goals)} goals. Stuck? qpyota learn --check {_shown(folder)} --hint")


def _item(sign: str, text: str) -> None:
    click.echo(f"  {sign} {_folded(text, 4)}")


def _more(text: str) -> None:
    if text.strip():
        click.echo(f"      {_folded(text, 6)}")


def _folded(text: str, indent: int) -> str:
    """Lines that fit a terminal, so that nothing breaks in the middle of a word; on a pipe, one line."""
    words = " ".join(text.split())
    if not sys.stdout.isatty():
        return words
    width = max(MOST_NARROW, get_terminal_size().columns - indent)
    return f"\n{' ' * indent}".join(wrap(words, width, break_long_words=False, break_on_hyphens=False))


def _attempt_json(shelf: Shelf, done: Attempt) -> dict[str, Any]:
    return {
        "lab": shelf.name,
        "passed": done.outcome.passed,
        "goals": [{"say": one.goal.say, "held": one.held, "detail": one.detail} for one in done.outcome.goals],
        "predicted": [
            {"name": one.asked.name, "said": one.said, "answer": one.answer, "right": one.right}
            for one in done.predicted
        ],
        "reason": done.outcome.reason,
        "explanations": list(done.outcome.explanations),
        "notes": list(done.notes),
        "virtual_s": done.outcome.virtual_s,
        "trace_hash": done.outcome.trace_hash,
    }


def _print_text(shelf: Shelf) -> None:
    """The lab's text: set for a terminal, as it is written for a pipe."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console(width=100).print(Markdown(shelf.text))
    else:
        click.echo(shelf.text.rstrip())
    click.echo("")


def _begun(data: Path) -> dict[str, Path]:
    """Folders of the labs that were begun, as far as that is known here."""
    try:
        found = json.loads((data / BEGUN_FILE).read_text(encoding="utf-8"))
        return {str(name): Path(place) for name, place in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _keep_begun(data: Path, name: str, folder: Path) -> None:
    known = _begun(data) | {name: folder.resolve()}
    try:
        data.mkdir(parents=True, exist_ok=True)
        told = {one: str(place) for one, place in sorted(known.items())}
        (data / BEGUN_FILE).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise MachineError(f"{data / BEGUN_FILE} cannot be written: {error.strerror}") from None


def _shown(folder: Path) -> str:
    """A folder as one would type it here."""
    here = Path.cwd()
    full = folder.resolve()
    return str(full.relative_to(here)) if full.is_relative_to(here) and full != here else str(folder)
