"""Work that was recorded leaves the very flash that doing it leaves, at its end and at each of its marks."""

from hypothesis import given
from hypothesis import strategies as st

from sim.flash.nor import Nor, Torn
from sim.flash.part import FlashPart
from sim.flash.recorded import RECORDINGS, _recordings, mark_now, place, recording

PART = FlashPart(
    name="test part",
    size_bytes=128 * 4096,
    sector_erase_us=45_000,
    page_program_us=400,
    read_us_per_kib=20,
    endurance_cycles=100_000,
)

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("rewrite"), st.integers(0, 120), st.integers(1, 6)),
        st.tuples(st.just("erase"), st.integers(0, 127), st.just(1)),
        st.tuples(st.just("read"), st.integers(0, 120), st.integers(1, 7)),
        st.tuples(st.just("mark"), st.integers(0, 9), st.just(0)),
    ),
    max_size=20,
)


def work(nor, steps):
    """Depends on the flash as well as on its orders: each rewrite copies what stands elsewhere."""
    seen = 0
    for kind, at, count in steps:
        match kind:
            case "rewrite":
                copied = nor.read((127 - at) * 4096, 200)
                nor.rewrite(at * 4096, bytes([at]) * (count * 4096 - 300) + copied)
            case "erase":
                nor.erase(at * 4096)
            case "read":
                seen ^= sum(nor.read(at * 4096, count * 512))
            case "mark":
                yield seen + at
    return seen


def state(nor):
    return nor.seal(), nor.ops, nor.busy_us


def do(nor, steps):
    """What each mark and the end yield, and the flash then."""
    marks, generator = [], work(nor, steps)
    while True:
        try:
            value = next(generator)
        except StopIteration as stop:
            return [*marks, (stop.value, *state(nor))]
        marks.append((value, *state(nor)))


@given(STEPS)
def test_a_recording_is_what_doing_it_would_have_been(steps):
    done, played = Nor(PART), Nor(PART)
    name = ("test", tuple(steps))
    for nor in (done, played):
        nor.load(5 * 4096, b"something")
    first = recording(played, name, lambda: work(played, steps))
    again = recording(played, name, lambda: work(played, steps))
    known = first or again
    assert known is not None
    assert state(played) == (played.seal(), 0, 0), "recording leaves the flash as it was"
    began, shown = mark_now(played), []
    for mark in known.marks:
        place(played, began, mark)
        shown.append((mark.value, *state(played)))
    assert shown == do(done, steps)


def test_what_is_seen_once_is_not_recorded():
    nor = Nor(PART)
    before = len(_recordings)
    assert recording(nor, "once", lambda: work(nor, [])) is None
    assert len(_recordings) == before


def test_a_flash_that_is_watched_dead_or_about_to_lose_power_works_itself():
    def known(nor):
        return recording(nor, "stubborn", lambda: work(nor, [("erase", 0, 1)]))

    assert known(Nor(PART)) is None
    assert known(Nor(PART)) is not None
    watched, dead, doomed = Nor(PART), Nor(PART), Nor(PART)
    watched.on_op = lambda kind, address: None
    dead.dead = True
    doomed.arm_cut(1000, Torn.PREFIX)
    assert [known(nor) for nor in (watched, dead, doomed)] == [None, None, None]


def test_wear_is_part_of_a_start():
    fresh, worn = Nor(PART), Nor(PART)
    worn.erase(7 * 4096)
    for _ in range(2):
        known = recording(fresh, "wear", lambda: work(fresh, [("erase", 7, 1)]))
    assert known is not None
    assert recording(worn, "wear", lambda: work(worn, [("erase", 7, 1)])) is None


def test_recordings_are_bounded():
    nor = Nor(PART)
    for number in range(RECORDINGS + 5):
        for _ in range(2):
            recording(nor, ("many", number), lambda: work(nor, [("erase", 0, 1)]))
    assert len(_recordings) == RECORDINGS
