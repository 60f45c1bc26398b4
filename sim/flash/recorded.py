"""Flash work that was done before on an equal flash, to be had again without doing it.

A boot that applies an update is thousands of operations; ten thousand devices of a fleet do the very same ones. Work is
a generator that reads and writes one flash and yields marks. Rules: it must depend on what it reads of the flash and on
its name alone; wear it cannot see, so what it adds is added to whatever wear is there. A recording holds what it
yielded and what the flash was at each mark, so that whoever is interrupted between two marks has exactly the flash that
the work would have left. Some marks are doors: what follows them depends on the flash of that moment alone, so work can
go on there that was played so far, and be played from there that was done so far.

A flash that is watched, dead, flawed or about to lose power does the work itself; one that counts down, from the last
door before its moment on. What is seen for the first time is not recorded: most of it never comes back.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass, field
from typing import Any

from sim.flash import cells
from sim.flash.cells import Chunk
from sim.flash.kept import Kept
from sim.flash.nor import Nor, Stretches
from sim.records import record

RECORDINGS = 48
"""Kept at most. One of a whole upgrade holds about a megabyte."""

SEEN = 4096
"""Starts that were seen once and are not recorded yet."""

STARTS = 256
"""Whole flashes that are known to be the start of a recording."""

Steps = Generator[Any, None, Any]


@record
class Work:
    """`reads`: address and length of all that it may read or write; `begin` does it on a flash from its start, `go_on`
    from a door on, which `is_door` knows by what was yielded."""

    name: Hashable
    reads: Stretches
    begin: Callable[[Nor], Steps]
    go_on: Callable[[Nor], Steps]
    is_door: Callable[[Any], bool]


class Content:
    """All that a piece of work may read, as a key, whose hash is worked out once."""

    __slots__ = ("_hash", "_held", "_name")

    def __init__(self, name: Hashable, held: tuple[Hashable, ...]) -> None:
        self._name = name
        self._held = held
        self._hash = hash((name, held))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Content) and (self._name, self._held) == (other._name, other._held)


@record
class Mark:
    """A moment between two pieces of work: what was yielded, and the flash then, counted from the start."""

    value: Any
    ops: int
    erases: int
    busy_us: int
    chunks: tuple[Chunk, ...]


@dataclass(slots=True, eq=False)
class Recording:
    """All that a piece of work did on a flash that held `content` where it looked. The first mark is its start, the
    last one its end, whose value is what the generator returned. `doors`: what each yielded, the number of its mark.
    `asked` as Kept has it."""

    name: Hashable
    content: Content = field(repr=False)
    marks: tuple[Mark, ...]
    doors: dict[Any, int] = field(repr=False)
    asked: bool = False


@record
class Passage:
    """From mark `first` of a recording, or from its start, to mark `last`, a door or the end."""

    recording: Recording
    first: int
    last: int

    @property
    def base(self) -> Mark:
        return self.recording.marks[self.first]

    @property
    def to_the_end(self) -> bool:
        return self.last == len(self.recording.marks) - 1


@dataclass(slots=True, eq=False)
class _Start:
    """A whole recording. `asked` as Kept has it."""

    passage: Passage
    asked: bool = False


_recordings: Kept[Recording] = Kept(RECORDINGS)
_starts: Kept[_Start] = Kept(STARTS)
"""The same recordings by all chunks of the flash they begin with, wear included, which are quicker to look up."""
_seen: OrderedDict[Hashable, bool] = OrderedDict()
"""Starts that are not recorded: seen once; or (True) known to come to a first door from where on all is known."""


def recording(nor: Nor, work: Work, yielded: Any = None) -> Passage | None:
    """What this flash, which is not changed, has of `work` known: from its start, or from the door where it `yielded`
    this. None when it has to be done to be known."""
    if type(nor) is not Nor or nor.dead or nor.on_op is not None or nor.cut_armed:
        return None
    if yielded is None:
        whole = _by_start(nor, work)
        return whole if whole is None or not nor.countdowns else _before_countdowns(nor, whole.recording, 0)
    there = _at_door(nor, work, yielded)
    return None if there is None else _before_countdowns(nor, *there)


def place(nor: Nor, began: Mark, base: Mark, mark: Mark) -> None:
    """Make the flash, which agreed with `base` when it was as `began` says, what the work makes of it up to `mark`."""
    chunks = mark.chunks
    if began.chunks != base.chunks:
        chunks = cells.shared(tuple(map(cells.carried_over, began.chunks, base.chunks, mark.chunks)))
    nor.jump(chunks, began.ops + mark.ops - base.ops, began.busy_us + mark.busy_us - base.busy_us)


def mark_now(nor: Nor) -> Mark:
    """This moment as a mark to begin from."""
    return Mark(None, nor.ops, 0, nor.busy_us, nor.seal())


def _by_start(nor: Nor, work: Work) -> Passage | None:
    """What is recorded from a flash like this; recorded now, if such a one starts for the second time."""
    key = (work.name, nor.seal())
    start = _starts.get(key)
    if start is None:
        content = Content(work.name, tuple([nor.held(address, length) for address, length in work.reads]))
        known = _recordings.get(content) or _second_time(nor, work, content)
        if known is None:
            return None
        start = _Start(Passage(known, 0, len(known.marks) - 1))
        _starts.put(key, start)
    start.passage.recording.asked = True
    return start.passage


def _second_time(nor: Nor, work: Work, content: Content) -> Recording | None:
    if nor.countdowns:
        return None  # one could end while the work is recorded
    joins = _seen.get(content)
    known = None if joins is not False else _record(nor, work, content)
    if known is None:
        _seen[content] = joins is not None
        if len(_seen) > SEEN:
            _seen.popitem(last=False)
        return None
    del _seen[content]
    dropped = _recordings.put(content, known)
    if dropped is not None:
        for start in [start for start in _starts if start.passage.recording is dropped]:
            _starts.drop(start)
    return known


def _at_door(nor: Nor, work: Work, yielded: Any) -> tuple[Recording, int] | None:
    """The recording that passed here with the same bytes, and its mark."""
    for known in _recordings:
        number = known.doors.get(yielded) if known.name == work.name else None
        if number is not None:
            chunks = known.marks[number].chunks
            if all(nor.agrees(chunks, address, length) for address, length in work.reads):
                known.asked = True
                return known, number
    return None


def _before_countdowns(nor: Nor, known: Recording, first: int) -> Passage | None:
    """From mark `first` as far as nobody waits for one of its operations."""
    marks, end = known.marks, len(known.marks) - 1
    if not nor.countdowns:
        return Passage(known, first, end)
    base = marks[first]

    def awaited(number: int) -> bool:
        return nor.awaited_within(marks[number].ops - base.ops, marks[number].erases - base.erases)

    if not awaited(end):
        return Passage(known, first, end)
    doors = [number for number in known.doors.values() if number > first]
    passed = bisect_left(doors, True, key=awaited)
    return Passage(known, first, doors[passed - 1]) if passed else None


def _record(nor: Nor, work: Work, content: Content) -> Recording | None:
    """All of it; None when its first door is one from where on it is known."""
    began, erases = mark_now(nor), nor.all_erases()
    marks = [Mark(None, 0, 0, 0, began.chunks)]
    doors: dict[Any, int] = {}
    steps, ended = work.begin(nor), False
    while not ended:
        try:
            value = next(steps)
        except StopIteration as stop:
            value, ended = stop.value, True
        if not ended and work.is_door(value):
            if not doors and _at_door(nor, work, value) is not None:
                nor.jump(began.chunks, began.ops, began.busy_us)
                return None
            doors[value] = len(marks)
        ops, busy_us = nor.ops - began.ops, nor.busy_us - began.busy_us
        marks.append(Mark(value, ops, nor.all_erases() - erases, busy_us, nor.seal()))
    nor.jump(began.chunks, began.ops, began.busy_us)
    return Recording(work.name, content, tuple(marks), doors)
