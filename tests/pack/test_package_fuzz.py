"""No damaged package is ever taken, and nothing but a PackageError comes of it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from pack_samples import check, diff, flashed, full, resealed

from sim.errors import PackageError
from sim.kernel.seeds import stream
from sim.pack.codes import PackageCode
from sim.pack.container import SECTOR_BYTES
from sim.pack.patch import decode_block

BLAMES_THE_PACKAGE = {PackageCode.CORRUPT, PackageCode.HASH}


def code_of(package: bytes) -> int:
    """What verifying answers; 0 when the package is taken."""
    try:
        check(package)
    except PackageError as refusal:
        return refusal.code
    return 0


def test_a_changed_bit_in_any_byte_is_noticed():
    for package, stride in ((diff(), 1), (full(), 7)):
        for at in range(0, len(package), stride):
            damaged = bytearray(package)
            damaged[at] ^= 1 << at % 8
            assert code_of(bytes(damaged)) != 0, at


def test_every_bit_of_header_index_and_footer_counts():
    package = diff()
    header, footer = range(0x100), range(len(package) - 400, len(package))
    index = range(0x800, 0x800 + 12 * 6)
    for at in (*header, *index, *footer):
        for bit in range(8):
            damaged = bytearray(package)
            damaged[at] ^= 1 << bit
            assert code_of(bytes(damaged)) != 0, (at, bit)


def test_a_package_cut_short_anywhere_is_refused():
    package = diff()
    for length in (*range(0, 0x900), *range(0x900, len(package), 13), *range(len(package) - 300, len(package))):
        assert code_of(package[:length]) in BLAMES_THE_PACKAGE


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=5000))
def test_arbitrary_bytes_are_refused(data):
    assert code_of(data) == PackageCode.CORRUPT


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**16), st.binary(min_size=1, max_size=40))
def test_a_package_with_bytes_put_over_it_is_refused_or_unchanged(at, patch):
    package = diff()
    at %= len(package)
    damaged = (package[:at] + patch + package[at + len(patch) :])[: len(package)]
    assert (code_of(damaged) == 0) == (damaged == package)


def test_a_signed_package_with_wrong_contents_is_refused_or_harmless():
    """A maker's bug: fields and blocks changed, every checksum and the signature made to fit."""
    rng = stream(0, "package", "resealed damage")
    taken = 0
    for package in (diff(), full()):
        for _ in range(700):
            damaged = bytearray(package)
            for _ in range(rng.randrange(1, 4)):
                area = rng.choice(
                    [(0, 0x80), (0x800, 0x880), (0x800, len(package)), (len(package) - 380, len(package))]
                )
                damaged[rng.randrange(*area)] = rng.randrange(256)
            taken += apply_blocks(resealed(bytes(damaged)))
    assert taken > 50  # so that the blocks, too, were put to the test


def apply_blocks(package: bytes) -> bool:
    """Verify, then decode every block against real flash. Whether it was taken; only PackageError may be raised."""
    try:
        pack = check(package)
    except PackageError:
        return False
    for entry in pack.manifest.index:
        target = pack.manifest.head.targets[entry.target]
        size_bytes = entry.sectors * SECTOR_BYTES
        assert entry.first_sector * SECTOR_BYTES + size_bytes <= target.partition_bytes
        try:
            block = decode_block(pack.block(entry), size_bytes, target.old_bytes, flashed()[target.partition].read)
            assert len(block) == size_bytes
        except PackageError:
            pass
    return True
