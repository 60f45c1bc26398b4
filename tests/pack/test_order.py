"""Steps in their order, applied in place on one buffer, never miss old data that an earlier step destroyed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.kernel.seeds import stream
from sim.pack.order import arrange, split
from sim.pack.patch import Piece, decode_block, encode_block, match

BLOCK = 256


def apply_in_place(old: bytes, new: bytes, pieces: list[Piece], block_bytes: int = BLOCK) -> list[list[Piece]]:
    """Build the new image over the old one, step by step, and check it. Returns the pieces of each step."""
    flash = bytearray(old.ljust(len(new), b"\xff"))
    blocks = split(pieces, block_bytes)
    written = [new[at : at + block_bytes] != flash[at : at + block_bytes] for at in range(0, len(new), block_bytes)]
    steps = arrange(blocks, written, block_bytes)
    assert sorted(block for block, _ in steps) == [n for n, wanted in enumerate(written) if wanted]
    for block, parts in steps:
        content = new[block * block_bytes : (block + 1) * block_bytes]
        record = encode_block(content, old, parts)
        made = decode_block(record, len(content), len(old), lambda at, n: bytes(flash[at : at + n]))
        flash[block * block_bytes : block * block_bytes + len(content)] = made
    assert bytes(flash[: len(new)]) == new
    return [parts for _, parts in steps]


def literal_bytes(steps: list[list[Piece]]) -> int:
    return sum(piece.length for parts in steps for piece in parts if piece.source is None)


SMALL_EDIT = st.tuples(st.sampled_from(["insert", "delete", "swap", "change"]), st.integers(0, 4000))


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32), st.lists(SMALL_EDIT, min_size=1, max_size=6), st.sampled_from([64, 256, 1024]))
def test_shifted_and_rearranged_images_are_rebuilt_in_place(seed, edits, block_bytes):
    rng = stream(seed, "order", "edits")
    old = rng.randbytes(4000)
    new = old
    for kind, at in edits:
        if kind == "insert":
            new = new[:at] + rng.randbytes(rng.randrange(1, 300)) + new[at:]
        elif kind == "delete":
            new = new[:at] + new[at + rng.randrange(1, 300) :]
        elif kind == "swap":
            new = new[at:] + new[:at]
        else:
            new = new[:at] + rng.randbytes(2) + new[at + 2 :]
    apply_in_place(old, new or b"\0", match(old, new or b"\0"), block_bytes)


@settings(max_examples=100, deadline=None)
@given(st.permutations(range(12)), st.integers(0, 2**32))
def test_any_permutation_of_blocks_is_rebuilt_in_place(order, seed):
    """Whole circles of blocks that wait for each other."""
    old = stream(seed, "order", "blocks").randbytes(12 * BLOCK)
    new = b"".join(old[source * BLOCK : (source + 1) * BLOCK] for source in order)
    steps = apply_in_place(old, new, [Piece(BLOCK, source * BLOCK) for source in order])
    circles, seen = 0, set()
    for start in range(12):
        if start not in seen and order[start] != start:
            circles += 1
            while start not in seen:
                seen.add(start)
                start = order[start]
    assert literal_bytes(steps) == circles * BLOCK  # one block per circle, no more


@pytest.mark.parametrize("shift", [1, 40, 255, 257, 1000])
def test_a_plain_shift_either_way_costs_no_literals_but_the_inserted_bytes(shift):
    old = stream(0, "order", "shift").randbytes(5000)
    inserted = bytes(shift)
    later = [Piece(shift, None), Piece(5000, 0)]
    assert literal_bytes(apply_in_place(old, inserted + old, later)) == shift
    earlier = [Piece(5000 - shift, shift)]
    assert literal_bytes(apply_in_place(old, old[shift:], earlier)) == 0


def test_unchanged_blocks_are_no_steps_and_may_be_read_at_any_time():
    old = stream(0, "order", "unchanged").randbytes(4 * BLOCK)
    new = old[:BLOCK] + old[:BLOCK] + old[2 * BLOCK : 3 * BLOCK] + old[:BLOCK]
    pieces = [Piece(BLOCK, 0), Piece(BLOCK, 0), Piece(BLOCK, 2 * BLOCK), Piece(BLOCK, 0)]
    steps = apply_in_place(old, new, pieces)
    assert len(steps) == 2
    assert literal_bytes(steps) == 0
