"""From a scenario's name to a checked Scenario, or to all of its errors with their places.

Rules: the only exception that leaves is SpecError, whatever the file holds. Three checks report into one list:
the YAML itself (document.py), each value by its type (schema.py, told by wording.py), and what needs two places of
the file (names.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sim.errors import Problem, SpecError
from sim.scenario.document import Document, Place
from sim.scenario.expect import suggest
from sim.scenario.inherited import read_whole
from sim.scenario.matrix import filled, matrix_problems, settings_of
from sim.scenario.names import Names
from sim.scenario.schema import Scenario
from sim.scenario.schema_networks import SHAPES
from sim.scenario.schema_users import USERS, User
from sim.scenario.settings import Setting, applied
from sim.scenario.wording import report_invalid, worded
from sim.shipped import scenarios_dir

FILE_BYTES = 1_000_000  # a scenario is a page or two; more is a mistake


def find_scenario(name: str) -> Path:
    """The file that `name` means: a path, or the bare name of a scenario that ships with qpyota."""
    given = Path(name)
    shipped = {file.stem: file for file in sorted(scenarios_dir().glob("*.yaml"))}
    try:
        if given.is_file():
            return given
        if name in shipped:
            return shipped[name]
        if given.is_dir():
            raise SpecError(f"{name} is a folder; name the scenario file in it")
    except (OSError, ValueError):  # too long a name, or a NUL in it
        pass
    hint = suggest(given.stem, shipped)
    raise SpecError(f"there is no scenario {name!r}{hint}\nscenarios that ship with qpyota: {', '.join(shipped)}")


def load_scenario(path: Path, settings: Sequence[Setting] = ()) -> Scenario:
    """The scenario in `path` with these settings, fully checked; SpecError holds every problem found."""
    return load_plain(path, settings)[1]


def load_plain(path: Path, settings: Sequence[Setting] = ()) -> tuple[dict[str, Any], Scenario]:
    """The same, with the plain data that it was read from, settings included."""
    document, data = read_whole(path, text_of)
    scenario: Scenario | None = None
    if not document.unreadable:
        data, document.settings = applied(data, settings)
        for place, message, offset in matrix_problems(data):
            _report_finding(document, place, message, offset)
        data = filled(data)
        try:
            scenario = Scenario.model_validate(data, context={"source": path, "settings": tuple(map(str, settings))})
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                report_invalid(document, detail)
        for place, message, offset in Names(data, path.parent).problems():
            _report_finding(document, place, message, offset)
    problems = document.sorted_problems()
    if problems or scenario is None:
        raise SpecError(problems)
    return data, scenario


def _report_finding(document: Document, place: Place, message: str, offset: int) -> None:
    document.report(place, message, on_key=offset < 0, offset=offset if offset >= 0 else -1 - offset)


def matrix_settings(path: Path) -> list[tuple[Setting, ...]]:
    """What to set for each combination of the file's matrix; of none, and where it cannot be read, one that sets
    nothing."""
    document, data = read_whole(path, text_of)
    return [()] if document.unreadable else list(product(*settings_of(data)))


def has_choices(path: Path, settings: Sequence[Setting] = ()) -> bool:
    """Whether there are several runs in the file, as its matrix with these settings says; it is not checked further."""
    document, data = read_whole(path, text_of)
    return not document.unreadable and bool(settings_of(applied(data, settings)[0]))


def scenario_of(data: Mapping[str, Any], source: Path) -> Scenario:
    """The scenario that plain data is, as if it stood in the file `source`; SpecError tells the first problem."""
    try:
        scenario = Scenario.model_validate(data, context={"source": source})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = tuple(step for step in first["loc"] if step not in SHAPES)
        raise SpecError(f"{'.'.join(map(str, place))}: {worded(first, place)}") from None
    for place, message, _ in Names(data, source.parent).problems():
        raise SpecError(f"{'.'.join(map(str, place))}: {message}")
    return scenario


def load_users(path: Path) -> dict[str, User]:
    """Users by name from a file of their own, written as under `cloud.users`; SpecError holds every problem found."""
    document = Document(str(path), text_of(path), "users are a mapping, e.g. 'ann: {thing: meter-1, password: s3cret}'")
    data = document.read()
    users: dict[str, User] = {}
    if not document.unreadable:
        try:
            users = USERS.validate_python(data)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                report_invalid(document, detail, dict[str, User])
        if not document.problems and not users:
            document.report((), "there are no users in it")
    if document.problems:
        raise SpecError(document.sorted_problems())
    return users


def text_of(path: Path) -> str:
    """The text of a file that is to be read as YAML; SpecError when there is none."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SpecError(f"{path}: {error.strerror}") from None
    if len(raw) > FILE_BYTES:
        raise SpecError(f"{path} has {len(raw)} bytes; a scenario has at most {FILE_BYTES}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SpecError([Problem(str(path), line, 1, "the file is not UTF-8")]) from None
