"""A countdown ends before the very operation that a watcher of all operations would have stopped at."""

from hypothesis import given
from hypothesis import strategies as st

from sim.flash.countdown import ERASE, PROGRAM
from sim.flash.nor import Nor
from sim.flash.part import FlashPart
from sim.flash.recorded import Work, recording
from sim.flash.torn import Torn
from sim.kernel.power import PowerLoss

PART = FlashPart(
    name="test part",
    size_bytes=128 * 4096,
    sector_erase_us=45_000,
    page_program_us=400,
    read_us_per_kib=20,
    endurance_cycles=100_000,
)
WORK = st.lists(
    st.tuples(st.sampled_from(["rewrite", "erase", "program"]), st.integers(0, 100), st.integers(1, 9)),
    min_size=1,
    max_size=12,
)


def do(nor, work):
    """The work, until power goes; whether it went."""
    try:
        for what, sector, size in work:
            if what == "rewrite":
                nor.rewrite(sector * 4096, bytes([size]) * (size * 1500))
            elif what == "erase":
                nor.erase(sector * 4096, size * 4096)
            else:
                nor.program(sector * 4096, bytes(size * 300))
    except PowerLoss:
        return True
    return False


def state(nor):
    return nor.seal(), nor.ops, nor.busy_us, nor.dead


@given(WORK, st.sampled_from([ERASE, PROGRAM]), st.integers(1, 120))
def test_it_ends_where_a_watcher_would_have_stopped(work, kind, nth):
    counted, watched, told = Nor(PART), Nor(PART), []
    counted.count_down(kind, nth, lambda: told.append(counted.ops) or counted.arm_cut(0, Torn.PREFIX, 7))
    seen = []

    def look(op, _address):
        seen.extend([op] * (op == kind))
        if op == kind and len(seen) == nth:
            watched.arm_cut(0, Torn.PREFIX, 7)

    watched.on_op = look
    assert do(counted, work) == do(watched, work) == bool(told)
    assert state(counted) == state(watched)
    assert bool(counted.countdowns) is not bool(told)


@given(st.integers(1, 20), st.integers(1, 20))
def test_two_of_them_end_each_at_its_own(first, second):
    nor, told = Nor(PART), []
    nor.count_down(PROGRAM, first, lambda: told.append((nor.ops, 1)))
    nor.count_down(PROGRAM, second, lambda: told.append((nor.ops, 2)))
    nor.rewrite(0, bytes(4096))
    nor.rewrite(4096, bytes(4096))
    at = {nth: nth + (nth > 16) for nth in range(1, 33)}
    assert sorted(told) == sorted([(at[first], 1), (at[second], 2)])


def work_on(nor, name):
    def work():
        nor.rewrite(0, bytes(8192))
        yield "first"
        nor.rewrite(8192, bytes(8192))

    return Work(name, ((0, 16384),), lambda _: work(), lambda _: work(), lambda _: False)


def test_recorded_work_is_had_again_unless_the_moment_is_in_it():
    for _ in range(2):
        nor = Nor(PART)
        known = recording(nor, work_on(nor, "counted"))
    assert known is not None
    for kind, nth, is_had in ((PROGRAM, 64, False), (PROGRAM, 65, True), (ERASE, 4, False), (ERASE, 5, True)):
        nor = Nor(PART)
        nor.count_down(kind, nth, lambda: None)
        assert (recording(nor, work_on(nor, "counted")) == known) is is_had


def test_work_is_not_recorded_on_a_flash_that_counts_down():
    for _ in range(3):
        nor = Nor(PART)
        nor.count_down(ERASE, 1, lambda: None)
        assert recording(nor, work_on(nor, "never")) is None
        assert nor.ops == 0
