"""What a program says, as a scenario says it: durations, and the keys of a fleet entry."""

from __future__ import annotations

from typing import Any

from sim.errors import SpecError
from sim.units import parse_duration_us

DEFAULT_MODEL = "EG915U"


def entry_keys(keys: dict[str, Any]) -> dict[str, Any]:
    """A fleet entry, with what a rig adds to what was said."""
    made = {"model": DEFAULT_MODEL, **keys}
    if made.get("script") is None and "agent" not in made:
        made["agent"] = "modelled"
    return {name: value for name, value in made.items() if value is not None}


def duration_us(text: str) -> int:
    """`5m` → microseconds. SpecError tells how to write it."""
    try:
        return parse_duration_us(text)
    except ValueError as error:
        raise SpecError(f"{error}; time-outs are virtual time") from None
