"""What is in each page of a filmed flash: which class it has before the first entry, and after each operation.

The classes are for eyes: whether a page is erased, as it was at the start, written since, torn by a power cut, in the
journal, or in a sector that holds nothing any more. Rules: only cells are looked at, never changed.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from enum import IntEnum
from hashlib import blake2b
from itertools import groupby
from struct import pack
from typing import NamedTuple

from sim.device.module import Module
from sim.film.entries import ERASED, PROGRAMMED, TORN_ERASE, TORN_PROGRAM
from sim.flash.flawed import FlawedNor
from sim.flash.nor import ERASE

DIGEST_BYTES = 8
"""Of a sector: enough to tell two futures apart."""
RUN_MAX = 0xFFFF
"""Pages of one run of equal classes, packed as u16."""


class PageClass(IntEnum):
    """Of a page; as the tape has it."""

    BLANK = 0
    OLD = 1
    NEW = 2
    TORN = 3
    JOURNAL = 4
    BAD = 5


class Done(NamedTuple):
    """A flash operation that is over: what it was, and the class of its pages since."""

    page: int
    pages: int
    op: int
    after: PageClass


class FlashView:
    """The flash of one device. `begins(view)` is called before each operation; what it was is known by `settle`."""

    def __init__(self, module: Module, begins: Callable[[FlashView], None]) -> None:
        self.module = module
        self._begins = begins
        part = module.model.part
        self._page_bytes, self._sector_pages = part.page_bytes, part.sector_bytes // part.page_bytes
        journal = module.storage.regions.boot_layout.journal
        self._journal = range(journal.start, journal.start + journal.size_bytes)
        self._open: tuple[str, int] | None = None
        module.storage.watch_ops(self._on_op)

    def settle(self) -> Done:
        """The operation that began last is over: whoever observes anything else knows."""
        assert self._open is not None, "no operation is open"
        kind, address = self._open
        self._open = None
        dead = self.module.storage.nor.dead
        if kind == ERASE:
            op, after, pages = (TORN_ERASE if dead else ERASED), PageClass.BLANK, self._sector_pages
        else:
            op, pages = (TORN_PROGRAM if dead else PROGRAMMED), 1
            after = PageClass.JOURNAL if address in self._journal else PageClass.NEW
        if dead:
            after = PageClass.TORN
        elif self._is_bad(address):
            after = PageClass.BAD
        return Done(address // self._page_bytes, pages, op, after)

    def first(self) -> str:
        """The class of every page now, as runs of `u16 pages, u8 class`, in base64."""
        return packed_classes(classes_of(self.module))

    def cells(self) -> str:
        """A digest of what each sector holds now, DIGEST_BYTES each, in base64."""
        nor = self.module.nor
        digests = [blake2b(sector, digest_size=DIGEST_BYTES).digest() for sector in nor.sectors(0, nor.size_bytes)]
        return base64.b64encode(b"".join(digests)).decode()

    def _on_op(self, kind: str, address: int) -> None:
        self._begins(self)
        self._open = kind, address

    def _is_bad(self, address: int) -> bool:
        nor = self.module.storage.nor
        return isinstance(nor, FlawedNor) and address // nor.part.sector_bytes in nor.defects.frozen_sectors


def classes_of(module: Module) -> bytes:
    """BLANK or OLD for each page."""
    nor = module.storage.nor
    part = nor.part
    known: dict[bytes, bytes] = {}
    found = []
    for sector in nor.sectors(0, part.size_bytes):
        classes = known.get(sector)
        if classes is None:
            starts = range(0, part.sector_bytes, part.page_bytes)
            blank = b"\xff" * part.page_bytes
            classes = bytes(int(sector[at : at + part.page_bytes] != blank) for at in starts)
            known[sector] = classes
        found.append(classes)
    return b"".join(found)


def packed_classes(classes: bytes) -> str:
    """Runs of equal classes, in base64."""
    runs = []
    for value, same in groupby(classes):
        count = sum(1 for _ in same)
        while count:
            run = min(count, RUN_MAX)
            runs.append(pack("<HB", run, value))
            count -= run
    return base64.b64encode(b"".join(runs)).decode()
