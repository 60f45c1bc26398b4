"""Files on flash with defects: littlefs takes other blocks, or a call fails with an OSError; the process lives on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from test_filesystem import BLOCK, PART, USR, files_of

from sim.flash.defects import Defects
from sim.flash.filesystem import FileSystem
from sim.flash.flawed import FlawedNor
from sim.flash.nor import Torn
from sim.flash.partition import Region
from sim.flash.rehearsal import survives
from sim.kernel.power import PowerLoss
from sim.kernel.seeds import stream

FIRST = USR.offset // BLOCK
BLOCKS = 48
CANNOT = {5, 19, 28, 84}  # EIO, ENODEV, ENOSPC, EILSEQ, which littlefs calls CORRUPT


def volume(defects: Defects, endurance_cycles: int = 100_000) -> tuple[FileSystem, FlawedNor]:
    nor = FlawedNor(replace(PART, endurance_cycles=endurance_cycles), defects)
    return FileSystem(Region(nor, USR, 0, BLOCKS * BLOCK)), nor


def work(
    fs: FileSystem, seed: int, turns: int, before: Callable[[int], None] = lambda _: None
) -> tuple[dict[str, bytes | None], Counter[int | str]]:
    """Write, remove and remount. What the volume said it holds (None: a call failed), and how often calls failed."""
    rng = stream(seed, "", "work")
    known: dict[str, bytes | None] = {}
    failures: Counter[int | str] = Counter()

    def do(call: Callable[[], object]) -> bool:
        try:
            call()
        except OSError as error:
            failures[error.errno] += 1
            return False
        except PowerLoss:
            failures["cut"] += 1
            fs._volume._region.nor.power_on()
            do(fs.mount)
            return False
        return True

    def remount() -> None:
        fs.unmount()
        fs.mount()

    do(fs.format)
    do(fs.mount)
    do(lambda: fs.makedirs("/d/e"))
    for turn in range(turns):
        before(turn)
        path, data = rng.choice(["/a", "/b", "/d/c", "/d/e/x"]), rng.randbytes(rng.choice([5, 300, 2000, 9000]))
        if rng.randrange(3):
            known[path] = data if do(lambda path=path, data=data: fs.write(path, data)) else None
        elif rng.randrange(2) and path in known:
            if do(lambda path=path: fs.remove(path)):
                del known[path]
            else:
                known[path] = None
        else:
            do(remount)
    return known, failures


def assert_holds(fs: FileSystem, known: dict[str, bytes | None]) -> None:
    found = files_of(fs)
    for path, data in known.items():
        assert data is None or found[path] == data


# -- bad blocks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["frozen_sectors", "stuck_sectors"])
@pytest.mark.parametrize("seed", range(6))
def test_files_move_to_other_blocks_when_some_are_bad(way: str, seed: int) -> None:
    sectors = frozenset(FIRST + block for block in stream(seed, "", "bad blocks").sample(range(2, BLOCKS), 8))
    fs, nor = volume(Defects(seed=seed, **{way: sectors}))  # type: ignore[arg-type]
    known, failures = work(fs, seed, 60)
    assert not failures
    fs.unmount()
    fs.mount()
    assert_holds(fs, known)
    assert any(nor.erase_count(sector) for sector in sectors)  # bad blocks were tried
    fs.unmount()


@pytest.mark.parametrize("way", ["frozen_sectors", "stuck_sectors"])
def test_a_volume_whose_first_blocks_are_bad_cannot_be_made(way: str) -> None:
    fs, nor = volume(Defects(**{way: frozenset({FIRST, FIRST + 1})}))  # type: ignore[arg-type]
    nor.load(USR.offset, bytes(2 * BLOCK))
    with pytest.raises(OSError, match="format"):
        fs.format()
    work(fs, 0, 10)  # whatever littlefs makes of the rest: no call ends the process
    fs.abandon()


@pytest.mark.parametrize("seed", range(8))
def test_a_volume_with_too_many_bad_blocks_fails_and_never_gives_wrong_bytes(seed: int) -> None:
    fs, _ = volume(Defects(seed=seed, bad_sectors_ppm=400_000))
    known, failures = work(fs, seed, 40)
    assert "cut" not in failures
    if fs.mounted:
        assert_holds(fs, known)
        fs.unmount()


# -- wear -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_a_worn_volume_keeps_what_it_has_taken_until_it_takes_no_more(seed: int) -> None:
    fs, nor = volume(Defects(seed=seed, wears_out=True), endurance_cycles=4)
    known, failures = work(fs, seed, 600)
    assert nor.max_erase_count() > 6
    assert failures
    assert set(failures) <= CANNOT
    if not fs.mounted:
        return
    assert_holds(fs, known)
    fs.unmount()


# -- reads that vary ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "defects",
    [
        {"bit_errors_per_gbit": 1_000},
        {"bit_errors_per_gbit": 1_000_000},
        {"unstable_pages": True},
        {"unstable_pages": True, "bit_errors_per_gbit": 10_000, "bad_sectors_ppm": 30_000},
    ],
)
def test_calls_fail_and_the_process_lives_on(defects: dict[str, int]) -> None:
    for seed in range(2):
        fs, nor = volume(Defects(seed=seed, **defects))  # type: ignore[arg-type]
        rng = stream(seed, "", "cuts")

        def cut(turn: int, nor: FlawedNor = nor, rng=rng, seed: int = seed) -> None:  # type: ignore[no-untyped-def]
            if turn % 5 == 0 and "unstable_pages" in defects:
                nor.arm_cut(rng.randrange(20), rng.choice(list(Torn)), seed)

        failures = work(fs, seed, 25, cut)[1]
        assert set(failures) <= {*CANNOT, 2, 17, 20, 21, 36, 39, "cut"}
        nor.disarm()
        fs.abandon()


@pytest.mark.parametrize("seed", [120, 196, 343])
def test_a_call_on_which_littlefs_would_abort_is_not_made(seed: int) -> None:
    """Seeds that end a process which has no guard; the volume is let go, as on a module that resets."""
    fs, _ = volume(Defects(seed=seed, bit_errors_per_gbit=100_000))
    failures = work(fs, seed, 30)[1]
    assert failures[5] >= 1
    fs.abandon()


def test_trying_a_call_has_no_effect_here() -> None:
    done: list[int] = []
    assert survives(lambda: done.append(1))
    assert survives(lambda: 1 // 0)
    assert not survives(_abort)
    assert done == []


def _abort() -> None:
    import os

    os.abort()
