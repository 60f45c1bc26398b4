"""The block codec: one block of a new image, told by copies from the old image and by differences.

A record is self-contained, so that an interrupted update resumes at any block: varint number of pieces; per piece
a varint `length << 1 | copy` and, for a copy, the zigzag varint distance of its source from the end of the copy
before it (the first: from 0); then as many bytes as the block has: new minus base, byte by byte modulo 256, the
base of a literal being zeros. The whole is raw LZMA1. The decoder trusts nothing: every length and offset is
checked before use, memory is bounded by the block's size, and the only error is PackageError 505.
"""

from __future__ import annotations

import bz2
import lzma
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import bsdiff4
import numpy as np

from sim.errors import PackageError
from sim.pack.codes import PackageCode

ReadOld = Callable[[int, int], bytes]
"""`read_old(offset, length)`: bytes of the old image of the same target."""

DICTIONARY_BYTES = 64 * 1024
_LZMA = [{"id": lzma.FILTER_LZMA1, "preset": 6, "dict_size": DICTIONARY_BYTES, "lc": 3, "lp": 0, "pb": 0}]
_LARGEST_VARINT_BYTES = 5


@dataclass(frozen=True, slots=True)
class Piece:
    """`length` bytes of a new image: near-copies from `source` in the old one, or literal when `source` is None."""

    length: int
    source: int | None


def match(old: bytes, new: bytes) -> list[Piece]:
    """Pieces that cover `new` in order; copies need not be exact, but resemble their source."""
    control, pieces, at = _bsdiff_control(bsdiff4.diff(old, new)), [], 0
    for copied, literal, skipped in control:
        if copied:
            pieces.append(Piece(copied, at))
        if literal:
            pieces.append(Piece(literal, None))
        at += copied + skipped
    return pieces


def _bsdiff_control(patch: bytes) -> Iterator[tuple[int, int, int]]:
    """The control triples of a BSDIFF40 file: 8-byte magic, three lengths, then three bz2 streams, the first these."""
    length = _signed(patch[8:16])
    for row in struct.iter_unpack("8s8s8s", bz2.decompress(patch[32 : 32 + length])):
        yield _signed(row[0]), _signed(row[1]), _signed(row[2])


def _signed(data: bytes) -> int:
    # bsdiff writes 64-bit little-endian sign and magnitude.
    value = int.from_bytes(data, "little")
    return -(value & ~(1 << 63)) if value >> 63 else value


def encode_block(block: bytes, old: bytes, pieces: Sequence[Piece]) -> bytes:
    """The compressed record of `block`, which `pieces` cover exactly; sources are offsets in `old`."""
    control = _encode_pieces(pieces)
    if len(control) > _control_limit(len(block)):
        pieces = [Piece(len(block), None)]
        control = _encode_pieces(pieces)
    base = b"".join(
        bytes(piece.length) if piece.source is None else old[piece.source : piece.source + piece.length]
        for piece in pieces
    )
    difference = np.frombuffer(block, dtype=np.uint8) - np.frombuffer(base, dtype=np.uint8)
    return lzma.compress(control + difference.tobytes(), format=lzma.FORMAT_RAW, filters=_LZMA)


def decode_block(data: bytes, size_bytes: int, old_bytes: int, read_old: ReadOld) -> bytes:
    """The `size_bytes` of new image that the compressed record `data` stands for. The old image has `old_bytes`;
    nothing outside it is read."""
    record = _decompress(data, size_bytes + _control_limit(size_bytes))
    count, at = _varint(record, 0)
    base, left, cursor = [], size_bytes, 0
    for _ in range(count):
        head, at = _varint(record, at)
        length = head >> 1
        if not 0 < length <= left:
            raise _malformed("a piece overruns its block")
        left -= length
        if not head & 1:
            base.append(bytes(length))
            continue
        distance, at = _varint(record, at)
        source = cursor + (distance >> 1 ^ -(distance & 1))
        if source < 0 or source + length > old_bytes:
            raise _malformed("a piece reads outside the old image")
        base.append(read_old(source, length))
        cursor = source + length
    if left or len(record) - at != size_bytes:
        raise _malformed("a record has a wrong length")
    total = np.frombuffer(b"".join(base), dtype=np.uint8) + np.frombuffer(record, dtype=np.uint8, offset=at)
    return total.tobytes()


def _encode_pieces(pieces: Sequence[Piece]) -> bytes:
    out, cursor = [_to_varint(len(pieces))], 0
    for piece in pieces:
        out.append(_to_varint(piece.length << 1 | (piece.source is not None)))
        if piece.source is not None:
            distance = piece.source - cursor
            out.append(_to_varint(distance << 1 if distance >= 0 else (-distance << 1) - 1))
            cursor = piece.source + piece.length
    return b"".join(out)


def _control_limit(size_bytes: int) -> int:
    return 64 + size_bytes // 2


def _to_varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 7 * _LARGEST_VARINT_BYTES, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise _malformed("a number is cut or too long")


def _decompress(data: bytes, limit: int) -> bytes:
    decoder = lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=_LZMA)
    try:
        record = decoder.decompress(data, limit + 1)
    except (lzma.LZMAError, EOFError) as reason:
        raise _malformed(f"LZMA: {reason}") from None
    if not decoder.eof or decoder.unused_data or len(record) > limit:
        raise _malformed("a record is longer than its block can need, or cut")
    return record


def _malformed(what: str) -> PackageError:
    return PackageError(PackageCode.CORRUPT, f"package: block: {what}")
