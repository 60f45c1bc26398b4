"""Serial NOR flash: its commands, the time they take, and what a power cut leaves behind.

Rules. The cells are strict: an erase sets a sector to 0xFF, a program only turns 1 bits to 0, and anything else
is a FlashError, as real cells would not hold it. One command (the erase of a sector, the program of a page) is
one op; ops are counted over the life of the part, and a power cut falls on exactly one of them. That op counts
in full, is left torn in one of five shapes, and raises PowerLoss; from then on every access raises it until
`power_on`. Time is only added up, in integer microseconds: whoever drives the flash lets it pass.

`rewrite` is the fast way to write whole sectors. It equals erase and program page by page in bytes, ops, wear,
time and the place of a cut; where an observer could tell the difference, it goes page by page, and in the sector that a
cut falls into.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sim.errors import FlashError
from sim.flash import cells
from sim.flash.cells import SECTORS_PER_CHUNK, Chunk
from sim.flash.contents import Contents, Stretches
from sim.flash.countdown import ERASE, PROGRAM, Countdown
from sim.flash.part import FlashPart
from sim.flash.torn import Torn, torn_erase, torn_program
from sim.kernel.power import PowerLoss

__all__ = ["ERASE", "PROGRAM", "Change", "Nor", "NorSnapshot", "Stretches", "Torn"]


@dataclass(frozen=True, slots=True)
class NorSnapshot:
    """Contents, wear, ops and time of a flash at one moment. Chunks are interned: equal ones are one object."""

    chunks: tuple[Chunk, ...]
    ops: int
    busy_us: int


Change = tuple[int, bytes, int]
"""A sector's number within a region, its bytes, and how many erases it took to get there."""


@dataclass(frozen=True, slots=True)
class _Cut:
    at_op: int  # counted like `Nor.ops`
    torn: Torn
    seed: int


class Nor(Contents):
    """One flash part, new: erased, never worn, powered.

    `ops` erases and programs so far, `busy_us` time spent on them and on reads, `dead` whether power is gone.
    `on_op(kind, address)`, when set, is called before each op with ERASE or PROGRAM and the byte address; it may arm a
    cut, which can then fall on that very op. `countdowns`: those who wait for one op only.
    """

    __slots__ = ("_cut", "busy_us", "countdowns", "dead", "on_op", "ops")

    def __init__(self, part: FlashPart) -> None:
        super().__init__(part)
        self.ops = 0
        self.busy_us = 0
        self.dead = False
        self.on_op: Callable[[str, int], None] | None = None
        self.countdowns: tuple[Countdown, ...] = ()
        self._cut: _Cut | None = None

    # -- commands of the part -------------------------------------------------------------------------------

    def read(self, address: int, length: int) -> bytes:
        """Bytes as they are. Takes `read_us_per_kib` for each KiB, rounded up to a microsecond; is no op."""
        if self.dead:
            raise PowerLoss
        data = self.image(address, length)
        self.busy_us -= -length * self.part.read_us_per_kib // 1024
        return data

    def read_within(self, sector: int, offset: int, length: int) -> bytes:
        """`read` inside one sector, by its number, for a caller that is known to keep within it."""
        if self.dead:
            raise PowerLoss
        self.busy_us -= -length * self.part.read_us_per_kib // 1024
        return self._chunks[sector // SECTORS_PER_CHUNK].sectors[sector % SECTORS_PER_CHUNK][offset : offset + length]

    def pass_read(self, length: int) -> None:
        """The time of a read, for who knows, or will find out, what is there. Reads of whole KiB in a row, and a last
        one of any length, take as long together as one of it all."""
        self.busy_us -= -length * self.part.read_us_per_kib // 1024

    def program(self, address: int, data: bytes) -> None:
        """Turn bits to 0, page by page. FlashError if a bit would have to become 1, or beyond the part."""
        if self.dead:
            raise PowerLoss
        self._check_range(address, len(data))
        page_bytes = self.part.page_bytes
        at = 0
        while at < len(data):
            step = page_bytes - (address + at) % page_bytes
            self._program_page(address + at, data[at : at + step])
            at += step

    def erase(self, address: int, length: int | None = None) -> None:
        """Set whole sectors to 0xFF, one op each; one sector when no length is given. FlashError if misaligned."""
        if self.dead:
            raise PowerLoss
        sector_bytes = self.part.sector_bytes
        length = sector_bytes if length is None else length
        self._check_range(address, length)
        if address % sector_bytes or length % sector_bytes:
            raise FlashError(
                f"erase of {length} bytes at 0x{address:06x} is not aligned to {sector_bytes}-byte sectors"
            )
        for start in range(address, address + length, sector_bytes):
            self._erase_sector(start)

    def rewrite(self, address: int, data: bytes) -> None:
        """Erase and program the sectors from `address` (aligned) on.

        The rest of the last sector stays erased, and pages of 0xFF are not programmed.
        """
        if self.dead:
            raise PowerLoss
        part, data = self.part, bytes(data)
        number, misaligned = divmod(address, part.sector_bytes)
        if misaligned:
            raise FlashError(f"rewrite at 0x{address:06x} is not aligned to {part.sector_bytes}-byte sectors")
        if address < 0 or address + len(data) > part.size_bytes:
            self._check_range(address, len(data))
        index, slot = divmod(number, SECTORS_PER_CHUNK)
        runs, erases, programs = cells.split(data, slot, part.sector_bytes, part.page_bytes)
        ops = erases + programs
        if self.on_op is not None:
            self._rewrite_page_by_page(address, data)
            return
        if (self._cut is not None or self.countdowns) and self._comes_within(ops, erases):
            self._rewrite_in_parts(address, data)
            return
        self.ops += ops
        self.busy_us += erases * part.sector_erase_us + programs * part.page_program_us
        for run in runs:
            self._put(index, slot, run, worn=True)
            index, slot = index + 1, 0

    # -- power ----------------------------------------------------------------------------------------------

    def arm_cut(self, after_ops: int, torn: Torn, seed: int = 0) -> None:
        """Let power go during the op that comes after `after_ops` more ones (0: the next)."""
        self._cut = _Cut(self.ops + after_ops, torn, seed)

    def disarm(self) -> None:
        """Take back `arm_cut`."""
        self._cut = None

    def count_down(self, kind: str, nth: int, due: Callable[[], object]) -> None:
        """Call `due()` once, before the nth op of this kind from now on; it may arm a cut on that very op."""
        self.countdowns = (*self.countdowns, Countdown(self, kind, nth, due))

    def awaited_within(self, ops: int, erases: int) -> bool:
        """Whether a countdown ends among the next so many ops, so many of them erases."""
        return any(it.within(self, ops, erases) for it in self.countdowns)

    @property
    def cut_armed(self) -> bool:
        """Whether power is to go during an op to come."""
        return self._cut is not None

    def power_on(self) -> None:
        """Power is back: the cells are what they were left as."""
        self.dead = False

    # -- states of another moment, or of another flash ------------------------------------------------------

    def snapshot(self) -> NorSnapshot:
        """The state at this moment; cheap, and shared with every equal flash."""
        return NorSnapshot(self.seal(), self.ops, self.busy_us)

    def restore(self, snapshot: NorSnapshot) -> None:
        """Become what a flash of the same part was at its snapshot, powered and with no cut armed."""
        if sum(len(chunk.sectors) for chunk in snapshot.chunks) != self.part.sectors:
            raise FlashError(f"the snapshot is not one of a {self.part.name}")
        self._chunks, self._open = snapshot.chunks, ()
        self.edition += 1
        self.ops, self.busy_us = snapshot.ops, snapshot.busy_us
        self.dead, self._cut = False, None

    def jump(self, chunks: tuple[Chunk, ...], ops: int, busy_us: int) -> None:
        """Become what work that was recorded on an equal flash has made of it. Power and cuts stay as they are."""
        self._chunks, self._open = chunks, ()
        self.edition += 1
        self.ops, self.busy_us = ops, busy_us

    def replace(self, first: int, chunks: tuple[Chunk, ...], ops: int, busy_us: int) -> None:
        """Become, from chunk number `first` on, what a change that was made on equal chunks has made of them."""
        self._writable()[first : first + len(chunks)] = chunks
        self.edition += 1
        self.ops += ops
        self.busy_us += busy_us

    def redo(self, address: int, changes: Sequence[Change], ops: int, busy_us: int) -> None:
        """Do again what was done on equal sectors from `address` (aligned) on; no cut may be armed, nobody watching."""
        first = address // self.part.sector_bytes
        for number, sector, erases in changes:
            chunk, slot = self._opened(first + number)
            chunk.sectors[slot] = sector
            chunk.erases[slot] += erases
        self.ops += ops
        self.busy_us += busy_us

    @classmethod
    def holding(cls, part: FlashPart, sectors: tuple[bytes, ...]) -> Nor:
        """A part of this kind, only as large as these sectors, that holds them and was never worn."""
        made = cls(replace(part, size_bytes=len(sectors) * part.sector_bytes))
        pieces = [sectors[at : at + SECTORS_PER_CHUNK] for at in range(0, len(sectors), SECTORS_PER_CHUNK)]
        made._chunks = tuple(cells.seal(piece, (0,) * len(piece)) for piece in pieces)
        return made

    # -- one op ---------------------------------------------------------------------------------------------

    def _begin(self, kind: str, address: int, time_us: int) -> _Cut | None:
        """Count an op; the cut that falls on it, if one does."""
        if self.on_op is not None:
            self.on_op(kind, address)
        if self.countdowns:
            self._count_down(kind)
        op = self.ops
        self.ops = op + 1
        self.busy_us += time_us
        cut = self._cut
        if cut is None or cut.at_op != op:
            return None
        self._cut = None
        self.dead = True
        return cut

    def _count_down(self, kind: str) -> None:
        ended = [it for it in self.countdowns if it.begins(self, kind)]
        self.countdowns = tuple([it for it in self.countdowns if it not in ended])
        for it in ended:
            it.due()

    def _program_page(self, address: int, data: bytes) -> None:
        number, offset = divmod(address, self.part.sector_bytes)
        end = offset + len(data)
        chunk, slot = self._opened(number)
        sector = chunk.sectors[slot]
        old = sector[offset:end]
        if old.count(255) != len(old) and int.from_bytes(old) & int.from_bytes(data) != int.from_bytes(data):
            raise FlashError(f"program at 0x{address:06x} needs 1 bits where the cells hold 0: erase first")
        cut = self._begin(PROGRAM, address, self.part.page_program_us)
        if cut is not None:
            data = torn_program(old, data, cut.torn, cut.seed)
        chunk.sectors[slot] = sector[:offset] + data + sector[end:]
        if cut is not None:
            raise PowerLoss

    def _erase_sector(self, address: int) -> None:
        cut = self._begin(ERASE, address, self.part.sector_erase_us)
        chunk, slot = self._opened(address // self.part.sector_bytes)
        chunk.erases[slot] += 1
        if cut is None:
            chunk.sectors[slot] = cells.erased_sector(self.part.sector_bytes)
            return
        chunk.sectors[slot] = torn_erase(chunk.sectors[slot], cut.torn, cut.seed)
        raise PowerLoss

    def _comes_within(self, ops: int, erases: int) -> bool:
        """Whether a cut or the end of a countdown comes among the next so many ops, so many of them erases."""
        cut = self._cut
        return (cut is not None and cut.at_op < self.ops + ops) or self.awaited_within(ops, erases)

    def _rewrite_in_parts(self, address: int, data: bytes) -> None:
        """Page by page the sector in which something comes, and at once what is before it and behind it."""
        sector_bytes, page_bytes = self.part.sector_bytes, self.part.page_bytes
        before, sectors, ops = 0, 0, 0
        while True:
            behind = before + sector_bytes
            sectors, ops = sectors + 1, ops + 1 + cells.programs(data[before:behind], page_bytes)
            if self._comes_within(ops, sectors):
                break
            before = behind
        if before:
            Nor.rewrite(self, address, data[:before])
        self._rewrite_page_by_page(address + before, data[before:behind])
        if behind < len(data):
            Nor.rewrite(self, address + behind, data[behind:])

    def _rewrite_page_by_page(self, address: int, data: bytes) -> None:
        sector_bytes, page_bytes = self.part.sector_bytes, self.part.page_bytes
        for start in range(0, len(data), sector_bytes):
            self._erase_sector(address + start)
            for at in range(start, min(start + sector_bytes, len(data)), page_bytes):
                page = data[at : at + page_bytes]
                if page.count(255) != len(page):
                    self._program_page(address + at, page)
