"""Only a package that is whole, signed, and made for this device and its firmware becomes a VerifiedPack."""

from __future__ import annotations

import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pack_samples import FAMILY, LAYOUT, NEW, OLD, check, diff, firmware, flashed, full, recipient, resealed

from sim.errors import PackageError
from sim.flash.partition import Partition, Region
from sim.pack.build import build_diff, build_full
from sim.pack.codes import PackageCode
from sim.pack.verify import VerifiedPack, verify_resumed

OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"another key, also not a secret..")


def refusal_of(package: bytes, **facts) -> int:
    with pytest.raises(PackageError) as refusal:
        check(package, **facts)
    return refusal.value.code


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_another_family():
    assert refusal_of(diff(), family="ecx00g") == PackageCode.FAMILY_MISMATCH


def test_another_partition_layout():
    images = dict(flashed())
    moved = {**images, "APP": Region(images["APP"].nor, Partition("APP", 0x2000, 0xF000))}
    assert refusal_of(diff(), images=moved) == PackageCode.FAMILY_MISMATCH
    fewer = {"APP": images["APP"]}
    assert refusal_of(diff(), images=fewer) == PackageCode.FAMILY_MISMATCH


@pytest.mark.parametrize("running", [NEW, "", None])
def test_another_running_version(running):
    assert refusal_of(diff(), running=running) == PackageCode.VERSION_MISMATCH


def test_the_right_version_with_other_images():
    assert refusal_of(diff(), images=flashed(NEW)) == PackageCode.BASE_MISMATCH


def test_base_images_whose_crcs_fit_but_not_their_sha256():
    at = diff().index(struct.pack("<HH", 0xA3, 32)) + 4
    assert refusal_of(resealed(flipped(diff(), at))) == PackageCode.SOURCE_MISMATCH


def test_a_damaged_block():
    assert refusal_of(flipped(diff(), 0x800 + 600)) == PackageCode.CORRUPT


def test_damage_that_no_checksum_but_the_sha256_covers():
    at = diff().index(struct.pack("<HH", 0xA4, 32)) + 4
    assert refusal_of(flipped(diff(), at)) == PackageCode.HASH


def test_a_damaged_signature_and_an_unknown_key():
    assert refusal_of(flipped(diff(), len(diff()) - 1)) == PackageCode.CORRUPT
    assert refusal_of(diff(), key=OTHER_KEY.public_key()) == PackageCode.CORRUPT


def test_a_package_signed_by_someone_else_under_our_keys_name():
    package = build_diff(firmware(OLD), firmware(NEW), LAYOUT, block_sectors=4, key=OTHER_KEY)
    assert refusal_of(package) == PackageCode.CORRUPT
    named = bytearray(package)
    named[-4 - 64 - 32 : -4 - 64] = diff()[-4 - 64 - 32 : -4 - 64]  # the key hash
    assert refusal_of(bytes(named)) == PackageCode.CORRUPT


def test_the_first_check_that_fails_answers():
    broken = flipped(flipped(diff(), 0x800 + 600), len(diff()) - 1)
    assert refusal_of(broken, family="other", running="x", images=flashed(NEW)) == PackageCode.FAMILY_MISMATCH
    assert refusal_of(broken, running="x", images=flashed(NEW)) == PackageCode.VERSION_MISMATCH
    assert refusal_of(broken, images=flashed(NEW)) == PackageCode.BASE_MISMATCH
    assert refusal_of(broken) == PackageCode.CORRUPT


def test_a_verified_pack_cannot_be_made_in_another_way():
    pack = check(diff())
    with pytest.raises(TypeError, match="verify"):
        VerifiedPack(pack.manifest, lambda *_: b"", object())


def test_a_good_package_is_taken():
    pack = check(diff())
    assert (pack.manifest.identity.family, pack.manifest.identity.target_version) == (FAMILY, NEW)
    assert pack.read(0, 4) == diff()[:4]
    assert b"".join(pack.block(entry) for entry in pack.manifest.index) in diff()


@pytest.mark.parametrize("running", [OLD, NEW, "something else", None])
def test_a_full_package_is_taken_whatever_runs(running):
    assert check(full(), running=running).manifest.identity.base_version == ""


def test_a_package_that_changes_after_it_was_verified_is_noticed():
    data = bytearray(diff())

    def read(offset: int, length: int) -> bytes:
        return bytes(data[offset : offset + length])

    pack = check(diff())
    changing = verify_resumed(read, len(data), recipient(flashed(NEW)))
    data[pack.manifest.index[0].offset] ^= 1
    with pytest.raises(PackageError, match="changed after"):
        changing.block(pack.manifest.index[0])


def test_a_resumed_update_asks_for_no_base_but_for_all_else():
    def read(offset: int, length: int) -> bytes:
        return diff()[offset : offset + length]

    def resumed(family: str = FAMILY, key=None):
        return verify_resumed(read, len(diff()), recipient(flashed(NEW), family=family, key=key))

    assert resumed().manifest.identity.target_version == NEW
    for facts, code in (
        ({"family": "other"}, PackageCode.FAMILY_MISMATCH),
        ({"key": OTHER_KEY.public_key()}, PackageCode.CORRUPT),
    ):
        with pytest.raises(PackageError) as refusal:
            resumed(**facts)
        assert refusal.value.code == code


def test_a_key_of_ones_own_works_end_to_end():
    package = build_full(firmware(NEW), LAYOUT, key=OTHER_KEY)
    assert check(package, key=OTHER_KEY.public_key()).manifest.identity.target_version == NEW
