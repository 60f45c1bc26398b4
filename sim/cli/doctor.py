"""`qpyota doctor`: whether this machine can run qpyota, one line a finding and what to do about it."""

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

import click

from sim import __version__
from sim.cli.exits import Exit
from sim.cli.output import json_option, print_json

OPEN_FILES = 256  # sockets and files of a scenario with a handful of devices
FREE_BYTES = 100_000_000  # traces and packages of a small run
MQTT_PORT = 8883


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `ok`, `warning` (something optional) or `failed`."""

    state: str
    text: str


@click.command()
@json_option
def doctor(as_json: bool) -> Exit:
    """Look at Python, packages, shipped data, ports and disk."""
    findings = list(examine())
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
    try:
        import resource
    except ImportError:  # not a Unix
        return
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    state = "ok" if limit == resource.RLIM_INFINITY or limit >= OPEN_FILES else "warning"
    yield Finding(state, f"open files: {limit} allowed" + ("" if state == "ok" else "; raise with ulimit -n"))
