"""In what order blocks are written in place, and what must become literal for that.

Writing block b destroys the old data under it. So every block that copies from there must be written before b, and
b may copy from itself, for it is put together elsewhere first. Where blocks wait for each other in a circle, the
cheapest copies are turned into literals. Result: applying the steps in order reads only old data that is intact.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Sequence

from sim.pack.patch import Piece


def split(pieces: Sequence[Piece], block_bytes: int) -> list[list[Piece]]:
    """The pieces of each target block. Every copy lies within one source block, too."""
    blocks: list[list[Piece]] = []
    at = 0
    for piece in pieces:
        done = 0
        while done < piece.length:
            if at % block_bytes == 0:
                blocks.append([])
            length = min(piece.length - done, block_bytes - at % block_bytes)
            source = None
            if piece.source is not None:
                source = piece.source + done
                length = min(length, block_bytes - source % block_bytes)
            blocks[-1].append(Piece(length, source))
            at += length
            done += length
    return blocks


def arrange(
    blocks: Sequence[Sequence[Piece]], written: Sequence[bool], block_bytes: int
) -> list[tuple[int, list[Piece]]]:
    """(block number, its pieces) of the blocks that are to be written, in a safe order."""
    readers, waits = _readers(blocks, written, block_bytes)
    ready = [block for block, wanted in enumerate(written) if wanted and not waits[block]]
    heapq.heapify(ready)
    left = {block for block, wanted in enumerate(written) if wanted}
    literal: dict[int, set[int]] = defaultdict(set)
    steps: list[tuple[int, list[Piece]]] = []
    while left:
        if ready:
            block = heapq.heappop(ready)
        else:
            block = min(left, key=lambda b: (sum(readers[b][reader] for reader in waits[b]), b))
            for reader in waits[block]:
                literal[reader].add(block)
        left.discard(block)
        steps.append((block, _with_literals(blocks[block], literal[block], block_bytes)))
        for other in sorted(waits):
            if block in waits[other]:
                waits[other].discard(block)
                if not waits[other] and other in left:
                    heapq.heappush(ready, other)
    return steps


def _readers(
    blocks: Sequence[Sequence[Piece]], written: Sequence[bool], block_bytes: int
) -> tuple[dict[int, Counter[int]], dict[int, set[int]]]:
    """Per source block that will be overwritten: bytes each other block copies from it, and who they are."""
    readers: dict[int, Counter[int]] = defaultdict(Counter)
    for block, pieces in enumerate(blocks):
        if not written[block]:
            continue
        for piece in pieces:
            if piece.source is None:
                continue
            source = piece.source // block_bytes
            if source != block and source < len(written) and written[source]:
                readers[source][block] += piece.length
    waits: dict[int, set[int]] = defaultdict(set)
    for source, who in readers.items():
        waits[source] = set(who)
    return readers, waits


def _with_literals(pieces: Sequence[Piece], literal: set[int], block_bytes: int) -> list[Piece]:
    """The pieces with copies from the blocks `literal` turned into literals, and neighbours joined again."""
    joined: list[Piece] = []
    for piece in pieces:
        source = piece.source
        if source is not None and source // block_bytes in literal:
            source = None
        if joined and _continues(joined[-1], source):
            joined[-1] = Piece(joined[-1].length + piece.length, joined[-1].source)
        else:
            joined.append(Piece(piece.length, source))
    return joined


def _continues(before: Piece, source: int | None) -> bool:
    if before.source is None or source is None:
        return before.source is None and source is None
    return before.source + before.length == source
