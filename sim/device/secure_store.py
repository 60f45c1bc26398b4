"""`SecureData`: a few records that survive upgrades and a wiped file system, in two sectors of their own.

All records are one image, written as a whole to the sector that does not hold the newest: number, records, CRC-32. A
power cut leaves the older state. Nothing of it is kept in RAM, so what was read is what the flash holds.
"""

from __future__ import annotations

import struct
import zlib

from sim.flash.partition import Region

SIZES = dict.fromkeys(range(1, 9), 52) | dict.fromkeys(range(9, 13), 100) | {13: 500, 14: 500, 15: 1000, 16: 1000}
"""Index → bytes it holds, as the QuecPython API reference lists them."""

_HEAD = struct.Struct("<II")
_LENGTH = struct.Struct("<H")
_ABSENT = 0xFFFF


class SecureStore:
    """The records in one region of two sectors."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._sector_bytes = region.nor.part.sector_bytes

    def read(self, index: int) -> bytes | None:
        """A record, None when nothing was stored there."""
        return self._newest()[2].get(index)

    def store(self, index: int, data: bytes) -> None:
        """Replace a record; `index` and length are those of SIZES."""
        assert len(data) <= SIZES[index]
        number, sector, records = self._newest()
        image = _pack(number + 1, {**records, index: data})
        self._region.rewrite((1 - sector) * self._sector_bytes, image)

    def _newest(self) -> tuple[int, int, dict[int, bytes]]:
        """(number, its sector, records) of the newest whole state; an empty one in sector 1 when there is none."""
        found: list[tuple[int, int, dict[int, bytes]]] = [(0, 1, {})]
        for sector in (0, 1):
            state = _unpack(self._region.read(sector * self._sector_bytes, self._sector_bytes))
            if state is not None:
                found.append((state[0], sector, state[1]))
        return max(found, key=lambda state: state[0])


def _pack(number: int, records: dict[int, bytes]) -> bytes:
    body = b"".join(
        _LENGTH.pack(len(records[index]) if index in records else _ABSENT)
        + records.get(index, b"").ljust(size, b"\xff")
        for index, size in SIZES.items()
    )
    return _HEAD.pack(number, zlib.crc32(body, number)) + body


def _unpack(image: bytes) -> tuple[int, dict[int, bytes]] | None:
    number, crc32 = _HEAD.unpack_from(image)
    end = _HEAD.size + sum(_LENGTH.size + size for size in SIZES.values())
    if zlib.crc32(image[_HEAD.size : end], number) != crc32:
        return None
    records, at = {}, _HEAD.size
    for index, size in SIZES.items():
        (length,) = _LENGTH.unpack_from(image, at)
        at += _LENGTH.size
        if length != _ABSENT:
            records[index] = image[at : at + length]
        at += size
    return number, records
