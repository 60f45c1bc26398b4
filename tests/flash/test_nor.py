"""What the emulated NOR flash promises: strict cells, counted ops, torn ops, and a fast path nobody can tell apart."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sim.errors import FlashError
from sim.flash import cells
from sim.flash.nor import ERASE, PROGRAM, Nor, Torn
from sim.flash.part import FlashPart
from sim.kernel.power import PowerLoss

SECTOR = 4096
PAGE = 256
PART = FlashPart(
    name="test part",
    size_bytes=(64 + 64 + 3) * SECTOR,  # two chunks and a short one
    sector_erase_us=45_000,
    page_program_us=400,
    read_us_per_kib=25,
    endurance_cycles=100_000,
)
SHAPES = list(Torn)


def pattern(length: int, seed: int = 1) -> bytes:
    """Bytes without blank pages that differ from page to page."""
    return bytes((i * 7 + (i >> 8) * 13 + seed) % 255 for i in range(length))


def state(nor: Nor) -> tuple[bytes, list[int], int, int, bool]:
    """Everything of a flash that can be seen."""
    wear = [nor.erase_count(sector) for sector in range(PART.sectors)]
    return nor.image(0, nor.size_bytes), wear, nor.ops, nor.busy_us, nor.dead


def page_by_page(nor: Nor, address: int, data: bytes) -> None:
    """The definition of `rewrite`, in the part's own commands."""
    for start in range(0, len(data), SECTOR):
        nor.erase(address + start)
        for at in range(start, min(start + SECTOR, len(data)), PAGE):
            page = data[at : at + PAGE]
            if page != b"\xff" * len(page):
                nor.program(address + at, page)


# -- strict cells ---------------------------------------------------------------------------------------------


def test_a_bit_does_not_go_back_to_one_without_an_erase() -> None:
    nor = Nor(PART)
    nor.program(0, b"\x0f")
    with pytest.raises(FlashError, match="erase first"):
        nor.program(0, b"\x1f")
    assert nor.image(0, 2) == b"\x0f\xff"
    assert nor.ops == 1


def test_programming_more_zeroes_into_a_byte_is_allowed() -> None:
    nor = Nor(PART)
    nor.program(10, b"\xf0\xff")
    nor.program(10, b"\x30\x55")
    assert nor.image(9, 4) == b"\xff\x30\x55\xff"


@pytest.mark.parametrize(
    "access",
    [
        lambda nor: nor.read(PART.size_bytes - 1, 2),
        lambda nor: nor.read(-1, 1),
        lambda nor: nor.program(PART.size_bytes, b"x"),
        lambda nor: nor.program(-1, b"x"),
        lambda nor: nor.erase(PART.size_bytes),
        lambda nor: nor.erase(100),
        lambda nor: nor.erase(0, 100),
        lambda nor: nor.rewrite(PAGE, b"x"),
        lambda nor: nor.rewrite(PART.size_bytes - SECTOR, bytes(SECTOR + 1)),
        lambda nor: nor.load(PART.size_bytes - 1, b"xy"),
        lambda nor: nor.image(PART.size_bytes, 1),
    ],
)
def test_misaligned_or_out_of_range_is_an_error_and_no_op(access: object) -> None:
    nor = Nor(PART)
    before = state(nor)
    with pytest.raises(FlashError):
        access(nor)  # type: ignore[operator]
    assert state(nor) == before


# -- what is counted ------------------------------------------------------------------------------------------


def test_one_op_for_each_page_touched_and_each_sector_erased() -> None:
    nor = Nor(PART)
    nor.program(PAGE - 1, b"ab")  # two pages
    assert (nor.ops, nor.busy_us) == (2, 2 * 400)
    nor.erase(SECTOR, 3 * SECTOR)
    assert (nor.ops, nor.busy_us) == (5, 2 * 400 + 3 * 45_000)
    assert [nor.erase_count(sector) for sector in range(5)] == [0, 1, 1, 1, 0]
    assert nor.max_erase_count() == 1


def test_reading_takes_time_but_is_no_op() -> None:
    nor = Nor(PART)
    assert nor.read(SECTOR - 1, 2048) == b"\xff" * 2048
    assert (nor.ops, nor.busy_us) == (0, 50)
    nor.read(0, 1)
    assert nor.busy_us == 51  # never free


def test_loading_is_done_in_the_factory_and_costs_nothing() -> None:
    nor = Nor(PART)
    nor.load(SECTOR - 3, b"factory")
    assert nor.image(SECTOR - 4, 9) == b"\xfffactory\xff"
    assert (nor.ops, nor.busy_us, nor.max_erase_count()) == (0, 0, 0)


def test_every_op_is_announced_before_it_happens() -> None:
    nor = Nor(PART)
    seen: list[tuple[str, int]] = []
    nor.on_op = lambda kind, address: seen.append((kind, address))
    nor.rewrite(SECTOR, pattern(PAGE + 1))
    nor.erase(0)
    assert seen == [(ERASE, SECTOR), (PROGRAM, SECTOR), (PROGRAM, SECTOR + PAGE), (ERASE, 0)]


def test_a_cut_armed_by_the_observer_falls_on_the_op_it_was_told_of() -> None:
    nor = Nor(PART)

    def cut_first_program(kind: str, address: int) -> None:
        if kind == PROGRAM:
            nor.arm_cut(0, Torn.NONE)

    nor.on_op = cut_first_program
    with pytest.raises(PowerLoss):
        nor.rewrite(0, pattern(SECTOR))
    assert nor.ops == 2
    assert nor.image(0, SECTOR) == b"\xff" * SECTOR


# -- power cuts -----------------------------------------------------------------------------------------------


def test_after_a_cut_every_access_fails_until_power_is_back() -> None:
    nor = Nor(PART)
    nor.arm_cut(1, Torn.COMPLETE)
    nor.program(0, b"a")
    with pytest.raises(PowerLoss):
        nor.program(1, b"b")
    assert nor.dead
    for access in (
        lambda: nor.read(0, 1),
        lambda: nor.program(2, b"c"),
        lambda: nor.erase(0),
        lambda: nor.rewrite(0, b"x"),
    ):
        with pytest.raises(PowerLoss):
            access()
    nor.power_on()
    assert nor.read(0, 3) == b"ab\xff"
    assert nor.ops == 2
    nor.program(2, b"c")  # the cut was used up
    assert nor.read(0, 3) == b"abc"


def test_a_disarmed_cut_does_not_happen() -> None:
    nor = Nor(PART)
    nor.arm_cut(0, Torn.NONE)
    nor.disarm()
    nor.erase(0)
    assert nor.ops == 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(8))
def test_a_torn_program_has_only_turned_bits_it_was_to_turn(shape: Torn, seed: int) -> None:
    nor = Nor(PART)
    old, new = b"\xf7" * PAGE, bytes(i & 0xF7 for i in range(PAGE))
    nor.program(0, old)
    nor.arm_cut(0, shape, seed)
    with pytest.raises(PowerLoss):
        nor.program(0, new)
    left = nor.image(0, PAGE)
    assert all(n & ~a == 0 and a & ~o == 0 for o, a, n in zip(old, left, new, strict=True))
    if shape is Torn.NONE:
        assert left == old
    elif shape is Torn.COMPLETE:
        assert left == new
    else:
        assert left not in (old, new)
    assert nor.image(PAGE, PAGE) == b"\xff" * PAGE


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(8))
def test_a_torn_erase_has_only_raised_bits_and_wears_the_sector(shape: Torn, seed: int) -> None:
    nor = Nor(PART)
    old = pattern(SECTOR)
    nor.load(0, old * 2)
    nor.arm_cut(0, shape, seed)
    with pytest.raises(PowerLoss):
        nor.erase(0)
    left = nor.image(0, SECTOR)
    assert all(o & ~a == 0 for o, a in zip(old, left, strict=True))
    if shape is Torn.NONE:
        assert left == old
    elif shape is Torn.COMPLETE:
        assert left == b"\xff" * SECTOR
    else:
        assert left not in (old, b"\xff" * SECTOR)
    assert nor.image(SECTOR, SECTOR) == old
    assert nor.erase_count(0) == 1


def test_the_seed_decides_how_an_op_is_torn() -> None:
    def torn(seed: int) -> bytes:
        nor = Nor(PART)
        nor.arm_cut(0, Torn.RANDOM, seed)
        with pytest.raises(PowerLoss):
            nor.program(0, bytes(PAGE))
        return nor.image(0, PAGE)

    assert torn(1) == torn(1)
    assert torn(1) != torn(2)


# -- the fast path --------------------------------------------------------------------------------------------

pieces = st.lists(
    st.one_of(
        st.just(b"\xff" * PAGE),
        st.just(b"\xff" * SECTOR),
        st.integers(0, 9).map(lambda seed: pattern(SECTOR, seed)),
        st.binary(max_size=300),
    ),
    max_size=12,
).map(b"".join)
starts = st.one_of(st.integers(0, 4), st.integers(60, 70), st.integers(110, 119)).map(lambda sector: sector * SECTOR)
cuts = st.one_of(st.none(), st.tuples(st.integers(0, 230), st.sampled_from(SHAPES), st.integers(0, 3)))


@settings(deadline=None, max_examples=150)
@given(start=starts, data=pieces, before=pieces, cut=cuts)
def test_rewrite_equals_page_by_page(start: int, data: bytes, before: bytes, cut: tuple[int, Torn, int] | None) -> None:
    fast, slow = Nor(PART), Nor(PART)
    for nor, write in ((fast, Nor.rewrite), (slow, page_by_page)):
        nor.load(start, before)
        if cut is not None:
            nor.arm_cut(*cut)
        try:
            write(nor, start, data)
            write(nor, start, data)
        except PowerLoss:
            assert nor.dead
    assert state(fast) == state(slow)
    fast.power_on()
    slow.power_on()
    assert fast.snapshot() == slow.snapshot()


def test_a_cut_at_every_op_of_a_rewrite_falls_where_it_would_page_by_page() -> None:
    data = pattern(3 * SECTOR - 700)[: 2 * SECTOR] + b"\xff" * 512 + pattern(SECTOR)[:1000]
    whole = Nor(PART)
    whole.rewrite(0, data)
    for op in range(whole.ops + 1):
        fast, slow = Nor(PART), Nor(PART)
        for nor, write in ((fast, Nor.rewrite), (slow, page_by_page)):
            nor.load(0, pattern(4 * SECTOR, 9))
            nor.arm_cut(op, Torn.RANDOM, op)
            if op < whole.ops:
                with pytest.raises(PowerLoss):
                    write(nor, 0, data)
            else:
                write(nor, 0, data)
                with pytest.raises(PowerLoss):  # still armed, for the op after
                    nor.erase(0)
        assert state(fast) == state(slow)


def test_rewrite_leaves_the_rest_of_the_last_sector_erased() -> None:
    nor = Nor(PART)
    nor.load(0, bytes(2 * SECTOR))
    nor.rewrite(0, b"abc")
    assert nor.image(0, SECTOR + 1) == b"abc" + b"\xff" * (SECTOR - 3) + b"\0"


def test_rewrite_takes_any_bytes_and_does_not_keep_the_callers_buffer() -> None:
    nor = Nor(PART)
    buffer = bytearray(pattern(SECTOR))
    nor.rewrite(0, buffer)
    buffer[:] = bytes(SECTOR)
    nor.rewrite(SECTOR, memoryview(buffer))
    assert nor.image(0, 2 * SECTOR) == pattern(SECTOR) + bytes(SECTOR)


# -- snapshots and sharing ------------------------------------------------------------------------------------


def test_restoring_brings_back_contents_wear_ops_and_time() -> None:
    nor = Nor(PART)
    nor.rewrite(0, pattern(SECTOR))
    before, snapshot = state(nor), nor.snapshot()
    nor.arm_cut(1, Torn.PREFIX)
    with pytest.raises(PowerLoss):
        nor.rewrite(0, pattern(2 * SECTOR, 5))
    nor.restore(snapshot)
    assert state(nor) == before
    nor.erase(0, 8 * SECTOR)  # the cut is gone too


def test_a_snapshot_is_not_changed_by_later_writes() -> None:
    nor = Nor(PART)
    nor.program(0, b"kept")
    snapshot = nor.snapshot()
    nor.program(4, b"later")
    other = Nor(PART)
    other.restore(snapshot)
    assert other.image(0, 9) == b"kept" + b"\xff" * 5


def test_a_snapshot_of_another_part_is_refused() -> None:
    small = Nor(
        FlashPart(
            name="small", size_bytes=SECTOR, sector_erase_us=1, page_program_us=1, read_us_per_kib=1, endurance_cycles=1
        )
    )
    with pytest.raises(FlashError, match="small"):
        small.restore(Nor(PART).snapshot())


def test_equal_flashes_share_their_chunks_whatever_way_they_were_written() -> None:
    fast, slow = Nor(PART), Nor(PART)
    fast.rewrite(0, pattern(66 * SECTOR))
    page_by_page(slow, 0, pattern(66 * SECTOR))
    assert all(a is b for a, b in zip(fast.snapshot().chunks, slow.snapshot().chunks, strict=True))


def test_sectors_nobody_holds_are_given_back() -> None:
    pool = cells._SectorPool()
    kept = [pool.one(pattern(SECTOR, seed)) for seed in range(3)]
    for number in range(10_000):
        pool.one(number.to_bytes(4) * 1024)
    assert len(pool) < 9000
    pool.sweep()
    assert len(pool) == 3
    assert all(pool.one(pattern(SECTOR, seed)) is kept[seed] for seed in range(3))


class NorAgainstBytearray(RuleBasedStateMachine):
    """Nor and the plainest possible model of it, side by side."""

    def make(self) -> Nor:
        return Nor(PART)

    def __init__(self) -> None:
        super().__init__()
        self.nor = self.make()
        self.cells = bytearray(b"\xff" * PART.size_bytes)
        self.wear = [0] * PART.sectors
        self.ops = 0
        self.saved = (self.nor.snapshot(), bytes(self.cells), list(self.wear), 0)
        self.last = (self.nor.edition, bytes(self.cells))

    places = st.one_of(
        st.integers(0, 3 * SECTOR),
        st.integers(63 * SECTOR, 66 * SECTOR),
        st.integers(PART.size_bytes - 700, PART.size_bytes),
    )

    @rule(address=places, data=st.binary(min_size=1, max_size=600))
    def program(self, address: int, data: bytes) -> None:
        end = address + len(data)
        if end > PART.size_bytes:
            with pytest.raises(FlashError):
                self.nor.program(address, data)
            return
        pages = range(address - address % PAGE, end, PAGE)
        for page in pages:
            low, high = max(page, address), min(page + PAGE, end)
            new = data[low - address : high - address]
            if any(n & ~o for n, o in zip(new, self.cells[low:high], strict=True)):
                with pytest.raises(FlashError):
                    self.nor.program(address, data)
                return
            self.cells[low:high] = new
            self.ops += 1
        self.nor.program(address, data)

    @rule(address=places, mask=st.integers(0, 255))
    def program_fewer_bits(self, address: int, mask: int) -> None:
        if address < PART.size_bytes:
            self.cells[address] &= mask
            self.ops += 1
            self.nor.program(address, self.cells[address : address + 1])

    @rule(
        sector=st.sampled_from([0, 1, 63, 64, 65, PART.sectors - 1]),
        seed=st.integers(0, 5),
        length=st.integers(0, 2 * SECTOR),
    )
    def rewrite(self, sector: int, seed: int, length: int) -> None:
        length = min(length, (PART.sectors - sector) * SECTOR)
        self.nor.rewrite(sector * SECTOR, pattern(length, seed))
        count = -(-length // SECTOR)
        start = sector * SECTOR
        self.cells[start : start + count * SECTOR] = pattern(length, seed).ljust(count * SECTOR, b"\xff")
        for worn in range(sector, sector + count):
            self.wear[worn] += 1
        self.ops += count + -(-length // PAGE)

    @rule(sector=st.integers(0, PART.sectors - 1))
    def erase(self, sector: int) -> None:
        self.nor.erase(sector * SECTOR)
        self.cells[sector * SECTOR : (sector + 1) * SECTOR] = b"\xff" * SECTOR
        self.wear[sector] += 1
        self.ops += 1

    @rule(sector=st.sampled_from([0, 64, PART.sectors - 1]), shape=st.sampled_from([Torn.NONE, Torn.COMPLETE]))
    def cut_an_erase(self, sector: int, shape: Torn) -> None:
        self.nor.arm_cut(0, shape)
        with pytest.raises(PowerLoss):
            self.nor.erase(sector * SECTOR)
        self.nor.power_on()
        if shape is Torn.COMPLETE:
            self.cells[sector * SECTOR : (sector + 1) * SECTOR] = b"\xff" * SECTOR
        self.wear[sector] += 1
        self.ops += 1

    @rule(
        address=places, seed=st.integers(0, 5), length=st.sampled_from([0, 1, 100, SECTOR, 2 * SECTOR, 65 * SECTOR + 9])
    )
    def load(self, address: int, seed: int, length: int) -> None:
        data = pattern(length, seed)[: PART.size_bytes - address]
        self.nor.load(address, data)
        self.cells[address : address + len(data)] = data

    @rule()
    def save(self) -> None:
        self.saved = (self.nor.snapshot(), bytes(self.cells), list(self.wear), self.ops)

    @precondition(lambda self: self.ops > 0)
    @rule()
    def go_back(self) -> None:
        self.nor.restore(self.saved[0])
        self.cells, self.wear, self.ops = bytearray(self.saved[1]), list(self.saved[2]), self.saved[3]

    @rule()
    def seal(self) -> None:
        self.nor.seal()

    @invariant()
    def cells_that_changed_are_another_edition(self) -> None:
        edition, before = self.last
        self.last = (self.nor.edition, self.nor.image(0, PART.size_bytes))
        assert self.last[1] == before or self.last[0] > edition

    @invariant()
    def same(self) -> None:
        assert self.nor.ops == self.ops
        for start in (0, 63 * SECTOR, PART.size_bytes - 700):
            assert self.nor.image(start, 700) == self.cells[start : start + 700]

    def teardown(self) -> None:
        assert self.nor.image(0, PART.size_bytes) == self.cells
        assert [self.nor.erase_count(sector) for sector in range(PART.sectors)] == self.wear


NorAgainstBytearray.TestCase.settings = settings(deadline=None, max_examples=60, stateful_step_count=30)
test_nor_against_a_bytearray = NorAgainstBytearray.TestCase


def test_a_read_within_a_sector_is_a_read():
    one, other = Nor(PART), Nor(PART)
    for nor in (one, other):
        nor.program(PART.sector_bytes * 3 + 100, b"abc")
    sector_bytes = PART.sector_bytes
    for sector, offset, length in [(3, 0, sector_bytes), (3, 99, 5), (0, 7, 1), (PART.sectors - 1, 0, 256)]:
        assert one.read_within(sector, offset, length) == other.read(sector * sector_bytes + offset, length)
        assert one.busy_us == other.busy_us
    one.dead = True
    with pytest.raises(PowerLoss):
        one.read_within(0, 0, 1)


@given(st.lists(st.integers(0, 130), max_size=4), st.lists(st.integers(0, 130), max_size=4), st.integers(0, 130))
def test_equal_sectors_have_equal_names_whatever_their_wear_and_whoever_writes_them(worn, written, touched):
    one, other = Nor(PART), Nor(PART)
    for sector in worn:
        other.erase(sector * SECTOR)
    for sector in written:
        one.load(sector * SECTOR, bytes(SECTOR))
        other.rewrite(sector * SECTOR, bytes(SECTOR))
    other.program(touched * SECTOR, other.image(touched * SECTOR, 1))  # opens its chunk
    for address, size in ((0, 131), (3, 60), (64, 64), (60, 10), (128, 3)):
        names = [nor.held(address * SECTOR, size * SECTOR) for nor in (one, other)]
        assert names[0] == names[1]
        one.program(address * SECTOR, bytes(1))
        other.program((address + size - 1) * SECTOR, bytes(2))
        equal = one.sectors(address * SECTOR, size * SECTOR) == other.sectors(address * SECTOR, size * SECTOR)
        names = [nor.held(address * SECTOR, size * SECTOR) for nor in (one, other)]
        assert (names[0] == names[1]) is equal
        one.restore(other.snapshot())
