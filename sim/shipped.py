"""Where the data that ships with qpyota lives: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def models_dir() -> Path:
    """Folder of the family files; flash parts are in its subfolder `parts`."""
    return _find("models")


def scenarios_dir() -> Path:
    """Folder of the scenarios that ship with qpyota."""
    return _find("scenarios")


def _find(name: str) -> Path:
    inside = _PACKAGE / "shipped" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name
