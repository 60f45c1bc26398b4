"""The bytes of a film: blocks, each `u32 length of body, u8 kind, body`, little-endian (docs/film.md).

Entries are numbered from 1, events and flash operations of filmed devices alike; a block holds entries of one kind, and
blocks come in an order in which no entry of a block is older than all of the block before it. Rules: a codec only: it
knows neither a run nor a socket. What it reads was written by anybody: a block that is not whole is a SpecError.
"""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, NamedTuple

from sim.errors import SpecError

HEAD, EVENTS, OPS, STATES, ALL_STATES, COUNTS, END, FAILURE, CELLS = 0, 1, 2, 3, 4, 5, 6, 7, 8
"""Kinds of blocks. HEAD and CELLS are between a run and whoever keeps its film; no page is told them."""
ERASED, PROGRAMMED, TORN_ERASE, TORN_PROGRAM = 0, 1, 2, 3
"""What a flash operation was."""
BLOCK_MAX_BYTES = 64 * 1024 * 1024
"""ESTIMATE: the events of a large fleet between two looks take a few megabytes."""

_PREFIX = Struct("<IB")
PREFIX_BYTES = _PREFIX.size
_PAIR = Struct("<II")
_TICK = Struct("<dII")


class Event(NamedTuple):
    """A trace record as it is filmed. `device` is its number in the head, -1 for the cloud and its jobs."""

    n: int
    at_us: int
    device: int
    seq: int
    kind: str
    data: dict[str, Any]
    say: str


class Block(NamedTuple):
    """One block, its body still packed."""

    kind: int
    body: bytes

    def packed(self) -> bytes:
        """As it stands in a tape."""
        return _PREFIX.pack(len(self.body), self.kind) + self.body


@dataclass(slots=True)
class Ops:
    """Flash operations of one device, by column: number, time, first page, pages, what it was, their class after it."""

    device: int
    n: array[int] = field(default_factory=lambda: array("I"))
    at_us: array[float] = field(default_factory=lambda: array("d"))
    page: array[int] = field(default_factory=lambda: array("I"))
    pages: array[int] = field(default_factory=lambda: array("H"))
    op: array[int] = field(default_factory=lambda: array("B"))
    after: array[int] = field(default_factory=lambda: array("B"))

    def __len__(self) -> int:
        return len(self.n)

    @property
    def columns(self) -> tuple[array[Any], ...]:
        """In the order in which they are packed."""
        return self.n, self.at_us, self.page, self.pages, self.op, self.after

    def add(self, n: int, at_us: int, page: int, pages: int, op: int, after: int) -> None:
        """One more operation."""
        for column, value in zip(self.columns, (n, at_us, page, pages, op, after), strict=True):
            column.append(value)

    def pack(self) -> Block:
        """The block of these operations."""
        return Block(OPS, _PAIR.pack(self.device, len(self)) + b"".join(map(_little, self.columns)))


class States(NamedTuple):
    """States of devices at a time, after entry `n`: device number → number of its state in the head."""

    at_us: float
    n: int
    of: dict[int, int]
    whole: bool = False

    def pack(self) -> Block:
        """The block of these states."""
        head = _TICK.pack(self.at_us, self.n, len(self.of))
        devices, states = array("I", self.of.keys()), bytes(self.of.values())
        return Block(ALL_STATES if self.whole else STATES, head + _little(devices) + states)


def pack_events(events: Sequence[Event]) -> Block:
    """The block of these events."""
    return Block(EVENTS, compact(events).encode())


def pack_json(kind: int, value: Any) -> Block:
    """A block of one JSON value."""
    return Block(kind, compact(value).encode())


def unpack_events(block: Block) -> list[Event]:
    """The events of a block."""
    try:
        return [Event(*row) for row in json.loads(block.body)]
    except (ValueError, TypeError):
        raise SpecError("the film is damaged: a block of events is none") from None


def unpack_json(block: Block) -> Any:
    """The value of a block of JSON."""
    try:
        return json.loads(block.body)
    except ValueError:
        raise SpecError(f"the film is damaged: block of kind {block.kind} is no JSON") from None


def unpack_ops(block: Block) -> Ops:
    """The operations of a block."""
    body = block.body
    if len(body) < _PAIR.size:
        raise SpecError("the film is damaged: a block of flash operations is too short")
    device, count = _PAIR.unpack_from(body)
    ops, at = Ops(device), _PAIR.size
    if len(body) != at + count * sum(column.itemsize for column in ops.columns):
        raise SpecError("the film is damaged: a block of flash operations has another length than it says")
    for column in ops.columns:
        end = at + count * column.itemsize
        column.frombytes(body[at:end])
        if sys.byteorder == "big":
            column.byteswap()
        at = end
    return ops


def unpack_states(block: Block) -> States:
    """The states of a block."""
    body = block.body
    if len(body) < _TICK.size:
        raise SpecError("the film is damaged: a block of states is too short")
    at_us, n, count = _TICK.unpack_from(body)
    if len(body) != _TICK.size + 5 * count:
        raise SpecError("the film is damaged: a block of states has another length than it says")
    devices = array("I")
    devices.frombytes(body[_TICK.size : _TICK.size + 4 * count])
    if sys.byteorder == "big":
        devices.byteswap()
    return States(at_us, n, dict(zip(devices, body[-count:] if count else b"", strict=True)), block.kind == ALL_STATES)


def last_entry(block: Block) -> int:
    """The number of the last entry in a block, or that it follows; 0 when it holds none."""
    match block.kind:
        case 1:
            events = unpack_events(block)
            return events[-1].n if events else 0
        case 2:
            ops = unpack_ops(block)
            return ops.n[-1] if len(ops) else 0
        case 3 | 4:
            return unpack_states(block).n
    return 0


class Splitter:
    """Cuts a stream of bytes into blocks, whichever pieces it comes in."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def feed(self, data: bytes) -> Iterator[Block]:
        """The blocks that are complete with this piece. SpecError for one that is larger than any can be."""
        self._waiting += data
        at = 0
        try:
            while len(self._waiting) - at >= _PREFIX.size:
                length, kind = _PREFIX.unpack_from(self._waiting, at)
                if length > BLOCK_MAX_BYTES:
                    raise SpecError(f"the film is damaged: a block of {length} bytes")
                end = at + _PREFIX.size + length
                if len(self._waiting) < end:
                    break
                body = bytes(self._waiting[at + _PREFIX.size : end])
                at = end
                yield Block(kind, body)
        finally:
            del self._waiting[:at]

    @property
    def empty(self) -> bool:
        """Whether the stream stands between two blocks."""
        return not self._waiting


def blocks_of(tape: bytes) -> list[Block]:
    """The blocks of a whole tape. SpecError when it ends within one."""
    splitter = Splitter()
    blocks = list(splitter.feed(tape))
    if not splitter.empty:
        raise SpecError("the film is damaged: it ends in the middle of a block")
    return blocks


def _little(column: array[Any]) -> bytes:
    if sys.byteorder == "big":
        column = array(column.typecode, column)
        column.byteswap()
    return column.tobytes()


compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False).encode
