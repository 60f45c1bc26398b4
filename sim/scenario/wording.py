"""What is wrong with one value of a scenario, at its place and in our words; the checking itself is pydantic's.

Rules: a problem is told once, names what was written, and says what would do.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from sim.scenario.document import Document, Place
from sim.scenario.expect import suggest
from sim.scenario.schema import Scenario
from sim.scenario.schema_networks import SHAPES

_WORDS = {
    "string_type": "this must be text; put it in quotes",
    "int_type": "this must be a whole number",
    "dict_type": "this must be a mapping of keys",
    "model_type": "this must be a mapping of keys",
    "tuple_type": "this must be a list",
    "too_short": "this list must not be empty",
}


def report_invalid(document: Document, detail: ErrorDetails, kind: Any = Scenario) -> None:
    """A problem that pydantic found in a `kind`, at its place and in our words."""
    place = tuple(step for step in detail["loc"] if step not in SHAPES)
    if detail["type"] == "too_short" and detail["input"]:
        return  # pydantic's echo of wrong items, which are told themselves
    if detail["type"] == "extra_forbidden":
        document.report(place, worded(detail, place, kind), on_key=True)
    elif detail["type"] == "missing":
        document.report(place[:-1], f"key {str(place[-1])!r} is missing", on_key=True)
    else:
        document.report(place, worded(detail, place))


def worded(detail: ErrorDetails, place: Place, kind: Any = Scenario) -> str:
    """The problem in a sentence; `kind` is what was read, whose keys an unknown one is compared with."""
    if detail["type"] == "extra_forbidden":
        known = _known_keys(kind, place[:-1])
        return f"unknown key {str(place[-1])!r}" + (suggest(str(place[-1]), known) or f"; there are {', '.join(known)}")
    if detail["input"] is None:
        return "a value is missing here"
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    if detail["type"] in ("literal_error", "enum"):
        expected = detail["ctx"]["expected"]
        hint = suggest(str(detail["input"]), re.findall(r"'([^']*)'", expected))
        return f"{detail['input']!r} is not {expected}{hint}"
    message = detail["msg"]
    return _WORDS.get(detail["type"], message[:1].lower() + message[1:])


def _known_keys(kind: Any, place: Place) -> list[str]:
    """Keys that may stand in the mapping at `place` inside a `kind`, read off the models."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = {info.alias or name: info.annotation for name, info in kind.model_fields.items()}
        if not place:
            return list(fields)
        return _known_keys(fields.get(str(place[0])), place[1:])
    if get_origin(kind) is Annotated:
        return _known_keys(get_args(kind)[0], place)
    inner = [argument for argument in get_args(kind) if argument not in (..., type(None), str)]
    if not inner:
        return []
    is_optional = type(None) in get_args(kind)
    return _known_keys(inner[-1], place if is_optional else place[1:])
