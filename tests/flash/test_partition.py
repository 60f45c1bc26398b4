"""A partition table tiles its flash or is refused; a region cannot be left."""

from __future__ import annotations

import pytest

from sim.errors import FlashError, SpecError
from sim.flash.nor import Nor
from sim.flash.part import FlashPart
from sim.flash.partition import Partition, PartitionTable, Region

SECTOR = 4096
PART = FlashPart(
    name="test part",
    size_bytes=16 * SECTOR,
    sector_erase_us=45,
    page_program_us=4,
    read_us_per_kib=0,
    endurance_cycles=9,
)


def table(*rows: tuple[str, int, int]) -> PartitionTable:
    return PartitionTable([Partition(name, start * SECTOR, size * SECTOR) for name, start, size in rows], 16 * SECTOR)


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([("A", 0, 4), ("B", 5, 11)], "gap of 4096 bytes at 0x004000 between A and B"),
        ([("A", 1, 15)], "gap of 4096 bytes at 0x000000 between the start of flash and A"),
        ([("A", 0, 6), ("B", 5, 11)], "B at 0x005000 overlaps A"),
        ([("A", 0, 15)], "A ends at 0x00f000, the flash at 0x010000"),
        ([("A", 0, 17)], "A ends at 0x011000"),
        ([("A", 0, 8), ("A", 8, 8)], "A is there twice"),
        ([("A", 0, 0), ("B", 0, 16)], "A is not in whole sectors"),
        ([], "the start of flash ends at 0x000000"),
    ],
)
def test_a_table_that_does_not_tile_the_flash_is_refused(rows: list[tuple[str, int, int]], fault: str) -> None:
    with pytest.raises(SpecError, match=fault):
        table(*rows)


def test_a_partition_of_half_a_sector_is_refused() -> None:
    with pytest.raises(SpecError, match="A is not in whole sectors of 4096 bytes"):
        PartitionTable([Partition("A", 0, 100), Partition("B", 100, 16 * SECTOR - 100)], 16 * SECTOR)


def test_partitions_are_found_by_name_and_by_address() -> None:
    found = table(("B", 4, 12), ("A", 0, 4))
    assert [partition.name for partition in found] == ["A", "B"]
    assert found["B"].end == 16 * SECTOR
    assert found.at(4 * SECTOR - 1).name == "A"
    assert found.at(4 * SECTOR).name == "B"
    assert "A" in found
    assert "C" not in found
    with pytest.raises(FlashError):
        found.at(16 * SECTOR)
    with pytest.raises(KeyError):
        found["C"]


def test_a_region_counts_from_its_own_start() -> None:
    nor = Nor(PART)
    region = Region(nor, Partition("A", 4 * SECTOR, 4 * SECTOR))
    region.program(5, b"hello")
    assert nor.image(4 * SECTOR + 5, 5) == b"hello" == region.read(5, 5) == region.image(5, 5)
    region.erase(0)
    region.load(1, b"x")
    region.rewrite(SECTOR, b"y")
    assert nor.image(4 * SECTOR, 2) == b"\xffx"
    assert nor.image(5 * SECTOR, 2) == b"y\xff"


@pytest.mark.parametrize(
    "access",
    [
        lambda region: region.read(4 * SECTOR - 1, 2),
        lambda region: region.read(-1, 1),
        lambda region: region.program(4 * SECTOR - 1, b"xy"),
        lambda region: region.erase(4 * SECTOR),
        lambda region: region.erase(0, 5 * SECTOR),
        lambda region: region.rewrite(0, bytes(4 * SECTOR + 1)),
        lambda region: region.load(4 * SECTOR, b"x"),
        lambda region: region.image(0, 4 * SECTOR + 1),
        lambda region: region.sub(0, 4 * SECTOR + 1),
        lambda region: region.sub(-1, 1),
    ],
)
def test_a_region_cannot_be_left_though_the_flash_goes_on(access: object) -> None:
    nor = Nor(PART)
    with pytest.raises(FlashError, match="not within A"):
        access(Region(nor, Partition("A", 4 * SECTOR, 4 * SECTOR)))  # type: ignore[operator]
    assert nor.image(0, PART.size_bytes) == b"\xff" * PART.size_bytes


def test_a_rewrite_may_not_erase_beyond_the_region_even_if_its_bytes_fit() -> None:
    region = Region(Nor(PART), Partition("A", 0, SECTOR), size_bytes=300)
    with pytest.raises(FlashError):
        region.rewrite(0, bytes(300))


def test_windows_within_windows() -> None:
    nor = Nor(PART)
    inner = Region(nor, Partition("A", SECTOR, 8 * SECTOR)).sub(2 * SECTOR, 4 * SECTOR).sub(SECTOR, SECTOR)
    inner.program(0, b"deep")
    assert (inner.start, inner.size_bytes, inner.name) == (4 * SECTOR, SECTOR, "A")
    assert nor.image(4 * SECTOR, 4) == b"deep"


def test_a_window_larger_than_its_partition_or_flash_is_refused() -> None:
    with pytest.raises(FlashError):
        Region(Nor(PART), Partition("A", 0, SECTOR), 1, SECTOR)
    with pytest.raises(FlashError):
        Region(Nor(PART), Partition("A", 15 * SECTOR, 2 * SECTOR))
