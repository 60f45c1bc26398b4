"""What is remembered so that it need not be worked out again, and no more of it than so many entries."""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def keep(known: dict[K, V], key: K, value: V, most: int) -> None:
    """`known[key] = value`; with `most` entries there, the one that came first goes. What is of use is of use for a
    while: a URL as long as a download goes on."""
    if len(known) >= most and key not in known:
        del known[next(iter(known))]
    known[key] = value
