"""A small change of flash that was made before on an equal flash, to be had again without making it.

A device of a fleet that asks for an update reads two sectors of journal and writes a record there; ten thousand
devices do the very same. Rules: the change must read and write nothing but the stretch it names, and must depend on
what is there and on its name alone. What is known of it is exact to the byte, op, microsecond and erase. A flash that
is watched, flawed, dead, about to lose power, or whose countdown ends within the change makes it itself.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from sim.flash import cells
from sim.flash.cells import Chunk
from sim.flash.kept import Kept
from sim.flash.nor import Nor

CHANGES = 256
"""Known at most."""


@dataclass(slots=True, eq=False)
class _Made:
    """What became of the chunks, and what it took. `asked` as Kept has it."""

    chunks: tuple[Chunk, ...]
    ops: int
    erases: int
    busy_us: int
    asked: bool = False


_known: Kept[_Made] = Kept(CHANGES)


def repeated(nor: Nor, name: Hashable, stretch: tuple[int, int], change: Callable[[], object]) -> None:
    """Make the change called `name` within the stretch (address, length) of this flash."""
    if type(nor) is not Nor or nor.dead or nor.on_op is not None or nor.cut_armed:
        change()
        return
    ((first, last),) = cells.chunks_of((stretch,), nor.part.sector_bytes)
    key = (nor.part, name, stretch, nor.seal()[first:last])
    made = _known.get(key)
    if made is None:
        _make(nor, change, key, first, last)
    elif nor.countdowns and nor.awaited_within(made.ops, made.erases):
        change()
    else:
        nor.replace(first, made.chunks, made.ops, made.busy_us)


def forget() -> None:
    """Forget every change; for whoever alters what would be done."""
    _known.clear()


def _make(nor: Nor, change: Callable[[], object], key: Hashable, first: int, last: int) -> None:
    ops, erases, busy_us, alone = nor.ops, nor.all_erases(), nor.busy_us, not nor.countdowns
    change()
    if alone:  # a countdown might have ended, and done whatever it does
        chunks = nor.seal()[first:last]
        _known.put(key, _Made(chunks, nor.ops - ops, nor.all_erases() - erases, nor.busy_us - busy_us))
