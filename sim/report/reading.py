"""Run files, read: where they lie, what one holds, and the tables of it that are given away.

A run is named by the path of its file or, for those that `qpyota run --keep` made, by its id.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sim.errors import MachineError, SpecError
from sim.fleet.histogram import Histogram
from sim.report.run_file import FORMAT, is_run_file
from sim.scenario.expect import suggest

SUFFIX = ".sqlite"
RUNS_KEPT = 10_000
"""Numbers that are tried for the id of a new run."""


class Table(NamedTuple):
    """Names of columns, and rows."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Run:
    """A run file that is open. `head` is its row of table run; `result` what the run came to, {} if it never ended."""

    database: sqlite3.Connection
    head: dict[str, Any]
    result: dict[str, Any]

    def table(self, query: str) -> Table:
        """What a query finds."""
        cursor = self.database.execute(query)
        return Table(tuple(column[0] for column in cursor.description), cursor.fetchall())

    def devices(self) -> Table:
        """All devices that were kept."""
        return self.table("SELECT * FROM device ORDER BY rowid")

    def executions(self) -> Table:
        """All executions that were kept."""
        return self.table("SELECT * FROM execution ORDER BY rowid")

    def jobs(self) -> Table:
        """All jobs."""
        return self.table("SELECT * FROM job ORDER BY rowid")

    def events(self) -> Table:
        """All records that were kept, in order."""
        return self.table("SELECT t_us, track, seq, kind, data FROM event ORDER BY id")

    def metrics(self) -> Table:
        """Every series with its percentiles, which are those of buckets (sim.fleet.histogram)."""
        rows = []
        for name, tags, count, total, least, most, buckets in self.table("SELECT * FROM metric ORDER BY rowid").rows:
            spread = [None] * 4 if buckets is None else _percentiles(_histogram(count, total, least, most, buckets))
            rows.append((name, tags, count, total, least, most, *spread))
        return Table(("name", "tags", "count", "total", "least", "most", "p50", "p90", "p95", "p99"), rows)

    def trends(self) -> dict[str, Histogram]:
        """Each trend over all its tags."""
        merged: dict[str, Histogram] = {}
        query = "SELECT name, count, total, least, most, buckets FROM metric WHERE buckets IS NOT NULL ORDER BY rowid"
        for name, *numbers in self.database.execute(query):
            merged.setdefault(name, Histogram()).merge(_histogram(*numbers))
        return merged


def _histogram(count: int, total: int, least: int, most: int, buckets: str) -> Histogram:
    found = {int(bucket): number for bucket, number in json.loads(buckets).items()}
    return Histogram(found, count, total, least, most)


def _percentiles(histogram: Histogram) -> list[int]:
    return [round(histogram.percentile(share)) for share in (0.5, 0.9, 0.95, 0.99)]


@contextmanager
def open_run(name: str, data: Path) -> Iterator[Run]:
    """The run of this path or id. SpecError when there is none, or when it is of another version."""
    path = find_run(name, data)
    try:
        database = sqlite3.connect(path)
    except sqlite3.Error as error:
        raise MachineError(f"{path} cannot be read: {error}") from None
    try:
        yield Run(database, *_head(database, path))
    except sqlite3.DatabaseError as error:
        raise SpecError(f"{path} is damaged: {error}") from None
    finally:
        database.close()


def _head(database: sqlite3.Connection, path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    database.row_factory = sqlite3.Row
    row = database.execute("SELECT * FROM run").fetchone()
    database.row_factory = None
    if row is None or row["format"] != FORMAT:
        raise SpecError(f"{path} was written by another version of qpyota")
    head = dict(row)
    return head, json.loads(head.pop("result") or "{}")


def runs_folder(data: Path) -> Path:
    """Where kept runs lie."""
    return data / "runs"


def kept_runs(data: Path) -> list[Path]:
    """Files of all kept runs, oldest first."""
    found = [path for path in runs_folder(data).glob(f"*{SUFFIX}") if is_run_file(path)]
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))


def find_run(name: str, data: Path) -> Path:
    """The file of a run by its path or id; SpecError when there is none."""
    for path in (runs_folder(data) / f"{name}{SUFFIX}", Path(name)):
        if path.is_file():
            if not is_run_file(path):
                raise SpecError(f"{path} is not a run file")
            return path
    ids = [path.stem for path in kept_runs(data)]
    hint = suggest(name, ids) or (f"; there are {', '.join(ids[-10:])}" if ids else "; keep one with qpyota run --keep")
    raise SpecError(f"there is no run {name!r}{hint}")


def new_run(scenario: str, data: Path) -> Path:
    """A new file for a run that is to be kept: `SCENARIO-N`. MachineError when it cannot be made."""
    folder = runs_folder(data)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, RUNS_KEPT):
            path = folder / f"{scenario}-{number}{SUFFIX}"
            try:
                path.touch(exist_ok=False)
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise MachineError(f"a run cannot be kept in {folder}: {error.strerror}") from None
    raise MachineError(f"{folder} is full of runs of {scenario}; qpyota runs rm removes some")
