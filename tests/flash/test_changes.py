"""A flash that is kept outside the process, as what differs from an earlier moment, is the same flash again."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sim.flash.changes import Sector, changed, digest, with_sectors
from sim.flash.nor import Nor
from sim.flash.part import FlashPart

PART = FlashPart(
    name="small",
    size_bytes=130 * 4096,
    sector_bytes=4096,
    page_bytes=256,
    sector_erase_us=30_000,
    page_program_us=400,
    read_us_per_kib=50,
    endurance_cycles=100_000,
)
LAST = PART.sectors - 1


def new() -> Nor:
    nor = Nor(PART)
    nor.load(0, bytes(range(256)) * 40)
    return nor


def test_nothing_written_is_nothing_changed() -> None:
    nor = new()
    before = nor.snapshot()
    nor.read(0, 5000)
    assert list(changed(before, nor.snapshot())) == []


def test_a_change_is_a_sector_with_its_number_wear_and_content() -> None:
    nor = new()
    before = nor.snapshot()
    nor.erase(LAST * 4096)
    nor.program(LAST * 4096 + 256, b"x")
    assert list(changed(before, nor.snapshot())) == [Sector(LAST, 1, b"\xff" * 256 + b"x" + b"\xff" * 3839)]


def test_wear_alone_is_a_change() -> None:
    nor = new()
    before = nor.snapshot()
    nor.erase(100 * 4096)
    assert [(it.number, it.erases) for it in changed(before, nor.snapshot())] == [(100, 1)]


def test_the_digest_is_of_the_content_alone() -> None:
    worn, other = new(), new()
    worn.erase(100 * 4096)
    assert digest(worn.snapshot()) == digest(new().snapshot())
    other.program(100 * 4096, b"\0")
    assert digest(other.snapshot()) != digest(new().snapshot())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, LAST), st.binary(min_size=1, max_size=300)), max_size=12), st.integers(0, 12))
def test_the_base_with_its_changes_is_the_later_moment(writes: list[tuple[int, bytes]], at: int) -> None:
    nor = new()
    base, kept = nor.snapshot(), {}
    saved = base
    for number, (sector, data) in enumerate(writes):
        nor.rewrite(sector * 4096, data)
        if number % max(1, at) == 0:
            now = nor.snapshot()
            kept |= {it.number: it for it in changed(saved, now)}
            saved = now
    kept |= {it.number: it for it in changed(saved, nor.snapshot())}
    copies = [Sector(it.number, it.erases, bytes(bytearray(it.content))) for it in kept.values()]
    again = new()
    again.restore(with_sectors(again.snapshot(), copies, nor.ops, nor.busy_us))
    assert again.snapshot() == nor.snapshot()
