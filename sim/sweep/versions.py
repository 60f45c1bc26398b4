"""Which version a set of images carries, kept up to date while single sectors change.

It answers what `sim.boot.bootloader.installed_version` answers, without reading megabytes for each sector that a
power cut tore: CRC-32 is linear, so a change within an image changes its CRC-32 by that of the difference, moved
over the bytes behind it. A test holds the two equal.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from copy import copy
from functools import lru_cache

from sim.flash.partition import Region
from sim.pack.firmware import HEADER_BYTES, ImageHeader, read_header

_ONES = 0xFFFFFFFF
_Matrix = tuple[int, ...]
"""What becomes of each bit of a CRC register."""


class Versions:
    """The images in `regions`, as their flash holds them now. Sectors are counted from the start of the flash."""

    def __init__(self, regions: Mapping[str, Region]) -> None:
        self._images = [_Image(region) for region in regions.values()]

    def copy(self) -> Versions:
        """The same, to be changed apart."""
        twin = Versions({})
        twin._images = [image.copy() for image in self._images]
        return twin

    @property
    def version(self) -> str | None:
        """The one that all images carry, or None."""
        return _common([image.version for image in self._images])

    def change(self, sector: int, content: bytes) -> None:
        """From now on this sector holds `content`. Sectors outside the images are none of its business."""
        for image in self._images:
            if sector in image.place:
                image.change(sector - image.place.start, content)

    def version_with(self, sector: int, content: bytes) -> str | None:
        """What `version` would be if this sector held `content`."""
        return _common(
            [
                image.version_with(sector - image.place.start, content) if sector in image.place else image.version
                for image in self._images
            ]
        )


class _Image:
    __slots__ = ("_crc32", "_header", "_sector_bytes", "_sectors", "place")

    def __init__(self, region: Region) -> None:
        size = self._sector_bytes = region.nor.part.sector_bytes
        self.place = range(region.start // size, (region.start + region.size_bytes) // size)
        self._sectors = [region.image(at, size) for at in range(0, region.size_bytes, size)]
        self._measure()

    def copy(self) -> _Image:
        twin = copy(self)
        twin._sectors = list(self._sectors)
        return twin

    @property
    def version(self) -> str | None:
        header = self._header
        return header.version if header is not None and header.crc32 == self._crc32 else None

    def change(self, index: int, content: bytes) -> None:
        header = self._header_with(index, content)
        if header is not None and header == self._header:
            self._crc32 ^= self._difference(index, content, header.length_bytes)
            self._sectors[index] = content
        else:
            self._sectors[index] = content
            self._measure()

    def version_with(self, index: int, content: bytes) -> str | None:
        header = self._header_with(index, content)
        if header is None:
            return None
        if header == self._header:
            crc32 = self._crc32 ^ self._difference(index, content, header.length_bytes)
        else:
            crc32 = _body_crc32([content, *self._sectors[1:]], header)
        return header.version if crc32 == header.crc32 else None

    def _header_with(self, index: int, content: bytes) -> ImageHeader | None:
        return self._whole_header(content) if index == 0 else self._header

    def _whole_header(self, first: bytes) -> ImageHeader | None:
        header = read_header(first[:HEADER_BYTES])
        fits = header is not None and header.length_bytes <= len(self._sectors) * self._sector_bytes
        return header if fits else None

    def _measure(self) -> None:
        self._header = self._whole_header(self._sectors[0])
        self._crc32 = 0 if self._header is None else _body_crc32(self._sectors, self._header)

    def _difference(self, index: int, content: bytes, length_bytes: int) -> int:
        """By how much the body's CRC-32 differs when sector `index` holds `content`."""
        start = HEADER_BYTES if index == 0 else 0
        end = min(self._sector_bytes, length_bytes - index * self._sector_bytes)
        if end <= start:
            return 0
        register = zlib.crc32(self._sectors[index][start:end]) ^ zlib.crc32(content[start:end])
        behind = length_bytes - (index * self._sector_bytes + end)
        return _apply(_moves(length_bytes % self._sector_bytes, self._sector_bytes)(behind), register)


def _common(versions: list[str | None]) -> str | None:
    return versions[0] if versions and len(set(versions)) == 1 else None


def _body_crc32(sectors: list[bytes], header: ImageHeader) -> int:
    return zlib.crc32(memoryview(b"".join(sectors))[HEADER_BYTES : header.length_bytes])


def _apply(matrix: _Matrix, register: int) -> int:
    result = 0
    for column in matrix:
        if register & 1:
            result ^= column
        register >>= 1
    return result


def _zeros(count: int) -> _Matrix:
    """What `count` zero bytes make of each bit of the register."""
    zeros = bytes(count)
    return tuple(zlib.crc32(zeros, (1 << bit) ^ _ONES) ^ _ONES for bit in range(32))


class _Moves:
    """Matrices for `tail` bytes plus any number of whole sectors; each is made from the one before it."""

    def __init__(self, tail: int, sector_bytes: int) -> None:
        self._tail, self._sector_bytes = tail, sector_bytes
        self._sector = _zeros(sector_bytes)
        self._known = [_zeros(tail)]

    def __call__(self, count: int) -> _Matrix:
        """For `count` zero bytes."""
        if not count:
            return _zeros(0)
        number = (count - self._tail) // self._sector_bytes
        while len(self._known) <= number:
            self._known.append(tuple(_apply(self._sector, column) for column in self._known[-1]))
        return self._known[number]


@lru_cache(maxsize=64)
def _moves(tail: int, sector_bytes: int) -> _Moves:
    return _Moves(tail, sector_bytes)
