"""Values that a command line puts in place of a scenario's own: `jobs.0.at=5s` is a way to a value, and the value.

A way is the keys and list indexes from the top, joined by dots; a key may have dots in itself, and the longest that
fits counts. It leads to a value that is there, or to a new key of a mapping that is there; so a slip of the pen is told
and not added. The value is YAML.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from typing import Any

from sim.errors import Problem, SpecError
from sim.scenario.document import Document, Place
from sim.scenario.expect import suggest


@dataclass(frozen=True, slots=True)
class Setting:
    """`way` and `text`, the value as it was written; `option` is the word of the command line that said so."""

    way: str
    text: str
    option: str = "--set"

    def __str__(self) -> str:
        return f"{self.way}={self.text}"

    def problem(self, message: str, path: str = "", *, on_way: bool = False) -> Problem:
        """That something is wrong with it, shown as if it were a line of a file."""
        return Problem(self.option, 1, 1 if on_way else len(self.way) + 2, message, path, str(self))


@dataclass(frozen=True, slots=True)
class Choice:
    """Several values for one way."""

    way: str
    texts: tuple[str, ...]


def parse_setting(word: str) -> Setting:
    """`WAY=VALUE`; SpecError for anything else."""
    way, equals, text = word.partition("=")
    if not equals or not way.strip():
        raise SpecError(f"--set {word}: write WAY=VALUE, e.g. --set fleet.0.count=200")
    return Setting(way.strip(), text.strip())


def parse_choice(word: str, option: str) -> Choice:
    """`WAY=VALUE,VALUE`; SpecError for anything else. A comma inside a value cannot be written."""
    way, equals, rest = word.partition("=")
    texts = tuple(text.strip() for text in rest.split(","))
    if not equals or not way.strip() or not all(texts):
        raise SpecError(f"{option} {word}: write WAY=VALUE,VALUE, e.g. {option} fleet.0.model=EG915U,EC200A")
    if len(set(texts)) < len(texts):
        raise SpecError(f"{option} {word}: a value is there twice")
    return Choice(way.strip(), texts)


def combinations(choices: Sequence[Choice], option: str) -> list[tuple[Setting, ...]]:
    """Every combination of the choices, the last one turning fastest; of none, one that sets nothing."""
    ways = [choice.way for choice in choices]
    for way in ways:
        if ways.count(way) > 1:
            raise SpecError(f"{option} {way} is there twice; name all its values in one")
    rows = product(*([Setting(choice.way, text, option) for text in choice.texts] for choice in choices))
    return [tuple(row) for row in rows]


def applied(data: Any, settings: Sequence[Setting]) -> tuple[Any, dict[Place, Setting]]:
    """A copy of the plain data with the settings, and where each went. SpecError holds all that lead nowhere."""
    changed, places, problems = deepcopy(data), {}, []
    for setting in settings:
        try:
            place, box, key = _find(changed, setting)
            box[key] = _value(setting)
            places[place] = setting
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)
    return changed, places


def _value(setting: Setting) -> Any:
    document = Document(setting.option, f"value: {setting.text}")
    data = document.read()
    if document.problems or not isinstance(data, dict):
        raise SpecError([setting.problem(f"this is not a value: {document.problems[0].message}")])
    return data["value"]


def _find(data: Any, setting: Setting) -> tuple[Place, Any, str | int]:
    """The place that a way leads to, the mapping or list that holds it, and its key there."""
    rest, box = setting.way.split("."), data
    place: Place = ()
    while True:
        key, used = _step(box, rest, place, setting)
        rest = rest[used:]
        if not rest:
            return (*place, key), box, key
        place, box = (*place, key), box[key]


def _step(box: Any, rest: Sequence[str], place: Place, setting: Setting) -> tuple[str | int, int]:
    """The next key on the way, and how many words of it that took."""
    here = ".".join(map(str, place)) or "the scenario"
    if isinstance(box, list):
        if rest[0].isdecimal() and int(rest[0]) < len(box):
            return int(rest[0]), 1
        raise SpecError([setting.problem(f"{here} is a list of {len(box)}, counted from 0", here, on_way=True)])
    if not isinstance(box, dict):
        raise SpecError([setting.problem(f"{here} is {box!r}, which has nothing in it", here, on_way=True)])
    for used in range(len(rest), 0, -1):
        if (key := ".".join(rest[:used])) in box:
            return key, used
    if len(rest) == 1:
        return rest[0], 1
    hint = suggest(rest[0], box) or f"; there are {', '.join(box)}"
    raise SpecError([setting.problem(f"{here} has no {rest[0]!r}{hint}", here, on_way=True)])
