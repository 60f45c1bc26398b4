"""A run as a Chrome trace, which ui.perfetto.dev and chrome://tracing open: a track for each device, one for each job.

Rules: slices of a track nest strictly: executions, and in them the phases of the upgrade. What happens in an instant
(power, boots, resets) is an instant. An arrow leads from the job's track, where an execution was handed out, to its
begin on the device. Times are microseconds of simulation time.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sim.fleet.phases import phase_after
from sim.report.reading import Run

DEVICES, CLOUD = 1, 2
"""Processes of the trace."""
INSTANTS = ("power.on", "power.cut", "power.down", "reset", "boot", "bricked", "link.lost", "fault", "update.refused")

Event = dict[str, Any]


def write_trace(run: Run, path: Path) -> None:
    """Write the trace, gzipped, one event a line. The same run file gives the same bytes."""
    with path.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as file:
        file.write(b'{"displayTimeUnit":"ms","traceEvents":[\n')
        before = b""
        for event in trace_events(run):
            file.write(before + json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode())
            before = b",\n"
        file.write(b"\n]}\n")


def trace_events(run: Run) -> Iterator[Event]:
    """All events of the trace, track after track; within a track, times never go back."""
    jobs = {job: number for number, (job, *_) in enumerate(run.jobs().rows, 1)}
    devices = {name: number for number, (name, *_) in enumerate(run.devices().rows, 1)}
    yield from _names(DEVICES, "devices", devices)
    yield from _names(CLOUD, "jobs", jobs)
    executions: dict[str, list[Event]] = {name: [] for name in devices}
    columns = "rowid, device, job, attempt, status, queued_us, started_us, ended_us"
    for values in run.table(f"SELECT {columns} FROM execution ORDER BY rowid").rows:
        row = dict(zip(columns.split(", "), values, strict=True))
        executions[row["device"]].append(row)
    yield from _handed_out(run, jobs)
    for name, number in devices.items():
        yield from sorted(_device(run, name, number, executions[name]), key=_order)


def _order(event: Event) -> tuple[int, int]:
    """By time; of what begins together, the longer first."""
    return event["ts"], -event.get("dur", 0)


def _names(process: int, title: str, tracks: dict[str, int]) -> Iterator[Event]:
    yield {"ph": "M", "name": "process_name", "pid": process, "args": {"name": title}}
    for name, number in tracks.items():
        yield {"ph": "M", "name": "thread_name", "pid": process, "tid": number, "args": {"name": name}}


def _handed_out(run: Run, jobs: dict[str, int]) -> Iterator[Event]:
    """On the track of each job, a moment for every execution that was begun: where its arrow starts."""
    last: dict[str, int] = {}
    query = "SELECT rowid, device, job, queued_us FROM execution WHERE started_us IS NOT NULL ORDER BY queued_us, rowid"
    events = []
    for number, device, job, queued_us in run.table(query).rows:
        if job not in jobs:
            continue
        at_us = max(queued_us, last.get(job, -1) + 1)  # two that were handed out at once stand beside each other
        last[job] = at_us
        place = {"pid": CLOUD, "tid": jobs[job], "ts": at_us}
        events.append({"ph": "X", "name": device, "cat": "job", "dur": 1, **place})
        events.append({"ph": "s", "name": "execution", "cat": "job", "id": number, **place})
    yield from sorted(events, key=lambda event: (event["tid"], event["ts"]))


def _device(run: Run, name: str, number: int, executions: Iterable[Event]) -> Iterator[Event]:
    place = {"pid": DEVICES, "tid": number}
    last_us = round(run.head["virtual_s"] * 1_000_000)
    rows = run.database.execute("SELECT t_us, kind, data FROM event WHERE track = ? ORDER BY id", (name,)).fetchall()
    told = [(at_us, kind, json.loads(data)) for at_us, kind, data in rows]
    for at_us, kind, data in told:
        if kind in INSTANTS:
            yield {"ph": "i", "s": "t", "name": kind, "ts": at_us, "args": data, **place}
    covered_us = 0
    for execution in executions:
        if execution["started_us"] is None:
            continue
        begin_us = max(execution["started_us"], covered_us)
        end_us = last_us if execution["ended_us"] is None else execution["ended_us"]
        if end_us <= begin_us:
            continue
        covered_us = end_us
        args = {"status": execution["status"], "attempt": execution["attempt"]}
        yield {"ph": "X", "name": execution["job"], "ts": begin_us, "dur": end_us - begin_us, "args": args, **place}
        arrow = {"ph": "f", "bp": "e", "name": "execution", "cat": "job", "id": execution["rowid"]}
        yield {**arrow, "ts": begin_us, **place}
        for phase, since_us, until_us in _phases(told, begin_us, end_us):
            yield {"ph": "X", "name": phase, "ts": since_us, "dur": until_us - since_us, "cat": "phase", **place}


def _phases(told: list[tuple[int, str, Event]], begin_us: int, end_us: int) -> Iterator[tuple[str, int, int]]:
    """The phases of one execution, one after another, cut to its time. `reboot`, `off` and `confirm` fill the gaps."""
    phase, since_us = "", begin_us
    for at_us, kind, data in told:
        following = phase_after(kind, data, phase)
        if following is None or at_us > end_us:
            continue
        if at_us >= begin_us and phase and at_us > since_us:
            yield phase, since_us, at_us
        phase, since_us = following, max(at_us, begin_us)
    if phase and end_us > since_us:
        yield phase, since_us, end_us
