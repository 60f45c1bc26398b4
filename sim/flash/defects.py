"""What may be wrong with the cells of a flash part. Pure functions of a seed, of places and of counts.

Rules. Every imperfection of a sector is a function of the seed and the sector's number, that of a read also of how
often its page was read; neither depends on what other places did, on the order of accesses or on the size of reads.
Serial NOR does not tell that an erase or program failed (no status bit of it in a W25Q part): nothing here raises,
software finds out by reading. Only integers decide, so that every machine draws the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sim.flash.part import FlashPart
from sim.flash.torn import Torn, torn_program
from sim.kernel.seeds import key, stream

STUCK_BITS = 8  # ESTIMATE: of a stuck sector; a few, so that a whole image shows it and a short record may not
SPREAD_PERCENT = 50  # ESTIMATE: a sector gives up this much after the promised cycles at most; no vendor tells
WEAK_BIT_EVERY_PERCENT = 1  # ESTIMATE: beyond that, one more bit fails to be erased for so much of the endurance
PPM = 1_000_000
BITS_PER_GBIT = 1_000_000_000

_SHAPES = tuple(Torn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Defects:
    """The imperfections of one part; as it stands, none.

    `unstable_pages`: what a power cut interrupted reads differently each time, until its sector is erased.
    `frozen_sectors`: numbers of sectors that neither an erase nor a program changes any more.
    `stuck_sectors`: numbers of sectors in which a few bits stay at 0 or at 1.
    `bad_sectors_ppm`: so many sectors of a million are bad besides, half of them frozen and half stuck.
    `bit_errors_per_gbit`: so many of 10^9 bits read come out wrong, and right the next time.
    `wears_out`: a sector begins to fail some time after the endurance of the part.
    """

    seed: int = 0
    unstable_pages: bool = False
    frozen_sectors: frozenset[int] = field(default=frozenset())
    stuck_sectors: frozenset[int] = field(default=frozenset())
    bad_sectors_ppm: int = 0
    bit_errors_per_gbit: int = 0
    wears_out: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.bad_sectors_ppm <= PPM or not 0 <= self.bit_errors_per_gbit <= BITS_PER_GBIT:
            raise ValueError("defects: bad sectors are 0 to 10^6 of a million, bit errors 0 to 10^9 of a gigabit")

    def frozen(self, part: FlashPart) -> frozenset[int]:
        """All sectors of the part that do not change, given and drawn."""
        return self.frozen_sectors | {sector for sector in self._drawn(part) if self._draw("way", sector) % 2}

    def stuck(self, part: FlashPart) -> frozenset[int]:
        """All sectors of the part with stuck bits, given and drawn."""
        return self.stuck_sectors | {sector for sector in self._drawn(part) if not self._draw("way", sector) % 2}

    def stuck_bits(self, sector: int, sector_bytes: int) -> tuple[int, int]:
        """(bits that stay 1, bits that stay 0) of a stuck sector, as big-endian numbers of `sector_bytes`."""
        rng = stream(self.seed, "", f"stuck bits {sector}")
        bits = [1 << bit for bit in rng.sample(range(8 * sector_bytes), STUCK_BITS)]
        return sum(bits[::2]), sum(bits[1::2])

    def lifetime(self, sector: int, part: FlashPart) -> int:
        """Erases after which a sector begins to fail: the part's endurance, and up to half as much again."""
        return part.endurance_cycles * (100 + self._draw("lifetime", sector) % (SPREAD_PERCENT + 1)) // 100

    def weak_bits(self, sector: int, erases: int, part: FlashPart) -> int:
        """Bits that erase number `erases` of a sector does not raise, as a big-endian number; more and more of them."""
        beyond = erases - self.lifetime(sector, part)
        if not self.wears_out or beyond <= 0:
            return 0
        every = max(1, part.endurance_cycles * WEAK_BIT_EVERY_PERCENT // 100)
        bits = 8 * part.sector_bytes
        rng = stream(self.seed, "", f"weak bits {sector}")
        return sum(1 << bit for bit in {rng.randrange(bits) for _ in range(min(bits, 1 + beyond // every))})

    def misread(self, page: int, reads: int, page_bytes: int) -> int:
        """Bits of a page that come out wrong when it is read for the time number `reads`, as a big-endian number."""
        sure, share = divmod(8 * page_bytes * self.bit_errors_per_gbit, BITS_PER_GBIT)
        count = sure + (self._draw("bit errors", page, reads) % BITS_PER_GBIT < share)
        if not count:
            return 0
        rng = stream(self.seed, "", f"misread {page} {reads}")
        return sum(1 << bit for bit in {rng.randrange(8 * page_bytes) for _ in range(count)})

    def unstable(self, before: bytes, after: bytes, place: int, reads: int) -> bytes:
        """What is read of a program that was interrupted at `place`: the program torn anew, in any of its shapes."""
        draw = self._draw("unstable", place, reads)
        return torn_program(before, after, _SHAPES[draw % len(_SHAPES)], draw)

    def _drawn(self, part: FlashPart) -> frozenset[int]:
        if not self.bad_sectors_ppm:
            return frozenset()
        return frozenset(n for n in range(part.sectors) if self._draw("bad", n) % PPM < self.bad_sectors_ppm)

    def _draw(self, purpose: str, place: int, count: int = 0) -> int:
        return key(self.seed, "", f"{purpose} {place} {count}")
