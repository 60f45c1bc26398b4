"""Flash work that was done before on an equal flash, to be had again without doing it.

A boot that applies an update is thousands of operations; ten thousand devices of a fleet do the very same ones. Work is
a generator that reads and writes one flash and yields marks. Rules: it must depend on the flash and on `name` alone. A
recording holds what it yielded and what the flash was at each mark, so that whoever is interrupted between two marks
has exactly the flash that the work would have left. A flash that is watched, dead, flawed or about to lose power does
the work itself. What is seen for the first time is not recorded: most of it never comes back.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass
from typing import Any

from sim.flash.cells import Chunk
from sim.flash.countdown import erases_of
from sim.flash.nor import Nor
from sim.records import record

RECORDINGS = 48
"""Kept at most; the one not played for longest goes first. One of a whole upgrade holds about a megabyte."""

SEEN = 4096
"""Starts that were seen once and are not recorded yet."""

Work = Generator[Any, None, Any]


@record
class Mark:
    """A moment between two pieces of work: what was yielded, and the flash then, counted from the start."""

    value: Any
    ops: int
    busy_us: int
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """All that a piece of work did. The last mark is its end; its value is what the generator returned."""

    marks: tuple[Mark, ...]

    @property
    def end(self) -> Mark:
        return self.marks[-1]


_recordings: OrderedDict[Hashable, Recording] = OrderedDict()
_seen: OrderedDict[Hashable, None] = OrderedDict()


def recording(nor: Nor, name: Hashable, work: Callable[[], Work]) -> Recording | None:
    """What `work()` does to this flash, which is not changed; None when it has to be done to be known."""
    if type(nor) is not Nor or nor.dead or nor.on_op is not None or nor.cut_armed:
        return None
    key = (name, nor.seal())
    known = _recordings.get(key)
    if known is not None:
        _recordings.move_to_end(key)
        return None if nor.countdowns and _awaited_within(nor, known) else known
    if nor.countdowns:
        return None  # it would end while the work is recorded
    if key not in _seen:
        _seen[key] = None
        if len(_seen) > SEEN:
            _seen.popitem(last=False)
        return None
    del _seen[key]
    known = _recordings[key] = _record(nor, work())
    if len(_recordings) > RECORDINGS:
        _recordings.popitem(last=False)
    return known


def _awaited_within(nor: Nor, known: Recording) -> bool:
    return nor.awaited_within(known.end.ops, erases_of(known.end.chunks) - nor.all_erases())


def place(nor: Nor, began: Mark, mark: Mark) -> None:
    """Make the flash what it was at `mark` of a recording that began when it was as `began` says."""
    nor.jump(mark.chunks, began.ops + mark.ops, began.busy_us + mark.busy_us)


def mark_now(nor: Nor) -> Mark:
    """This moment as a mark to begin from."""
    return Mark(None, nor.ops, nor.busy_us, nor.seal())


def _record(nor: Nor, work: Work) -> Recording:
    began = mark_now(nor)
    marks = []
    while True:
        try:
            value = next(work)
        except StopIteration as stop:
            value = stop.value
            marks.append(Mark(value, nor.ops - began.ops, nor.busy_us - began.busy_us, nor.seal()))
            break
        marks.append(Mark(value, nor.ops - began.ops, nor.busy_us - began.busy_us, nor.seal()))
    nor.jump(began.chunks, began.ops, began.busy_us)
    return Recording(tuple(marks))
