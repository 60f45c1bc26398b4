"""What littlefs did before on a volume with equal cells, to be had again without asking it.

What a call into littlefs gives, costs and writes depends on the cells that were mounted and on the calls since then,
and on nothing else. So the calls are kept as a tree whose roots are mounts. Rules: it knows only what was found out for
real, byte, op, microsecond and erase. A call that nobody made before is made for real, after those before it were made
again on a copy of the cells that were mounted (volume.py). What is seen for the first time is not kept: most of it
never comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from sim.flash.cells import shared_sector
from sim.flash.nor import Change, Nor
from sim.flash.partition import Region

STEPS = 16_384
"""Calls kept at most, with those that were seen once; then all are forgotten and it begins anew."""

MOST_BYTES = 4096
"""A call that is given more than this is not kept."""

Cells = tuple[bytes, ...]
Call = tuple[Callable[..., Any], tuple[Any, ...]]


class Handle:
    """An open file or folder, whichever volume it belongs to; C's own stays with the volume."""

    __slots__ = ()


class Step:
    """One call, what came of it, and the calls known to come next (None: seen once); `rows` of them by what they do."""

    __slots__ = ("before", "busy_us", "call", "cells", "changes", "code", "later", "ops", "parent", "rows", "value")

    def __init__(self, parent: Step | None, call: Call | None, before: Cells) -> None:
        self.parent = parent
        self.call = call
        self.value: Any = None
        self.code = 0  # of littlefs's error; 0: none
        self.ops = 0
        self.busy_us = 0
        self.changes: tuple[Change, ...] = ()
        self.before = self.cells = before
        self.later: dict[Call, Step | None] = {}
        self.rows: dict[Hashable, Row] | None = None

    def history(self) -> tuple[list[Step], Step]:
        """The calls from the first after the mount to this one, and the mount."""
        steps, at = [], self
        while at.parent is not None:
            steps.append(at)
            at = at.parent
        return steps[::-1], at


class Row(NamedTuple):
    """A row of known calls that changes nothing: where it ends, what it gives and how long it takes."""

    end: Step
    value: Any
    busy_us: int


class Observed:
    """What a call does to a flash: made before the call, asked after it."""

    def __init__(self, region: Region, cells: Cells) -> None:
        self._region = region
        self._cells = cells
        self._erases = erases_of(region)
        self._ops, self._busy_us = region.nor.ops, region.nor.busy_us

    def tell(self, step: Step) -> None:
        nor = self._region.nor
        step.ops, step.busy_us = nor.ops - self._ops, nor.busy_us - self._busy_us
        if step.ops:
            step.cells = tuple(map(shared_sector, cells_of(self._region)))
            pairs = zip(self._cells, step.cells, self._erases, erases_of(self._region), strict=True)
            step.changes = tuple(
                (number, after, worn_after - worn)
                for number, (before, after, worn, worn_after) in enumerate(pairs)
                if before != after or worn != worn_after
            )


_roots: dict[Hashable, Step | None] = {}
_kept = 0


def root_of(region: Region) -> tuple[Hashable, Step | None, bool]:
    """The key of a mount of these cells; what is known of it; whether it was seen before."""
    key = (region.nor.part, cells_of(region))
    seen = key in _roots
    known = _roots.get(key)
    if not seen:
        _count()
        _roots[key] = None
    return key, known, seen


def keep_root(key: Hashable, step: Step) -> None:
    """From now on the mount is known."""
    _count()
    _roots[key] = step


def next_of(step: Step, call: Call) -> tuple[Step | None, bool]:
    """The step that this call leads to, if it is known; whether it was seen before."""
    known = step.later.get(call)
    if known is not None:
        return known, True
    if call in step.later:
        return None, True
    if all(type(part) is not bytes or len(part) <= MOST_BYTES for part in call[1]):
        _count()
        step.later[call] = None
    return None, False


def keep(step: Step) -> None:
    """From now on the call is known, after those before it."""
    assert step.parent is not None
    assert step.call is not None
    _count()
    step.parent.later[step.call] = step


def forget() -> None:
    """Forget every volume."""
    global _kept
    _roots.clear()
    _kept = 0


def cells_of(region: Region) -> Cells:
    """The sectors under a volume."""
    return region.nor.sectors(region.start, region.size_bytes)


def erases_of(region: Region) -> tuple[int, ...]:
    """How often each of them was erased."""
    return region.nor.erase_counts(region.start, region.size_bytes)


def plain(nor: Nor) -> bool:
    """Whether nobody could tell what is done again from what is done: no watcher, flaw or cut."""
    return type(nor) is Nor and not nor.dead and nor.on_op is None and not nor.countdowns and not nor.cut_armed


def _count() -> None:
    global _kept
    _kept += 1
    if _kept > STEPS:
        forget()
