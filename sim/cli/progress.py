"""What a person sees while a run goes on: a live table on a terminal, plain lines elsewhere.

Reads the trace and nothing else. Goes to stderr, so that stdout holds the verdict only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from sim.cloud.account import TRACK_SUFFIX
from sim.errors import SpecError
from sim.scenario.expect import suggest
from sim.scenario.references import KNOWN_SHOWN
from sim.trace import Observer, Record
from sim.units import format_duration

if TYPE_CHECKING:
    from rich.table import Table

    from sim.scenario.schema import Scenario

MOST_DEVICES = 20  # shown one by one; larger fleets are counted
REFRESH_PER_S = 8

_PHASES = {
    "download": "downloads firmware",
    "verify": "verifies the package",
    "apply": "bootloader applies the package",
    "mini_download": "mini system downloads its own package",
    "stream": "mini system downloads the big system into its place",
    "app_download": "downloads application files",
    "app_copy": "copies application files into place",
}
_TEXTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "power.on": lambda _: "power on",
    "power.cut": lambda data: f"POWER CUT in phase {data['phase']}",
    "reset": lambda data: f"resets: {data['reason']}",
    "boot": lambda data: f"runs {data['version']}",
    "bricked": lambda data: f"BRICKED: {data['reason']}",
    "phase": lambda data: _PHASES.get(data["phase"], ""),
    "update.requested": lambda data: _requested(data),
    "mini.boot": lambda data: f"runs the mini system of {data['version']}",
    "mini.staged": lambda data: f"mini system's package for {data['version']} verified, {data['bytes']} bytes",
    "mini.complete": lambda data: f"big system of {data['version']} is complete",
    "step": lambda data: f"around it: {data['what']} {_said(data['to'])}",
    "link.lost": lambda _: "network lost",
    "update.refused": lambda data: f"package refused, code {data['code']}: {data['reason']}",
    "app.copied": lambda data: f"new {data['file']}",
    "app.failed": lambda data: f"application files not copied: {data['reason']}",
    "traceback": lambda data: f"script error in {data['thread']}: {data['error']}: {data['text']}",
    "job": lambda data: f"is {data['new'] or 'deleted'}",
    "execution": lambda data: f"job {data['job']}: {data['new']} {_details(data['details'])}".rstrip(),
}


@contextmanager
def progress(scenario: Scenario, follow: str | None = None) -> Iterator[Observer | None]:
    """An observer that shows the run of `scenario` until the block ends, or one device of it to `follow`. None: there
    is nothing to show, as nobody reads lines of so many devices."""
    names = [name for entry in scenario.fleet for name in entry.devices()]
    if follow is not None:
        if follow not in names:
            raise SpecError(f"there is no device {follow!r} to follow{suggest(follow, names[:KNOWN_SHOWN])}")
        yield lambda record: _print(record) if _device(record) == follow else None
    elif sys.stderr.isatty():
        with _live(names) as observer:
            yield observer
    else:
        yield _print if len(names) <= MOST_DEVICES else None


def _requested(data: dict[str, Any]) -> str:
    if "version" not in data:
        return "asks for a minimal upgrade"
    return f"package for {data['version']} verified, {data['bytes']} bytes"


def told(record: Record) -> str:
    """A record in words; empty when it is not worth a line."""
    text = _TEXTS.get(record.kind)
    return text(record.data) if text else ""


def _said(value: Any) -> str:
    """A step's thing, without what is inside its parts."""
    if not isinstance(value, dict):
        return str(value)
    return " ".join(f"{key}={one}" for key, one in value.items() if not isinstance(one, list | dict))


def _device(record: Record) -> str:
    """Whose record it is; what the cloud did for a thing counts as its device's."""
    return record.track.removesuffix(TRACK_SUFFIX)


def _details(details: dict[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in details.items())


def _print(record: Record) -> None:
    text = told(record)
    if text:
        click.echo(f"{format_duration(record.at_us):>12}  {_device(record)}  {text}", err=True)


@contextmanager
def _live(names: list[str]) -> Iterator[Observer]:
    from rich.console import Console
    from rich.live import Live

    board = _Board(names)
    with Live(console=Console(stderr=True), get_renderable=board.render, refresh_per_second=REFRESH_PER_S):
        yield board.observe


class _Board:
    """The last thing each device did, and how many do what."""

    def __init__(self, names: list[str]) -> None:
        self._last = dict.fromkeys(names, "off")
        self._jobs: dict[tuple[str, str], str] = {}
        self._at_us = 0

    def observe(self, record: Record) -> None:
        """Take note of a record."""
        self._at_us = record.at_us
        if record.kind == "execution":
            self._jobs[_device(record), record.data["job"]] = record.data["new"]
        elif record.track in self._last and (text := told(record)):
            self._last[record.track] = text

    def render(self) -> Table:
        """The table as it stands."""
        from rich.table import Table

        table = Table(box=None, title=f"simulated {format_duration(self._at_us)}", title_justify="left")
        rows = self._last.items() if len(self._last) <= MOST_DEVICES else self._counted()
        for column in ("device", "does", "jobs"):
            table.add_column(column)
        for name, text in list(rows):
            jobs = [f"{job} {status}" for (thing, job), status in list(self._jobs.items()) if thing == name]
            table.add_row(name, text, ", ".join(jobs))
        return table

    def _counted(self) -> list[tuple[str, str]]:
        doing = sorted(self._last.values())
        return [(f"{doing.count(text)} devices", text) for text in dict.fromkeys(doing)][:MOST_DEVICES]
