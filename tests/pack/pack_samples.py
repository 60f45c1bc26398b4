"""Small firmware, packages and a flash to verify them against."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from hashlib import sha256

from sim.flash.nor import Nor
from sim.flash.part import FlashPart
from sim.flash.partition import Partition, Region
from sim.pack.build import build_diff, build_full, build_mini_pair
from sim.pack.container import Kind
from sim.pack.firmware import Firmware, synthesize
from sim.pack.signing import DEVELOPMENT_KEY, DEVELOPMENT_PUBLIC_KEY
from sim.pack.verify import Recipient, VerifiedPack, verify

FAMILY = "bench"
LAYOUT = {"APP": (0x1000, 0x10000), "APPIMG": (0x11000, 0x8000)}
SIZES = {"APP": 0xC000, "APPIMG": 0x6000}
ALL_KINDS = frozenset(Kind)
OLD, NEW = "BENCHR01A01_OCPU_QPY", "BENCHR01A02_OCPU_QPY"


def firmware(version: str) -> Firmware:
    return synthesize(FAMILY, version, SIZES)


@lru_cache(maxsize=8)
def diff(block_sectors: int = 4) -> bytes:
    return build_diff(firmware(OLD), firmware(NEW), LAYOUT, block_sectors=block_sectors)


@lru_cache(maxsize=8)
def full() -> bytes:
    return build_full(firmware(NEW), LAYOUT, block_sectors=4)


MINI = "mini"
PLACES = {**LAYOUT, MINI: (0x19000, 0x5000)}


@lru_cache(maxsize=4)
def mini_firmware(version: str) -> Firmware:
    """Firmware of a family with a mini system."""
    return synthesize(FAMILY, version, {**SIZES, MINI: 0x4000})


@lru_cache(maxsize=1)
def pair() -> tuple[bytes, bytes]:
    """The two halves of a minimal upgrade."""
    return build_mini_pair(mini_firmware(OLD), mini_firmware(NEW), PLACES, MINI)


@lru_cache(maxsize=8)
def flashed(version: str = OLD) -> dict[str, Region]:
    """Image partitions of a flash that carries `version`. Not to be written by tests."""
    part = FlashPart(
        name="bench",
        size_bytes=0x20000,
        sector_erase_us=1,
        page_program_us=1,
        read_us_per_kib=1,
        endurance_cycles=1,
    )
    nor = Nor(part)
    images = {name: Region(nor, Partition(name, *place)) for name, place in LAYOUT.items()}
    for name, image in firmware(version).images.items():
        images[name].load(0, image)
    return images


def check(package: bytes, images=None, running: str | None = OLD, family: str = FAMILY, key=None) -> VerifiedPack:
    """`verify` on a package in memory."""

    def read(offset: int, length: int) -> bytes:
        assert offset >= 0
        assert length >= 0
        assert offset + length <= len(package), "read beyond the package"
        return package[offset : offset + length]

    return verify(read, len(package), recipient(images, running, family, key))


def recipient(images=None, running: str | None = OLD, family: str = FAMILY, key=None, kinds=ALL_KINDS) -> Recipient:
    """A device of two images that carries OLD."""
    return Recipient(family, running, images or flashed(), kinds, key or DEVELOPMENT_PUBLIC_KEY, {})


def resealed(package: bytes) -> bytes:
    """The package with header CRC, block CRCs, SHA-256 and signature made to fit its bytes, as far as they can be:
    what a maker with a bug, or with bad intent and the key, would hand out."""
    data = bytearray(package)
    targets, blocks = struct.unpack_from("<I", data, 32 + 16)[0], struct.unpack_from("<I", data, 32 + 12)[0]
    end = 32 + 24 + min(targets, 50) * 36
    struct.pack_into("<I", data, 52, zlib.crc32(bytes(data[32:52]) + bytes(data[56:end])))
    body_bytes, protected = struct.unpack_from("<I", data, 12)[0], struct.unpack_from("<H", data, 10)[0]
    starts = [struct.unpack_from("<I", data, 0x800 + 12 * n)[0] for n in range(min(blocks, 100))]
    for n, (start, stop) in enumerate(zip(starts, [*starts[1:], 0x800 + body_bytes], strict=False)):
        struct.pack_into("<I", data, 0x800 + 12 * n + 8, zlib.crc32(bytes(data[start:stop])))
    signed = min(0x800 + body_bytes + protected, len(data) - 144)
    digest = sha256(bytes(data[:signed])).digest()
    data[signed + 8 : signed + 40] = digest
    data[len(data) - 64 :] = DEVELOPMENT_KEY.sign(digest)
    return bytes(data)
