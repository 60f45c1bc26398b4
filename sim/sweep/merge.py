"""The merge sweep: cut power at every flash operation of a flow, in every torn shape, at tens of thousands a second.

It rests on one fact: what a device does after power returns depends on its flash alone. Two things follow.

Classes. A recovery that overwrites a sector without having looked at it cannot depend on what a cut left there.
Cuts of one stretch of the run that agree in every other sector are one class, and one recovery tells how all of them
end. `WatchedNor` says which sectors those are.

Merging. A recovery that comes to a station of the clean run, with the flash the clean run had there, ends as the
clean run did. Scratch that is overwritten before it is read does not count, and neither do the slots of the journal
that torn records used up: a journal counts by what it says and where it goes on. A station met with another place
in the journal is followed to the next one, once; then it is proven too.

Everything else is played out to its end and judged by the flow. A sample of cuts is repeated the slow way (slow.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple

from sim.boot.journal import Journal
from sim.errors import QpyotaError
from sim.flash.nor import NorSnapshot
from sim.flash.torn import Torn
from sim.sweep.bench import Label
from sim.sweep.clean_run import (
    BOOT_LOOP,
    MOST_LIVES,
    JournalView,
    Station,
    clean_run,
    differing_sectors,
    sector_of,
    view_of,
)
from sim.sweep.flow import Flow, Judgement
from sim.sweep.result import Cut, CutKind, Failure, SweepResult, Verdict
from sim.sweep.shortcuts import Carried, Installed, Shortcuts
from sim.sweep.slow import CutPoint, torn_seed, try_cuts
from sim.sweep.watched import Op

_Overlay = dict[int, bytes]
"""Sectors that differ from a snapshot."""
_Key = tuple[Carried, tuple[tuple[int, bytes], ...]]
_Place = tuple[int, tuple[int, int]]
"""Number of a station, and where the journal goes on."""


class _Scope(NamedTuple):
    """What a recovery says something about: flashes that agree with its own in `sectors` (`within`), or outside them.

    A recovery that was followed to the device's rest depends on what it read and what was judged. One that met the
    clean run depends on all that it did not overwrite blindly.
    """

    within: bool
    sectors: frozenset[int]


@dataclass(frozen=True, slots=True)
class Recovery:
    """How the cuts of one class end; `ops`: flash operations up to where that was known, `log`: which ones, if asked
    for."""

    judgement: Judgement
    ops: int
    log: tuple[Op, ...] = ()


@dataclass(slots=True)
class _Stretch:
    """Operations to be cut, one after the other, on a flash that is a snapshot with some other sectors.

    `installed` is kept as it is before the operation being cut. `number`: of the cut, 0 for first ones.
    """

    base: NorSnapshot
    overlay: _Overlay
    installed: Installed
    ops: Sequence[Op]
    asked: bool
    number: int = 0
    first_op: int = 0


class MergeSweep:
    """A sweep over one flow. Making it does the clean run: SweepError when that does not end well."""

    def __init__(self, flow: Flow, *, quick: bool = True) -> None:
        self.flow = flow
        self.stations = clean_run(flow)
        self.ops = sum(len(station.ops) for station in self.stations)
        self._shortcuts = Shortcuts(flow.nor, flow.layout) if quick else None
        labels = [station.label for station in self.stations]
        once = {label: labels.count(label) == 1 for label in set(labels)}
        self._at = {label: n for n, label in enumerate(labels) if label is not None and once[label]}
        self._proven: set[_Place] = {(n, station.journal[1]) for n, station in enumerate(self.stations)}

    def run(
        self, part: int = 0, parts: int = 1, *, depth: int = 1, chosen: frozenset[int] | None = None
    ) -> SweepResult:
        """Cut the operations of the `part`-th of `parts` equal stretches of the flow, each in every shape.

        With `chosen`, only those first cuts: numbers in the order operation, shape (see `spread`). At depth 2, power
        goes again at every operation of the recovery; without `chosen`, that is done for one first cut of each class.
        """
        flow = self.flow
        result = SweepResult(flow.name, flow.family, flow.method, depth=depth, ops=self.ops)
        started = perf_counter()
        points = self.points(part, parts)
        with ExitStack() as stack:
            if self._shortcuts is not None:
                stack.enter_context(self._shortcuts)
            installed: Installed | None = None
            for station in self.stations:
                if station.ops and station.first_op in points:
                    if installed is None:
                        flow.nor.restore(station.snapshot)
                        installed = Installed(flow.layout)
                    self._sweep_station(station, installed, result, chosen)
        result.seconds = perf_counter() - started
        return result

    def repeat(self, result: SweepResult, points: range, count: int) -> None:
        """Do again the slow way those of `count` cuts of the flow that are at these operations; AssertionError when one
        ends otherwise than `result` says."""
        bad = {failure.replay: failure.verdict for failure in result.failures}
        for index in sorted(spread(self.ops * len(Torn), count)):
            cut = (index // len(Torn), _SHAPES[index % len(Torn)])
            if cut[0] in points:
                name, slow = self.cut((cut,)).name, try_cuts(self.flow, self.stations, [cut])
                assert slow.verdict is bad.get(name, Verdict.RECOVERED), f"{name} really ends {slow}"
                result.repeated += 1

    def points(self, part: int, parts: int) -> range:
        """The operations of the `part`-th of `parts` stretches, of about equal length."""
        heads = [station.first_op for station in self.stations]
        first, last = (
            min((head for head in heads if head >= self.ops * n // parts), default=self.ops) for n in (part, part + 1)
        )
        return range(first, self.ops if part + 1 == parts else last)

    def cut(self, cuts: tuple[CutPoint, ...]) -> Cut:
        """The name of these one or two cuts."""
        points, shapes = zip(*cuts, strict=True)
        return Cut(self.flow.name, 0, "-", CutKind.FLASH, points, shapes)

    # -- what is cut

    def _sweep_station(
        self, station: Station, installed: Installed, result: SweepResult, chosen: frozenset[int] | None
    ) -> None:
        stretch = _Stretch(station.snapshot, {}, installed, station.ops, station.asked, first_op=station.first_op)
        tried: set[int] = set()
        for cut, state, recovery in self._cuts(stretch, logging=result.depth == 2):
            is_new = id(recovery) not in tried
            tried.add(id(recovery))
            wanted = chosen is None or cut[0] * len(Torn) + _SHAPES.index(cut[1]) in chosen
            if result.depth == 1:
                result.possible += 1
                if wanted:
                    result.tried += is_new
                    self._count(result, recovery.judgement, (cut,))
                continue
            result.possible += recovery.ops * len(Torn)
            if wanted and (is_new or chosen is not None):
                self._sweep_second(stretch, cut, state, recovery, result)

    def _sweep_second(
        self, first: _Stretch, cut: CutPoint, state: _Overlay, recovery: Recovery, result: SweepResult
    ) -> None:
        """Cut the recovery from `cut`, which left `state`."""
        installed, sector = first.installed.copy(), first.ops[cut[0] - first.first_op].sector
        installed.change(sector, state.get(sector, sector_of(first.base, sector)))
        second = _Stretch(first.base, state, installed, recovery.log, first.asked, number=1)
        tried: set[int] = set()
        for again, _, outcome in self._cuts(second, logging=False):
            result.tried += id(outcome) not in tried
            tried.add(id(outcome))
            self._count(result, outcome.judgement, (cut, again))

    def _count(self, result: SweepResult, judgement: Judgement, cuts: tuple[CutPoint, ...]) -> None:
        result.count(judgement.verdict)
        if judgement.verdict is not Verdict.RECOVERED:
            result.failures.append(Failure(self.cut(cuts).name, judgement.verdict, judgement.detail))

    # -- classes

    def _cuts(self, stretch: _Stretch, *, logging: bool) -> Iterator[tuple[CutPoint, _Overlay, Recovery]]:
        """Every cut of a stretch, what of the flash then differs from its snapshot, and how it ends."""
        overlay, installed = dict(stretch.overlay), stretch.installed
        classes: dict[_Scope, dict[_Key, Recovery]] = {}
        for point, op in enumerate(stretch.ops, start=stretch.first_op):
            base = sector_of(stretch.base, op.sector)
            before = overlay.get(op.sector, base)
            for shape in Torn:
                content = op.torn(before, shape, torn_seed(stretch.number, point))
                carried = installed.with_change(op.sector, content)
                state = _changed(overlay, op.sector, content, base)
                recovery = _find(classes, carried, state)
                if recovery is None:
                    recovery, scope = self._recover(stretch, state, carried, logging)
                    classes.setdefault(scope, {})[_key(carried, state, scope)] = recovery
                yield (point, shape), state, recovery
            after = op.done(before)
            installed.change(op.sector, after)
            overlay = _changed(overlay, op.sector, after, base)

    # -- one recovery

    def _recover(
        self, stretch: _Stretch, overlay: _Overlay, carried: Carried, logging: bool
    ) -> tuple[Recovery, _Scope]:
        """Apply power to the flash that a cut left, until its end is known; and what that says of other flashes."""
        nor = self.flow.nor
        nor.restore(stretch.base)
        for first, contents in _runs(overlay):
            nor.load(first * nor.part.sector_bytes, b"".join(contents))
        nor.watch(logging=logging)
        if self._shortcuts is not None:
            self._shortcuts.tell(carried)
        before = nor.ops
        judgement, rests = self._play_out(stretch.asked)
        if rests:
            scope = _Scope(True, frozenset(nor.read_first | self.flow.judged))
        else:
            scope = _Scope(False, frozenset(nor.written - nor.read_first))
        return Recovery(judgement, nor.ops - before, tuple(nor.log)), scope

    def _play_out(self, asked: bool) -> tuple[Judgement, bool]:
        """The judgement, and whether it was come to by looking at a device that rests."""
        visited: list[_Place] = []
        try:
            for _ in range(MOST_LIVES):
                life = self.flow.life()
                while True:
                    try:
                        label = next(life)
                    except StopIteration as end:
                        rests = end.value
                        break
                    place = self._met(label)
                    if place in self._proven:
                        life.close()
                        self._proven.update(visited)
                        return Judgement(Verdict.RECOVERED), False
                    if place is not None:
                        visited.append(place)
                if rests:
                    judgement = self.flow.judge(asked)
                    if judgement.verdict is Verdict.RECOVERED:
                        self._proven.update(visited)
                    return judgement, True
        except (QpyotaError, AssertionError) as error:
            return Judgement(Verdict.BRICKED, f"{type(error).__name__}: {error}"), False
        return BOOT_LOOP, False

    def _met(self, label: Label) -> _Place | None:
        """The station that this is, and the journal's place; None if flash differs where it matters."""
        number = self._at.get(label)
        if number is None:
            return None
        station = self.stations[number]
        differing = differing_sectors(self.flow.nor.snapshot(), station.snapshot) - station.dead
        if not differing:
            return number, station.journal[1]
        if not differing <= self.flow.journal:
            return None
        state, place = self._journal_view()
        return (number, place) if state == station.journal[0] else None

    def _journal_view(self) -> JournalView:
        """The journal, without the recovery being taken for depending on it."""
        nor, region = self.flow.nor, self.flow.layout.journal
        nor.read_first, kept = set(), nor.read_first
        journal = self._shortcuts.journal(region) if self._shortcuts is not None else Journal(region)
        nor.read_first = kept
        return view_of(journal)


_SHAPES = tuple(Torn)


def spread(count: int, sample: int) -> frozenset[int]:
    """`sample` numbers below `count`, evenly far apart, always the same; all of them if there are no more."""
    return (
        frozenset(number * count // sample for number in range(sample)) if sample < count else frozenset(range(count))
    )


def _changed(overlay: _Overlay, sector: int, content: bytes, base: bytes) -> _Overlay:
    changed = {**overlay, sector: content}
    if content == base:
        del changed[sector]
    return changed


def _key(carried: Carried, state: _Overlay, scope: _Scope) -> _Key:
    within, sectors = scope
    return carried, tuple(sorted([item for item in state.items() if (item[0] in sectors) == within]))


def _find(classes: dict[_Scope, dict[_Key, Recovery]], carried: Carried, state: _Overlay) -> Recovery | None:
    for scope, known in classes.items():
        recovery = known.get(_key(carried, state, scope))
        if recovery is not None:
            return recovery
    return None


def _runs(overlay: _Overlay) -> Iterator[tuple[int, list[bytes]]]:
    """Neighbouring sectors together: number of the first, contents."""
    first, contents = 0, list[bytes]()
    for sector in sorted(overlay):
        if contents and sector != first + len(contents):
            yield first, contents
            contents = []
        if not contents:
            first = sector
        contents.append(overlay[sector])
    if contents:
        yield first, contents
