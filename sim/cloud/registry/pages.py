"""Lists of the registry in pages: names in order, and a marker that says which name the last page ended with.

Whatever is added or deleted between two pages, no name that was there all the time is missed or shown twice.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass

from sim.cloud.refusals import invalid

RESULTS_MAX = 250
"""Largest page of the AWS IoT registry, and the size when nobody asks."""

_MARK = "after "


@dataclass(frozen=True, slots=True)
class Span:
    """What the caller asked for: how many names at most, after which one, in which direction."""

    limit: int = RESULTS_MAX
    marker: str | None = None
    descending: bool = False


def page(names: Iterable[str], span: Span) -> tuple[list[str], str | None]:
    """The names of one page, and the marker of the next one (None at the end). A bad marker is refused."""
    ordered = sorted(names, reverse=span.descending)
    if span.marker is not None:
        last = _name(span.marker)
        ordered = [name for name in ordered if (name < last if span.descending else name > last)]
    shown = ordered[: span.limit]
    return shown, _marker(shown[-1]) if len(ordered) > len(shown) else None


def _marker(name: str) -> str:
    return b64encode(f"{_MARK}{name}".encode()).decode()


def _name(marker: str) -> str:
    try:
        text = b64decode(marker.encode(), validate=True).decode()
    except (ValueError, binascii.Error):
        text = ""
    if not text.startswith(_MARK):
        raise invalid("The token to go on with is none that this service gave out")
    return text.removeprefix(_MARK)
