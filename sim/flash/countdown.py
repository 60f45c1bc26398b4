"""The moment before the nth operation of a kind, for those who wait for no other.

Whoever looks at every operation (`Nor.on_op`) makes a flash do each page by itself. A countdown lets it do whole pieces
of work at once, and have again what was done before, as long as its moment does not fall within them: what passed
unseen is counted from the wear of the sectors. Nobody can tell the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from sim.flash.cells import Chunk, OpenChunk

if TYPE_CHECKING:
    from sim.flash.nor import Nor

ERASE = "flash.erase"
PROGRAM = "flash.program"


class Countdown:
    """Of one flash: the `left`-th operation of `kind` from now on is the one."""

    __slots__ = ("_erases", "_ops", "due", "kind", "left")

    def __init__(self, nor: Nor, kind: str, left: int, due: Callable[[], object]) -> None:
        self.kind = kind
        self.left = left
        self.due = due
        self._ops, self._erases = nor.ops, nor.all_erases()

    def within(self, nor: Nor, ops: int, erases: int) -> bool:
        """Whether its moment is among the next so many operations, so many of them erases."""
        self._catch_up(nor)
        return (erases if self.kind == ERASE else ops - erases) >= self.left

    def begins(self, nor: Nor, kind: str) -> bool:
        """An operation begins: whether it is the one."""
        self._catch_up(nor)
        self._ops += 1
        self._erases += kind == ERASE
        self.left -= kind == self.kind
        return kind == self.kind and self.left == 0

    def _catch_up(self, nor: Nor) -> None:
        """Count what was done unseen."""
        if nor.ops == self._ops:
            return
        ops, erases = nor.ops - self._ops, nor.all_erases() - self._erases
        self.left -= erases if self.kind == ERASE else ops - erases
        self._ops += ops
        self._erases += erases


def erases_of(chunks: Iterable[Chunk | OpenChunk]) -> int:
    """Of all their sectors together."""
    return sum([chunk.all_erases for chunk in chunks])
