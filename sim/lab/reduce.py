"""Delta debugging: the fewest parts that are still enough (ddmin, Zeller and Hildebrandt 2002)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

_Part = TypeVar("_Part")


def fewest(parts: Sequence[_Part], enough: Callable[[list[_Part]], bool]) -> list[_Part]:
    """Parts, in their order, that are enough while without any single one of them they are not.

    `parts` must be enough, and is not asked about. Asks about n log n subsets at best and n² at worst; of a subset that
    was asked about before, the caller may know the answer.
    """
    kept, pieces = list(parts), 2
    if not kept or enough([]):
        return []
    while len(kept) > 1:
        pieces = min(pieces, len(kept))
        chunks = _split(kept, pieces)
        found = _smaller(chunks, enough)
        if found is None:
            if pieces == len(kept):
                return kept
            pieces *= 2
            continue
        kept, pieces = found
    return kept


def _smaller(chunks: list[list[_Part]], enough: Callable[[list[_Part]], bool]) -> tuple[list[_Part], int] | None:
    """A chunk that is enough by itself, or all but one of them, and into how many to split it next."""
    if len(chunks) > 1:
        for chunk in chunks:
            if enough(chunk):
                return chunk, 2
    for left_out in range(len(chunks)) if len(chunks) > 2 else ():
        rest = [part for index, chunk in enumerate(chunks) if index != left_out for part in chunk]
        if enough(rest):
            return rest, max(2, len(chunks) - 1)
    return None


def _split(parts: list[_Part], pieces: int) -> list[list[_Part]]:
    bounds = [len(parts) * index // pieces for index in range(pieces + 1)]
    return [parts[low:high] for low, high in pairwise(bounds)]
