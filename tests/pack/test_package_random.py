"""Packages of every kind with any field changed, and thousands damaged at random: none is taken, none makes the reader
read for ever, and nothing but a PackageError comes of it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache

import pytest
from pack_samples import FAMILY, LAYOUT, MINI, NEW, OLD, PLACES, diff, firmware, full, mini_firmware, pair, resealed

from sim.errors import PackageError
from sim.flash.nor import Nor
from sim.flash.part import FlashPart
from sim.flash.partition import Partition, Region
from sim.kernel.seeds import Stream, stream
from sim.pack.codes import PackageCode
from sim.pack.container import HEADER_BYTES, SECTOR_BYTES, Kind
from sim.pack.patch import decode_block
from sim.pack.signing import DEVELOPMENT_PUBLIC_KEY
from sim.pack.verify import Recipient, VerifiedPack, verify

RANDOM_CASES = 5_000
PART = FlashPart(
    name="bench", size_bytes=0x20000, sector_erase_us=1, page_program_us=1, read_us_per_kib=1, endurance_cycles=1
)
MCUBOOT = {"magic": 4, "load": 4, "header": 2, "protected": 2, "body": 4, "flags": 4, "version": 8, "pad": 4}
QFOT = {"name": 4, "format": 2, "kind": 1, "codec": 1, "block": 4, "blocks": 4, "targets": 4, "crc32": 4}
TARGET = {"partition": 12, "offset": 4, "size": 4, "old": 4, "old_crc32": 4, "new": 4, "new_crc32": 4}
ENTRY = {"offset": 4, "sectors": 2, "place": 2, "crc32": 4}
TLV = {"kind": 2, "length": 2}
CRC32_AT = 52  # of the header, over what lies around it

Field = tuple[str, int, int]
"""Name, place, bytes."""


@lru_cache(maxsize=1)
def samples() -> dict[str, bytes]:
    first, second = pair()
    return {"diff": diff(), "diff 64K": diff(16), "full": full(), "mini_1": first, "mini_2": second}


@lru_cache(maxsize=8)
def device(name: str) -> Recipient:
    """Whom a sample is meant for: it takes exactly that kind, so that nothing is refused for being another."""
    kind = {"diff 64K": Kind.DIFF_STAGED, "diff": Kind.DIFF_INPLACE, "full": Kind.FULL, "mini_1": Kind.MINI_SYSTEM}
    mini = name.startswith("mini")
    nor, installed = Nor(PART), (mini_firmware if mini else firmware)(OLD)
    places = {MINI: PLACES[MINI]} if name == "mini_1" else LAYOUT
    regions = {where: Region(nor, Partition(where, *place)) for where, place in places.items()}
    for where, region in regions.items():
        region.load(0, installed.images[where])
    kinds = frozenset({kind.get(name, Kind.BIG_SYSTEM)})
    return Recipient(FAMILY, OLD, regions, kinds, DEVELOPMENT_PUBLIC_KEY, {})


def checked(name: str, package: bytes) -> VerifiedPack:
    """`verify`, which may read no byte beyond the package, and each about twice at most."""
    left = 2 * len(package) + 2 * HEADER_BYTES

    def read(offset: int, length: int) -> bytes:
        nonlocal left
        assert 0 <= offset <= offset + length <= len(package), "reads beyond the package"
        left -= length
        assert left >= 0, "reads for ever"
        return package[offset : offset + length]

    return verify(read, len(package), device(name))


def refusal(name: str, package: bytes) -> int:
    """The code it is refused with; 0 when it is taken."""
    code = 0
    try:
        checked(name, package)
    except PackageError as error:
        code = error.code
    assert code == 0 or code in set(PackageCode)
    return code


def apply(name: str, package: bytes) -> bool:
    """Decode every block of a package that is taken. Each is of its size and place, or a PackageError."""
    try:
        pack = checked(name, package)
    except PackageError:
        return False
    images = device(name).images
    for entry in pack.manifest.index:
        target = pack.manifest.head.targets[entry.target]
        size_bytes = entry.sectors * SECTOR_BYTES
        assert entry.first_sector * SECTOR_BYTES + size_bytes <= images[target.partition].size_bytes
        try:
            block = decode_block(pack.block(entry), size_bytes, target.old_bytes, images[target.partition].read)
            assert len(block) == size_bytes
        except PackageError:
            pass
    return True


def header_crc_fitted(package: bytes) -> bytes:
    """The header's CRC-32 made to fit, as chance would not; the signature does not fit."""
    targets = min(struct.unpack_from("<I", package, 48)[0], (HEADER_BYTES - 56) // 36)
    crc32 = zlib.crc32(package[32:CRC32_AT] + package[56 : 56 + 36 * targets])
    return package[:CRC32_AT] + struct.pack("<I", crc32) + package[56:]


# -- every field ----------------------------------------------------------------------------------------------


def rows(at: int, layout: dict[str, int], prefix: str) -> Iterator[Field]:
    for name, size in layout.items():
        yield f"{prefix}.{name}", at, size
        at += size


def header_fields(package: bytes) -> list[Field]:
    targets = struct.unpack_from("<I", package, 48)[0]
    fields = [*rows(0, MCUBOOT, "mcuboot"), *rows(32, QFOT, "qfot")]
    for number in range(targets):
        fields += rows(56 + 36 * number, TARGET, f"target {number}")
    return fields


def index_fields(package: bytes) -> list[Field]:
    blocks = struct.unpack_from("<I", package, 44)[0]
    return [field for n in range(blocks) for field in rows(HEADER_BYTES + 12 * n, ENTRY, f"entry {n}")]


def footer_fields(package: bytes) -> list[Field]:
    at = HEADER_BYTES + struct.unpack_from("<I", package, 12)[0]
    fields: list[Field] = []
    for area in ("protected", "proof"):
        end = at + struct.unpack_from("<H", package, at + 2)[0]
        fields += rows(at, {"magic": 2, "bytes": 2}, area)
        at += 4
        while at < end:
            kind, length = struct.unpack_from("<HH", package, at)
            fields += rows(at, {**TLV, "value": length}, f"{area} 0x{kind:02x}")
            at += 4 + length
    assert at == len(package)
    return fields


def changed_values(value: int, size: int) -> list[int]:
    """Other values of a field: its neighbours, the ends of its range, each bit the other way."""
    top = (1 << 8 * size) - 1
    bits = [value ^ 1 << bit for bit in range(8 * size)] if size <= 4 else [value ^ 1, value ^ 1 << 8 * size - 1]
    others = {0, 1, top, top >> 1, value - 1 & top, value + 1 & top, 2 * value & top, value // 2, *bits}
    return sorted(others - {value})


def changed(package: bytes, fields: list[Field]) -> Iterator[tuple[str, bytes]]:
    for name, at, size in fields:
        for value in changed_values(int.from_bytes(package[at : at + size], "little"), size):
            yield f"{name} = {value:#x}", package[:at] + value.to_bytes(size, "little") + package[at + size :]


NAMES = ["diff", "diff 64K", "full", "mini_1", "mini_2"]
AREAS = [header_fields, index_fields, footer_fields]


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_itself_is_taken(name: str) -> None:
    package = samples()[name]
    assert refusal(name, package) == 0
    assert apply(name, package)
    assert checked(name, package).manifest.identity.target_version == NEW


@pytest.mark.parametrize("name", NAMES)
def test_the_fields_are_all_of_the_header_and_none_is_missed(name: str) -> None:
    package = samples()[name]
    fields = header_fields(package)
    assert [at for _, at, _ in fields] == [sum(size for *_, size in fields[:n]) for n in range(len(fields))]
    _, at, size = fields[-1]
    assert package[at + size : HEADER_BYTES] == bytes(HEADER_BYTES - at - size)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("area", AREAS)
def test_no_field_can_be_changed(name: str, area: Callable[[bytes], list[Field]]) -> None:
    package = samples()[name]
    for what, damaged in changed(package, area(package)):
        assert refusal(name, damaged), what
        if area is header_fields and not what.startswith("qfot.crc32"):
            assert refusal(name, header_crc_fitted(damaged)), f"{what}, CRC-32 fitted"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("area", AREAS)
def test_a_signed_package_with_a_changed_field_is_refused_or_harmless(
    name: str, area: Callable[[bytes], list[Field]]
) -> None:
    package = samples()[name]
    for _, damaged in changed(package, area(package)):
        apply(name, resealed(damaged))


@pytest.mark.parametrize("name", NAMES)
def test_the_header_hides_nothing_behind_its_fields(name: str) -> None:
    package = samples()[name]
    _, at, size = header_fields(package)[-1]
    for hidden in (at + size, 0x400, HEADER_BYTES - 1):
        damaged = package[:hidden] + b"\1" + package[hidden + 1 :]
        assert refusal(name, resealed(damaged)) == PackageCode.CORRUPT


# -- at random ------------------------------------------------------------------------------------------------


def flip(data: bytes, rng: Stream) -> bytes:
    damaged = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 16])):
        damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def overwrite(data: bytes, rng: Stream) -> bytes:
    at, length = place(data, rng)
    fill = rng.choice([bytes(length), b"\xff" * length, rng.randbytes(length)])
    return data[:at] + fill + data[at + length :]


def truncate(data: bytes, rng: Stream) -> bytes:
    return data[: rng.choice([rng.randrange(len(data)), len(data) - 1 - rng.randrange(600)])]


def extend(data: bytes, rng: Stream) -> bytes:
    return data + rng.choice([b"\0", b"\xff" * 256, data[-200:], data, rng.randbytes(rng.randrange(1, 2000))])


def remove(data: bytes, rng: Stream) -> bytes:
    at, length = place(data, rng)
    return data[:at] + data[at + length :]


def repeat(data: bytes, rng: Stream) -> bytes:
    at, length = place(data, rng)
    return data[: at + length] + data[at:]


def exchange(data: bytes, rng: Stream) -> bytes:
    """Two stretches of one length, each in the other's place; whole rows of the index, half of the time."""
    if rng.randrange(2):
        length, rows_there = 12, struct.unpack_from("<I", data, 44)[0]
        first, second = (HEADER_BYTES + 12 * rng.randrange(rows_there) for _ in range(2))
    else:
        length = rng.choice([1, 16, 36, 256])
        first, second = (rng.randrange(len(data) - length) for _ in range(2))
    first, second = min(first, second), max(first, second)
    if second < first + length:
        return flip(data, rng)
    one, other = data[first : first + length], data[second : second + length]
    return data[:first] + other + data[first + length : second] + one + data[second + length :]


def splice(data: bytes, rng: Stream) -> bytes:
    """The start of one package and the end of another, cut at one place or at two."""
    other = samples()[rng.choice(NAMES)]
    at = rng.choice([32, 56, HEADER_BYTES, rng.randrange(min(len(data), len(other)))])
    return data[:at] + other[rng.choice([at, rng.randrange(len(other))]) :]


def place(data: bytes, rng: Stream) -> tuple[int, int]:
    """A stretch of the package; often of its first or last bytes, where the fields are."""
    start = rng.choice([0, 0, HEADER_BYTES, len(data) - 400])
    at = rng.choice([start + rng.randrange(300), rng.randrange(len(data))])
    return at, min(rng.choice([1, 4, 12, 64, 1024, SECTOR_BYTES]), len(data) - at)


HARMS = [flip, overwrite, truncate, extend, remove, repeat, exchange, splice]


@pytest.mark.parametrize("name", NAMES)
def test_no_randomly_damaged_package_is_taken(name: str) -> None:
    package, rng = samples()[name], stream(0, name, "random damage")
    cases = 0
    while cases < RANDOM_CASES // len(NAMES):
        harm = HARMS[cases % len(HARMS)]
        damaged = harm(package, rng)
        if damaged in samples().values():  # no damage at all
            continue
        cases += 1
        assert refusal(name, damaged), f"case {cases}: {harm.__name__}"


@pytest.mark.parametrize("name", NAMES)
def test_randomly_damaged_and_signed_again_it_is_refused_or_harmless(name: str) -> None:
    package, rng = samples()[name], stream(1, name, "random damage")
    for case in range(160):
        damaged = HARMS[case % len(HARMS)](package, rng)
        if len(damaged) > 2 * HEADER_BYTES:
            apply(name, resealed(damaged))
