"""A block's record gives the block back; anything else is refused, within bounded memory."""

from __future__ import annotations

import lzma
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import PackageError
from sim.kernel.seeds import stream
from sim.pack import patch
from sim.pack.codes import PackageCode
from sim.pack.patch import Piece, decode_block, encode_block, match


def compressed(record: bytes) -> bytes:
    return lzma.compress(record, format=lzma.FORMAT_RAW, filters=patch._LZMA)


def decode(data: bytes, size_bytes: int, old: bytes = b"") -> bytes:
    def read_old(offset: int, length: int) -> bytes:
        assert 0 <= offset <= offset + length <= len(old), "read outside the old image"
        return old[offset : offset + length]

    return decode_block(data, size_bytes, len(old), read_old)


def outcome(data: bytes, size_bytes: int, old: bytes) -> int:
    """How many bytes came out, or the code of the refusal."""
    try:
        return len(decode(data, size_bytes, old))
    except PackageError as refusal:
        return refusal.code


# -- malformed


@pytest.mark.parametrize(
    ("record", "size_bytes"),
    [
        (b"", 4),
        (b"\x01", 4),
        (b"\x01\x08", 4),  # no data
        (b"\x01\x08abcde", 4),  # too much data
        (b"\x01\x0aabcde", 4),  # a piece longer than the block
        (b"\x02\x08\x02abcd", 4),  # pieces longer than the block
        (b"\x01\x06abcd", 4),  # pieces shorter than the block
        (b"\x02\x00\x08abcd", 4),  # an empty piece
        (b"\x01\x09\x00abcd", 4),  # a copy from an empty image
        (b"\x01\x09\x01abcd", 4),  # a copy from before the image
        (b"\x80\x80\x80\x80\x80\x01abcd", 4),  # a number of six bytes
        (b"\xff\xff\xff\xff\x7fabcd", 4),  # more pieces than bytes
        (bytes(100_000), 4),  # a bomb
    ],
)
def test_a_malformed_record_is_refused(record, size_bytes):
    with pytest.raises(PackageError) as refusal:
        decode(compressed(record), size_bytes)
    assert refusal.value.code == PackageCode.CORRUPT


def test_a_record_that_would_fill_memory_is_refused_before_it_does():
    bomb = compressed(bytes(20_000_000))
    assert len(bomb) < 10_000
    tracemalloc.start()
    with pytest.raises(PackageError, match="longer than its block"):
        decode(bomb, 65_536)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 64), st.binary(max_size=40))
def test_arbitrary_bytes_are_a_block_or_refused(data, size_bytes, old):
    for candidate in (data, compressed(data)):
        assert outcome(candidate, size_bytes, old) in (size_bytes, PackageCode.CORRUPT)


def test_a_damaged_or_cut_record_never_raises_anything_else():
    rng = stream(0, "patch", "damage")
    old = rng.randbytes(3000)
    new = rng.randbytes(100) + old[500:2500] + rng.randbytes(1996)
    record = encode_block(new, old, match(old, new))
    for _ in range(3000):
        damaged = bytearray(record)
        damaged[rng.randrange(len(record))] ^= 1 << rng.randrange(8)
        if rng.randrange(2):
            damaged = damaged[: rng.randrange(len(damaged))]
        assert outcome(bytes(damaged), len(new), old) in (len(new), PackageCode.CORRUPT)


# -- round trips


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=600), st.binary(min_size=1, max_size=600))
def test_decode_gives_back_what_encode_was_given(old, new):
    assert decode(encode_block(new, old, match(old, new)), len(new), old) == new


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 4000), st.integers(0, 4000), st.integers(0, 4000))
def test_so_it_does_for_related_images(seed, insert_at, moved_from, moved_to):
    rng = stream(seed, "patch", "related")
    old = rng.randbytes(5000)
    new = old[:insert_at] + rng.randbytes(37) + old[insert_at:]
    new = new[:moved_from] + new[moved_from + 600 :]
    new = new[:moved_to] + old[:600] + new[moved_to:]
    pieces = match(old, new)
    assert sum(piece.length for piece in pieces) == len(new)
    assert decode(encode_block(new, old, pieces), len(new), old) == new


def test_near_copies_are_small():
    rng = stream(0, "patch", "near copies")
    old = rng.randbytes(60_000)
    new = bytearray(old)
    for _ in range(200):
        new[rng.randrange(len(new))] ^= 0x40
    record = encode_block(bytes(new), old, match(old, bytes(new)))
    assert decode(record, len(new), old) == new
    assert len(record) < 1500


def test_pieces_too_small_to_pay_become_one_literal():
    old = bytes(range(256))
    pieces = [Piece(1, source) for source in range(255, -1, -1)]
    new = bytes(old[piece.source] for piece in pieces if piece.source is not None)
    record = encode_block(new, old, pieces)
    assert decode_block(record, 256, 0, lambda *_: pytest.fail("no copy expected")) == new
