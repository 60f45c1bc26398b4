"""What a scenario has modules answer that are not emulated. Values only; `modules/inert.py` plays them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """`after_us` from the call of the stub on, the program's callback is called with `arguments`."""

    after_us: int
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one function answers: `answers` in turn, the last of them for good; each call takes `takes_us`."""

    answers: tuple[Any, ...]
    takes_us: int = 0
    calls: tuple[Call, ...] = ()


Stubs = Mapping[str, Mapping[str, Answer]]
"""Module → name, or `Class.name` → what it answers."""


def names_of(module: str) -> list[str]:
    """The names of a module that may be given an answer: functions, and methods with or without their class."""
    from sim.script.surface import INERT_MEMBERS, SURFACE

    only = INERT_MEMBERS.get(module)
    names: dict[str, None] = {}
    for member in SURFACE[module]:
        if only is not None and member.name not in only:
            continue
        if not member.constant and not member.inner:
            names[member.name] = None
        for inner in member.inner:
            if not inner.constant:
                names[inner.name] = None
                names[f"{member.name}.{inner.name}"] = None
    return list(names)
