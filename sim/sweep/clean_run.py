"""A flow without a power cut: the moments it passes, and every flash operation between them.

A station is a moment from which a fresh boot does what running on would do. Only moments that follow a flash operation
are kept. From the list of operations every state that a cut can leave is made without running the flow again.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.boot.journal import Journal, JournalState
from sim.errors import QpyotaError
from sim.flash.cells import SECTORS_PER_CHUNK
from sim.flash.nor import NorSnapshot
from sim.sweep.bench import Label
from sim.sweep.flow import Flow, Judgement
from sim.sweep.result import Verdict
from sim.sweep.watched import Op

MOST_LIVES = 12
"""Boots in a row without coming to rest; more is a boot loop. The longest honest flow needs 5."""

BOOT_LOOP = Judgement(Verdict.BRICKED, f"does not come to rest within {MOST_LIVES} boots")


JournalView = tuple[JournalState, tuple[int, int]]
"""What a journal says, and the sector and slot where it goes on. Two journals with the same view act alike."""


class SweepError(QpyotaError):
    """What cannot be swept, because it fails without any power cut."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Station:
    """A moment of the clean run, and the stretch from there to the next one.

    `dead`: scratch sectors that the rest of the clean run overwrites before it reads them. `first_op` counts from the
    start of the flow. `asked`: a cut in the stretch must not lose the update.
    """

    label: Label | None
    snapshot: NorSnapshot
    asked: bool
    first_op: int
    ops: tuple[Op, ...]
    dead: frozenset[int]
    journal: JournalView


def clean_run(flow: Flow) -> list[Station]:
    """Do the flow from its start; SweepError when it does not end well."""
    recorder = _Recorder(flow)
    for label in flow.ask():
        recorder.arrive(label, asked=False)
    recorder.arrive(None, asked=True)
    judgement = BOOT_LOOP
    for _ in range(MOST_LIVES):
        life = flow.life()
        while True:
            try:
                label = next(life)
            except StopIteration as end:
                rests = end.value
                break
            recorder.arrive(label, asked=True)
        if rests:
            judgement = flow.judge(asked=True)
            break
    if judgement.verdict is not Verdict.RECOVERED:
        raise SweepError(f"{flow.name} fails without any power cut: {judgement.verdict}: {judgement.detail}")
    return recorder.stations()


class _Recorder:
    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._heads: list[tuple[Label | None, NorSnapshot, bool, JournalView]] = []
        self._stretches: list[tuple[tuple[Op, ...], frozenset[int], frozenset[int]]] = []
        flow.nor.restore(flow.start)
        self.arrive(None, asked=False)

    def arrive(self, label: Label | None, *, asked: bool) -> None:
        nor = self._flow.nor
        if self._heads:
            if not nor.log and asked == self._heads[-1][2]:
                return
            self._close()
        view = view_of(Journal(self._flow.layout.journal))
        self._heads.append((label, nor.snapshot(), asked, view))
        nor.watch(logging=True)

    def stations(self) -> list[Station]:
        """All of them, when the run is over."""
        self._close()
        made: list[Station] = []
        live: frozenset[int] = frozenset()
        first_op = sum(len(ops) for ops, _, _ in self._stretches)
        for head, stretch in zip(reversed(self._heads), reversed(self._stretches), strict=True):
            (label, snapshot, asked, view), (ops, read, written) = head, stretch
            live = read | (live - written)
            first_op -= len(ops)
            made.append(Station(label, snapshot, asked, first_op, ops, self._flow.scratch - live, view))
        return made[::-1]

    def _close(self) -> None:
        nor = self._flow.nor
        self._stretches.append((tuple(nor.log), frozenset(nor.read_first), frozenset(nor.written)))
        nor.watch()


def view_of(journal: Journal) -> JournalView:
    """How `journal` counts."""
    return journal.state, (journal._sector, journal._slot)


def live_until_rest(flow: Flow) -> bool:
    """Boot until the device rests; False when it does not."""
    for _ in range(MOST_LIVES):
        life = flow.life()
        while True:
            try:
                next(life)
            except StopIteration as end:
                if end.value:
                    return True
                break
    return False


def sector_of(snapshot: NorSnapshot, sector: int) -> bytes:
    """What sector number `sector` held at that moment."""
    chunk, slot = divmod(sector, SECTORS_PER_CHUNK)
    return snapshot.chunks[chunk].sectors[slot]


def differing_sectors(one: NorSnapshot, other: NorSnapshot) -> set[int]:
    """Numbers of the sectors whose content differs."""
    found: set[int] = set()
    for number, (a, b) in enumerate(zip(one.chunks, other.chunks, strict=True)):
        if a.sectors != b.sectors:
            pairs = enumerate(zip(a.sectors, b.sectors, strict=True), start=number * SECTORS_PER_CHUNK)
            found.update(sector for sector, (x, y) in pairs if x != y)
    return found
