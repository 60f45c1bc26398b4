"""Differential upgrades of real size, in large blocks and in place: they arrive, know their base, and wear evenly."""

from __future__ import annotations

from functools import lru_cache

import pytest

from sim.boot.bootloader import STAGED_KINDS, BootLayout, Bootloader, Trust, request_update
from sim.device.catalogue import load_model
from sim.errors import PackageError
from sim.flash.nor import Nor
from sim.flash.part import FlashPart
from sim.flash.partition import Partition, Region
from sim.pack.build import build_diff
from sim.pack.codes import PackageCode
from sim.pack.container import parse
from sim.pack.firmware import Firmware, synthesize
from sim.pack.signing import DEVELOPMENT_PUBLIC_KEY
from sim.pack.verify import verify

SECTOR = 4096
MIB = 1024 * 1024
OLD, NEW = "EG915UEUABR03A20M08_OCPU_QPY", "EG915UEUABR03A21M08_OCPU_QPY"
TRUST = Trust(DEVELOPMENT_PUBLIC_KEY)
LARGEST_SCRATCH_WEAR = 49


class Flash:
    """A flash of 8 MiB: images from 1 MiB on, journal and a scratch ring below, the package above."""

    def __init__(self, firmware: Firmware, places: dict[str, tuple[int, int]], scratch_sectors: int) -> None:
        part = FlashPart(
            name="8 MiB", size_bytes=8 * MIB, sector_erase_us=45_000, page_program_us=400, read_us_per_kib=10,
            endurance_cycles=100_000,
        )  # fmt: skip
        self.nor = Nor(part)
        below = Region(self.nor, Partition("below", 0, MIB))
        self.layout = BootLayout(
            family=firmware.family,
            images={name: Region(self.nor, Partition(name, *place)) for name, place in places.items()},
            journal=below.sub(0, 2 * SECTOR),
            scratch=below.sub(2 * SECTOR, scratch_sectors * SECTOR),
            package=Region(self.nor, Partition("above", 7 * MIB, MIB)),
        )
        for name, image in firmware.images.items():
            self.layout.images[name].load(0, image)

    def request(self, package: bytes, version: str) -> None:
        self.layout.package.load(0, package)
        recipient = self.layout.recipient(version, STAGED_KINDS, TRUST)
        request_update(self.layout, verify(self.layout.package.read, len(package), recipient))

    def boot(self) -> str:
        steps = Bootloader(self.layout, TRUST).run()
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value.version

    def holds(self, firmware: Firmware) -> bool:
        return all(self.layout.images[n].image(0, len(image)) == image for n, image in firmware.images.items())

    def wear(self, region: Region) -> list[int]:
        first = region.start // SECTOR
        return [self.nor.erase_count(first + n) for n in range(region.size_bytes // SECTOR)]


@lru_cache(maxsize=1)
def eg915u() -> tuple[Firmware, Firmware, dict[str, tuple[int, int]]]:
    model = load_model("EG915U")
    at, places = MIB, {}
    for name, (_, size) in sorted(model.image_places.items()):
        places[name] = (at, size)
        at += size
    old, new = (synthesize(model.family, version, model.image_bytes) for version in (OLD, NEW))
    return old, new, places


@lru_cache(maxsize=1)
def four_mib() -> tuple[Firmware, Firmware, dict[str, tuple[int, int]]]:
    old, new = (synthesize("four", version, {"APP": 4 * MIB}) for version in ("V1", "V2"))
    return old, new, {"APP": (MIB, 5 * MIB)}


@pytest.mark.parametrize("block_sectors", [1, 4, 16])
def test_an_eg915u_is_upgraded_in_blocks_of_any_size(block_sectors):
    old, new, places = eg915u()
    package = build_diff(old, new, places, block_sectors=block_sectors)
    assert len(package) < 0.12 * sum(map(len, new.images.values()))
    flash = Flash(old, places, 16)
    flash.request(package, OLD)
    assert flash.boot() == NEW
    assert flash.boot() == NEW
    assert flash.holds(new)
    for name, region in flash.layout.images.items():
        assert max(flash.wear(region)) == 1, name


@pytest.mark.parametrize("block_sectors", [1, 4])
def test_a_wrong_base_of_real_size_is_found_before_the_first_write(block_sectors):
    old, new, places = eg915u()
    flash = Flash(old, places, 16)
    package = build_diff(old, new, places, block_sectors=block_sectors)
    flash.request(package, OLD)
    last = len(old.images["APP"]) - 1
    flash.layout.images["APP"].load(last, bytes([old.images["APP"][last] ^ 1]))
    ops = flash.nor.ops
    assert flash.boot() == OLD or flash.boot() is None
    assert flash.nor.ops <= ops + 1
    flash.layout.package.load(0, package)
    recipient = flash.layout.recipient(OLD, STAGED_KINDS, TRUST)
    with pytest.raises(PackageError) as refused:
        verify(flash.layout.package.read, len(package), recipient)
    assert refused.value.code == PackageCode.BASE_MISMATCH


@pytest.mark.parametrize(
    ("block_sectors", "scratch_sectors"), [(1, 32), (4, 32), (1, 24)], ids=lambda number: f"{number} sectors"
)
def test_scratch_of_a_4_mib_upgrade_wears_evenly_and_little(block_sectors, scratch_sectors):
    """Every sector changes, as it does in life when code moves by a few bytes: a ring spreads that over scratch."""
    old, new, places = four_mib()
    package = build_diff(old, new, places, block_sectors=block_sectors)
    changed = sum(entry.sectors for entry in parse(package).index)
    assert changed > 900
    flash = Flash(old, places, scratch_sectors)
    flash.request(package, "V1")
    assert flash.boot() == "V2"
    assert flash.holds(new)
    wear = flash.wear(flash.layout.scratch)
    assert sum(wear) == changed
    assert max(wear) - min(wear) <= 2  # the last block is short, and some blocks do not change
    assert max(wear) <= LARGEST_SCRATCH_WEAR
    assert max(flash.wear(flash.layout.journal)) <= 1 + 2 * len(parse(package).index) // 255
