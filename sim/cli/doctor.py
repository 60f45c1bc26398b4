"""`qpyota doctor`: whether this machine can run qpyota, or one scenario, a line a finding and what to do about it."""

from __future__ import annotations

import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from sim import __version__
from sim.cli.exits import Exit
from sim.cli.output import json_option, print_json
from sim.scenario.result import RunOptions
from sim.units import format_size

OPEN_FILES = 256  # sockets and files of a scenario with a handful of devices
FREE_BYTES = 100_000_000  # traces and packages of a small run
MQTT_PORT = 8883


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `ok`, `warning` (something optional) or `failed`."""

    state: str
    text: str


@click.command()
@click.argument("scenario", required=False)
@click.option(
    "--transport", type=click.Choice(["memory", "virtual", "paced"]), help="Of the run.  [default: as it can]"
)
@click.option("--plain/--tls", default=False, help="Of the run.  [default: tls]")
@json_option
def doctor(scenario: str | None, transport: Any, plain: bool, as_json: bool) -> Exit:
    """Look at Python, packages, shipped data, ports, memory and disk; and at what SCENARIO needs of them."""
    findings = list(examine())
    if scenario is not None:
        findings += examine_for(scenario, transport, plain)
    failed = any(finding.state == "failed" for finding in findings)
    if as_json:
        print_json({"ok": not failed, "findings": [asdict(finding) for finding in findings]})
    else:
        shown = {"ok": ("ok", "green"), "warning": ("!!", "yellow"), "failed": ("xx", "red")}
        for finding in findings:
            word, colour = shown[finding.state]
            click.echo(f"{click.style(word, fg=colour)}  {finding.text}")
    return Exit.ENVIRONMENT if failed else Exit.PASSED


def examine() -> Iterator[Finding]:
    """Look at everything; nothing is changed."""
    version = ".".join(map(str, sys.version_info[:3]))
    enough = sys.version_info >= (3, 11)
    yield Finding("ok" if enough else "failed", f"python {version}, qpyota {__version__}")
    yield from _packages()
    yield _shipped_data()
    yield _port(MQTT_PORT)
    yield _disk(Path(tempfile.gettempdir()))
    yield from _open_files()
    yield from _memory()


def examine_for(name: str, transport: Any, plain: bool) -> Iterator[Finding]:
    """What a run of this scenario needs, and whether it is there."""
    from sim.net import room
    from sim.scenario.loader import find_scenario, load_scenario
    from sim.scenario.needs import needs_of, problems, words

    scenario = load_scenario(find_scenario(name))
    outside = scenario.cloud.broker is not None or scenario.cloud.aws is not None
    options = RunOptions(transport=transport or ("paced" if outside else "virtual"), tls=not plain)
    needs = needs_of(scenario, options)
    found = problems(needs)
    for problem in found:
        yield Finding("failed", f"{scenario.name}: {problem}")
    if not found:
        yield Finding("ok", f"{scenario.name}, {options.transport}: {words(needs)}")
    free = room.memory_bytes()
    if free and needs.memory_bytes > free:
        yield Finding("warning", f"{scenario.name}: there are only {format_size(free)} of memory")


def _packages() -> Iterator[Finding]:
    try:
        requirements = metadata.requires("qpyota") or []
    except metadata.PackageNotFoundError:
        yield Finding("failed", "qpyota is not installed: pip install -e . in its folder")
        return
    needed = [re.split(r"[^A-Za-z0-9._-]", text)[0] for text in requirements if "extra ==" not in text]
    missing, found = [], []
    for name in needed:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        yield Finding("failed", f"missing packages: pip install {' '.join(missing)}")
    yield Finding("ok", f"packages: {', '.join(found)}")


def _shipped_data() -> Finding:
    from sim.shipped import models_dir, scenarios_dir

    models, scenarios = len(list(models_dir().glob("*.yaml"))), len(list(scenarios_dir().glob("*.yaml")))
    if models and scenarios:
        return Finding("ok", f"{models} model families, {scenarios} scenarios")
    return Finding("failed", f"no models in {models_dir()} or no scenarios in {scenarios_dir()}")


def _port(port: int) -> Finding:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return Finding("warning", f"port {port} cannot be used ({error.strerror}); runs use any free port")
    return Finding("ok", f"port {port} is free")


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    return Finding("ok" if free >= FREE_BYTES else "failed", f"{folder}: {free // 10**9} GB free")


def _open_files() -> Iterator[Finding]:
    from sim.net import room

    soft, hard = room.open_files()
    if hard == sys.maxsize and soft >= OPEN_FILES:
        yield Finding("ok", "open files: no limit")
        return
    state = "ok" if hard >= OPEN_FILES else "warning"
    text = f"open files: {soft} allowed, {hard} at most; ports: {room.ports()} for each address"
    yield Finding(state, text + ("" if state == "ok" else "; raise with ulimit -n"))


def _memory() -> Iterator[Finding]:
    from sim.net import room

    free = room.memory_bytes()
    if free:
        yield Finding("ok", f"memory: {format_size(free)} free")
