"""Packages against bsdiff4 alone, in the same run: size and time, as ratios. `python benchmarks/packages.py [--json]`.

Ours are built whole (matches, blocks in order, LZMA, signature, trial apply) and applied as the bootloader decodes
them; bsdiff4's are one patch each, applied in memory. Seconds depend on the machine; the ratios are the result.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import bsdiff4

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from sim.pack.build import build_diff
from sim.pack.container import SECTOR_BYTES, parse
from sim.pack.firmware import Firmware, synthesize
from sim.pack.patch import decode_block

SIZES_KIB = (512, 1024, 2048, 4096)
BLOCKS = {"staged, 64 KiB blocks": 16, "in place, 4 KiB blocks": 1}

Row = dict[str, Any]


def apply(package: bytes, old: bytes) -> bytes:
    """The image after every block of the package was put in its place, in order."""
    manifest = parse(package)
    target = manifest.head.targets[0]
    flash = bytearray(old.ljust(target.partition_bytes, b"\xff"))
    for entry in manifest.index:
        data, size_bytes = package[entry.offset : entry.offset + entry.size_bytes], entry.sectors * SECTOR_BYTES
        at = entry.first_sector * SECTOR_BYTES
        flash[at : at + size_bytes] = decode_block(data, size_bytes, len(old), lambda a, n: bytes(flash[a : a + n]))
    return bytes(flash[: target.new_bytes])


def timed(call: Callable[[], bytes]) -> tuple[bytes, float]:
    started = perf_counter()
    return call(), perf_counter() - started


def measure(size_kib: int) -> list[Row]:
    """One pair of versions, as far apart as two minor releases."""
    sizes = {"APP": size_kib << 10}
    old, new = (synthesize("bench", version, sizes) for version in ("V1", "V2"))
    return [_row(size_kib, name, block_sectors, old, new) for name, block_sectors in BLOCKS.items()]


def _row(size_kib: int, name: str, block_sectors: int, old: Firmware, new: Firmware) -> Row:
    layout = {"APP": (0, size_kib << 10)}
    before, after = old.images["APP"], new.images["APP"]
    patch, patch_s = timed(lambda: bsdiff4.diff(before, after))
    _, patched_s = timed(lambda: bsdiff4.patch(before, patch))
    package, build_s = timed(lambda: build_diff(old, new, layout, block_sectors=block_sectors))
    result, apply_s = timed(lambda: apply(package, before))
    assert result == after
    return {
        "what": f"{size_kib} KiB, {name}",
        "bsdiff4_bytes": len(patch),
        "package_bytes": len(package),
        "size_ratio": round(len(package) / len(patch), 2),
        "build_s": round(build_s, 3),
        "build_ratio": round(build_s / patch_s, 2),
        "apply_s": round(apply_s, 4),
        "apply_ratio": round(apply_s / patched_s, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [row for size_kib in SIZES_KIB for row in measure(size_kib)]
    if options.json:
        print(json.dumps({"packages": rows}, indent=2))
        return
    for row in rows:
        print(f"{row.pop('what'):34} " + "  ".join(f"{key} {value:,}" for key, value in row.items()))


if __name__ == "__main__":
    main()
