"""The run file: everything worth keeping of one run, as one SQLite database that is written while the run goes on.

Rules: a file that is not a run file is never overwritten. Records are written in batches, each in a transaction, so
that others can read the file meanwhile and a run that is killed leaves a readable one; `ended` is NULL until it is
whole. Indexes are made at the end. What is asked of SQLite is what its standard library has.
"""

from __future__ import annotations

import json
import platform
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sim import __version__
from sim.cloud.account import TRACK_SUFFIX
from sim.errors import MachineError, SpecError
from sim.fleet.run import device_tags
from sim.report.last_flash import LastFlash
from sim.scenario.metrics import MetricRow
from sim.scenario.result import RunResult
from sim.scenario.schema_reports import Detail
from sim.scenario.world import World
from sim.trace import Record

APPLICATION_ID = 0x71707972
"""`qpyr`: in the header of every run file."""
FORMAT = 1
"""Grows when a table changes so that older readers cannot have it."""
BATCH = 5000
"""Records to a transaction."""

STORY = frozenset(
    {"power.on", "power.cut", "power.down", "reset", "boot", "bricked", "phase", "link.lost", "fault", "execution"}
    | {
        "job",
        "update.requested",
        "update.refused",
        "app.copied",
        "app.failed",
        "mini.boot",
        "mini.complete",
        "job.rollout",
    }
)
"""Kinds of records that `devices` keeps: what became of each device, without what it said and heard."""

TABLES = """
CREATE TABLE run (
  id TEXT, format INTEGER, scenario TEXT, source TEXT, description TEXT, seed INTEGER, transport TEXT, record TEXT,
  qpyota TEXT, python TEXT, began TEXT, ended TEXT, virtual_s REAL, wall_s REAL, passed INTEGER, verdict TEXT,
  devices INTEGER, trace_hash TEXT, replay TEXT, result TEXT, text TEXT);
CREATE TABLE device (
  name TEXT PRIMARY KEY, "group" TEXT, model TEXT, network TEXT, firmware TEXT, boots INTEGER, bricked INTEGER,
  flash_ops INTEGER, failure TEXT, replay TEXT);
CREATE TABLE job (
  id TEXT PRIMARY KEY, status TEXT, waiting INTEGER, queued INTEGER, in_progress INTEGER, succeeded INTEGER,
  failed INTEGER, timed_out INTEGER, rejected INTEGER, canceled INTEGER, removed INTEGER);
CREATE TABLE execution (
  device TEXT, job TEXT, attempt INTEGER, status TEXT, queued_us INTEGER, started_us INTEGER, ended_us INTEGER,
  downloaded_bytes INTEGER, staged_bytes INTEGER, reboots INTEGER, erases INTEGER, max_erases INTEGER);
CREATE TABLE event (id INTEGER PRIMARY KEY, t_us INTEGER, track TEXT, seq INTEGER, kind TEXT, data TEXT);
CREATE TABLE metric (
  name TEXT, tags TEXT, count INTEGER, total INTEGER, least INTEGER, most INTEGER, buckets TEXT);
CREATE TABLE flash (device TEXT PRIMARY KEY, part TEXT, classes BLOB, wear BLOB);
"""
INDEXES = """
CREATE INDEX event_track ON event (track, id);
CREATE INDEX execution_device ON execution (device);
CREATE INDEX execution_job ON execution (job, status);
"""


def attempts(changes: Iterable[tuple[int, str, str, str | None, str | None]]) -> Iterator[list[object]]:
    """Executions from changes of their status (time, device, job, old, new), in order of their creation."""
    found: dict[tuple[str, str], list[list[object]]] = {}
    order: list[list[object]] = []
    for at_us, device, job, old, new in changes:
        rows = found.setdefault((device, job), [])
        if old is None or not rows:
            rows.append([device, job, len(rows) + 1, new, at_us, None, None])
            order.append(rows[-1])
        row = rows[-1]
        row[3] = new or "DELETED"
        if new == "IN_PROGRESS":
            row[5] = at_us
        elif new != "QUEUED":
            row[6] = at_us
    yield from order


class RunFile:
    """An attendant of a run that writes its file. `rows` gives what was measured, when the run is over."""

    def __init__(self, path: Path, run_id: str, detail: Detail, rows: Callable[[], Iterable[MetricRow]]) -> None:
        self._id = run_id
        self._detail = detail
        self._rows = rows
        self._flash = LastFlash()
        self._batch: list[tuple[int, str, int, str, str]] = []
        self._database = create(path)

    def begin(self, world: World) -> None:
        """Say which run this is, and write down what happens in it."""
        scenario = world.scenario
        values = {
            "id": self._id, "format": FORMAT, "scenario": scenario.name, "source": str(scenario.source),
            "description": scenario.description, "seed": world.seed, "transport": world.options.transport,
            "record": self._detail, "qpyota": __version__, "python": platform.python_version(), "began": _now(),
            "devices": sum(len(entry.devices()) for entry in scenario.fleet),
            "text": scenario.source.read_text(encoding="utf-8"),
        }  # fmt: skip
        self._insert("run", [values])
        self._database.commit()
        if self._detail != "summary":
            world.trace.observe(self._record, STORY if self._detail == "devices" else None)
            self._flash.begin(world)

    def end(self, world: World, result: RunResult) -> RunResult:
        """Write the verdict and the tables; the result as it is."""
        self._flush()
        self._write_devices(world, result)
        self._write_jobs(world)
        if self._detail != "summary":
            self._write_executions(result)
            self._insert("flash", self._flash.rows(world, result))
        self._insert("metric", map(_metric, self._rows()))
        values = (
            _now(), result.virtual_s, result.wall_s, result.passed, result.verdict, result.trace_hash, result.replay,
            json.dumps({**result.to_json(), "costs": []}, ensure_ascii=False),
        )  # fmt: skip
        self._database.execute(
            "UPDATE run SET ended = ?, virtual_s = ?, wall_s = ?, passed = ?, verdict = ?, trace_hash = ?, replay = ?,"
            " result = ?",
            values,
        )
        self._database.commit()
        self._database.executescript(INDEXES)
        return result

    def close(self) -> None:
        """Free the file, whole or not."""
        self._flush()
        self._database.close()

    def _record(self, record: Record) -> None:
        if self._detail == "devices" and record.kind == "execution" and record.data["old"] == record.data["new"]:
            return
        data = json.dumps(record.data, ensure_ascii=False, separators=(",", ":"))
        self._batch.append((record.at_us, record.track, record.seq, record.kind, data))
        if len(self._batch) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        try:
            with self._database:
                self._database.executemany(
                    "INSERT INTO event (t_us, track, seq, kind, data) VALUES (?, ?, ?, ?, ?)", self._batch
                )
        except sqlite3.Error as error:
            raise MachineError(f"the run file cannot be written: {error}") from None
        self._batch.clear()

    def _write_devices(self, world: World, result: RunResult) -> None:
        tags = device_tags(world.scenario, world.ground.places)
        failures = {failure.device: failure for failure in result.failures}
        self._insert(
            "device",
            (
                {
                    "name": name, "group": tags[name].group, "model": tags[name].model, "network": tags[name].network,
                    "firmware": view.firmware, "boots": view.boots, "bricked": view.bricked,
                    "flash_ops": view.flash_ops, "failure": failures[name].reason if name in failures else None,
                    "replay": failures[name].replay if name in failures else None,
                }
                for name, view in world.views.items()
                if self._detail != "summary" or name in failures
            ),
        )  # fmt: skip

    def _write_jobs(self, world: World) -> None:
        jobs = world.account.jobs
        for job_id in world.account.job_ids:
            progress = jobs.progress(job_id)
            if progress is None:
                continue
            row: dict[str, object] = {"id": job_id, "status": progress[0], "waiting": progress[1]}
            statuses = [execution.status.value for execution in jobs.executions(job_id)]
            row |= {
                name: statuses.count(name.upper())
                for name in (
                    "queued",
                    "in_progress",
                    "succeeded",
                    "failed",
                    "timed_out",
                    "rejected",
                    "canceled",
                    "removed",
                )
            }
            self._insert("job", [row])

    def _write_executions(self, result: RunResult) -> None:
        found = self._database.execute(
            "SELECT t_us, substr(track, 1, length(track) - ?), data FROM event WHERE kind = 'execution' ORDER BY id",
            (len(TRACK_SUFFIX),),
        ).fetchall()
        told = ((at_us, device, json.loads(data)) for at_us, device, data in found)
        changes = (
            (at_us, device, data["job"], data["old"], data["new"])
            for at_us, device, data in told
            if data["old"] != data["new"]
        )
        costs: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        for cost in result.costs:
            costs.setdefault((cost["device"], cost["job"], cost["status"]), []).append(cost)
        for row in attempts(changes):
            device, job, _, status, _, started_us, _ = row
            fitting = costs.get((str(device), str(job), str(status))) if started_us is not None else None
            cost = fitting.pop(0) if fitting else {}
            spent = [cost.get(name) for name in ("downloaded_bytes", "staged_bytes", "reboots", "erases", "max_erases")]
            self._database.execute(f"INSERT INTO execution VALUES ({', '.join('?' * 12)})", (*row, *spent))

    def _insert(self, table: str, rows: Iterable[dict[str, object]]) -> None:
        for row in rows:
            names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
            self._database.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))


def create(path: Path) -> sqlite3.Connection:
    """An empty run file, in place of an earlier one. SpecError when something else is there, else MachineError."""
    if path.exists() and not is_run_file(path):
        raise SpecError(f"{path} is there and is not a run file; it is left alone. Name another one")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            name.unlink(missing_ok=True)
        database = sqlite3.connect(path)
        database.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA journal_mode = WAL;")
        database.executescript("PRAGMA synchronous = NORMAL;" + TABLES)
    except (OSError, sqlite3.Error) as error:
        raise MachineError(f"the run file cannot be written: {path}: {error}") from None
    return database


def is_run_file(path: Path) -> bool:
    """Whether it is a file of this kind, told by its header; one of no bytes may become one."""
    try:
        with path.open("rb") as file:
            head = file.read(72)
    except OSError:
        return False
    return not head or (head[:15] == b"SQLite format 3" and head[68:72] == APPLICATION_ID.to_bytes(4, "big"))


def _metric(row: MetricRow) -> dict[str, object]:
    return {
        "name": row.metric, "tags": json.dumps(row.tags, separators=(",", ":")), "count": row.count, "total": row.total,
        "least": row.least, "most": row.most, "buckets": None if row.buckets is None else json.dumps(row.buckets),
    }  # fmt: skip


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
