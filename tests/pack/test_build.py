"""The maker refuses what cannot work and makes the same package twice."""

from __future__ import annotations

import pytest
from pack_samples import FAMILY, LAYOUT, NEW, OLD, diff, firmware, full

from sim.errors import PackageError
from sim.pack.build import build_diff, build_full
from sim.pack.codes import PackageCode
from sim.pack.container import SECTOR_BYTES, Kind, parse
from sim.pack.firmware import Firmware, synthesize
from sim.pack.inspect import describe
from sim.pack.patch import decode_block

EG915U = {"APP": (0x10000, 0x220000), "APPIMG": (0x230000, 0x100000)}
EG915U_SIZES = {"APP": 1792 * 1024, "APPIMG": 640 * 1024}


def refusal_of(build, *arguments, **options) -> PackageError:
    with pytest.raises(PackageError) as refusal:
        build(*arguments, **options)
    return refusal.value


def test_two_families():
    other = Firmware("other", NEW, firmware(NEW).images)
    assert refusal_of(build_diff, firmware(OLD), other, LAYOUT).code == PackageCode.FAMILY_MISMATCH


def test_images_that_the_layout_does_not_have():
    one = Firmware(FAMILY, NEW, {"APP": firmware(NEW).images["APP"]})
    for build, arguments in ((build_diff, (firmware(OLD), one)), (build_full, (one,))):
        refusal = refusal_of(build, *arguments, LAYOUT)
        assert refusal.code == PackageCode.FAMILY_MISMATCH
        assert "APP, APPIMG" in str(refusal)


def test_an_image_larger_than_its_partition_says_by_how_much():
    tight = {**LAYOUT, "APP": (0x1000, len(firmware(NEW).images["APP"]) - 100)}
    refusal = refusal_of(build_full, firmware(NEW), tight)
    assert refusal.code == PackageCode.NO_SPACE
    assert "APP" in str(refusal)
    assert "by 100 B" in str(refusal)


def test_a_package_larger_than_the_staging_area_says_by_how_much():
    size = len(diff())
    assert build_diff(firmware(OLD), firmware(NEW), LAYOUT, block_sectors=4, staging_bytes=size) == diff()
    refusal = refusal_of(build_diff, firmware(OLD), firmware(NEW), LAYOUT, block_sectors=4, staging_bytes=size - 7)
    assert refusal.code == PackageCode.NO_SPACE
    assert "by 7 B" in str(refusal)


@pytest.mark.parametrize("block_sectors", [0, 257])
def test_blocks_of_impossible_size(block_sectors):
    refusal = refusal_of(build_full, firmware(NEW), LAYOUT, block_sectors=block_sectors)
    assert "1 to 256 sectors" in str(refusal)


def test_the_same_images_give_the_same_bytes():
    again = build_diff(firmware(OLD), firmware(NEW), LAYOUT, block_sectors=4)
    assert again == diff()
    assert build_full(firmware(NEW), LAYOUT, block_sectors=4) == full()


def test_no_difference_makes_a_package_without_blocks():
    package = build_diff(firmware(OLD), firmware(OLD), LAYOUT)
    assert parse(package).index == ()


@pytest.mark.parametrize(
    ("old_bytes", "new_bytes"), [(20_000, 60_000), (60_000, 20_000), (4096 * 8, 4096 * 8), (100, 4096)]
)
@pytest.mark.parametrize("block_sectors", [1, 3, 16])
def test_images_may_grow_and_shrink(old_bytes, new_bytes, block_sectors):
    content = firmware(OLD).images["APP"] * 2
    old = Firmware(FAMILY, OLD, {"APP": content[:old_bytes]})
    new = Firmware(FAMILY, NEW, {"APP": (b"new header" + content)[:new_bytes]})
    package = build_diff(old, new, {"APP": LAYOUT["APP"]}, block_sectors=block_sectors)
    assert applied(package, old.images["APP"], LAYOUT["APP"][1])[:new_bytes] == new.images["APP"]


def applied(package: bytes, old: bytes, partition_bytes: int) -> bytes:
    """A device's flash after the package of one target."""
    flash = bytearray(old.ljust(partition_bytes, b"\xff"))
    for entry in parse(package).index:
        data = package[entry.offset : entry.offset + entry.size_bytes]
        size_bytes = entry.sectors * SECTOR_BYTES
        block = decode_block(data, size_bytes, len(old), lambda at, length: bytes(flash[at : at + length]))
        start = entry.first_sector * SECTOR_BYTES
        flash[start : start + size_bytes] = block
    return bytes(flash)


def test_a_real_sized_upgrade_is_a_few_percent():
    old, new = (synthesize("ecx00u", version, EG915U_SIZES) for version in ("V0002", "V0003"))
    package = build_diff(old, new, EG915U)
    whole = sum(len(image) for image in new.images.values())
    assert 0.03 < len(package) / whole < 0.09
    assert parse(package).head.kind is Kind.DIFF_STAGED


def test_a_package_is_described_in_plain_values():
    told = describe(diff())
    targets = told.pop("targets")
    assert told == {
        "kind": "diff_inplace",
        "codec": "lzma",
        "family": FAMILY,
        "base_version": OLD,
        "target_version": NEW,
        "size_bytes": len(diff()),
        "block_bytes": 16384,
        "blocks": sum(len(target["steps"]) for target in targets),
        "scratch_sectors": 4,
        "base_sha256": parse(diff()).identity.base_sha256.hex(),
        "new_sha256": parse(diff()).identity.new_sha256.hex(),
        "partner_sha256": None,
        "outline_sha256": parse(diff()).outline_sha256.hex(),
        "package_sha256": parse(diff()).package_sha256.hex(),
        "signature": {"algorithm": "ed25519", "key_id": "f478656f8c914fa0"},
    }
    assert [(target["partition"], target["offset"], target["partition_bytes"]) for target in targets] == [
        ("APP", 0x1000, 0x10000),
        ("APPIMG", 0x11000, 0x8000),
    ]
    assert targets[0]["old_bytes"] == len(firmware(OLD).images["APP"])
    assert describe(full())["base_version"] is describe(full())["base_sha256"] is None
    with pytest.raises(PackageError):
        describe(diff()[:-1])
