"""Power cuts a second: an in-place update of 4 MiB, every operation cut in every shape. `python benchmarks/sweep.py
[--json] [--sectors N]`.

One process. The slow way beside it does the same cuts one by one from the start; its total is extrapolated.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from sim.boot.bootloader import BootLayout
from sim.flash.part import FlashPart
from sim.flash.partition import Partition, Region
from sim.flash.torn import Torn
from sim.pack.firmware import synthesize
from sim.sweep.flow import FirmwareFlow, Upgrade
from sim.sweep.merge import MergeSweep, spread
from sim.sweep.slow import try_cuts
from sim.sweep.watched import WatchedNor
from sim.update.methods import METHODS, Recipe

SECTOR_BYTES = 4096
IMAGE_SECTORS = 1024
SLOW_CUTS = 12
JOURNAL_SECTORS, SCRATCH_SECTORS = 2, 16

Row = dict[str, Any]


def flow(image_sectors: int, block_sectors: int) -> FirmwareFlow:
    """One image of this size, updated by a differential package in blocks of this size."""
    package_sectors = image_sectors // 2
    staging_sectors = JOURNAL_SECTORS + SCRATCH_SECTORS + package_sectors
    part = FlashPart(
        name="bench",
        size_bytes=(image_sectors + staging_sectors) * SECTOR_BYTES,
        sector_erase_us=45_000,
        page_program_us=400,
        read_us_per_kib=25,
        endurance_cycles=100_000,
    )
    sizes = {"APP": image_sectors * SECTOR_BYTES}
    old, new = (synthesize("bench", version, sizes) for version in ("V1", "V2"))
    room = SCRATCH_SECTORS * SECTOR_BYTES, package_sectors * SECTOR_BYTES
    recipe = Recipe({"APP": (0, sizes["APP"])}, "", block_sectors, *room)
    packages = METHODS["differential"].make(old, new, recipe)
    nor = WatchedNor(part)
    staging = Region(nor, Partition("STAGING", sizes["APP"], staging_sectors * SECTOR_BYTES))
    journal, scratch = JOURNAL_SECTORS * SECTOR_BYTES, SCRATCH_SECTORS * SECTOR_BYTES
    layout = BootLayout(
        family="bench",
        images={"APP": Region(nor, Partition("APP", 0, sizes["APP"]))},
        journal=staging.sub(0, journal),
        scratch=staging.sub(journal, scratch),
        package=staging.sub(journal + scratch, staging.size_bytes - journal - scratch),
    )
    return FirmwareFlow("bench/differential", "differential", nor, layout, Upgrade(old, new, packages))


def measure(image_sectors: int, block_sectors: int) -> Row:
    """Cuts a second, both ways."""
    made = flow(image_sectors, block_sectors)
    started = perf_counter()
    sweep = MergeSweep(made)
    clean_s = perf_counter() - started
    result = sweep.run()
    assert result.passed, result.failures[:3]
    started = perf_counter()
    for index in sorted(spread(5 * sweep.ops, SLOW_CUTS)):
        try_cuts(made, sweep.stations, [(index // 5, list(Torn)[index % 5])])
    slow_s = (perf_counter() - started) / SLOW_CUTS
    return {
        "what": f"{image_sectors * SECTOR_BYTES >> 10} KiB in blocks of {block_sectors * SECTOR_BYTES >> 10} KiB",
        "operations": sweep.ops,
        "cuts": result.cuts,
        "played_out": result.tried,
        "clean_run_s": round(clean_s, 2),
        "seconds": round(result.seconds, 2),
        "cuts_per_s": round(result.cuts / result.seconds),
        "slow_cuts_per_s": round(1 / slow_s, 1),
        "slow_way_s": round(slow_s * result.cuts),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sectors", type=int, default=IMAGE_SECTORS, help="size of the image, in sectors of 4 KiB")
    options = parser.parse_args()
    rows = [measure(options.sectors, block_sectors) for block_sectors in (1, 16)]
    if options.json:
        print(json.dumps({"sweep": rows}, indent=2))
        return
    for row in rows:
        print(row.pop("what"))
        print("  " + "  ".join(f"{key} {value:,}" for key, value in row.items()))


if __name__ == "__main__":
    main()
