"""Files on emulated flash: errors a device gives, no call that can end the process, and what a power cut leaves."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sim.errors import FlashError
from sim.flash.filesystem import FileSystem, build_volume
from sim.flash.nor import PROGRAM, Nor, Torn
from sim.flash.part import FlashPart
from sim.flash.partition import Partition, Region
from sim.kernel.power import PowerLoss
from sim.kernel.seeds import stream

BLOCK = 4096
PART = FlashPart(
    name="test part",
    size_bytes=512 * 1024,
    sector_erase_us=45_000,
    page_program_us=400,
    read_us_per_kib=25,
    endurance_cycles=100_000,
)
USR = Partition("usr", 8 * BLOCK, 96 * BLOCK)


def region(blocks: int = 96) -> Region:
    return Region(Nor(PART), USR, 0, blocks * BLOCK)


def volume(blocks: int = 96) -> tuple[FileSystem, Nor]:
    """A fresh mounted volume and its flash."""
    window = region(blocks)
    made = FileSystem(window)
    made.format()
    made.mount()
    return made, window.nor


# -- errors ---------------------------------------------------------------------------------------------------

BAD_CALLS: list[tuple[int, Callable[[FileSystem], object]]] = [
    (2, lambda fs: fs.read("missing")),
    (2, lambda fs: fs.open("missing", "r+")),
    (2, lambda fs: fs.remove("missing")),
    (2, lambda fs: fs.rename("missing", "x")),
    (2, lambda fs: fs.listdir("missing")),
    (2, lambda fs: fs.mkdir("missing/folder")),
    (2, lambda fs: fs.write("missing/file", b"")),
    (17, lambda fs: fs.mkdir("folder")),
    (17, lambda fs: fs.mkdir("/")),
    (20, lambda fs: fs.listdir("file")),
    (20, lambda fs: fs.write("file/below", b"")),
    (20, lambda fs: fs.rename("folder", "file")),
    (21, lambda fs: fs.read("folder")),
    (21, lambda fs: fs.write("folder", b"")),
    (21, lambda fs: fs.rename("file", "empty")),
    (22, lambda fs: fs.remove("/")),
    (22, lambda fs: fs.rename("/", "x")),
    (22, lambda fs: fs.rename("folder", "folder/below")),
    (22, lambda fs: fs.open("file", "x")),
    (22, lambda fs: fs.open("a\0b")),
    (28, lambda fs: fs.write("big", bytes(97 * BLOCK))),
    (36, lambda fs: fs.write("n" * 256, b"")),
    (39, lambda fs: fs.remove("folder")),
    (39, lambda fs: fs.rename("empty", "folder")),
]


@pytest.mark.parametrize(("number", "call"), BAD_CALLS)
def test_a_call_that_cannot_be_done_has_the_errno_of_a_device_and_changes_nothing(
    number: int, call: Callable[[FileSystem], object]
) -> None:
    fs, _ = volume()
    fs.write("file", b"text")
    fs.makedirs("folder/inner")
    fs.mkdir("empty")
    with pytest.raises(OSError) as error:  # noqa: PT011  the number is compared below
        call(fs)
    assert error.value.errno == number
    assert fs.read("file") == b"text"
    assert set(fs.listdir()) - {"big"} == {"empty", "file", "folder"}
    assert fs.listdir("folder") == ["inner"]
    fs.unmount()


def test_an_unmounted_volume_answers_enodev_instead_of_crashing() -> None:
    fs = FileSystem(region())
    for call in (fs.listdir, fs.statvfs, lambda: fs.read("x"), lambda: fs.write("x", b""), lambda: fs.exists("x")):
        with pytest.raises(OSError, match="not mounted") as error:
            call()
        assert error.value.errno == 19


@pytest.mark.parametrize("content", [b"", b"\0" * 9000, b"firmware" * 2000])
def test_flash_without_a_volume_cannot_be_mounted(content: bytes) -> None:
    window = region()
    window.load(0, content)
    fs = FileSystem(window)
    with pytest.raises(OSError, match="no littlefs volume") as error:
        fs.mount()
    assert error.value.errno == 19
    assert not fs.mounted
    fs.format()  # what a G25 device does next
    fs.mount()
    assert fs.listdir() == []
    fs.unmount()


def test_a_volume_of_another_size_is_not_mounted() -> None:
    window = region()
    window.load(0, build_volume(32 * BLOCK, {"a": b"1"}))
    with pytest.raises(OSError, match="no littlefs volume"):
        FileSystem(window).mount()


def test_a_region_that_cannot_hold_a_volume_is_refused() -> None:
    with pytest.raises(FlashError, match="too small"):
        FileSystem(region(1))


def test_mounting_twice_and_formatting_while_mounted_are_refused() -> None:
    fs, _ = volume()
    for call in (fs.mount, fs.format):
        with pytest.raises(OSError, match="mounted") as error:
            call()
        assert error.value.errno == 16
    fs.unmount()
    fs.unmount()  # harmless


def test_a_file_does_only_what_its_mode_allows() -> None:
    fs, _ = volume()
    fs.write("f", b"0123456789")
    bad: list[tuple[str, Callable[[object], object]]] = [
        ("r", lambda f: f.write(b"x")),  # type: ignore[attr-defined]
        ("r", lambda f: f.truncate(0)),  # type: ignore[attr-defined]
        ("w", lambda f: f.read()),  # type: ignore[attr-defined]
        ("a", lambda f: f.read(1)),  # type: ignore[attr-defined]
    ]
    for mode, call in bad:
        fs.write("f", b"0123456789")
        file = fs.open("f", mode)
        with pytest.raises(OSError, match="open for") as error:
            call(file)
        assert error.value.errno == 9
        file.close()
    fs.unmount()


def test_positions_that_do_not_exist_are_refused() -> None:
    fs, _ = volume()
    file = fs.open("f", "w+")
    for call in (
        lambda: file.seek(-1),
        lambda: file.seek(0, 3),
        lambda: file.seek(1 << 40),
        lambda: file.truncate(-1),
        lambda: file.truncate(1 << 31),
    ):
        with pytest.raises(OSError, match="f") as error:
            call()
        assert error.value.errno == 22
    fs.unmount()


def test_a_closed_file_stays_closed() -> None:
    fs, _ = volume()
    file = fs.open("f", "w")
    file.close()
    file.close()
    assert file.closed
    with pytest.raises(OSError, match="closed"):
        file.write(b"x")
    fs.unmount()


def test_an_open_file_cannot_be_removed_or_renamed_nor_its_folder() -> None:
    fs, _ = volume()
    fs.mkdir("d")
    fs.write("other", b"")
    file = fs.open("d/f", "w")
    for call in (
        lambda: fs.remove("d/f"),
        lambda: fs.rename("d//f", "g"),
        lambda: fs.rename("other", "/d/./f"),
        lambda: fs.rename("d", "e"),
    ):
        with pytest.raises(OSError, match="open") as error:
            call()
        assert error.value.errno == 16
    file.close()
    fs.remove("d/f")
    fs.unmount()


def test_a_full_volume_keeps_the_old_content_of_a_file() -> None:
    fs, _ = volume(16)
    fs.write("f", b"old")
    with pytest.raises(OSError, match="ENOSPC"):
        fs.write("f", bytes(20 * BLOCK))
    assert fs.read("f") == b"old"
    fs.write("g", b"room again")
    fs.unmount()


def test_a_damaged_volume_answers_errors_and_never_ends_the_process() -> None:
    """Damage from outside, which no power cut does: any OSError may come, nothing else."""
    image = build_volume(96 * BLOCK, {f"d{n % 5}/f{n}": bytes([n]) * (n * 300) for n in range(40)})
    outcomes = set()
    for seed in range(150):
        rng = stream(seed, "", "damage")
        damaged = bytearray(image)
        for _ in range(rng.choice([1, 20, 200])):
            at = rng.randrange(rng.choice([2 * BLOCK, len(image)]))
            length = min(rng.choice([1, 64, BLOCK]), len(image) - at)
            damaged[at : at + length] = rng.choice([rng.randbytes(length), bytes(length)])
        window = region()
        window.load(0, bytes(damaged))
        fs = FileSystem(window)
        for call in (
            fs.mount,
            lambda fs=fs: files_of(fs),
            lambda fs=fs: fs.write("/new", b"1" * 5000),
            lambda fs=fs: fs.rename("/d2/f7", "/d3/f7"),
            lambda fs=fs: fs.remove("/d0/f5"),
            fs.statvfs,
            fs.unmount,
        ):
            try:
                call()
            except OSError as error:
                outcomes.add(error.errno)
    assert outcomes >= {19, 84}


# -- what works -----------------------------------------------------------------------------------------------


def test_files_survive_unmounting() -> None:
    fs, _ = volume()
    fs.makedirs("a/b/c")
    fs.makedirs("a/b/c")
    fs.write("/a/b/c/file.py", b"print(1)\n" * 1000)
    fs.write("ü€.txt", b"")
    fs.write("n" * 255, b"long name")
    fs.unmount()
    assert not fs.mounted
    fs.mount()
    assert fs.read("a/b/../b/c/file.py") == b"print(1)\n" * 1000
    assert fs.listdir() == ["a", "n" * 255, "ü€.txt"]
    assert (fs.stat("a"), fs.stat("ü€.txt"), fs.size("n" * 255)) == ((True, 0), (False, 0), 9)
    assert (fs.exists("a/b"), fs.exists("a/x"), fs.exists("ü€.txt/x")) == (True, False, False)
    assert (fs.is_dir("/"), fs.is_dir("a"), fs.is_dir("ü€.txt"), fs.is_dir("no")) == (True, True, False, False)
    fs.unmount()


def test_reading_writing_and_seeking_in_one_file() -> None:
    fs, _ = volume()
    file = fs.open("f", "w+")
    assert file.write(b"0123456789") == 10
    assert (file.seek(2), file.read(3), file.tell()) == (2, b"234", 5)
    assert (file.seek(-1, 1), file.read()) == (4, b"456789")
    assert (file.seek(-2, 2), file.read(100), file.read(1)) == (8, b"89", b"")
    assert (file.seek(20), file.read()) == (20, b"")
    file.truncate(4)
    file.flush()
    assert fs.read("f") == b"0123"  # another handle sees what was flushed
    file.close()
    appended = fs.open("f", "a+")
    appended.write(b"xy")
    assert (appended.seek(0), appended.read()) == (0, b"0123xy")
    appended.close()
    patched = fs.open("f", "r+")
    patched.write(b"AB")
    patched.close()
    assert fs.read("f") == b"AB23xy"
    fs.unmount()


def test_open_files_keep_working_while_other_paths_change() -> None:
    fs, _ = volume()
    for number in range(20):
        fs.write(f"f{number}", bytes([number]) * 3000)
    kept, log = fs.open("f7"), fs.open("log", "w")
    head = kept.read(1000)
    for number in range(20):
        if number == 7:
            continue
        fs.rename(f"f{number}", f"g{number}") if number % 2 else fs.remove(f"f{number}")
        log.write(b"x" * 500)
    assert head + kept.read() == bytes([7]) * 3000
    kept.close()
    log.close()
    assert fs.size("log") == 19 * 500
    fs.unmount()


def test_unmounting_closes_open_files() -> None:
    fs, _ = volume()
    file = fs.open("f", "w")
    file.write(b"kept")
    fs.unmount()
    assert file.closed
    fs.mount()
    assert fs.read("f") == b"kept"
    fs.unmount()


def test_statvfs_counts_blocks() -> None:
    fs, _ = volume()
    block_bytes, blocks, free = fs.statvfs()
    assert (block_bytes, blocks, free) == (4096, 96, 94)
    fs.write("f", bytes(10 * BLOCK))
    assert fs.statvfs()[2] in (82, 83, 84)  # content and its index
    fs.unmount()


def test_mounting_an_intact_volume_changes_nothing_and_is_quick() -> None:
    fs, nor = volume()
    fs.write("f", b"x" * 5000)
    fs.unmount()
    ops, busy_us = nor.ops, nor.busy_us
    fs.mount()
    fs.unmount()
    assert nor.ops == ops
    assert nor.busy_us - busy_us < 5_000


def test_a_volume_stays_in_its_region() -> None:
    window = region(16)
    fs = FileSystem(window)
    fs.format()
    fs.mount()
    for number in range(40):
        fs.write(f"f{number % 5}", bytes([number]) * 4000)
    fs.unmount()
    after = window.start + window.size_bytes
    assert window.nor.image(0, window.start) == b"\xff" * window.start
    assert window.nor.image(after, PART.size_bytes - after) == b"\xff" * (PART.size_bytes - after)


def test_a_factory_image_is_a_volume_with_these_files() -> None:
    files = {"main.py": b"import app\n", "/lib/app.py": b"x" * 9000, "lib/deep/er.py": b""}
    image = build_volume(96 * BLOCK, files)
    assert len(image) == 96 * BLOCK
    assert image == build_volume(96 * BLOCK, dict(reversed(files.items())))
    window = region()
    window.load(0, image)
    fs = FileSystem(window)
    fs.mount()
    assert fs.listdir() == ["lib", "main.py"]
    assert fs.read("lib/app.py") == b"x" * 9000
    assert fs.listdir("lib") == ["app.py", "deep"]
    fs.write("new", b"1")
    fs.unmount()


def test_files_that_do_not_fit_the_factory_image_are_an_error() -> None:
    with pytest.raises(OSError, match="ENOSPC"):
        build_volume(16 * BLOCK, {"big": bytes(16 * BLOCK)})


# -- power ----------------------------------------------------------------------------------------------------


def test_a_cut_during_a_call_raises_power_loss_and_lets_go_of_everything() -> None:
    fs, nor = volume()
    fs.write("f", b"old")
    bystander = fs.open("g", "w")
    bystander.write(b"never flushed")
    nor.arm_cut(3, Torn.PREFIX)
    with pytest.raises(PowerLoss):
        fs.write("f", bytes(9000))
    assert not fs.mounted
    assert bystander.closed
    bystander.close()
    ops = nor.ops
    with pytest.raises(OSError, match="not mounted"):
        fs.read("f")
    fs.unmount()
    with pytest.raises(PowerLoss):
        fs.mount()  # still no power
    with pytest.raises(PowerLoss):
        fs.format()
    assert nor.ops == ops
    nor.power_on()
    fs.mount()
    assert fs.read("f") == b"old"
    assert fs.size("g") == 0
    fs.unmount()


def test_abandoning_a_volume_touches_no_flash() -> None:
    fs, nor = volume()
    fs.write("f", b"old")
    file = fs.open("f", "w")
    file.write(b"new content that is never flushed")
    ops, busy_us = nor.ops, nor.busy_us
    fs.abandon()
    fs.abandon()
    assert (nor.ops, nor.busy_us) == (ops, busy_us)
    assert file.closed
    fs.mount()
    assert fs.read("f") == b"old"
    fs.unmount()


def test_power_that_goes_between_calls_is_noticed_by_the_next_one() -> None:
    fs, nor = volume()
    fs.write("f", b"x" * 5000)
    nor.dead = True
    with pytest.raises(PowerLoss):
        fs.read("f")
    assert not fs.mounted


def test_a_cut_that_falls_on_closing_by_unmount_is_raised() -> None:
    fs, nor = volume()
    file = fs.open("f", "w")
    file.write(b"data")
    nor.arm_cut(0, Torn.NONE)
    with pytest.raises(PowerLoss):
        fs.unmount()
    assert not fs.mounted


def test_whatever_an_observer_raises_inside_a_call_comes_out_of_it() -> None:
    fs, nor = volume()

    def fail(kind: str, _address: int) -> None:
        if kind == PROGRAM:
            raise ZeroDivisionError

    nor.on_op = fail
    with pytest.raises(ZeroDivisionError):
        fs.write("f", b"x")
    assert not fs.mounted


OPEN_FILE = """
import gc
from test_filesystem import volume
fs, nor = volume()
file = fs.open("f", "w")
file.write(b"1" * 3000)
"""


@pytest.mark.parametrize(
    "then", ["del fs, file; gc.collect()", "gc.disable(); del fs, file", "pass", "del file; gc.collect(); del fs"]
)
def test_dropping_a_mounted_volume_with_an_open_file_does_not_end_the_process(then: str) -> None:
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", OPEN_FILE + then],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_dropped_volume_is_collected_here_too() -> None:
    fs, nor = volume()
    fs.open("f", "w").write(b"1" * 3000)
    ops = nor.ops
    del fs
    gc.collect()
    assert nor.ops == ops


# -- a cut at every op ----------------------------------------------------------------------------------------

Files = dict[str, bytes]


def files_of(fs: FileSystem, folder: str = "") -> Files:
    found: Files = {}
    for name in fs.listdir(folder or "/"):
        path = f"{folder}/{name}"
        if fs.is_dir(path):
            found |= files_of(fs, path)
        else:
            found[path] = fs.read(path)
    return found


SCRIPT: list[tuple[str, Callable[[FileSystem], None]]] = [
    ("write /a", lambda fs: fs.write("/a", b"a" * 6000)),
    ("rename /b /d/b", lambda fs: fs.rename("/b", "/d/b")),
    ("write /c", lambda fs: fs.write("/c", b"c" * 40)),
    ("rename /d/b /a", lambda fs: fs.rename("/d/b", "/a")),
    ("remove /c", lambda fs: fs.remove("/c")),
    ("rename /d /e", lambda fs: fs.rename("/d", "/e")),
    ("remove /e/x", lambda fs: fs.remove("/e/x")),
    ("remove /e", lambda fs: fs.remove("/e")),
]


@pytest.mark.parametrize("shape", list(Torn))
def test_a_cut_at_every_op_of_a_script_leaves_the_state_before_or_after_the_call(shape: Torn) -> None:
    """The script renames across folders, where littlefs keeps a pending move that a mount must complete."""
    fs, nor = volume(24)
    fs.mkdir("/d")
    for path, size in (("/a", 3000), ("/b", 300), ("/sibling", 50), ("/d/x", 10)):
        fs.write(path, path.encode() * size)
    fs.unmount()
    cuts = 0
    for name, call in SCRIPT:
        before = nor.snapshot()
        fs.mount()
        old = files_of(fs)
        call(fs)
        new = files_of(fs)
        fs.unmount()
        after = nor.snapshot()
        created = {path: b"" for path in new if path not in old} if name.startswith("write") else {}
        for op in range(after.ops - before.ops):
            nor.restore(before)
            fs.mount()
            nor.arm_cut(op, shape, seed=op)
            with pytest.raises(PowerLoss):
                call(fs)
            nor.power_on()
            fs.mount()
            assert files_of(fs) in (old, new, old | created), (name, op)
            fs.write("/check", b"still writable" * 30)
            fs.unmount()
            cuts += 1
        nor.restore(after)
    assert cuts > 40


PATHS = ["/a", "/b", "/d/a", "/d/x", "/d/deep/y", "/" + "long" * 60]


class FilesUnderPowerCuts(RuleBasedStateMachine):
    """A volume beside a dict. Each call may be cut at any of its ops, torn in any shape."""

    @initialize()
    def start(self) -> None:
        self.fs, self.nor = volume(48)
        self.fs.makedirs("/d/deep")
        self.files: Files = {}

    @rule(after_ops=st.integers(0, 25), shape=st.sampled_from(list(Torn)), seed=st.integers(0, 99))
    def arm(self, after_ops: int, shape: Torn, seed: int) -> None:
        self.nor.arm_cut(after_ops, shape, seed)

    @rule(path=st.sampled_from(PATHS), seed=st.integers(0, 255), size=st.sampled_from([0, 5, 300, 2000, 9000]))
    def write(self, path: str, seed: int, size: int) -> None:
        data = bytes((seed + at) % 256 for at in range(size))
        self.do(lambda: self.fs.write(path, data), self.files | {path: data}, created=path)

    @rule(path=st.sampled_from(PATHS), size=st.sampled_from([1, 700, 3000]))
    def append(self, path: str, size: int) -> None:
        def call() -> None:
            file = self.fs.open(path, "a")
            file.write(b"+" * size)
            file.close()

        self.do(call, self.files | {path: self.files.get(path, b"") + b"+" * size}, created=path)

    @rule(old=st.sampled_from(PATHS), new=st.sampled_from(PATHS))
    def rename(self, old: str, new: str) -> None:
        if old not in self.files:
            return
        after = dict(self.files)
        after[new] = after.pop(old)
        self.do(lambda: self.fs.rename(old, new), after)

    @rule(path=st.sampled_from(PATHS))
    def remove(self, path: str) -> None:
        if path in self.files:
            after = {other: data for other, data in self.files.items() if other != path}
            self.do(lambda: self.fs.remove(path), after)

    @rule()
    def remount(self) -> None:
        def call() -> None:
            self.fs.unmount()
            self.fs.mount()

        self.do(call, self.files)

    @rule()
    def forget(self) -> None:
        self.fs.abandon()
        self.do(self.fs.mount, self.files)

    def do(self, call: Callable[[], None], after: Files, created: str = "") -> None:
        allowed = [self.files, after]
        if created and created not in self.files:
            allowed.append(self.files | {created: b""})
        try:
            call()
            allowed = [after]
        except PowerLoss:
            self.nor.power_on()
            self.fs.mount()
        found = files_of(self.fs)
        assert found in allowed
        self.files = found

    @invariant()
    def mounted(self) -> None:
        assert not hasattr(self, "fs") or self.fs.mounted

    def teardown(self) -> None:
        if hasattr(self, "fs"):
            self.nor.disarm()
            self.fs.unmount()
            self.fs.mount()
            assert files_of(self.fs) == self.files
            self.fs.unmount()


FilesUnderPowerCuts.TestCase.settings = settings(deadline=None, max_examples=60, stateful_step_count=30)
test_files_under_power_cuts = FilesUnderPowerCuts.TestCase
