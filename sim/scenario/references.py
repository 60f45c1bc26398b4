"""Names that one place of a scenario defines and another uses: looking them up in the plain data, and a word for each
that is unknown. Parts of a wrong type are passed over; the schema tells of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sim.scenario.document import Place
from sim.scenario.expect import suggest

KNOWN_SHOWN = 1000  # names looked through for a suggestion

Finding = tuple[Place, str, int]  # where, what, and at which character of the text there; -1 - N: of its key


def mappings(data: Any, *way: str | int) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The mappings in the list or mapping that `way` leads to, each with its place."""
    for step in way:
        data = data.get(step) if isinstance(data, dict) else None
    entries = data.items() if isinstance(data, dict) else enumerate(data if isinstance(data, list) else [])
    for step, entry in entries:
        if isinstance(entry, dict):
            yield (*way, step), entry


def unknown(place: Place, what: str, value: Any, known: Collection[str]) -> Iterator[Finding]:
    """A finding if `value` is a name that is not among the `known`."""
    if isinstance(value, str) and value not in known:
        some = list(known)[:KNOWN_SHOWN]
        hint = suggest(value, some) or (f"; there are {', '.join(some)}" if some else "; there is none")
        yield place, f"unknown {what} {value!r}{hint}", 0


def mapping(data: Any, *way: str) -> Mapping[str, Any]:
    """The mapping that `way` leads to; empty when there is none."""
    for step in way:
        data = data.get(step) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}
