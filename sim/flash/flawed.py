"""A NOR flash whose cells have defects: `Nor`, and on top of it whatever `Defects` says is wrong with this part.

Rules. Commands, ops, time, wear and power cuts are those of `Nor`, and with no defects so is every byte. A sector
ails while it is bad, worn out or holds an unstable page. In a sector that ails a program is not refused, as software
cannot know what the cells hold: they keep each bit that is already 0, and nobody is told. `read` shows what the
part's pins show; `image` shows the cells, for judges. The factory's programmer (`load`) writes cells as they are to be:
a bad sector went bad later. A plain `Nor` pays nothing for all this: it lives here.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.flash.defects import Defects
from sim.flash.nor import Nor, NorSnapshot
from sim.flash.part import FlashPart
from sim.kernel.power import PowerLoss

Unsettled = tuple[int, bytes, bytes]
"""An interrupted program: its address, the cells before it, and what they were to become."""


@dataclass(frozen=True, slots=True)
class FlawedSnapshot(NorSnapshot):
    """As its base, with the unstable pages and how often pages were read."""

    unsettled: dict[int, tuple[Unsettled, ...]]
    reads: dict[int, int]


class FlawedNor(Nor):
    """A flash part with `defects`; new otherwise."""

    def __init__(self, part: FlashPart, defects: Defects) -> None:
        super().__init__(part)
        self.defects = defects
        self._frozen = defects.frozen(part)
        self._stuck = {sector: defects.stuck_bits(sector, part.sector_bytes) for sector in sorted(defects.stuck(part))}
        self._unsettled: dict[int, tuple[Unsettled, ...]] = {}  # by sector
        self._reads: dict[int, int] = {}  # by page; counted where it matters

    @property
    def bad_sectors(self) -> frozenset[int]:
        """Numbers of the frozen and stuck sectors; a worn one is not among them."""
        return self._frozen | self._stuck.keys()

    @property
    def reads_vary(self) -> bool:
        """Whether the same cells may read differently from one time to the next."""
        return self.defects.unstable_pages or self.defects.bit_errors_per_gbit > 0

    def unstable_sectors(self) -> frozenset[int]:
        """Numbers of the sectors that hold an unstable page now."""
        return frozenset(self._unsettled)

    def read(self, address: int, length: int) -> bytes:
        """What the part shows, which may differ from the cells and from one time to the next. Time as `Nor.read`."""
        data = super().read(address, length)
        if not self._unsettled and not self.defects.bit_errors_per_gbit:
            return data
        page_bytes = self.part.page_bytes
        first, last = address // page_bytes, -(-(address + length) // page_bytes)
        shown = b"".join(map(self._shown, range(first, last)))
        return shown[address - first * page_bytes :][:length]

    def rewrite(self, address: int, data: bytes) -> None:
        """As `Nor.rewrite`; page by page where a sector ails."""
        sector_bytes = self.part.sector_bytes
        sectors = range(address // sector_bytes, -(-(address + len(data)) // sector_bytes))
        if self.dead or address % sector_bytes or not any(map(self._ails, sectors)):
            super().rewrite(address, data)
            return
        self._check_range(address, len(data))
        self._rewrite_page_by_page(address, bytes(data))

    def _rewrite_in_parts(self, address: int, data: bytes) -> None:
        """Page by page: a sector may begin to ail on the way."""
        self._rewrite_page_by_page(address, data)

    def snapshot(self) -> FlawedSnapshot:
        """The state at this moment, with all that decides what will be read."""
        return FlawedSnapshot(self.seal(), self.ops, self.busy_us, dict(self._unsettled), dict(self._reads))

    def restore(self, snapshot: NorSnapshot) -> None:
        """Take a snapshot's state; the defects are this part's own. One of a plain `Nor` has nothing unstable."""
        super().restore(snapshot)
        self._unsettled, self._reads = {}, {}
        if isinstance(snapshot, FlawedSnapshot):
            self._unsettled, self._reads = dict(snapshot.unsettled), dict(snapshot.reads)

    # -- one op ---------------------------------------------------------------------------------------------

    def _erase_sector(self, address: int) -> None:
        number = address // self.part.sector_bytes
        before = self._sector(number)
        try:
            super()._erase_sector(address)
        except PowerLoss:  # unstable pages may still be, after half an erase
            self._hold(number, before, erased=True)
            raise
        self._hold(number, before, erased=True)
        self._unsettled.pop(number, None)

    def _program_page(self, address: int, data: bytes) -> None:
        number, offset = divmod(address, self.part.sector_bytes)
        before = self._sector(number)
        old = before[offset : offset + len(data)]
        if self._ails(number):
            data = _and(old, data)
        try:
            super()._program_page(address, data)
        except PowerLoss:
            self._hold(number, before)
            if self.defects.unstable_pages:
                self._unsettled[number] = (*self._unsettled.get(number, ()), (address, old, data))
            raise
        self._hold(number, before)
        if number in self._unsettled:
            self._unsettled[number] = tuple(_over(part, address, data) for part in self._unsettled[number])

    def _ails(self, sector: int) -> bool:
        if sector in self._frozen or sector in self._stuck or sector in self._unsettled:
            return True
        return self.defects.wears_out and self._worn_out(sector)

    def _worn_out(self, sector: int) -> bool:
        erases, part = self.erase_count(sector), self.part
        return erases > part.endurance_cycles and erases > self.defects.lifetime(sector, part)

    def _hold(self, sector: int, before: bytes, erased: bool = False) -> None:
        """Undo what the cells of a bad or worn sector did not take of the op that ended just now."""
        if not self._ails(sector):
            return
        now = int.from_bytes(self._sector(sector))
        if sector in self._stuck:
            ones, zeros = self._stuck[sector]
            now = (now | ones) & ~zeros
        if erased:
            now &= int.from_bytes(before) | ~self.defects.weak_bits(sector, self.erase_count(sector), self.part)
        chunk, slot = self._opened(sector)
        chunk.sectors[slot] = before if sector in self._frozen else now.to_bytes(len(before))

    # -- one read -------------------------------------------------------------------------------------------

    def _shown(self, page: int) -> bytes:
        """A page as this read shows it."""
        page_bytes = self.part.page_bytes
        start = page * page_bytes
        data = self.image(start, page_bytes)
        unsettled = self._unsettled.get(start // self.part.sector_bytes, ())
        parts = [part for part in unsettled if part[0] // page_bytes == page]
        if not parts and not self.defects.bit_errors_per_gbit:
            return data
        reads = self._reads[page] = self._reads.get(page, 0) + 1
        for address, high, low in parts:
            at = address - start
            data = data[:at] + self.defects.unstable(high, low, address, reads) + data[at + len(high) :]
        wrong = self.defects.misread(page, reads, page_bytes)
        return (int.from_bytes(data) ^ wrong).to_bytes(page_bytes) if wrong else data


def _over(part: Unsettled, address: int, data: bytes) -> Unsettled:
    """An interrupted program over which `data` was programmed at `address`: those bits are settled."""
    start, high, low = part
    mask = bytearray(b"\xff" * len(high))
    for at in range(max(start, address), min(start + len(high), address + len(data))):
        mask[at - start] = data[at - address]
    return start, _and(high, bytes(mask)), _and(low, bytes(mask))


def _and(a: bytes, b: bytes) -> bytes:
    return (int.from_bytes(a) & int.from_bytes(b)).to_bytes(len(a))
