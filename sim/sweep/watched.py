"""A flash that notes what is read and written between two moments, and what every operation was.

The sweep asks two questions of it. Which sectors did a recovery depend on? Those it read, or programmed without
erasing first, before it had written them (`read_first`); what was only `written` it overwrote without having looked.
And which operations did a run consist of, so that each can be cut? `log` is the list of them, one for each that
`Nor.ops` counts. Nothing else differs from `Nor`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.flash.nor import Nor
from sim.flash.part import FlashPart
from sim.flash.torn import Torn, torn_erase, torn_program


@dataclass(frozen=True, slots=True)
class Op:
    """One flash operation within sector number `sector`: the program of `data` at `offset`, or its erase (no data)."""

    sector: int
    offset: int = 0
    data: bytes | None = None

    def done(self, before: bytes) -> bytes:
        """The sector after it."""
        if self.data is None:
            return b"\xff" * len(before)
        return before[: self.offset] + self.data + before[self.offset + len(self.data) :]

    def torn(self, before: bytes, shape: Torn, seed: int) -> bytes:
        """The sector after it was interrupted, as `Nor.arm_cut` with this seed leaves it."""
        if self.data is None:
            return torn_erase(before, shape, seed)
        end = self.offset + len(self.data)
        return before[: self.offset] + torn_program(before[self.offset : end], self.data, shape, seed) + before[end:]


class WatchedNor(Nor):
    """`read_first`: sectors that something depended on since `watch`; `written`: those changed since then."""

    __slots__ = ("log", "logging", "read_first", "written")

    def __init__(self, part: FlashPart) -> None:
        super().__init__(part)
        self.read_first: set[int] = set()
        self.written: set[int] = set()
        self.log: list[Op] = []
        self.logging = False

    def watch(self, *, logging: bool = False) -> None:
        """Begin anew."""
        self.read_first, self.written, self.log = set(), set(), []
        self.logging = logging

    def note_read(self, address: int, length: int) -> None:
        """Something depends on these bytes."""
        sector_bytes = self.part.sector_bytes
        sectors = range(address // sector_bytes, -(-(address + length) // sector_bytes))
        self.read_first.update(sector for sector in sectors if sector not in self.written)

    def read(self, address: int, length: int) -> bytes:
        self.note_read(address, length)
        return super().read(address, length)

    def program(self, address: int, data: bytes) -> None:
        self.note_read(address, len(data))  # the cells keep the bits that were 0 already
        self._wrote(address, len(data))
        if self.logging and not self.dead:
            self._log_programs(address, data)
        super().program(address, data)

    def erase(self, address: int, length: int | None = None) -> None:
        length = self.part.sector_bytes if length is None else length
        self._wrote(address, length)
        if self.logging and not self.dead:
            first = address // self.part.sector_bytes
            self.log += [Op(first + number) for number in range(length // self.part.sector_bytes)]
        super().erase(address, length)

    def rewrite(self, address: int, data: bytes) -> None:
        self._wrote(address, len(data))
        if self.logging and not self.dead:
            self._log_rewrite(address, bytes(data))
        super().rewrite(address, data)

    def _wrote(self, address: int, length: int) -> None:
        sector_bytes = self.part.sector_bytes
        self.written.update(range(address // sector_bytes, -(-(address + length) // sector_bytes)))

    def _log_programs(self, address: int, data: bytes) -> None:
        sector_bytes, page_bytes = self.part.sector_bytes, self.part.page_bytes
        at = 0
        while at < len(data):
            step = page_bytes - (address + at) % page_bytes
            sector, offset = divmod(address + at, sector_bytes)
            self.log.append(Op(sector, offset, data[at : at + step]))
            at += step

    def _log_rewrite(self, address: int, data: bytes) -> None:
        sector_bytes, page_bytes = self.part.sector_bytes, self.part.page_bytes
        blank = b"\xff" * page_bytes
        for start in range(0, len(data), sector_bytes):
            sector = (address + start) // sector_bytes
            self.log.append(Op(sector))
            for at in range(start, min(start + sector_bytes, len(data)), page_bytes):
                page = data[at : at + page_bytes]
                if page != blank[: len(page)]:
                    self.log.append(Op(sector, at - start, page))
