"""Firmware: one version's images, one per partition, and the header that says what runs.

Every image starts with a 64-byte header (little-endian): magic `QFW1`, total length u32, CRC-32 u32 of all that
follows the header, version as 48 zero-padded ASCII bytes, CRC-32 u32 of the header's first 60 bytes. All images
of one firmware carry the same version. The boot decision and the device trust nothing but this header.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from sim.errors import SpecError
from sim.flash.partition import Region
from sim.pack.synthetic import synthetic_body

HEADER_BYTES = 64
VERSION_BYTES = 48
MANIFEST_NAME = "firmware.yaml"

_MAGIC = b"QFW1"
_HEADER = struct.Struct("<4sII48sI")
_SMALLEST_IMAGE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What an image says of itself: `length_bytes` with the header, `crc32` of everything after the header."""

    version: str
    length_bytes: int
    crc32: int


@dataclass(frozen=True)
class Firmware:
    """One version of a family: partition name → image bytes, header included."""

    family: str
    version: str
    images: Mapping[str, bytes]


def make_image(version: str, body: bytes) -> bytes:
    """`body` with its header in front. SpecError when the version is not 1–48 printable ASCII characters."""
    text = _checked_version(version)
    head = _HEADER.pack(_MAGIC, HEADER_BYTES + len(body), zlib.crc32(body), text, 0)[:-4]
    return head + struct.pack("<I", zlib.crc32(head)) + body


def read_header(data: bytes) -> ImageHeader | None:
    """The header in the first 64 bytes of `data`, or None when there is none or it is damaged."""
    if len(data) < HEADER_BYTES:
        return None
    magic, length_bytes, crc32, version, header_crc32 = _HEADER.unpack_from(data)
    if magic != _MAGIC or zlib.crc32(data[: HEADER_BYTES - 4]) != header_crc32 or length_bytes < HEADER_BYTES:
        return None
    return ImageHeader(version.rstrip(b"\0").decode("ascii"), length_bytes, crc32)


def synthesize(family: str, version: str, sizes: Mapping[str, int]) -> Firmware:
    """The firmware that (family, version) stands for, the same on every machine.

    `sizes` gives an upper bound in bytes per partition; images fill it to within 10 %, large ones to within 2 %. Two
    versions of a family differ about as much as two minor releases do. SpecError for an unusable version or a bound
    under 4 KiB.
    """
    return _synthesize(family, version, tuple(sorted(sizes.items())))


@lru_cache(maxsize=16)
def _synthesize(family: str, version: str, sizes: tuple[tuple[str, int], ...]) -> Firmware:
    _checked_version(version)
    images = {}
    for partition, size_bytes in sizes:
        if size_bytes < _SMALLEST_IMAGE_BYTES:
            raise SpecError(f"image {partition}: {size_bytes} B is too small, give at least {_SMALLEST_IMAGE_BYTES} B")
        body = synthetic_body(family, partition, version, size_bytes - HEADER_BYTES)
        images[partition] = make_image(version, body)
    return Firmware(family, version, images)


def read_firmware(images: Mapping[str, Region], family: str, version: str) -> Firmware:
    """The firmware in these partitions of a flash, each image as long as its header says."""
    found = {}
    for name, region in images.items():
        header = read_header(region.image(0, HEADER_BYTES))
        found[name] = region.image(0, header.length_bytes if header else region.size_bytes)
    return Firmware(family, version, found)


def save_firmware(firmware: Firmware, folder: Path) -> None:
    """Write `<PARTITION>.img` per image and firmware.yaml into `folder`, which is made when missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for partition, image in firmware.images.items():
        (folder / f"{partition}.img").write_bytes(image)
    facts = {"family": firmware.family, "version": firmware.version}
    (folder / MANIFEST_NAME).write_text(yaml.safe_dump(facts, sort_keys=False), encoding="utf-8")


def load_firmware(folder: Path) -> Firmware:
    """Read a folder that `save_firmware` wrote. SpecError names the file at fault and the way out."""
    family, version = _load_facts(folder / MANIFEST_NAME)
    images = {}
    for path in sorted(folder.glob("*.img")):
        image = path.read_bytes()
        _check_image(path, image, version)
        images[path.stem] = image
    if not images:
        raise SpecError(f"{folder}: no <PARTITION>.img in this folder")
    return Firmware(family, version, images)


def _load_facts(path: Path) -> tuple[str, str]:
    try:
        facts = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SpecError(f"{path} is missing: it must give `family:` and `version:`") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as reason:
        raise SpecError(f"{path} cannot be read: {reason}") from None
    if not isinstance(facts, dict) or any(not isinstance(facts.get(key), str) for key in ("family", "version")):
        raise SpecError(f"{path} must give `family:` and `version:`, both as text")
    return facts["family"], facts["version"]


def _check_image(path: Path, image: bytes, version: str) -> None:
    header = read_header(image)
    if header is None:
        raise SpecError(f"{path} does not start with an image header; make it with `qpyota firmware`")
    if header.length_bytes != len(image) or header.crc32 != zlib.crc32(image[HEADER_BYTES:]):
        raise SpecError(f"{path} is damaged: length or CRC-32 differ from its header")
    if header.version != version:
        raise SpecError(f"{path} holds version {header.version}, but {MANIFEST_NAME} says {version}")


def _checked_version(version: str) -> bytes:
    if not (version.isascii() and version.isprintable() and 1 <= len(version) <= VERSION_BYTES):
        raise SpecError(f"version {version!r} must be 1 to {VERSION_BYTES} printable ASCII characters")
    return version.encode("ascii")
