"""Check the application in a folder, as it would lie on /usr. Files that are not Python are left alone."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from sim.script.lint import boot, calls, dialect
from sim.script.lint.finding import Finding, Rule, Source

RULES_OF_A_FILE: tuple[Rule, ...] = (
    dialect.syntax,
    dialect.imports,
    dialect.methods,
    calls.vendor,
    calls.execution,
    calls.status_details,
    calls.client_id,
    boot.restarts,
    boot.updater_imports,
    boot.version_loops,
)


def check_application(folder: Path, delivered: Mapping[Path, bytes] = MappingProxyType({})) -> list[Finding]:
    """All findings in a folder, by file and line. An OSError says which file cannot be read.

    `delivered` are files that an update puts over those of the folder, by their path on /usr.
    """
    files = {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*.py"))} | dict(delivered)
    modules = frozenset(name for path in files for name in _module_names(path))
    found = [finding for path, text in files.items() for finding in _check(path, text, modules)]
    if Path("main.py") not in files:
        found.append(Finding("main.py", 1, 1, "QB401", "there is no main.py, so nothing starts at boot"))
    return sorted(found)


def _check(path: Path, text: bytes, modules: frozenset[str]) -> Iterator[Finding]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of this Python, about escapes in the device's texts
            tree = ast.parse(text, path.as_posix())
    except (SyntaxError, ValueError) as error:
        place = path.as_posix()
        line, column = getattr(error, "lineno", None) or 1, getattr(error, "offset", None) or 1
        reason = getattr(error, "msg", None) or str(error)
        yield Finding(place, line, column, "QD108", f"{reason}; the module that imports it does not start")
        if path == Path("main.py"):
            yield Finding(place, line, column, "QB401", "with a syntax error in main.py the module is silent for good")
        return
    source = Source(path, tree, modules)
    for rule in RULES_OF_A_FILE:
        yield from rule(source)


def _module_names(path: Path) -> Iterator[str]:
    """Names under which the device imports a file of /usr, and its packages."""
    parts = ("usr", *path.with_suffix("").parts)
    names = parts[:-1] if parts[-1] == "__init__" else parts
    for end in range(1, len(names) + 1):
        yield ".".join(names[:end])
