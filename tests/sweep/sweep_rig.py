"""Small flows for tests of the sweep: a flash of 128 sectors with two images and a mini system, updated three ways."""

from __future__ import annotations

from functools import lru_cache

from sim.boot.bootloader import BootLayout
from sim.boot.journal import Journal, Record, RecordKind
from sim.flash.part import FlashPart
from sim.flash.partition import Partition, Region
from sim.kernel.seeds import stream
from sim.pack.firmware import HEADER_BYTES, Firmware, make_image
from sim.sweep.flow import FirmwareFlow, Upgrade
from sim.sweep.watched import WatchedNor
from sim.update.methods import METHODS, Recipe

FAMILY = "bench"
SECTOR_BYTES = 4096
PART = FlashPart(
    name="bench",
    size_bytes=128 * SECTOR_BYTES,
    sector_erase_us=45_000,
    page_program_us=400,
    read_us_per_kib=10,
    endurance_cycles=100_000,
)
IMAGES = {"APP": (1, 9, 7), "APPIMG": (10, 6, 4), "MINI": (16, 5, 4)}  # first sector, sectors, sectors of the image
REQUEST = Partition("REQUEST", 21 * SECTOR_BYTES, SECTOR_BYTES)
STAGING = Partition("STAGING", 22 * SECTOR_BYTES, 106 * SECTOR_BYTES)
JOURNAL_SECTORS, SCRATCH_SECTORS = 2, 8


@lru_cache(maxsize=2)
def firmwares(mini: bool) -> tuple[Firmware, Firmware]:
    """Two versions: code inserted, two stretches exchanged, bytes changed."""
    old, new = {}, {}
    for partition, (_, _, sectors) in IMAGES.items():
        if partition == "MINI" and not mini:
            continue
        rng = stream(0, partition, "sweep rig")
        words = [rng.randbytes(24) for _ in range(40)]
        body = b"".join(rng.choice(words) for _ in range((sectors * SECTOR_BYTES - HEADER_BYTES - 700) // 24))
        cut = len(body) // 3
        changed = bytearray(rng.randbytes(500) + body[2 * cut :] + body[cut : 2 * cut] + body[:cut])
        old[partition], new[partition] = make_image("V1", body), make_image("V2", bytes(changed))
    return Firmware(FAMILY, "V1", old), Firmware(FAMILY, "V2", new)


@lru_cache(maxsize=8)
def packages(method: str, block_sectors: int) -> tuple[bytes, ...]:
    mini = method == "minimal"
    places = {name: (first * SECTOR_BYTES, room * SECTOR_BYTES) for name, (first, room, _) in IMAGES.items()}
    if not mini:
        del places["MINI"]
    recipe = Recipe(places, "MINI" if mini else "", block_sectors, SCRATCH_SECTORS * SECTOR_BYTES, 1 << 20)
    return METHODS[method].make(*firmwares(mini), recipe)


def small_flow(method: str = "differential", *, block_sectors: int = 2, past: int = 0) -> FirmwareFlow:
    """One upgrade from V1 to V2. `past`: records that the journal holds already, of 255 that fit a sector."""
    nor, mini = WatchedNor(PART), method == "minimal"
    images = {
        name: Region(nor, Partition(name, first * SECTOR_BYTES, room * SECTOR_BYTES))
        for name, (first, room, _) in IMAGES.items()
    }
    mini_image = images.pop("MINI")
    staging, journal, scratch = Region(nor, STAGING), JOURNAL_SECTORS * SECTOR_BYTES, SCRATCH_SECTORS * SECTOR_BYTES
    layout = BootLayout(
        family=FAMILY,
        images=images,
        journal=staging.sub(0, journal),
        scratch=staging.sub(journal, scratch),
        package=staging.sub(journal + scratch, STAGING.size_bytes - journal - scratch),
        mini=mini_image if mini else None,
        request=Region(nor, REQUEST) if mini else None,
    )
    for _ in range(past):
        Journal(layout.journal).append(Record(RecordKind.CLEAR))
    return FirmwareFlow(
        f"rig/{method}", method, nor, layout, Upgrade(*firmwares(mini), packages(method, block_sectors))
    )
