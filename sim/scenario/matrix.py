"""`matrix` of a scenario: names with several values each, and `${matrix.NAME}` in the values that differ.

A run has one value of each; a list that nobody chose from stands for its first. Choosing is a setting like any other
(`matrix.NAME=VALUE`), so the replay line of one run of many says it. Only values change, never the structure: a problem
is told at the place of the text that was filled in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from sim.errors import SpecError
from sim.scenario.document import Place
from sim.scenario.expect import suggest
from sim.scenario.references import Finding, mapping
from sim.scenario.settings import Setting, applied

MOST_CELLS = 10_000
_USE = re.compile(r"\$\{matrix\.([^}]*)\}")
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,63}")


def settings_of(data: Any) -> list[list[Setting]]:
    """For each name that has a list, the settings that choose from it."""
    found = []
    for name, values in mapping(data, "matrix").items():
        if isinstance(values, list):
            found.append([Setting(f"matrix.{name}", _text(name, value), "matrix") for value in values])
    return found


def filled(data: Any) -> Any:
    """The plain data with every `${matrix.NAME}` filled in; one that means nothing is left as it is."""
    chosen = {name: value[0] if isinstance(value, list) and value else value for name, value in _axes(data)}
    if not isinstance(data, dict) or "matrix" not in data:
        return data
    return {key: value if key == "matrix" else _fill(value, chosen) for key, value in data.items()}


def matrix_problems(data: Any) -> Iterator[Finding]:
    """What is wrong with the matrix, and uses of names that it does not have. `data` is not filled in yet."""
    names = [name for name, _ in _axes(data)]
    cells = 1
    for name, values in _axes(data):
        if not _NAME.fullmatch(name):
            yield ("matrix", name), f"{name!r} is not a name: letters, digits, - and _", -1
        if isinstance(values, list):
            cells *= max(1, len(values))
            yield from _list_problems(("matrix", name), values)
        elif isinstance(values, dict) or values is None:
            yield ("matrix", name), "this must be a list of values, e.g. [EG915U, BG95]", 0
    if cells > MOST_CELLS:
        yield ("matrix",), f"that would be {cells} runs; {MOST_CELLS} are the most", -1
    for place, text in _texts(data, ()):
        for use in _USE.finditer(text):
            if use[1] not in names:
                hint = suggest(use[1], names) or (
                    f"; there are {', '.join(names)}" if names else "; there is no matrix"
                )
                yield place, f"unknown name 'matrix.{use[1]}'{hint}", use.start()


def _list_problems(place: Place, values: list[Any]) -> Iterator[Finding]:
    if not values:
        yield place, "this list must not be empty", 0
    for index, value in enumerate(values):
        if isinstance(value, dict | list) or value is None:
            yield (*place, index), "a value of a matrix is text, a number, true or false", 0
        elif any(type(value) is type(other) and value == other for other in values[:index]):
            yield (*place, index), f"the value {value!r} is there twice", 0


def _axes(data: Any) -> list[tuple[str, Any]]:
    return list(mapping(data, "matrix").items())


def _texts(data: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(data, str):
        yield place, data
    entries = data.items() if isinstance(data, dict) else enumerate(data if isinstance(data, list) else [])
    for step, entry in entries:
        if (*place, step) != ("matrix",):
            yield from _texts(entry, (*place, step))


def _fill(data: Any, chosen: dict[str, Any]) -> Any:
    if isinstance(data, dict):
        return {key: _fill(value, chosen) for key, value in data.items()}
    if isinstance(data, list):
        return [_fill(value, chosen) for value in data]
    if not isinstance(data, str):
        return data
    whole = _USE.fullmatch(data)
    if whole is not None and whole[1] in chosen:
        return chosen[whole[1]]  # of its own kind: 3 stays a number
    return _USE.sub(lambda use: _said(chosen[use[1]]) if use[1] in chosen else use[0], data)


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _text(name: str, value: Any) -> str:
    """A value as one writes it on a command line: plain where YAML reads it as it was meant."""
    text = _said(value)
    try:
        read, _ = applied({"matrix": {name: None}}, [Setting(f"matrix.{name}", text)])
        plain = read["matrix"][name] == value and type(read["matrix"][name]) is type(value)
    except SpecError:
        plain = False
    return text if plain else json.dumps(value)
