"""A volume that does again what was done before is the volume that does it: in answers, bytes, ops, time and wear."""

import errno

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.flash import replayed
from sim.flash.filesystem import FileSystem, build_volume
from sim.flash.nor import Nor
from sim.flash.part import FlashPart
from sim.flash.partition import Partition, Region
from sim.flash.torn import Torn
from sim.flash.volume import Volume
from sim.kernel.power import PowerLoss

SECTOR = 4096
PART = FlashPart(
    name="part",
    size_bytes=40 * SECTOR,
    sector_erase_us=45_000,
    page_program_us=400,
    read_us_per_kib=90,
    endurance_cycles=100_000,
)
FILES = {"main.py": b"import usr.app\n" * 30, "lib/a.py": b"A = 1\n", "note": b"x" * 5000}


@pytest.fixture(autouse=True)
def nothing_known():
    build_volume(32 * SECTOR, FILES)  # which asks littlefs as well
    replayed.forget()
    yield
    replayed.forget()


@pytest.fixture
def asked(monkeypatch):
    """Names of the functions of littlefs that were called for real."""
    calls = []
    inner = Volume._ask

    def ask(self, function, args):
        calls.append(function.__name__)
        return inner(self, function, args)

    monkeypatch.setattr(Volume, "_ask", ask)
    return calls


def made(watched=False):
    """A flash with a volume in it, and the volume; one that is watched never takes what is known."""
    nor = Nor(PART)
    region = Region(nor, Partition("volume", 4 * SECTOR, 32 * SECTOR))
    region.load(0, build_volume(32 * SECTOR, FILES))
    if watched:
        nor.on_op = lambda _kind, _address: None
    return nor, FileSystem(region)


def state(nor):
    return nor.ops, nor.busy_us, nor.sectors(0, nor.size_bytes), nor.erase_counts(0, nor.size_bytes)


def test_reads_of_equal_volumes_ask_littlefs_twice(asked):
    spent = []
    for _ in range(4):
        asked.clear()
        nor, fs = made()
        fs.mount()
        assert fs.read("main.py") == FILES["main.py"]
        assert fs.listdir("/") == ["lib", "main.py", "note"]
        assert not fs.exists("nothing")
        spent.append((len(asked), nor.busy_us))
        fs.abandon()
    assert [count for count, _ in spent] == [spent[0][0], spent[0][0], 0, 0]
    assert spent[0][0] > 10
    assert len({busy_us for _, busy_us in spent}) == 1


def test_writes_are_done_again_with_their_wear_and_time(asked):
    ends = []
    for _ in range(3):
        asked.clear()
        nor, fs = made()
        fs.mount()
        with_handle = fs.open("note", "r+")
        with_handle.write(b"changed")
        with_handle.close()
        fs.write("new", b"n" * 3000)
        fs.remove("main.py")
        fs.unmount()
        ends.append(state(nor))
    assert asked == []
    assert ends[0] == ends[1] == ends[2]
    assert ends[0][0] > 0


def test_what_goes_another_way_is_asked_after_all_before_it(asked):
    def begin(watched=False):
        nor, fs = made(watched)
        fs.mount()
        fs.write("same", b"same")
        file = fs.open("note")
        file.read(100)
        return nor, fs, file

    begin(), begin()
    asked.clear()
    nor, fs, file = begin()
    assert asked == []
    fs.write("own", b"only here")
    assert asked[0] == "fs_mkconsistent"
    reference_nor, reference, beside = begin(watched=True)
    reference.write("own", b"only here")
    assert file.read() == beside.read() == b"x" * 4900
    assert state(nor) == state(reference_nor)


def test_an_error_that_is_known_is_raised_with_its_own_words():
    for name in ("one", "two", "three"):
        _, fs = made()
        fs.mount()
        with pytest.raises(OSError, match="ENOTEMPTY /lib") as told:
            fs.remove("lib")
        assert told.value.errno == errno.ENOTEMPTY
        with pytest.raises(OSError, match=f"ENOENT /{name}"):
            fs.read(name)


def test_a_whole_file_that_is_known_is_one_call_that_takes_as_long(monkeypatch):
    told = []
    inner = Volume.call
    monkeypatch.setattr(Volume, "call", lambda self, what, *rest: told.append(what) or inner(self, what, *rest))
    for turn in range(6):
        nor, fs = made()
        fs.mount()
        before_us = nor.busy_us
        told.clear()
        read = fs.read("note")
        calls, took_us = len(told), nor.busy_us - before_us
        assert fs.statvfs() == fs.statvfs()
        if turn == 0:
            first = read, took_us
            assert took_us > 0
            assert calls > 3
        assert (read, took_us) == first
    assert calls == 0
    fs.write("note", b"another")  # C is asked from here on, and flash is another
    assert fs.read("note") == b"another"


def test_a_whole_file_is_read_anew_when_somebody_else_wrote():
    for _ in range(5):
        nor, fs = made()
        fs.mount()
        fs.read("note")
    fs.read("note")
    for sector in range(4, 36):
        nor.load(sector * SECTOR, b"\0" * SECTOR)
    with pytest.raises(OSError, match="ECORRUPT"):
        fs.read("note")


def test_cells_that_somebody_else_changed_are_seen():
    for _ in range(3):
        _, fs = made()
        fs.mount()
        fs.read("note")
        fs.abandon()
    nor, fs = made()
    fs.mount()
    for sector in range(4, 36):
        nor.load(sector * SECTOR, b"\0" * SECTOR)
    with pytest.raises(OSError, match="ECORRUPT"):
        fs.read("note")


def test_a_cut_that_is_armed_falls_where_it_falls_on_a_volume_of_its_own():
    def play(watched, cut_after):
        nor, fs = made(watched)
        fs.mount()
        fs.write("a", b"a" * 600)
        if cut_after is not None:
            nor.arm_cut(cut_after, Torn.PREFIX, seed=7)
        try:
            fs.write("b", b"b" * 6000)
        except PowerLoss:
            assert not fs.mounted
        else:
            fs.unmount()
        return state(nor)

    for _ in range(3):
        play(False, None)
    for cut_after in range(12):
        assert play(False, cut_after) == play(True, cut_after)


NAMES = st.sampled_from(["main.py", "note", "lib/a.py", "lib", "b", "lib/c"])
CALLS = st.one_of(
    st.tuples(st.just("read"), NAMES),
    st.tuples(st.just("stat"), NAMES),
    st.tuples(st.just("listdir"), st.sampled_from(["/", "lib"])),
    st.tuples(st.just("write"), NAMES, st.sampled_from([b"", b"short", b"long" * 1500])),
    st.tuples(st.just("remove"), NAMES),
    st.tuples(st.just("rename"), NAMES, NAMES),
    st.tuples(st.just("mkdir"), NAMES),
    st.tuples(st.just("statvfs")),
    st.tuples(st.just("again")),
    st.tuples(st.just("append"), NAMES),
)


def tell(fs, call):
    name, *arguments = call
    try:
        if name == "again":
            fs.unmount()
            return fs.mount()
        if name == "append":
            file = fs.open(arguments[0], "a+")
            file.write(b"more")
            file.flush()
            file.seek(0)
            told = file.read(7), file.tell()
            file.close()
            return told
        return getattr(fs, name)(*arguments)
    except OSError as error:
        return error.errno, str(error)


@settings(max_examples=150, deadline=None)
@given(first=st.lists(CALLS, max_size=10), second=st.lists(CALLS, max_size=6))
def test_nobody_can_tell(first, second):
    replayed.forget()
    reference_nor, reference = made(watched=True)
    reference.mount()
    wanted = []
    for call in first + second:
        wanted.append((tell(reference, call), state(reference_nor)))
    for calls in (first, first, first + second, first + second, first + second):
        nor, fs = made()
        fs.mount()
        for call, (answer, then) in zip(calls, wanted, strict=False):
            assert tell(fs, call) == answer
            assert state(nor) == then
        fs.abandon()
