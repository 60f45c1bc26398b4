"""Work that was recorded leaves the very flash that doing it leaves: at its end, at each of its marks, from a door on,
and where power goes in the middle."""

from hypothesis import given
from hypothesis import strategies as st

from sim.flash.countdown import ERASE, PROGRAM
from sim.flash.nor import Nor, Torn
from sim.flash.part import FlashPart
from sim.flash.recorded import RECORDINGS, Work, _recordings, mark_now, place, recording
from sim.kernel.power import PowerLoss

PART = FlashPart(
    name="test part",
    size_bytes=192 * 4096,
    sector_erase_us=45_000,
    page_program_us=400,
    read_us_per_kib=20,
    endurance_cycles=100_000,
)
LOG = 120 * 4096
"""Where work notes how many of its steps are done: a byte each."""

READS = ((0, 60 * 4096), (60 * 4096, 68 * 4096))
"""Of the first two chunks; what is behind is somebody else's."""

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("rewrite"), st.integers(0, 110), st.integers(1, 6)),
        st.tuples(st.just("erase"), st.integers(0, 119), st.just(1)),
        st.tuples(st.just("read"), st.integers(0, 110), st.integers(1, 7)),
        st.tuples(st.just("note"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("mark"), st.integers(0, 9), st.just(0)),
    ),
    max_size=20,
)


def steps_from(nor, steps, first=0):
    """Depends on flash and on its orders: each rewrite copies what stands elsewhere. What notes a step is a door."""
    for number, (kind, at, count) in list(enumerate(steps))[first:]:
        match kind:
            case "rewrite":
                copied = nor.read((115 - at) * 4096, 200)
                nor.rewrite(at * 4096, bytes([at]) * (count * 4096 - 300) + copied)
            case "erase":
                nor.erase(at * 4096)
            case "read":
                yield sum(nor.read(at * 4096, count * 512))
            case "note":
                nor.program(LOG, bytes(number + 1))
                yield "door", number
            case "mark":
                yield at
    return sum(nor.read(0, 4096))


def work(nor, steps, name=None):
    def go_on(_nor):
        return steps_from(nor, steps, nor.image(LOG, 64).count(0))

    def is_door(value):
        return isinstance(value, tuple)

    return Work(name or tuple(steps), READS, lambda _: steps_from(nor, steps), go_on, is_door)


def state(nor):
    return nor.seal(), nor.ops, nor.busy_us, nor.dead


def do(nor, steps):
    """What each mark and the end yield, and the flash then; the last is None where power went."""
    marks, generator = [], steps_from(nor, steps)
    while True:
        try:
            value = next(generator)
        except StopIteration as stop:
            return [*marks, (stop.value, *state(nor))]
        except PowerLoss:
            return [*marks, (None, *state(nor))]
        marks.append((value, *state(nor)))


def do_known(nor, steps):
    """As `do`, as a device does it: played as far as it is known, done where it is not."""
    known, marks = recording(nor, work(nor, steps)), []
    generator = None if known else steps_from(nor, steps)
    while True:
        if known is not None:
            began, passed = mark_now(nor), known.recording.marks[known.first + 1 : known.last + 1]
            for mark in passed:
                place(nor, began, known.base, mark)
                marks.append((mark.value, *state(nor)))
            if known.to_the_end:
                return marks
            known, generator = None, work(nor, steps).go_on(nor)
        try:
            value = next(generator)
        except StopIteration as stop:
            return [*marks, (stop.value, *state(nor))]
        except PowerLoss:
            return [*marks, (None, *state(nor))]
        marks.append((value, *state(nor)))
        if isinstance(value, tuple):
            known = recording(nor, work(nor, steps), value)


def learn(steps):
    """Have the work recorded."""
    for _ in range(2):
        nor = Nor(PART)
        nor.load(5 * 4096, b"something")
        known = recording(nor, work(nor, steps))
        assert state(nor) == (nor.seal(), 0, 0, False), "recording leaves the flash as it was"
    return known


def another(wear, elsewhere):
    """A flash that starts the same work, with a past of its own and something else where work does not look."""
    nor = Nor(PART)
    for sector in wear:
        nor.erase(sector * 4096)
    nor.load(5 * 4096, b"something")
    nor.load(130 * 4096, elsewhere)
    return nor


WEAR = st.lists(st.integers(0, 191), max_size=8)


@given(STEPS, WEAR, st.binary(max_size=9))
def test_a_recording_is_what_doing_it_would_have_been(steps, wear, elsewhere):
    known = learn(steps)
    assert known is not None
    assert known.to_the_end
    nor = another(wear, elsewhere)
    assert recording(nor, work(nor, steps)) == known
    assert do_known(nor, steps) == do(another(wear, elsewhere), steps)


@given(STEPS, WEAR, st.data())
def test_it_is_had_from_a_door_on_by_whoever_comes_there(steps, wear, data):
    learn(steps)
    doors = [("door", number) for number, step in enumerate(steps) if step[0] == "note"]
    if not doors:
        return
    door = data.draw(st.sampled_from(doors))
    nor, done = another(wear, b"else"), another(wear, b"else")
    generator = steps_from(nor, steps)
    while next(generator) != door:
        pass
    known = recording(nor, work(nor, steps), door)
    assert known is not None
    place(nor, mark_now(nor), known.base, known.recording.marks[-1])
    do(done, steps)
    assert state(nor) == state(done)


@given(STEPS, WEAR, st.sampled_from([ERASE, PROGRAM]), st.integers(1, 150), st.sampled_from(list(Torn)))
def test_power_goes_at_an_operation_of_what_is_played(steps, wear, kind, nth, torn):
    learn(steps)
    counted, watched, seen = another(wear, b"else"), another(wear, b"else"), []
    counted.count_down(kind, nth, lambda: counted.arm_cut(0, torn, 7))

    def look(op, _address):
        seen.extend([op] * (op == kind))
        if op == kind and len(seen) == nth:
            watched.arm_cut(0, torn, 7)

    watched.on_op = look
    assert do_known(counted, steps) == do(watched, steps)


def test_only_the_piece_in_which_power_goes_is_done():
    steps = [step for at in range(0, 40, 2) for step in (("rewrite", at, 2), ("note", 0, 0))]
    learn(steps)
    nor = another([], b"")
    nor.count_down(ERASE, 30, lambda: nor.arm_cut(0, Torn.PREFIX))
    known = recording(nor, work(nor, steps))
    assert known is not None
    assert known.recording.marks[known.last].value == ("door", 27)


def test_a_door_is_not_that_of_a_flash_that_holds_something_else():
    steps = [("rewrite", 0, 2), ("note", 0, 0), ("rewrite", 4, 2)]
    learn(steps)
    nor = another([], b"")
    next(steps_from(nor, steps))
    assert recording(nor, work(nor, steps), ("door", 1)) is not None
    nor.program(119 * 4096, b"x")
    assert recording(nor, work(nor, steps), ("door", 1)) is None


def resumed(steps):
    """Work that begins with what is noted as done, as a boot after a power cut does."""
    fresh = work(None, steps)

    def on(nor):
        of = work(nor, steps)
        return Work(fresh.name, READS, of.go_on, of.go_on, of.is_door)

    return on


def test_a_start_that_soon_comes_to_a_known_door_is_done_each_time():
    steps = [("rewrite", 0, 2), ("note", 0, 0), ("rewrite", 4, 2), ("note", 0, 0), ("rewrite", 8, 2)]
    learn(steps)
    before = list(map(id, _recordings))
    for _ in range(4):
        nor = another([], b"")
        next(steps_from(nor, steps))
        assert recording(nor, resumed(steps)(nor)) is None
        assert next(work(nor, steps).go_on(nor)) == ("door", 3)
        known = recording(nor, work(nor, steps), ("door", 3))
        assert known is not None
        assert known.recording.marks[0].chunks == learn(steps).base.chunks
    assert list(map(id, _recordings)) == before


def test_a_whole_is_recorded_though_its_second_half_is_known():
    steps = [("rewrite", 20, 2), ("note", 0, 0), ("rewrite", 24, 2), ("note", 0, 0), ("rewrite", 28, 2)]
    for _ in range(2):
        nor = another([], b"")
        next(steps_from(nor, steps))
        half = recording(nor, resumed(steps)(nor))
    assert half is not None
    whole = learn(steps)
    assert whole is not None
    assert len(whole.recording.marks) == len(half.recording.marks) + 1


def test_what_is_seen_once_is_not_recorded():
    nor = Nor(PART)
    before = len(_recordings)
    assert recording(nor, work(nor, [], "once")) is None
    assert len(_recordings) == before


def test_a_flash_that_is_watched_dead_or_about_to_lose_power_works_itself():
    def known(nor):
        return recording(nor, work(nor, [("erase", 0, 1)], "stubborn"))

    assert known(Nor(PART)) is None
    assert known(Nor(PART)) is not None
    watched, dead, doomed = Nor(PART), Nor(PART), Nor(PART)
    watched.on_op = lambda kind, address: None
    dead.dead = True
    doomed.arm_cut(1000, Torn.PREFIX)
    assert [known(nor) for nor in (watched, dead, doomed)] == [None, None, None]


def test_recordings_are_bounded():
    nor = Nor(PART)
    for number in range(RECORDINGS + 5):
        for _ in range(2):
            recording(nor, work(nor, [("erase", 0, 1)], ("many", number)))
    assert len(_recordings) == RECORDINGS
