"""A flash part as its datasheet gives it: geometry, times, endurance. Data only; figures come from models/parts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashPart:
    """One serial NOR part.

    Times are integer microseconds of one command: the erase of one sector, the program of one page (whatever
    the number of bytes in it), the read of 1 KiB. `endurance_cycles` is erases per sector before data retention
    is no longer promised; the model counts them, and acts on it only for a part that wears out (defects.py).
    """

    name: str
    size_bytes: int
    sector_bytes: int = 4096
    page_bytes: int = 256
    sector_erase_us: int
    page_program_us: int
    read_us_per_kib: int
    endurance_cycles: int

    def __post_init__(self) -> None:
        sizes = (self.size_bytes, self.sector_bytes, self.page_bytes)
        times = (self.sector_erase_us, self.page_program_us, self.read_us_per_kib, self.endurance_cycles)
        if min(sizes) <= 0 or min(times) < 0:
            raise ValueError(f"flash part {self.name!r}: sizes must be positive, times and endurance not negative")
        if self.size_bytes % self.sector_bytes or self.sector_bytes % self.page_bytes:
            raise ValueError(f"flash part {self.name!r}: pages must fill sectors, and sectors the part, exactly")

    @property
    def sectors(self) -> int:
        """Number of erase sectors."""
        return self.size_bytes // self.sector_bytes
