"""Work folders to look at: a lab's starter, its model solution, or either with a file changed."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

from sim.learn.library import Shelf, find_lab
from sim.learn.sheet import Sheet, make_sheet


@cache
def lab(name: str) -> Shelf:
    """A lab that ships."""
    return find_lab(name)


def starter(name: str, folder: Path) -> Path:
    """A work folder in which nothing was done."""
    return Path(shutil.copytree(lab(name).starter, folder))


def solved(name: str, folder: Path) -> Path:
    """A work folder with the model solution."""
    starter(name, folder)
    return Path(shutil.copytree(lab(name).solution, folder, dirs_exist_ok=True))


def sheet(name: str, work: Path, tmp_path: Path) -> Sheet:
    """What is looked at of it."""
    return make_sheet(lab(name), work, tmp_path / f"{work.name}-sheet")


def replaced(file: Path, old: str, new: str) -> None:
    """A change of a file that must be possible."""
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{file} has no {old!r}"
    file.write_text(text.replace(old, new), encoding="utf-8")
