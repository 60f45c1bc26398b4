"""How a flash is divided, and windows onto its parts.

A partition table covers its flash without gap or overlap, in whole sectors, or there is none. A region is the
only way other code touches flash: its addresses start at 0 and cannot leave it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sim.errors import FlashError, SpecError
from sim.flash.nor import Nor
from sim.records import record


@record
class Partition:
    """A named stretch of flash: `use` says for people what is in it, `source` where its place and size come from."""

    name: str
    offset: int
    size_bytes: int
    use: str = ""
    source: str = ""

    @property
    def end(self) -> int:
        """First address after it."""
        return self.offset + self.size_bytes


class PartitionTable:
    """The partitions of one flash, in the order of their addresses. SpecError when they do not tile it exactly."""

    def __init__(self, partitions: Iterable[Partition], size_bytes: int, sector_bytes: int = 4096) -> None:
        self._partitions = tuple(sorted(partitions, key=lambda partition: (partition.offset, partition.name)))
        self._by_name = {partition.name: partition for partition in self._partitions}
        self.size_bytes = size_bytes
        faults = list(self._faults(sector_bytes))
        if faults:
            raise SpecError("partition table: " + "; ".join(faults))

    def _faults(self, sector_bytes: int) -> Iterator[str]:
        at, before = 0, "the start of flash"
        for partition in self._partitions:
            name = partition.name
            if self._by_name[name] is not partition:
                yield f"{name} is there twice"
            if partition.offset % sector_bytes or partition.size_bytes % sector_bytes or partition.size_bytes <= 0:
                yield f"{name} is not in whole sectors of {sector_bytes} bytes"
            if partition.offset > at:
                yield f"gap of {partition.offset - at} bytes at 0x{at:06x} between {before} and {name}"
            if partition.offset < at:
                yield f"{name} at 0x{partition.offset:06x} overlaps {before}, which ends at 0x{at:06x}"
            at, before = max(at, partition.end), name
        if at != self.size_bytes:
            yield f"{before} ends at 0x{at:06x}, the flash at 0x{self.size_bytes:06x}"

    def __getitem__(self, name: str) -> Partition:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Partition]:
        return iter(self._partitions)

    def __len__(self) -> int:
        return len(self._partitions)

    def at(self, address: int) -> Partition:
        """The partition that holds this byte; FlashError beyond the flash."""
        for partition in self._partitions:
            if partition.offset <= address < partition.end:
                return partition
        raise FlashError(f"0x{address:06x} is beyond the {self.size_bytes} bytes of flash")


class Region:
    """A window onto a partition, or a part of one: `Nor`'s commands with addresses from 0 to `size_bytes`.

    `start` is the window's address in the flash. An access that leaves the window is a FlashError.
    """

    __slots__ = ("name", "nor", "partition", "size_bytes", "start")

    def __init__(self, nor: Nor, partition: Partition, offset: int = 0, size_bytes: int | None = None) -> None:
        size_bytes = partition.size_bytes - offset if size_bytes is None else size_bytes
        if offset < 0 or size_bytes < 0 or offset + size_bytes > partition.size_bytes:
            raise FlashError(f"a window of {size_bytes} bytes at {offset} is not within partition {partition.name}")
        if partition.end > nor.size_bytes:
            raise FlashError(f"partition {partition.name} ends beyond the {nor.size_bytes} bytes of flash")
        self.nor = nor
        self.partition = partition
        self.name = partition.name
        self.start = partition.offset + offset
        self.size_bytes = size_bytes

    @property
    def stretch(self) -> tuple[int, int]:
        """Where it is in the flash: address and length."""
        return self.start, self.size_bytes

    def sub(self, offset: int, size_bytes: int) -> Region:
        """A window within this one."""
        self._absolute(offset, size_bytes)
        return Region(self.nor, self.partition, self.start - self.partition.offset + offset, size_bytes)

    def on(self, nor: Nor) -> Region:
        """The same window onto another flash of the same part."""
        moved = Region.__new__(Region)
        moved.nor = nor
        moved.partition = self.partition
        moved.name = self.name
        moved.start = self.start
        moved.size_bytes = self.size_bytes
        return moved

    def read(self, address: int, length: int) -> bytes:
        return self.nor.read(self._absolute(address, length), length)

    def program(self, address: int, data: bytes) -> None:
        self.nor.program(self._absolute(address, len(data)), data)

    def erase(self, address: int, length: int | None = None) -> None:
        length = self.nor.part.sector_bytes if length is None else length
        self.nor.erase(self._absolute(address, length), length)

    def rewrite(self, address: int, data: bytes) -> None:
        """As `Nor.rewrite`; the whole of the last sector must be within the window, for it is erased."""
        sector_bytes = self.nor.part.sector_bytes
        whole = -(-len(data) // sector_bytes) * sector_bytes
        if address < 0 or address + whole > self.size_bytes:
            self._absolute(address, whole)
        self.nor.rewrite(self.start + address, data)

    def load(self, address: int, data: bytes) -> None:
        self.nor.load(self._absolute(address, len(data)), data)

    def image(self, address: int, length: int) -> bytes:
        return self.nor.image(self._absolute(address, length), length)

    def _absolute(self, address: int, length: int) -> int:
        if address < 0 or length < 0 or address + length > self.size_bytes:
            raise FlashError(f"{length} bytes at {address:#x} are not within {self.name} ({self.size_bytes} bytes)")
        return self.start + address
