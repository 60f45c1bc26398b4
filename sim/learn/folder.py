"""A student's work folder: a copy of a lab's starter, with a note of which lab it is and how far it is.

Rules: work is never overwritten and never deleted; a reset puts it aside. The note can be lost: it holds nothing that
the folder cannot be used without, but the lab's name."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sim.errors import MachineError, SpecError
from sim.learn.library import Shelf
from sim.learn.predictions import PREDICT_FILE, blank

NOTE_FILE = ".lab.json"
PUT_ASIDE_MOST = 1000
"""Folders of earlier work beside one another."""


@dataclass(frozen=True, slots=True)
class Note:
    """Which lab a folder is of, how many hints were shown, and whether its goals have been reached."""

    lab: str
    hints: int = 0
    passed: bool = False


def begin(lab: Shelf, folder: Path) -> None:
    """Copy the starter to a folder that is not there yet, or is empty."""
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise SpecError(f"there is something in {folder} already; name another folder with --into")
        shutil.copytree(lab.starter, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        if lab.spec.predict:
            (folder / PREDICT_FILE).write_text(blank(lab.spec), encoding="utf-8")
    except OSError as error:
        raise MachineError(f"{folder} cannot be made: {error.strerror}") from None
    write_note(folder, Note(lab.name))


def reset(lab: Shelf, folder: Path) -> Path:
    """Begin anew; gives the folder that the work so far was moved to."""
    aside = next(place for place in _places_beside(folder) if not place.exists())
    try:
        folder.rename(aside)
    except OSError as error:
        raise MachineError(f"{folder} cannot be put aside: {error.strerror}") from None
    begin(lab, folder)
    return aside


def read_note(folder: Path) -> Note | None:
    """The note of a work folder; None when there is none that can be read."""
    try:
        data: Any = json.loads((folder / NOTE_FILE).read_text(encoding="utf-8"))
        return Note(str(data["lab"]), int(data.get("hints", 0)), bool(data.get("passed", False)))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_note(folder: Path, note: Note) -> None:
    """Keep a note in a work folder."""
    try:
        (folder / NOTE_FILE).write_text(json.dumps(asdict(note)) + "\n", encoding="utf-8")
    except OSError as error:
        raise MachineError(f"{folder / NOTE_FILE} cannot be written: {error.strerror}") from None


def note_passed(folder: Path, note: Note) -> None:
    """The goals have been reached; that stays so, whatever is tried afterwards."""
    if not note.passed:
        write_note(folder, replace(note, passed=True))


def _places_beside(folder: Path) -> list[Path]:
    return [folder.with_name(f"{folder.name}.old-{number}") for number in range(1, PUT_ASIDE_MOST)]
