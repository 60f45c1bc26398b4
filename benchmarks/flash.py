"""What emulated flash costs: counts, seconds and ratios. `python benchmarks/flash.py [--json] [--devices N]`.

Seconds depend on the machine and its neighbours; the counts and the ratios (writing page by page = 1.0) are the
result. Memory is counted by tracemalloc, so it is the same everywhere for one Python.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from sim.flash.filesystem import FileSystem, build_volume
from sim.flash.nor import Nor
from sim.flash.part import FlashPart
from sim.flash.partition import Partition, Region
from sim.kernel.seeds import stream

PART = FlashPart(
    name="8 MiB",
    size_bytes=8 << 20,
    sector_erase_us=45_000,
    page_program_us=400,
    read_us_per_kib=25,
    endurance_cycles=100_000,
)
IMAGE_BYTES = 4 << 20
USR = Partition("usr", 0x4E0000, 96 * 4096)
REPEATS = 5

Row = dict[str, Any]


def image(number: int) -> bytes:
    """4 MiB without blank pages."""
    return stream(number, "", "benchmark image").randbytes(IMAGE_BYTES)


def best_s(run: Callable[[], object], repeats: int = REPEATS) -> float:
    """Seconds of the quickest of several runs."""
    best = float("inf")
    for _ in range(repeats):
        started = perf_counter()
        run()
        best = min(best, perf_counter() - started)
    return best


def write_page_by_page(nor: Nor, data: bytes) -> None:
    nor.erase(0, len(data))
    for at in range(0, len(data), PART.page_bytes):
        nor.program(at, data[at : at + PART.page_bytes])


def ops() -> list[Row]:
    """Single commands, each on a flash of its own state."""
    nor, page = Nor(PART), bytes(256)
    count = IMAGE_BYTES // 256

    def program() -> None:
        for at in range(0, IMAGE_BYTES, 256):
            nor.program(at, page)

    def erase() -> None:
        nor.erase(0, IMAGE_BYTES)

    def read() -> None:
        for at in range(0, IMAGE_BYTES, 256):
            nor.read(at, 256)

    rows = []
    for name, run, number in (
        ("program 256 B", program, count),
        ("read 256 B", read, count),
        ("erase 4 KiB", erase, 1024),
    ):
        seconds = best_s(run)
        rows.append({"what": name, "count": number, "seconds": seconds, "per_s": round(number / seconds)})
    return rows


def writes() -> list[Row]:
    """One 4 MiB image onto one device, three ways, and a snapshot."""
    images = [image(number) for number in range(REPEATS)]
    fresh = iter(images)
    known = images[0]
    warm = Nor(PART)
    blank = warm.snapshot()

    def open_and_snapshot() -> None:
        warm.program(0, b"\0")
        warm.snapshot()

    seconds = {
        "4 MiB page by page": best_s(lambda: write_page_by_page(Nor(PART), known)),
        "4 MiB sector by sector": best_s(lambda: Nor(PART).rewrite(0, next(fresh))),
        "4 MiB again, other device": best_s(lambda: Nor(PART).rewrite(0, known)),
        "snapshot, one chunk open": best_s(open_and_snapshot),
        "restore": best_s(lambda: warm.restore(blank)),
    }
    slow = seconds["4 MiB page by page"]
    count = {name: 1024 + 16384 if "MiB" in name else 1 for name in seconds}
    return [{"what": name, "count": count[name], "seconds": s, "ratio": s / slow} for name, s in seconds.items()]


def files() -> list[Row]:
    """A volume of 384 KiB."""
    content = {f"m{number}.py": bytes([number]) * (300 + 20 * number) for number in range(50)}
    region = Region(Nor(PART), USR)
    volume = FileSystem(region)

    def mount() -> None:
        volume.mount()
        volume.unmount()

    def write_all() -> None:
        volume.format()
        volume.mount()
        for path, data in content.items():
            volume.write(path, data)
        volume.unmount()

    def read_all() -> None:
        volume.mount()
        for path in content:
            volume.read(path)
        volume.unmount()

    rows = []
    for name, run, number in (
        ("write a file", write_all, 50),
        ("read a file", read_all, 50),
        ("mount and unmount", mount, 1),
    ):
        before = region.nor.ops
        run()
        flash_ops = region.nor.ops - before
        seconds = best_s(run) / number
        rows.append({"what": name, "count": number, "seconds": seconds, "flash_ops": flash_ops})
    return rows


def memory(devices: int) -> list[Row]:
    """Bytes that each further 8 MiB device costs: on one base, upgraded, and with files of its own."""
    base, target = image(0), image(1)
    volume = build_volume(USR.size_bytes, {"main.py": b"print('hello')\n" * 200})
    rows: list[Row] = []
    tracemalloc.start()
    gc.collect()
    started = tracemalloc.get_traced_memory()[0]
    fleet = [Nor(PART) for _ in range(devices)]

    def note(name: str, seconds: float) -> None:
        gc.collect()
        used = tracemalloc.get_traced_memory()[0] - started
        rows.append({"what": name, "count": devices, "seconds": seconds, "bytes": used, "per_device": used // devices})

    def manufacture(nor: Nor) -> None:
        nor.load(0, base)
        nor.load(USR.offset, volume)

    def upgrade(nor: Nor) -> None:
        nor.rewrite(0, target)
        nor.seal()

    def own_file(nor: Nor) -> None:
        fs = FileSystem(Region(nor, USR))
        fs.mount()
        fs.write("id.json", b'{"imei": "%015d"}' % fleet.index(nor))
        fs.unmount()

    for name, change, part in (
        ("manufactured", manufacture, fleet),
        ("all upgraded", upgrade, fleet),
        ("1 % with a file of its own", own_file, fleet[:: max(1, devices // (devices // 100 or 1))]),
    ):
        began = perf_counter()
        for nor in part:
            change(nor)
        note(name, perf_counter() - began)
    tracemalloc.stop()
    return rows


def show(section: str, rows: list[Row]) -> None:
    print(f"\n{section}")
    for row in rows:
        rest = "  ".join(
            f"{key} {value:.5f}" if isinstance(value, float) else f"{key} {value:,}"
            for key, value in row.items()
            if key not in ("what", "seconds")
        )
        print(f"  {row['what']:28} {row['seconds'] * 1e3:12.4f} ms   {rest}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.add_argument("--devices", type=int, default=2000, help="devices in the memory test")
    options = parser.parse_args()
    sections = {"commands": ops(), "writes": writes(), "files": files(), "memory": memory(options.devices)}
    if options.json:
        print(json.dumps(sections, indent=1))
        return
    for section, rows in sections.items():
        show(section, rows)


if __name__ == "__main__":
    main()
