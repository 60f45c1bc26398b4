"""The codec: bytes as docs/film.md has them, the same values back, and words for what is damaged."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import SpecError
from sim.film.entries import (
    BLOCK_MAX_BYTES,
    EVENTS,
    OPS,
    Block,
    Event,
    Ops,
    Splitter,
    States,
    blocks_of,
    last_entry,
    pack_events,
    unpack_events,
    unpack_ops,
    unpack_states,
)

U8, U16, U32 = (st.integers(0, 2**bits - 1) for bits in (8, 16, 32))
ROWS = st.lists(st.tuples(U32, st.integers(0, 2**53), U32, U16, st.integers(0, 3), st.integers(0, 5)), max_size=20)


def ops_of(device: int, rows: list[tuple[int, ...]]) -> Ops:
    ops = Ops(device)
    for row in rows:
        ops.add(*row)
    return ops


def test_the_bytes_of_operations() -> None:
    block = ops_of(7, [(5, 1_500_000, 4096, 16, 0, 0), (6, 1_500_000, 4096, 1, 1, 2)]).pack()
    assert block.kind == OPS
    assert block.body == (
        pack("<II", 7, 2) + pack("<II", 5, 6) + pack("<dd", 1.5e6, 1.5e6)
        + pack("<II", 4096, 4096) + pack("<HH", 16, 1) + bytes([0, 1]) + bytes([0, 2])
    )  # fmt: skip
    assert block.packed() == pack("<IB", len(block.body), 2) + block.body


def test_the_bytes_of_states() -> None:
    states = States(2e6, 9, {1: 3, 70000: 12}, whole=True)
    assert states.pack() == Block(4, pack("<dII", 2e6, 9, 2) + pack("<II", 1, 70000) + bytes([3, 12]))
    assert States(0.0, 0, {}).pack().kind == 3


@given(device=U32, rows=ROWS)
def test_operations_come_back(device: int, rows: list[tuple[int, ...]]) -> None:
    again = unpack_ops(ops_of(device, rows).pack())
    assert again.device == device
    assert list(zip(*again.columns, strict=True)) == rows


@given(of=st.dictionaries(U32, U8, max_size=20), at_us=st.integers(0, 2**53), n=U32, whole=st.booleans())
def test_states_come_back(of: dict[int, int], at_us: int, n: int, whole: bool) -> None:
    states = States(float(at_us), n, of, whole)
    assert unpack_states(states.pack()) == states


@given(text=st.text(max_size=30), n=U32)
def test_events_come_back(text: str, n: int) -> None:
    events = [Event(n, 5, -1, 0, "print", {"text": text, "track": "x"}, "Something is printed.")]
    block = pack_events(events)
    assert (block.kind, unpack_events(block), last_entry(block)) == (EVENTS, events, n)


@pytest.mark.parametrize(
    "block",
    [
        Block(EVENTS, b"[[1]]"),
        Block(EVENTS, b"nothing"),
        Block(EVENTS, b"\xff"),
        Block(OPS, b"\0"),
        Block(OPS, pack("<II", 0, 2**31)),
        Block(3, b"\0" * 15),
        Block(4, pack("<dII", 0, 0, 5)),
    ],
)
def test_what_is_damaged_is_said(block: Block) -> None:
    with pytest.raises(SpecError, match="the film is damaged"):
        last_entry(block)


def test_a_block_of_any_length_is_not_waited_for() -> None:
    with pytest.raises(SpecError, match="damaged"):
        list(Splitter().feed(pack("<IB", BLOCK_MAX_BYTES + 1, 1)))
    with pytest.raises(SpecError, match="in the middle"):
        blocks_of(b"\x05\0\0\0\x01ab")
