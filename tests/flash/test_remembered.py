"""An answer about flash is found once for equal bytes, and nobody can tell."""

import zlib
from dataclasses import replace

import pytest

from sim.errors import PackageError
from sim.flash.defects import Defects
from sim.flash.flawed import FlawedNor
from sim.flash.nor import Nor
from sim.flash.part import FlashPart
from sim.flash.partition import Partition, Region
from sim.flash.remembered import ANSWERS, _by_chunks, _known, forget, remembered
from sim.kernel.power import PowerLoss

PART = FlashPart(
    name="test part",
    size_bytes=64 * 4096,
    sector_erase_us=45_000,
    page_program_us=400,
    read_us_per_kib=20,
    endurance_cycles=100_000,
)
WHOLE = Partition("whole", 0, PART.size_bytes)


@pytest.fixture(autouse=True)
def empty():
    forget()
    yield
    forget()


def region_with(data, nor=None):
    region = Region(nor or Nor(PART), WHOLE)
    region.load(0, data)
    return region


class Asker:
    def __init__(self):
        self.asked = 0

    def crc(self, region, length=8192, question="crc"):
        def answer():
            self.asked += 1
            crc = zlib.crc32(region.read(0, length))
            if crc == zlib.crc32(b"bad" + b"\xff" * (length - 3)):
                raise PackageError(505, "bad")
            return crc

        return remembered(region.nor, question, ((0, length),), answer)


def test_equal_bytes_are_asked_once_and_cost_the_same_time():
    ask, one, other = Asker(), region_with(b"good"), region_with(b"good")
    assert ask.crc(one) == ask.crc(other) == zlib.crc32(b"good" + b"\xff" * 8188)
    assert ask.asked == 1
    assert one.nor.busy_us == other.nor.busy_us > 0


def test_wear_does_not_matter_but_bytes_do():
    ask, one, worn = Asker(), region_with(b"good"), region_with(b"good")
    worn.erase(0)
    worn.program(0, b"good")
    ask.crc(one)
    ask.crc(worn)
    assert ask.asked == 1
    worn.program(4096, b"\0")
    assert ask.crc(worn) != ask.crc(one)
    assert ask.asked == 2


def test_bytes_outside_the_stretch_do_not_matter():
    ask, one, other = Asker(), region_with(b"good"), region_with(b"good" + b"\xff" * 9000 + b"more")
    assert ask.crc(one) == ask.crc(other)
    assert ask.asked == 1


def test_two_questions_about_the_same_bytes_are_two():
    ask, region = Asker(), region_with(b"good")
    ask.crc(region)
    ask.crc(region, question="another")
    assert ask.asked == 2


def test_a_refusal_is_remembered_too():
    ask = Asker()
    for _ in range(2):
        with pytest.raises(PackageError, match="bad") as refused:
            ask.crc(region_with(b"bad"))
        assert refused.value.code == 505
    assert ask.asked == 1


def test_flash_without_power_does_not_answer():
    ask, region = Asker(), region_with(b"good")
    ask.crc(region)
    region.nor.dead = True
    with pytest.raises(PowerLoss):
        ask.crc(region)


def test_flash_that_may_show_something_else_is_asked_each_time():
    ask, region = Asker(), region_with(b"good", FlawedNor(PART, Defects(bit_errors_per_gbit=1)))
    ask.crc(region)
    ask.crc(region)
    assert ask.asked == 2


def test_an_answer_that_writes_is_a_defect():
    region = region_with(b"good")
    with pytest.raises(AssertionError):
        remembered(region.nor, "writes", ((0, 4),), lambda: region.erase(0))


def test_memory_is_bounded():
    region = region_with(b"good")
    for number in range(ANSWERS + 10):
        remembered(region.nor, number, ((0, 4),), lambda: None)
    assert len(_known) == len(_by_chunks) == ANSWERS


def test_equal_bytes_in_another_chunk_are_found_by_their_bytes_and_cost_the_same_time():
    ask, one, worn = Asker(), region_with(b"good"), region_with(b"good")
    worn.rewrite(0, worn.image(0, 4096))
    for region in (one, worn):
        region.nor.seal()
    assert one.nor.pieces(((0, 8192),)) != worn.nor.pieces(((0, 8192),))
    assert one.nor.pieces(((0, 8192),)) == region_with(b"good").nor.pieces(((0, 8192),))
    costs = []
    for region in (one, worn, one, worn):
        before_us = region.nor.busy_us
        ask.crc(region)
        costs.append(region.nor.busy_us - before_us)
    assert ask.asked == 1
    assert set(costs) == {costs[0]}
    assert costs[0] > 0


def test_a_part_that_reads_slower_takes_its_own_time():
    ask, slow = Asker(), Nor(replace(PART, read_us_per_kib=50))
    quick, slow = region_with(b"good"), region_with(b"good", slow)
    ask.crc(quick)
    ask.crc(slow)
    assert (quick.nor.busy_us, slow.nor.busy_us) == (8 * 20, 8 * 50)
