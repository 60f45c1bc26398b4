"""What the cells of one flash hold and how often each sector was erased, as seen from outside the emulated world.

Here is no time, no op and no power: nor.py has those, and says what may be done to cells. Sectors are in chunks
(cells.py); a flash that nobody writes to has sealed ones only, which it shares with every equal flash. Rules: whoever
changes cells raises `edition`; what is written in whole sectors into a sealed chunk makes another sealed one; whatever
else is written opens a chunk, until `seal`.
"""

from __future__ import annotations

from collections.abc import Hashable

from sim.errors import FlashError
from sim.flash import cells
from sim.flash.cells import SECTORS_PER_CHUNK, Chunk, OpenChunk, Run
from sim.flash.countdown import erases_of
from sim.flash.part import FlashPart

OPEN_CHUNKS = 4  # chunks of one flash that may be open at a time; the next one seals them

Stretches = tuple[tuple[int, int], ...]
"""Address and length of each."""


class Contents:
    """The cells of one part: erased, never worn. `edition` changes whenever they may have changed."""

    __slots__ = ("_chunks", "_open", "edition", "part")

    def __init__(self, part: FlashPart) -> None:
        self.part = part
        self.edition = 0
        self._chunks: tuple[Chunk, ...] | list[Chunk | OpenChunk] = cells.blank_chunks(part.sectors, part.sector_bytes)
        self._open: tuple[int, ...] = ()  # numbers of the open chunks; not empty only if _chunks is a list

    @property
    def size_bytes(self) -> int:
        return self.part.size_bytes

    def load(self, address: int, data: bytes) -> None:
        """Put bytes into the cells, as the factory's programmer does."""
        self._check_range(address, len(data))
        part, before = self.part, address % self.part.sector_bytes
        if before:
            data = self.image(address - before, before) + data
            address -= before
        end = address + len(data)
        kept = self.image(end, -end % part.sector_bytes)
        index, slot = divmod(address // part.sector_bytes, SECTORS_PER_CHUNK)
        for run in cells.split(bytes(data), slot, part.sector_bytes, part.page_bytes).runs:
            self._put(index, slot, run, worn=False)
            index, slot = index + 1, 0
        if kept.count(255) != len(kept):  # the last sector was filled up with blanks
            chunk, slot = self._opened(end // part.sector_bytes)
            chunk.sectors[slot] = chunk.sectors[slot][: -len(kept)] + kept
        self.seal()

    def image(self, address: int, length: int) -> bytes:
        """The bytes as they are."""
        sector_bytes = self.part.sector_bytes
        if address < 0 or length < 0 or address + length > self.part.size_bytes:
            self._check_range(address, length)
        number, offset = divmod(address, sector_bytes)
        if offset + length <= sector_bytes and length:
            index, slot = divmod(number, SECTORS_PER_CHUNK)
            return self._chunks[index].sectors[slot][offset : offset + length]
        last = -(-(address + length) // sector_bytes)
        pieces = b"".join(map(self._sector, range(number, last)))
        return pieces[offset : offset + length]

    def sectors(self, address: int, length: int) -> tuple[bytes, ...]:
        """The whole sectors that hold these bytes: a name for them that costs no copy. `address` is aligned."""
        found: list[bytes] = []
        for index, first, last in self._spans(address, length):
            found += self._chunks[index].sectors[first:last]
        return tuple(found)

    def pieces(self, stretches: Stretches) -> tuple[tuple[Hashable, ...], ...]:
        """A name for what these stretches hold that is quick to look up: the chunks they are in. Equal names are equal
        bytes, while equal bytes may have several names."""
        spans = cells.chunks_of(stretches, self.part.sector_bytes)
        if not self._open:
            chunks = self.seal()
            return tuple([chunks[first:last] for first, last in spans])
        return tuple([tuple(map(cells.name_of, self._chunks[first:last])) for first, last in spans])

    def held(self, address: int, length: int) -> tuple[Hashable, ...]:
        """A name for the sectors that hold these bytes: equal sectors have equal names, whatever their wear and their
        neighbours. `address` is aligned."""
        found: list[Hashable] = []
        for index, first, last in self._spans(address, length):
            chunk = self._chunks[index]
            if last - first < len(chunk.sectors):
                found.append(tuple(chunk.sectors[first:last]))
            else:
                found.append(chunk.held if isinstance(chunk, Chunk) else cells.seal(chunk.sectors, chunk.erases).held)
        return tuple(found)

    def erase_counts(self, address: int, length: int) -> tuple[int, ...]:
        """How often each of these sectors was erased."""
        found: list[int] = []
        for index, first, last in self._spans(address, length):
            found += self._chunks[index].erases[first:last]
        return tuple(found)

    def agrees(self, chunks: tuple[Chunk, ...], address: int, length: int) -> bool:
        """Whether these sectors hold what they hold in `chunks`, whatever their wear. `address` is aligned."""
        for index, first, last in self._spans(address, length):
            mine, theirs = self._chunks[index], chunks[index]
            if mine is not theirs and tuple(mine.sectors[first:last]) != theirs.sectors[first:last]:
                return False
        return True

    def _spans(self, address: int, length: int) -> tuple[tuple[int, int, int], ...]:
        sector_bytes = self.part.sector_bytes
        return cells.spans(address // sector_bytes, -(-(address + length) // sector_bytes))

    def erase_count(self, sector: int) -> int:
        """How often sector number `sector` was erased."""
        index, slot = divmod(sector, SECTORS_PER_CHUNK)
        return self._chunks[index].erases[slot]

    def all_erases(self) -> int:
        """Erases of all sectors together."""
        return erases_of(self._chunks)

    def max_erase_count(self) -> int:
        """Erases of the most worn sector."""
        return max([chunk.most_erases for chunk in self._chunks])

    def seal(self) -> tuple[Chunk, ...]:
        """Give back private working memory. To be called when nothing more will be written for a while."""
        chunks = self._chunks
        if isinstance(chunks, list):
            for index in self._open:
                chunks[index] = cells.seal(chunks[index].sectors, chunks[index].erases)
            self._chunks = chunks = cells.shared(tuple(chunks))
            self._open = ()
        return chunks

    # -- for whoever writes ---------------------------------------------------------------------------------

    def _sector(self, number: int) -> bytes:
        index, slot = divmod(number, SECTORS_PER_CHUNK)
        return self._chunks[index].sectors[slot]

    def _opened(self, sector: int) -> tuple[OpenChunk, int]:
        """The open chunk that holds a sector, to be written to, and the sector's place in it."""
        self.edition += 1
        index, slot = divmod(sector, SECTORS_PER_CHUNK)
        chunk = self._chunks[index]
        if isinstance(chunk, Chunk):
            if len(self._open) == OPEN_CHUNKS:
                self.seal()
            chunk = OpenChunk(chunk)
            self._writable()[index] = chunk
            self._open += (index,)
        return chunk, slot

    def _writable(self) -> list[Chunk | OpenChunk]:
        if isinstance(self._chunks, tuple):
            self._chunks = list(self._chunks)
        return self._chunks

    def _put(self, index: int, slot: int, run: Run, worn: bool) -> None:
        """Replace sectors of one chunk; `worn` counts an erase of each."""
        self.edition += 1
        chunks = self._chunks if isinstance(self._chunks, list) else self._writable()
        chunk = chunks[index]
        if isinstance(chunk, Chunk):
            chunks[index] = cells.rewritten(chunk, slot, run, worn)
            return
        end = slot + len(run.sectors)
        chunk.sectors[slot:end] = run.sectors
        if worn:
            chunk.erases[slot:end] = [count + 1 for count in chunk.erases[slot:end]]

    def _check_range(self, address: int, length: int) -> None:
        if address < 0 or length < 0 or address + length > self.part.size_bytes:
            raise FlashError(f"{length} bytes at 0x{address:06x} are beyond the {self.part.size_bytes} bytes of flash")
