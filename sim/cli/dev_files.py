"""`qpyota dev cp|cat|rm|mkdir`: files of a device, moved from outside while its program goes on."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from sim.cli.data import data_option
from sim.cli.exits import Exit
from sim.cli.output import json_option
from sim.cli.sources import read_bytes, write_bytes
from sim.errors import SpecError


@click.command()
@click.argument("place")
@data_option
@json_option
def cat(place: str, data: Path, *, as_json: bool) -> Exit:
    """Print the file DEV:/path."""
    from sim.cli.dev import ask, show, split_place

    device, path = split_place(place)
    answer = ask(data, "cat", device=device, path=path)
    content = base64.b64decode(answer["data"])
    if as_json:
        return show({"path": path, "bytes": len(content), "base64": answer["data"]}, True, "")
    sys.stdout.buffer.write(content)
    sys.stdout.flush()
    return Exit.PASSED


@click.command()
@click.argument("source")
@click.argument("target")
@data_option
@json_option
def cp(source: str, target: str, data: Path, *, as_json: bool) -> Exit:
    """Copy a file or a folder: FILE DEV:/path, or DEV:/path FILE. /usr/ with a slash means into that folder."""
    from sim.cli.dev import show, split_place

    to_device, from_device = is_place(target), is_place(source)
    if to_device == from_device:
        raise SpecError("one side is a place on a device (DEV:/path), the other a file of this machine")
    if to_device:
        done = _put(data, Path(source), *split_place(target))
    else:
        done = [_get(data, *split_place(source), Path(target))]
    total = sum(row["bytes"] for row in done)
    return show({"copied": done}, as_json, f"{len(done)} file{'s' * (len(done) != 1)}, {total} bytes")


def is_place(text: str) -> bool:
    """Whether this names something on a device. A file with a colon in its name is written with ./ before it."""
    device, colon, _ = text.partition(":")
    return bool(colon) and "/" not in device


def _put(data: Path, source: Path, device: str, path: str) -> list[dict[str, Any]]:
    from sim.cli.dev import ask

    if source.is_dir():
        pairs = [(file, f"{path.rstrip('/')}/{file.relative_to(source).as_posix()}") for file in _files(source)]
    else:
        pairs = [(source, f"{path}{source.name}" if path.endswith("/") else path)]
    done = []
    for file, place in pairs:
        content = read_bytes(file)
        if source.is_dir():
            ask(data, "mkdir", device=device, path=place.rpartition("/")[0])
        encoded = base64.b64encode(content).decode()
        done.append(ask(data, "write", device=device, path=place, data=encoded))
    return done


def _get(data: Path, device: str, path: str, target: Path) -> dict[str, Any]:
    from sim.cli.dev import ask

    content = base64.b64decode(ask(data, "cat", device=device, path=path)["data"])
    place = target / path.rpartition("/")[2] if target.is_dir() else target
    write_bytes(place, content)
    return {"path": str(place), "bytes": len(content)}


def _files(folder: Path) -> Iterator[Path]:
    found = sorted(file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    if not found:
        raise SpecError(f"{folder} has no files")
    yield from found


@click.command()
@click.argument("place")
@click.option("--recursive", "-r", "tree", is_flag=True, help="A folder with all that is in it.")
@data_option
@json_option
def rm(place: str, data: Path, *, tree: bool, as_json: bool) -> Exit:
    """Remove the file or the empty folder DEV:/path; DEV alone, the device with all that is in its flash.

    The thing of that name stays in the cloud, with its certificate and its jobs.
    """
    from sim.cli.dev import ask, show, split_place

    if ":" not in place:
        ask(data, "drop", device=place)
        return show({"device": place}, as_json, f"{place} is gone")
    device, path = split_place(place)
    answer = ask(data, "rm", device=device, path=path, tree=tree)
    return show(answer, as_json, "\n".join(answer["removed"]))


@click.command()
@click.argument("place")
@data_option
@json_option
def mkdir(place: str, data: Path, *, as_json: bool) -> Exit:
    """Make the folder DEV:/path, and those above it."""
    from sim.cli.dev import ask, show, split_place

    device, path = split_place(place)
    return show(ask(data, "mkdir", device=device, path=path), as_json, path)
