"""What goes wrong in flash with defects, that it goes wrong the same way every time, and that nobody is told."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_nor import PAGE, PART, SECTOR, NorAgainstBytearray, page_by_page, pattern, state

from sim.errors import FlashError
from sim.flash.defects import STUCK_BITS, Defects
from sim.flash.flawed import FlawedNor
from sim.flash.nor import Nor, Torn
from sim.kernel.power import PowerLoss

OLD, NEW = pattern(SECTOR, 1), pattern(SECTOR, 2)


def flawed(**defects: object) -> FlawedNor:
    return FlawedNor(PART, Defects(**defects))  # type: ignore[arg-type]


def differing_bits(a: bytes, b: bytes) -> int:
    return (int.from_bytes(a) ^ int.from_bytes(b)).bit_count()


def cut_program(nor: Nor, address: int, data: bytes, torn: Torn = Torn.RANDOM, seed: int = 0) -> None:
    nor.arm_cut(0, torn, seed)
    with pytest.raises(PowerLoss):
        nor.program(address, data)
    nor.power_on()


# -- sound where nothing is wrong -----------------------------------------------------------------------------


class SoundFlawedNorAgainstBytearray(NorAgainstBytearray):
    """Defects that have no occasion to show change nothing."""

    def make(self) -> Nor:
        return flawed(unstable_pages=True, wears_out=True)


SoundFlawedNorAgainstBytearray.TestCase.settings = settings(deadline=None, max_examples=30, stateful_step_count=30)
test_a_part_without_occasion_to_fail_is_a_sound_one = SoundFlawedNorAgainstBytearray.TestCase


def test_the_same_work_takes_the_same_ops_wear_and_time_on_bad_flash() -> None:
    bad = flawed(frozen_sectors=frozenset({1}), stuck_sectors=frozenset({2}), bit_errors_per_gbit=10_000_000)
    sound = Nor(PART)
    for nor in (bad, sound):
        nor.rewrite(0, pattern(4 * SECTOR))
        page_by_page(nor, 0, pattern(3 * SECTOR, 5))
        nor.read(100, 5000)
    assert state(bad)[1:] == state(sound)[1:]


def test_sound_sectors_of_a_bad_part_stay_strict() -> None:
    nor = flawed(frozen_sectors=frozenset({1}))
    nor.program(0, b"\0")
    with pytest.raises(FlashError, match="erase first"):
        nor.program(0, b"\1")
    for access in (lambda: nor.rewrite(SECTOR + 1, b"x"), lambda: nor.rewrite(SECTOR, bytes(PART.size_bytes))):
        with pytest.raises(FlashError):
            access()


@pytest.mark.parametrize(
    "wrong", [{"bad_sectors_ppm": -1}, {"bad_sectors_ppm": 10**6 + 1}, {"bit_errors_per_gbit": -1}]
)
def test_rates_that_are_no_shares_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="defects"):
        Defects(**wrong)  # type: ignore[arg-type]


# -- bad sectors ----------------------------------------------------------------------------------------------


def test_a_frozen_sector_keeps_what_it_held_and_tells_nobody() -> None:
    nor = flawed(frozen_sectors=frozenset({1}))
    nor.load(0, OLD * 3)
    nor.rewrite(0, NEW * 3)
    assert nor.read(0, 3 * SECTOR) == NEW + OLD + NEW
    nor.erase(SECTOR)
    nor.program(SECTOR, NEW)  # its cells are not blank; software cannot know
    assert nor.read(SECTOR, SECTOR) == OLD
    assert nor.erase_count(1) == 2


def test_a_stuck_sector_has_a_few_bits_of_its_own_mind_and_always_the_same_ones() -> None:
    nor = flawed(stuck_sectors=frozenset({1}), seed=3)
    nor.load(0, OLD * 3)
    assert nor.read(0, 3 * SECTOR) == OLD * 3  # the factory wrote it when it was sound
    nor.erase(SECTOR)
    low = differing_bits(nor.read(SECTOR, SECTOR), b"\xff" * SECTOR)
    nor.program(SECTOR, bytes(SECTOR))
    high = differing_bits(nor.read(SECTOR, SECTOR), bytes(SECTOR))
    assert (low, high) == (STUCK_BITS // 2, STUCK_BITS // 2)
    nor.rewrite(SECTOR, NEW)
    first = nor.read(SECTOR, SECTOR)
    assert 0 < differing_bits(first, NEW) <= STUCK_BITS
    nor.rewrite(SECTOR, NEW)
    assert nor.read(SECTOR, SECTOR) == first


@pytest.mark.parametrize("torn", list(Torn))
def test_a_cut_in_a_bad_sector_leaves_it_bad(torn: Torn) -> None:
    nor = flawed(frozen_sectors=frozenset({0}), stuck_sectors=frozenset({1}))
    nor.load(0, OLD * 2)
    for sector in range(2):
        nor.arm_cut(3, torn, seed=sector)
        with pytest.raises(PowerLoss):
            nor.rewrite(sector * SECTOR, NEW)
        nor.power_on()
    assert nor.image(0, SECTOR) == OLD
    ones, zeros = Defects().stuck_bits(1, SECTOR)
    cells = int.from_bytes(nor.image(SECTOR, SECTOR))
    assert cells & ones == ones
    assert cells & zeros == 0


def test_bad_sectors_are_drawn_from_the_seed() -> None:
    def bad(seed: int) -> frozenset[int]:
        return flawed(bad_sectors_ppm=100_000, seed=seed, frozen_sectors=frozenset({7})).bad_sectors

    assert bad(1) == bad(1) != bad(2)
    assert all(7 in bad(seed) for seed in range(9))
    mean = sum(len(bad(seed)) - 1 for seed in range(40)) / 40
    assert 0.08 * PART.sectors < mean < 0.12 * PART.sectors
    every = flawed(bad_sectors_ppm=1_000_000)
    assert len(every.bad_sectors) == PART.sectors
    assert 0.3 < len(every._stuck) / PART.sectors < 0.7


# -- bit errors -----------------------------------------------------------------------------------------------


def test_a_misread_bit_is_right_in_the_cells_and_mostly_right_the_next_time() -> None:
    nor = flawed(bit_errors_per_gbit=100_000)  # 1e-4: three of a sector
    nor.load(0, OLD)
    reads = [nor.read(0, SECTOR) for _ in range(300)]
    assert nor.image(0, SECTOR) == OLD
    errors = [differing_bits(read, OLD) for read in reads]
    assert 0.7 * 3.27 < sum(errors) / 300 < 1.3 * 3.27
    assert len(set(reads)) > 250


@pytest.mark.parametrize("rate", [1_000, 100_000, 3_000_000])
def test_the_rate_is_kept_when_it_is_low_and_when_it_is_high(rate: int) -> None:
    nor = flawed(bit_errors_per_gbit=rate)
    length, repeats = 64 * SECTOR, 2 if rate > 50_000 else 20
    wrong = sum(differing_bits(nor.read(0, length), b"\xff" * length) for _ in range(repeats))
    assert 0.75 < wrong / (8 * length * repeats * rate / 10**9) < 1.25


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=12), st.integers(0, 3))
def test_errors_do_not_depend_on_the_size_of_reads_nor_on_other_pages(pages: list[int], seed: int) -> None:
    at_once, in_pieces = (flawed(bit_errors_per_gbit=2_000_000, seed=seed) for _ in range(2))
    for nor in (at_once, in_pieces):
        nor.load(0, OLD * 4)
    in_pieces.read(100 * PAGE, 9 * PAGE)
    whole = at_once.read(0, sum(pages) * PAGE)
    pieces, at = b"", 0
    for count in pages:
        pieces += in_pieces.read(at * PAGE, count * PAGE)
        at += count
    assert pieces == whole


def test_part_of_a_page_is_that_part_of_what_the_whole_page_shows() -> None:
    whole, part = (flawed(bit_errors_per_gbit=5_000_000) for _ in range(2))
    for _ in range(20):
        assert part.read(1000, 700) == whole.read(768, 1024)[232:932]


# -- unstable pages -------------------------------------------------------------------------------------------


def test_an_interrupted_page_reads_differently_until_its_sector_is_erased() -> None:
    nor = flawed(unstable_pages=True)
    nor.load(SECTOR - PAGE, b"\xff" * PAGE)
    nor.program(0, OLD[:PAGE])
    cut_program(nor, PAGE + 16, NEW[:32])
    reads = {nor.read(0, SECTOR) for _ in range(60)}
    assert len(reads) > 5
    assert {read[:PAGE] for read in reads} == {OLD[:PAGE]}
    assert {read[PAGE : PAGE + 16] + read[PAGE + 48 :] for read in reads} == {b"\xff" * (SECTOR - PAGE - 32)}
    assert {read[PAGE + 16 :][:32] for read in reads} >= {b"\xff" * 32, NEW[:32]}  # now blank, now whole
    assert nor.unstable_sectors() == {0}
    nor.erase(0)
    assert {nor.read(0, SECTOR) for _ in range(10)} == {b"\xff" * SECTOR}
    assert nor.unstable_sectors() == frozenset()


def test_half_an_erase_settles_nothing() -> None:
    nor = flawed(unstable_pages=True)
    cut_program(nor, 0, NEW[:64])
    nor.arm_cut(0, Torn.NONE)
    with pytest.raises(PowerLoss):
        nor.erase(0)
    nor.power_on()
    assert len({nor.read(0, 64) for _ in range(20)}) > 3


def test_a_bit_that_was_not_to_be_turned_is_stable() -> None:
    nor = flawed(unstable_pages=True)
    nor.program(0, b"\xf0" * 64)
    cut_program(nor, 0, b"\x30" * 64)
    seen = {byte for _ in range(50) for byte in nor.read(0, 64)}
    assert seen == {0xF0, 0xB0, 0x70, 0x30}


def test_programming_over_unstable_bits_settles_those_that_become_0() -> None:
    nor = flawed(unstable_pages=True)
    cut_program(nor, 0, b"\x00" * 16)
    nor.program(0, b"\x0f" * 8)  # may find bits at 0 that it wants at 1; software saw a blank page
    for _ in range(30):
        seen = nor.read(0, 16)
        assert all(byte & 0xF0 == 0 for byte in seen[:8])
    nor.program(0, bytes(16))
    assert {nor.read(0, 16) for _ in range(30)} == {bytes(16)}


def test_without_the_option_a_torn_page_is_stable() -> None:
    nor = flawed()
    cut_program(nor, 0, NEW[:64])
    assert len({nor.read(0, 64) for _ in range(20)}) == 1


def test_what_will_be_read_is_part_of_a_snapshot() -> None:
    nor = flawed(unstable_pages=True, bit_errors_per_gbit=3_000_000)
    cut_program(nor, 0, NEW[:64])
    nor.read(0, 64)
    snapshot = nor.snapshot()
    future = [nor.read(0, SECTOR) for _ in range(10)]
    nor.erase(0)
    nor.restore(snapshot)
    assert [nor.read(0, SECTOR) for _ in range(10)] == future
    plain = Nor(PART)
    plain.restore(snapshot)
    assert plain.read(0, SECTOR) == nor.image(0, SECTOR)
    nor.restore(plain.snapshot())
    assert nor.unstable_sectors() == frozenset()


# -- endurance ------------------------------------------------------------------------------------------------

TIRED = replace(PART, endurance_cycles=40)


def first_failure(seed: int, sector: int) -> int:
    """After how many cycles of program and erase a bit first stays at 0."""
    nor = FlawedNor(TIRED, Defects(wears_out=True, seed=seed))
    for cycle in range(1, 200):
        nor.program(sector * SECTOR, bytes(SECTOR))
        nor.erase(sector * SECTOR)
        if nor.read(sector * SECTOR, SECTOR) != b"\xff" * SECTOR:
            return cycle
    raise AssertionError("never worn out")


def test_a_sector_fails_some_time_after_the_endurance_of_the_part_each_at_its_own() -> None:
    ends = [first_failure(seed, sector) for seed in range(3) for sector in range(4)]
    assert all(40 < end <= 61 for end in ends)
    assert len(set(ends)) > 4
    assert ends[0] == first_failure(0, 0)


def test_a_worn_sector_gets_worse_and_the_others_stay_sound() -> None:
    nor = FlawedNor(TIRED, Defects(wears_out=True))
    lost = []
    for _ in range(150):
        nor.rewrite(0, bytes(SECTOR))
        nor.erase(0)
        lost.append(differing_bits(nor.read(0, SECTOR), b"\xff" * SECTOR))
    assert lost[:20] == [0] * 20  # two erases a turn
    assert lost == sorted(lost)
    assert lost[-1] > 20
    nor.rewrite(SECTOR, NEW)
    assert nor.read(SECTOR, SECTOR) == NEW


def test_without_the_option_nothing_wears_out() -> None:
    nor = FlawedNor(TIRED, Defects())
    for _ in range(100):
        nor.rewrite(0, bytes(SECTOR))
        nor.erase(0)
    assert nor.read(0, SECTOR) == b"\xff" * SECTOR


# -- the same everywhere --------------------------------------------------------------------------------------

_DIGEST = """
import sys
from hashlib import sha256
sys.path.insert(0, sys.argv[1])
from sim.flash.defects import Defects
from sim.flash.flawed import FlawedNor
from sim.flash.part import FlashPart
times = {"sector_erase_us": 1, "page_program_us": 1, "read_us_per_kib": 1}
part = FlashPart(name="x", size_bytes=1 << 18, endurance_cycles=9, **times)
nor = FlawedNor(part, Defects(seed=5, bad_sectors_ppm=200_000, bit_errors_per_gbit=50_000, wears_out=True))
for turn in range(30):
    nor.rewrite(0, bytes([turn]) * (1 << 18))
print(sha256(nor.read(0, 1 << 18)).hexdigest())
"""


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_defects_are_the_same_in_every_process(hash_seed: str) -> None:
    command = [sys.executable, "-c", _DIGEST, str(Path(__file__).parents[2])]
    done = subprocess.run(command, env={"PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "65c0e301cc3007852d0fa6dec18a055a282f07c062df9c7605f084d5c97a6544"
