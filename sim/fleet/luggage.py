"""A scenario with every file that it reads, as bytes: what a shard on another machine needs to build its part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from pickle import HIGHEST_PROTOCOL, dumps, loads
from typing import Any

from pydantic import BaseModel

from sim.pack.opaque import load_note
from sim.scenario.schema import Scenario
from sim.scenario.schema_reports import Report


def pack(scenario: Scenario) -> bytes:
    """All of it. SpecError when a file has gone since the scenario was read."""
    files: dict[str, bytes] = {}
    places: dict[Path, Path] = {}

    def stow(path: Path) -> Path:
        if path not in places:
            places[path] = Path(str(len(places)), path.name)
            files.update((str(places[path].parent / name), data) for name, data in _contents(path))
        return places[path]

    for package in scenario.packages.values():
        if package.wrapped is not None:  # its note names the file beside it
            note, data = load_note(package.wrapped)
            files[str(stow(package.wrapped).parent / note.file)] = data
    return dumps((_moved(scenario, stow), files), HIGHEST_PROTOCOL)


def unpack(luggage: bytes, folder: Path) -> Scenario:
    """The scenario, with its files in `folder`."""
    scenario, files = loads(luggage)
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    moved = _moved(scenario, folder.__truediv__)
    assert isinstance(moved, Scenario)
    return moved


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """The file, or all files below a folder, named from the folder it is in."""
    found = sorted(inner for inner in path.rglob("*") if inner.is_file()) if path.is_dir() else [path]
    return ((str(inner.relative_to(path.parent)), inner.read_bytes()) for inner in found)


def _moved(value: Any, move: Callable[[Path], Path]) -> Any:
    """The same with other paths; reports are the hub's, and stay."""
    if isinstance(value, Path):
        return move(value)
    if isinstance(value, dict):
        return {key: _moved(one, move) for key, one in value.items()}
    if isinstance(value, tuple | list):
        kept = [_moved(one, move) for one in value]
        return type(value)(*kept) if hasattr(value, "_fields") else type(value)(kept)
    if isinstance(value, BaseModel) and not isinstance(value, Report):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        changed = {name: moved for name, one in fields.items() if (moved := _moved(one, move)) != one}
        return value.model_copy(update=changed) if changed else value
    return value
