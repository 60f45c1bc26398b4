"""A job beside an application: whether what it delivers is what its document says, or the device would update for ever.

A delivered script's version is told by its text: what `getversion()` returns, or a constant VERSION. A firmware package
is told by its header; a vendor's own package cannot be told, and is passed over.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.errors import PackageError, SpecError
from sim.pack.inspect import describe
from sim.script.lint.finding import Finding

VERSION_NAMES = frozenset({"version", "__version__", "app_version", "appversion"})
VERSION_FUNCTIONS = frozenset({"getversion", "get_version", "version"})
FIRMWARE = "FOTA"


@dataclass(frozen=True, slots=True)
class Delivered:
    """One file of a job document: its name on the device, its version by the document, the file if it is here."""

    name: str
    version: str
    is_firmware: bool
    source: Path | None
    line: int
    """Of the document where it stands."""


def delivered_files(document: Path, folder: Path) -> list[Delivered]:
    """The files of a job document; those that are in `folder` have a source. SpecError when it is no job document."""
    try:
        text = document.read_text("utf-8")
        data = json.loads(text)
    except OSError as error:
        raise SpecError(f"{document}: {error.strerror}") from None
    except ValueError as error:
        raise SpecError(f"{document} is not a job document: {error}") from None
    operations = data if isinstance(data, list) else [data]
    found = [
        _delivered(entry, str(operation.get("operation")), text, folder)
        for operation in operations
        if isinstance(operation, dict)
        for entry in _files(operation)
    ]
    if not found:
        raise SpecError(f"{document} names no files: a job document has 'operation' and 'files' with 'fileName'")
    return found


def delivery_findings(document: Path, files: list[Delivered]) -> Iterator[Finding]:
    """Versions that differ, each with its place."""
    for file in files:
        if file.source is None:
            continue
        if file.source.suffix == ".py":
            yield from _script(file, file.source)
        elif file.is_firmware:
            yield from _package(document, file, file.source)


def _files(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    entries = operation.get("files")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("fileName"), str):
            yield entry


def _delivered(entry: dict[str, Any], operation: str, text: str, folder: Path) -> Delivered:
    name = entry["fileName"]
    source = entry.get("fileSource")
    url = str(source.get("url")) if isinstance(source, dict) else ""
    candidates = [folder / Path(name).name, folder / re.sub(r"[?}].*", "", url).rsplit("/", 1)[-1]]
    here = next((path for path in candidates if path.is_file()), None)
    quoted = json.dumps(name)
    line = next((number for number, row in enumerate(text.splitlines(), 1) if quoted in row), 1)
    return Delivered(name, str(entry.get("fileVersion", "")), operation == FIRMWARE, here, line)


def _script(file: Delivered, source: Path) -> Iterator[Finding]:
    try:
        tree = ast.parse(source.read_bytes())
    except (SyntaxError, ValueError):
        return  # told by the other rules
    for line, version in _versions(tree):
        if file.version and version != file.version:
            message = (
                f"this is version {version}, the job says {file.version}: a device that compares them fetches it again "
                "and again, or reports a failure"
            )
            yield Finding(source.name, line, 1, "QA304", message)


def _versions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(version))):
                if name.lower() in VERSION_NAMES:
                    yield node.lineno, version
            case ast.FunctionDef(name=name) if name.lower() in VERSION_FUNCTIONS:
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Return) and isinstance(inner.value, ast.Constant):
                        yield inner.lineno, str(inner.value.value)


def _package(document: Path, file: Delivered, source: Path) -> Iterator[Finding]:
    try:
        told = describe(source.read_bytes())
    except PackageError:
        return
    if file.version and told["target_version"] != file.version:
        message = (
            f"{source.name} installs {told['target_version']}, the job says {file.version}: the device never has the "
            "version that is asked for, and upgrades at every boot"
        )
        yield Finding(document.name, file.line, 1, "QA305", message)
