"""Equal values as one object: numbers that many devices keep and that are the same for most of them."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar, cast

T = TypeVar("T")

KEPT = 4096
"""Values that are known; the one not asked for longest goes first, and whoever has it keeps it."""


def one(value: T) -> T:
    """The one object of this value, which nobody changes."""
    return cast(T, _one(value))


@lru_cache(maxsize=KEPT, typed=True)
def _one(value: object) -> object:
    return value
