"""The two halves of a minimal upgrade: what each holds, what ties them, and that no damaged half is taken."""

from __future__ import annotations

from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pack_samples import ALL_KINDS, FAMILY, MINI, NEW, OLD, PLACES, pair, recipient, resealed
from pack_samples import mini_firmware as firmware

from sim.errors import PackageError
from sim.flash.nor import Nor
from sim.flash.part import FlashPart
from sim.flash.partition import Partition, Region
from sim.pack.build import build_mini_pair
from sim.pack.codes import PackageCode
from sim.pack.container import HEADER_BYTES, Kind, parse, parse_header
from sim.pack.firmware import Firmware
from sim.pack.verify import VerifiedPack, check_head, verify


@lru_cache(maxsize=4)
def partitions(version: str) -> dict[str, Region]:
    part = FlashPart(
        name="bench", size_bytes=0x20000, sector_erase_us=1, page_program_us=1, read_us_per_kib=1, endurance_cycles=1
    )
    nor = Nor(part)
    regions = {name: Region(nor, Partition(name, *place)) for name, place in PLACES.items()}
    for name, image in firmware(version).images.items():
        regions[name].load(0, image)
    return regions


def mini_of(version: str) -> dict[str, Region]:
    return {MINI: partitions(version)[MINI]}


def big_of(version: str) -> dict[str, Region]:
    return {name: region for name, region in partitions(version).items() if name != MINI}


def check(package: bytes, images: dict[str, Region], kinds=ALL_KINDS, running=OLD) -> VerifiedPack:
    def read(offset: int, length: int) -> bytes:
        assert 0 <= offset <= offset + length <= len(package), "read beyond the package"
        return package[offset : offset + length]

    return verify(read, len(package), recipient(images, running, kinds=kinds))


def refusal(*facts, **more) -> int:
    with pytest.raises(PackageError) as refused:
        check(*facts, **more)
    return refused.value.code


def test_each_half_is_for_its_own_images():
    first, second = pair()
    assert check(first, mini_of(OLD)).manifest.head.kind is Kind.MINI_SYSTEM
    assert check(second, big_of(OLD), running=None).manifest.head.kind is Kind.BIG_SYSTEM
    assert refusal(first, big_of(OLD)) == PackageCode.FAMILY_MISMATCH
    assert refusal(second, mini_of(OLD)) == PackageCode.FAMILY_MISMATCH
    assert refusal(first, partitions(OLD)) == PackageCode.FAMILY_MISMATCH


def test_a_half_is_no_package_of_its_own():
    for half, images in zip(pair(), (mini_of(OLD), big_of(OLD)), strict=True):
        whole = frozenset({Kind.FULL, Kind.DIFF_STAGED, Kind.DIFF_INPLACE})
        with pytest.raises(PackageError, match="minimal") as refused:
            check(half, images, kinds=whole)
        assert refused.value.code == PackageCode.CORRUPT


def test_the_first_half_has_a_base_and_the_second_has_none():
    first, second = pair()
    assert refusal(first, mini_of(OLD), running=NEW) == PackageCode.VERSION_MISMATCH
    assert refusal(first, mini_of(NEW)) == PackageCode.BASE_MISMATCH
    assert parse(second).identity.base_version == ""
    assert parse(second).head.scratch_sectors == 0


def test_the_header_alone_tells_a_wrong_base():
    head = parse_header(pair()[0][:HEADER_BYTES])
    check_head(head, recipient(mini_of(OLD), kinds=frozenset({Kind.MINI_SYSTEM})))
    for images, kinds, code in (
        (mini_of(NEW), {Kind.MINI_SYSTEM}, PackageCode.BASE_MISMATCH),
        (big_of(OLD), {Kind.MINI_SYSTEM}, PackageCode.FAMILY_MISMATCH),
        (mini_of(OLD), {Kind.FULL}, PackageCode.CORRUPT),
    ):
        with pytest.raises(PackageError) as refused:
            check_head(head, recipient(images, kinds=frozenset(kinds)))
        assert refused.value.code == code


def test_the_first_half_names_the_second_and_only_that_one():
    first, second = pair()
    other = build_mini_pair(firmware(NEW), firmware(OLD), PLACES, MINI)[1]
    assert parse(first).identity.partner_sha256 == parse(second).outline_sha256 != parse(other).outline_sha256


def test_the_second_half_writes_every_sector_of_every_image():
    manifest = parse(pair()[1])
    for number, target in enumerate(manifest.head.targets):
        written = sum(entry.sectors for entry in manifest.index if entry.target == number)
        assert written == -(-len(firmware(NEW).images[target.partition]) // 4096)


def test_the_maker_refuses_other_firmware():
    bare = Firmware(FAMILY, OLD, {name: image for name, image in firmware(OLD).images.items() if name != MINI})
    with pytest.raises(PackageError) as refused:
        build_mini_pair(bare, firmware(NEW), PLACES, MINI)
    assert refused.value.code == PackageCode.FAMILY_MISMATCH
    with pytest.raises(PackageError):
        build_mini_pair(Firmware("other", OLD, firmware(OLD).images), firmware(NEW), PLACES, MINI)


@pytest.mark.parametrize("half", [0, 1])
def test_a_changed_bit_in_any_byte_of_either_half_is_noticed(half):
    package, images = pair()[half], (mini_of(OLD), big_of(OLD))[half]
    for at in range(0, len(package), (1, 11)[half]):
        damaged = bytearray(package)
        damaged[at] ^= 1 << at % 8
        assert refusal(bytes(damaged), images), at


@settings(max_examples=150, deadline=None)
@given(half=st.integers(0, 1), at=st.integers(0, 2**16), patch=st.binary(min_size=1, max_size=40))
def test_a_resealed_half_with_other_bytes_is_refused_or_harmless(half, at, patch):
    """A maker's bug: every checksum and the signature fit. Nothing but a PackageError may come of it."""
    package, images = pair()[half], (mini_of(OLD), big_of(OLD))[half]
    at = at % len(package) if at % 2 else at % 0x900
    damaged = (package[:at] + patch + package[at + len(patch) :])[: len(package)]
    try:
        pack = check(resealed(damaged), images)
    except PackageError:
        return
    assert pack.manifest.head.kind is parse(package).head.kind or pack.manifest.head.targets
