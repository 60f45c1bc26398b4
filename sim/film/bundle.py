"""A `.qpyrun`: the films of a run and of its branches in one file, for anybody's dashboard, and to be looked at only.

A ZIP with `bundle.json` and a tape for each film. It comes from anybody: nothing in it is executed, names in it lead
nowhere, and what is larger or other than a bundle can be is refused with a sentence.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from sim import __version__
from sim.errors import MachineError, SpecError
from sim.film.entries import Splitter
from sim.film.film import Film
from sim.film.head import FORMAT

SUFFIX = ".qpyrun"
INDEX = "bundle.json"
INDEX_MAX_BYTES = 1 << 20
FILMS_MAX = 50
TAPE_MAX_BYTES = 512 * 1024 * 1024
"""ESTIMATE: an hour of a fleet of some hundred devices; whoever sends more means harm, or should film fewer."""
PIECE_BYTES = 1 << 20
_STAMP = (2026, 1, 1, 0, 0, 0)
"""Of all files in it, so that the same films give the same bytes."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bundled:
    """A film, and how it came about: its parent, how many entries it shares with that, its injections."""

    film: Film
    parent: int | None = None
    equal: int | None = None
    log: tuple[Json, ...] = ()


def save_bundle(path: Path, films: Mapping[int, Bundled]) -> None:
    """Write a bundle, whole or not at all. MachineError when it cannot be written."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            write_bundle(file, films)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise MachineError(f"{path} cannot be written: {error.strerror}") from None


def write_bundle(file: BinaryIO, films: Mapping[int, Bundled]) -> None:
    """The bundle of these films, by their numbers."""
    about = {
        str(number): {"parent": one.parent, "equal": one.equal, "log": list(one.log)} for number, one in films.items()
    }
    index = {"qpyrun": FORMAT, "qpyota": __version__, "films": about}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.writestr(_entry(INDEX), json.dumps(index, indent=1))
        for number, one in films.items():
            with archive.open(_entry(f"{number}.tape"), "w") as tape:
                for block in one.film.blocks():
                    tape.write(block.packed())


def read_bundle(path: Path) -> dict[int, Bundled]:
    """The films of a bundle. SpecError when it is none, damaged, or of another version."""
    try:
        with zipfile.ZipFile(path) as archive:
            index = _index(archive)
            return {number: _film(archive, number, about) for number, about in index.items()}
    except FileNotFoundError:
        raise SpecError(f"there is no {path}") from None
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise SpecError(f"{path} is no {SUFFIX} file, or is damaged: {error}") from None
    except OSError as error:
        raise MachineError(f"{path} cannot be read: {error.strerror or error}") from None
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from None


def _index(archive: zipfile.ZipFile) -> dict[int, Json]:
    try:
        with archive.open(INDEX) as file:
            index = json.loads(file.read(INDEX_MAX_BYTES + 1)[: INDEX_MAX_BYTES + 1])
        films = {int(number): dict(about) for number, about in index["films"].items()}
    except (KeyError, ValueError, TypeError, AttributeError):
        raise SpecError(f"it holds no films, so it is no {SUFFIX} file") from None
    if index.get("qpyrun") != FORMAT:
        raise SpecError(f"it was written by another version of qpyota, {index.get('qpyota')}")
    if not films or len(films) > FILMS_MAX or min(films) < 1:
        raise SpecError(f"it has {len(films)} films; a bundle has 1 to {FILMS_MAX}")
    return films


def _film(archive: zipfile.ZipFile, number: int, about: Json) -> Bundled:
    film, splitter, size = Film(), Splitter(), 0
    try:
        tape = archive.open(f"{number}.tape")
    except KeyError:
        raise SpecError(f"film {number} is missing") from None
    with tape:
        while piece := tape.read(PIECE_BYTES):
            size += len(piece)
            if size > TAPE_MAX_BYTES:
                raise SpecError(f"film {number} is larger than {TAPE_MAX_BYTES // 1024**2} MiB")
            for block in splitter.feed(piece):
                film.add(block)
    if not splitter.empty or not film.head or film.head.get("format") != FORMAT:
        raise SpecError(f"film {number} is not whole")
    if film.growing:
        film.failure = "it had not come to its end when it was saved"
    parent, equal, log = about.get("parent"), about.get("equal"), about.get("log") or []
    return Bundled(film, parent, equal, tuple(log))


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _STAMP)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry
