"""Shared storage of flash contents: equal sectors and equal chunks exist once in the process.

A flash is a sequence of chunks of 64 sectors. A sealed chunk is immutable and interned together with its erase
counts, so that a fleet on one image pays for it once; a chunk being written is an open copy of it. Interning is
invisible: nothing may depend on two equal values being one object, except that chunks, being interned, compare
by identity. Values that nobody holds any more are dropped.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from sys import getrefcount
from typing import NamedTuple
from weakref import WeakValueDictionary

SECTORS_PER_CHUNK = 64
SPLIT_MEMO_BYTES = 16 << 20  # images and packages whose cutting into sectors is remembered; oldest go first
REWRITTEN = 512  # chunks written to lately, each with what came of it: a fleet's packages are a few hundred such steps
_FIRST_SWEEP = 4096  # sectors in the pool before it first looks for unused ones


class Held:
    """What a chunk holds, whatever its wear: one object for equal sectors. Made only by `held`."""

    __slots__ = ("__weakref__", "sectors")

    def __init__(self, sectors: tuple[bytes, ...]) -> None:
        self.sectors = sectors


class Chunk:
    """Up to 64 sealed sectors and how often each was erased. Made only by `seal`."""

    __slots__ = ("__weakref__", "all_erases", "erases", "held", "most_erases", "sectors")

    def __init__(self, held: Held, erases: tuple[int, ...]) -> None:
        self.held = held
        self.sectors = held.sectors
        self.erases = erases
        self.all_erases = sum(erases)
        self.most_erases = max(erases)


class OpenChunk:
    """A chunk being written: private lists of what a `Chunk` holds in tuples."""

    __slots__ = ("erases", "sectors")

    def __init__(self, chunk: Chunk) -> None:
        self.sectors = list(chunk.sectors)
        self.erases = list(chunk.erases)

    @property
    def all_erases(self) -> int:
        """Of its sectors together."""
        return sum(self.erases)

    @property
    def most_erases(self) -> int:
        """Of the most worn one."""
        return max(self.erases)


@dataclass(slots=True, eq=False)
class Run:
    """Data cut at sector borders within one chunk: its sectors, and how many pages of them are not blank. A key by
    identity, since data that is written often is cut once."""

    sectors: tuple[bytes, ...]
    programs: int


class Pieces(NamedTuple):
    """Data cut into runs, and what it takes to write them: sectors to erase, pages to program."""

    runs: tuple[Run, ...]
    erases: int
    programs: int


class _SectorPool:
    """One object for each distinct sector. Sweeps out unused ones whenever it has doubled."""

    def __init__(self) -> None:
        self._sectors: dict[bytes, bytes] = {}
        self._sweep_at = _FIRST_SWEEP

    def __len__(self) -> int:
        return len(self._sectors)

    def one(self, sector: bytes) -> bytes:
        known = self._sectors.setdefault(sector, sector)
        if len(self._sectors) > self._sweep_at:
            self.sweep()
        return known

    def all_of(self, sectors: Sequence[bytes]) -> tuple[bytes, ...]:
        """The same for each of several."""
        known = tuple(map(self._sectors.setdefault, sectors, sectors))
        if len(self._sectors) > self._sweep_at:
            self.sweep()
        return known

    def sweep(self) -> None:
        for sector in _only_pooled(self._sectors):
            del self._sectors[sector]
        self._sweep_at = max(_FIRST_SWEEP, 2 * len(self._sectors))


def _only_pooled(sectors: dict[bytes, bytes]) -> list[bytes]:
    return [sector for sector in sectors if getrefcount(sector) <= _POOL_REFERENCES]


def _count_pool_references() -> int:
    """What `getrefcount` says, in the very form of `_only_pooled`, of a sector that only the pool holds."""
    pool = {sector: sector for sector in (bytes(range(256)) * 16,)}
    counts = [getrefcount(sector) for sector in pool]
    return counts[0]


_POOL_REFERENCES = _count_pool_references()
_sectors = _SectorPool()
_held: WeakValueDictionary[tuple[bytes, ...], Held] = WeakValueDictionary()
_chunks: WeakValueDictionary[tuple[Held, tuple[int, ...]], Chunk] = WeakValueDictionary()
_splits: OrderedDict[tuple[int, int, int, int], tuple[bytes, Pieces]] = OrderedDict()
_split_bytes = 0


@lru_cache(maxsize=32)
def erased_sector(sector_bytes: int) -> bytes:
    """The one erased sector of this size."""
    return _sectors.one(b"\xff" * sector_bytes)


def shared_sector(sector: bytes) -> bytes:
    """The one sector of these bytes."""
    return _sectors.one(sector)


def held(sectors: tuple[bytes, ...]) -> Held:
    """The one object for these sectors, which come from the pool: from `split`, or from another chunk."""
    known = _held.get(sectors)
    if known is None:
        known = _held[sectors] = Held(sectors)
    return known


def seal(sectors: Iterable[bytes], erases: Iterable[int]) -> Chunk:
    """The one chunk that holds these sectors and erase counts."""
    sectors = tuple(sectors)
    if sectors not in _held:
        sectors = _sectors.all_of(sectors)
    return seal_split(sectors, tuple(erases))


def seal_split(sectors: tuple[bytes, ...], erases: tuple[int, ...]) -> Chunk:
    """As `seal`, for sectors that come from the pool."""
    name = (held(sectors), erases)
    known = _chunks.get(name)
    if known is None:
        known = _chunks[name] = Chunk(*name)
    return known


@lru_cache(maxsize=4096)
def spans(number: int, last: int) -> tuple[tuple[int, int, int], ...]:
    """Numbers of the chunks that hold the sectors from `number` to `last`, not included, and from where to where."""
    found = []
    while number < last:
        index, slot = divmod(number, SECTORS_PER_CHUNK)
        end = min(SECTORS_PER_CHUNK, slot + last - number)
        found.append((index, slot, end))
        number += end - slot
    return tuple(found)


@lru_cache(maxsize=4096)
def chunks_of(stretches: tuple[tuple[int, int], ...], sector_bytes: int) -> tuple[tuple[int, int], ...]:
    """Numbers of the first chunk that holds some of each stretch, and of the first behind it."""
    chunk_bytes = SECTORS_PER_CHUNK * sector_bytes
    return tuple([(start // chunk_bytes, -(-(start + length) // chunk_bytes)) for start, length in stretches])


def name_of(chunk: Chunk | OpenChunk) -> Hashable:
    """A sealed chunk names itself; an open one is named by what it holds now."""
    return chunk if isinstance(chunk, Chunk) else tuple(chunk.sectors)


def carried_over(own: Chunk, before: Chunk, after: Chunk) -> Chunk:
    """What work that made `after` of `before` makes of `own`, which held the same where that work wrote: its sectors,
    and its wear on top of the wear that is there."""
    if after is before:
        return own
    if own is before:
        return after
    sectors = zip(own.sectors, before.sectors, after.sectors, strict=True)
    erases = zip(own.erases, before.erases, after.erases, strict=True)
    return seal(
        [mine if new == old else new for mine, old, new in sectors],
        [mine + new - old for mine, old, new in erases],
    )


@lru_cache(maxsize=REWRITTEN)
def rewritten(chunk: Chunk, slot: int, run: Run, worn: bool) -> Chunk:
    """The chunk with a run in the place of the sectors from `slot` on; `worn` counts an erase of each.

    Remembered, because the devices of a fleet write the same into equal chunks, one after the other.
    """
    sectors, erases = run.sectors, chunk.erases
    end = slot + len(sectors)
    if worn:
        erases = (*erases[:slot], *[count + 1 for count in erases[slot:end]], *erases[end:])
    return seal_split((*chunk.sectors[:slot], *sectors, *chunk.sectors[end:]), erases)


@lru_cache(maxsize=1024)
def shared(chunks: tuple[Chunk, ...]) -> tuple[Chunk, ...]:
    """The one tuple of these chunks; of the flashes last seen, so that equal ones share it."""
    return chunks


@lru_cache(maxsize=64)
def blank_chunks(sectors: int, sector_bytes: int) -> tuple[Chunk, ...]:
    """The chunks of a new flash: all erased, never worn."""
    blank = erased_sector(sector_bytes)
    counts = [min(SECTORS_PER_CHUNK, sectors - first) for first in range(0, sectors, SECTORS_PER_CHUNK)]
    return tuple(seal([blank] * count, [0] * count) for count in counts)


def split(data: bytes, slot: int, sector_bytes: int, page_bytes: int) -> Pieces:
    """Cut data at the sectors of the chunks it falls into, the first sector being number `slot` of its chunk.

    The last sector is filled up with 0xFF. The result is remembered by the identity of `data`.
    """
    global _split_bytes
    name = (id(data), slot, sector_bytes, page_bytes)
    known = _splits.get(name)
    if known is not None:
        return known[1]
    runs = tuple(_runs(data, slot, sector_bytes, page_bytes))
    pieces = Pieces(runs, sum([len(run.sectors) for run in runs]), sum([run.programs for run in runs]))
    _splits[name] = (data, pieces)  # holding `data` keeps its id from being used again
    _split_bytes += len(data)
    while _split_bytes > SPLIT_MEMO_BYTES:
        _split_bytes -= len(_splits.popitem(last=False)[1][0])
    return pieces


def _runs(data: bytes, slot: int, sector_bytes: int, page_bytes: int) -> Iterable[Run]:
    start = 0
    while start < len(data):
        end = start + (SECTORS_PER_CHUNK - slot) * sector_bytes
        block = data[start:end]
        block += b"\xff" * (-len(block) % sector_bytes)
        pieces = [block[at : at + sector_bytes] for at in range(0, len(block), sector_bytes)]
        yield Run(_sectors.all_of(pieces), programs(block, page_bytes))
        start, slot = end, 0


def programs(block: bytes, page_bytes: int) -> int:
    """How many pages of the block, which begins with one, are not blank."""
    blank = b"\xff" * page_bytes
    if len(block) % page_bytes == 0 and blank not in block:
        return len(block) // page_bytes
    pages = [block[at : at + page_bytes] for at in range(0, len(block), page_bytes)]
    return sum([page.count(255) != len(page) for page in pages])
