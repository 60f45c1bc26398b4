"""What the devices and the cloud did, as JSON lines in the data directory, and those lines for people.

A line has the emulated time in UTC (`time`), the track (a device, or its side of the cloud as `NAME@cloud`), the kind,
and what belongs to it. The file is cut when it is full: one file of the past is kept beside it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sim.errors import MachineError
from sim.trace import Record

FILE_MAX_BYTES = 64 * 1024 * 1024
FOLLOW_S = 0.2


class TraceFile:
    """An observer of a trace. `start_s`: Unix time at which its simulation time is 0."""

    def __init__(self, path: Path, start_s: int) -> None:
        self._path = path
        self._start_s = start_s
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def __call__(self, record: Record) -> None:
        """Write one record."""
        at = datetime.fromtimestamp(self._start_s + record.at_us / 1_000_000, UTC)
        line = {"time": at.isoformat(timespec="milliseconds"), "track": record.track, "kind": record.kind}
        try:
            print(json.dumps({**line, **record.data}, ensure_ascii=False), file=self._file)
        except OSError as error:
            raise MachineError(f"the trace cannot be written: {self._path}: {error.strerror}") from None
        if self._file.tell() > FILE_MAX_BYTES:
            self._file.close()
            self._path.replace(past(self._path))
            self._file = self._path.open("a", encoding="utf-8", buffering=1)

    def close(self) -> None:
        self._file.close()


def past(path: Path) -> Path:
    """Where the lines before those of the file are."""
    return path.with_suffix(".1" + path.suffix)


def lines(path: Path, *, follow: bool) -> Iterator[dict[str, Any]]:
    """Every line so far, oldest first, then, to `follow`, those that come."""
    for old in (past(path), path):
        if old.exists() and old != path:
            with old.open(encoding="utf-8") as file:
                yield from map(json.loads, file)
    if not path.exists() and not follow:
        return
    path.touch(mode=0o600)
    with path.open(encoding="utf-8") as file:
        yield from _read(path, file, follow=follow)


def _read(path: Path, file: Any, *, follow: bool) -> Iterator[dict[str, Any]]:
    part = ""
    while True:
        part += file.readline()
        if part.endswith("\n"):
            yield json.loads(part)
            part = ""
        elif not follow:
            return
        elif path.stat().st_ino != _inode(file):
            with path.open(encoding="utf-8") as newer:
                yield from _read(path, newer, follow=True)
        else:
            time.sleep(FOLLOW_S)


def _inode(file: Any) -> int:
    return os.fstat(file.fileno()).st_ino


def told(line: dict[str, Any]) -> str:
    """A line for people."""
    more = {name: value for name, value in line.items() if name not in ("time", "track", "kind")}
    shown = "  ".join(f"{name}={value}" for name, value in more.items())
    clock = line["time"].partition("T")[2].partition("+")[0]
    return f"{clock}  {line['track']}  {line['kind']}  {shown}".rstrip()
