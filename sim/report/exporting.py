"""Reports of a run in the formats that others read, each made from its run file alone."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sim.errors import MachineError, SpecError
from sim.report.html import html
from sim.report.junit import junit
from sim.report.perfetto import write_trace
from sim.report.reading import Run, Table, open_run
from sim.scenario.result import RunResult
from sim.scenario.world import World

FOLDERS = ("csv", "parquet")
"""Kinds that make a folder of files."""


def _tables(run: Run) -> dict[str, Table]:
    return {"devices": run.devices(), "executions": run.executions(), "metrics": run.metrics()}


def _write_summary(run: Run, path: Path) -> None:
    told = {**run.head, "result": run.result, "jobs": _mappings(run.jobs()), "metrics": _mappings(run.metrics())}
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _mappings(table: Table) -> list[dict[str, Any]]:
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def _write_csv(run: Run, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, table in _tables(run).items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(table.columns)
            writer.writerows(table.rows)


def _write_parquet(run: Run, folder: Path) -> None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MachineError("Parquet needs pyarrow: pip install 'qpyota[parquet]'") from None
    folder.mkdir(exist_ok=True)
    for name, table in {**_tables(run), "events": run.events()}.items():
        columns = zip(*table.rows, strict=True) if table.rows else ((),) * len(table.columns)
        arrays = {column: list(values) for column, values in zip(table.columns, columns, strict=True)}
        parquet.write_table(pyarrow.table(arrays), folder / f"{name}.parquet", compression="zstd")


def _write_junit(run: Run, path: Path) -> None:
    path.write_bytes(junit(run.head, run.result))


def _write_html(run: Run, path: Path) -> None:
    path.write_text(html(run), encoding="utf-8")


WRITERS: dict[str, Callable[[Run, Path], None]] = {
    "summary": _write_summary,
    "junit": _write_junit,
    "csv": _write_csv,
    "parquet": _write_parquet,
    "trace": write_trace,
    "html": _write_html,
}


def export(run: Run, kind: str, path: Path) -> None:
    """Write a run in one of the WRITERS' formats. SpecError when the run never ended."""
    if run.head["ended"] is None:
        raise SpecError(f"run {run.head['id']} did not come to its end; there is nothing to report")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        WRITERS[kind](run, path)
    except OSError as error:
        raise MachineError(f"the report cannot be written: {path}: {error.strerror}") from None


class Reports:
    """An attendant that writes reports from a run file when it is whole; it has to come after the one that makes it."""

    def __init__(self, source: Path, files: Mapping[str, Path]) -> None:
        self._source = source
        self._files = files

    def begin(self, world: World) -> None:
        """Nothing yet."""

    def end(self, world: World, result: RunResult) -> RunResult:  # noqa: ARG002 - an attendant's signature
        """Write them all; the result as it is."""
        if self._files:
            with open_run(str(self._source), self._source.parent) as run:
                for kind, path in self._files.items():
                    export(run, kind, path)
        return result
