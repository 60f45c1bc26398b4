"""A film as it is kept: its head, and its blocks in the groups in which they came. It grows until its end has come.

Rules: what a film shows never changes; it only gets longer. Groups are whole or not there: whoever reads sees every
entry up to a number, and none beyond.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sim.errors import SpecError
from sim.film.entries import (
    ALL_STATES,
    CELLS,
    COUNTS,
    END,
    EVENTS,
    FAILURE,
    HEAD,
    OPS,
    PREFIX_BYTES,
    STATES,
    Block,
    States,
    last_entry,
    unpack_json,
    unpack_states,
)

Json = dict[str, Any]
LAG_GROUPS = 20
"""Whoever is behind by more gets the states of them at once."""


class Group(NamedTuple):
    """Blocks that belong together: all entries up to number `n` are in them and in those before."""

    n: int
    entries: bytes
    states: tuple[Block, ...]
    counts: bytes

    @property
    def packed(self) -> bytes:
        return self.entries + b"".join(block.packed() for block in self.states) + self.counts


class Film:
    """One film; `head` is {} until it has come, `result` None until its end has."""

    def __init__(self) -> None:
        self.head: Json = {}
        self.groups: list[Group] = []
        self.result: Json | None = None
        self.cells: Json = {}
        """What the flashes of filmed devices held at the end: device number → a digest of each sector."""
        self.failure = ""
        """Why it broke off, for people."""
        self._waiting: list[Block] = []
        self._states: dict[int, int] = {}
        self._told = (0.0, 0)  # time and entry of the states

    @property
    def n(self) -> int:
        """The number of its last entry."""
        return self.groups[-1].n if self.groups else 0

    @property
    def growing(self) -> bool:
        return self.result is None and not self.failure

    def add(self, block: Block) -> None:
        """Take the next block. SpecError for one that cannot be."""
        match block.kind:
            case 0:
                self.head = _object(block)
            case 1 | 2 | 3 | 4:
                self._waiting.append(block)
            case 5:
                self._end_group(block)
            case 6:
                self.result = _object(block)
            case 7:
                self.failure = str(_object(block).get("message", "it broke off"))
            case 8:
                self.cells = _object(block)

    def tape(self, from_n: int = 1) -> Iterator[bytes]:
        """Its blocks from the group on that holds entry `from_n`, states of all devices first; and its end."""
        start = next((at for at, group in enumerate(self.groups) if group.n >= from_n), len(self.groups))
        if start:
            yield self._states_before(start).pack().packed()
        for group in self.groups[start:]:
            yield group.packed
        if self.result is not None:
            yield self.end.packed()

    def since(self, groups: int) -> bytes:
        """What has come since there were so many groups; for whoever is far behind, states and counts at once."""
        late = self.groups[groups:]
        if len(late) <= LAG_GROUPS:
            return b"".join(group.packed for group in late)
        entries = b"".join(group.entries for group in late)
        now = States(self._told[0], self._told[1], self._states, whole=True)
        return entries + now.pack().packed() + late[-1].counts

    @property
    def end(self) -> Block:
        """Its last block."""
        return _json_block(END, self.result)

    def described(self) -> Json:
        """The head as pages get it."""
        return self.head | {
            "growing": self.growing,
            "result": self.result,
            "entries": self.n,
            "end_us": self.end_us,
            "failure": self.failure or None,
        }

    @property
    def end_us(self) -> int:
        """Simulation time of its edge."""
        return int((self.result or self.counts).get("t", 0))

    @property
    def counts(self) -> Json:
        """What was counted up to its edge."""
        return dict(unpack_json(Block(COUNTS, self.groups[-1].counts[PREFIX_BYTES:]))) if self.groups else {}

    def blocks(self) -> Iterator[Block]:
        """All of it, as it was taken."""
        from sim.film.entries import blocks_of

        yield _json_block(HEAD, self.head)
        for group in self.groups:
            yield from blocks_of(group.packed)
        if self.cells:
            yield _json_block(CELLS, self.cells)
        if self.failure:
            yield _json_block(FAILURE, {"message": self.failure})
        if self.result is not None:
            yield self.end

    def _end_group(self, counts: Block) -> None:
        n = _object(counts).get("n")
        if not isinstance(n, int) or n < self.n or any(last_entry(block) > n for block in self._waiting):
            raise SpecError("the film is damaged: its entries do not follow one another")
        entries = b"".join(block.packed() for block in self._waiting if block.kind in (EVENTS, OPS))
        states = tuple(block for block in self._waiting if block.kind in (STATES, ALL_STATES))
        for block in states:
            told = unpack_states(block)
            self._states.update(told.of)
            self._told = told.at_us, told.n
        self.groups.append(Group(n, entries, states, counts.packed()))
        self._waiting = []

    def _states_before(self, groups: int) -> States:
        found, at_us, n = {}, 0.0, 0
        for group in self.groups[:groups]:
            for block in group.states:
                told = unpack_states(block)
                found.update(told.of)
                at_us, n = told.at_us, told.n
        return States(at_us, n, found, whole=True)


def _object(block: Block) -> Json:
    value = unpack_json(block)
    if not isinstance(value, dict):
        raise SpecError(f"the film is damaged: block of kind {block.kind} is no object")
    return value


def _json_block(kind: int, value: Any) -> Block:
    from sim.film.entries import pack_json

    return pack_json(kind, value)
