"""What differs between two moments of one flash, sector by sector, for whoever keeps a flash outside the process.

Chunks are interned, so equal ones are one object: what nobody wrote costs one comparison for 64 sectors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b

from sim.flash import cells
from sim.flash.cells import SECTORS_PER_CHUNK, Chunk
from sim.flash.nor import NorSnapshot


@dataclass(frozen=True, slots=True)
class Sector:
    """One sector: its number, how often it was erased, what it holds."""

    number: int
    erases: int
    content: bytes = field(repr=False)


def changed(old: NorSnapshot, new: NorSnapshot) -> Iterator[Sector]:
    """Sectors whose content or wear differs; both snapshots are of the same part."""
    for index, (before, after) in enumerate(zip(old.chunks, new.chunks, strict=True)):
        if before is after:
            continue
        for slot, content in enumerate(after.sectors):
            if content is not before.sectors[slot] or after.erases[slot] != before.erases[slot]:
                yield Sector(index * SECTORS_PER_CHUNK + slot, after.erases[slot], content)


def with_sectors(base: NorSnapshot, sectors: Iterable[Sector], ops: int, busy_us: int) -> NorSnapshot:
    """The base with some of its sectors replaced, and the counters of a later moment."""
    by_chunk: dict[int, list[Sector]] = {}
    for sector in sectors:
        by_chunk.setdefault(sector.number // SECTORS_PER_CHUNK, []).append(sector)
    chunks = list(base.chunks)
    for index, found in by_chunk.items():
        contents, erases = list(chunks[index].sectors), list(chunks[index].erases)
        for sector in found:
            slot = sector.number % SECTORS_PER_CHUNK
            contents[slot], erases[slot] = sector.content, sector.erases
        chunks[index] = cells.seal(contents, erases)
    return NorSnapshot(cells.shared(tuple(chunks)), ops, busy_us)


def digest(snapshot: NorSnapshot) -> str:
    """What all cells hold, in 16 bytes of hex; wear and counters are no part of it."""
    return blake2b(b"".join(map(_content, snapshot.chunks)), digest_size=16).hexdigest()


@lru_cache(maxsize=4096)
def _content(chunk: Chunk) -> bytes:
    """Remembered, because the devices of a fleet share most chunks."""
    return blake2b(b"".join(chunk.sectors), digest_size=16).digest()
