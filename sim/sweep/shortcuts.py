"""Quick answers to three slow questions of the bootloader, the same ones it would give itself.

A sweep boots a device many thousand times, and nearly every boot asks whether megabytes of images are whole, whether
the staged package is good, and what the journal says. Inside `Shortcuts` the bootloader's names for these stand for
functions that remember: the version of the images is told to them by the sweep, which keeps it up to date sector by
sector (versions.py), and a package and a journal are read once for each content of their sectors. Anything else goes
to the real check. Every sweep repeats a sample of its cuts without shortcuts, and the two must agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from types import TracebackType
from typing import Any

import sim.boot.bootloader as bootloader
import sim.update.mini_system as mini_system
from sim.boot.bootloader import BootLayout, installed_version, mini_version
from sim.boot.journal import Journal
from sim.errors import PackageError
from sim.flash.partition import Region
from sim.pack.verify import Recipient, VerifiedPack, verify_area
from sim.sweep.versions import Versions
from sim.sweep.watched import WatchedNor

MOST_JOURNALS = 4096
"""Remembered before all are forgotten: they hold 8 KiB each."""

_Key = tuple[bytes, ...]
Carried = tuple[str | None, str | None]
"""Version of the images, version of the mini system."""


class Installed:
    """What all images of a flash carry, kept up to date while single sectors change."""

    def __init__(self, layout: BootLayout) -> None:
        self._images = Versions(layout.images)
        self._mini = Versions({} if layout.mini is None else {layout.mini.name: layout.mini})

    def copy(self) -> Installed:
        """The same, to be changed apart."""
        twin = copy(self)
        twin._images, twin._mini = self._images.copy(), self._mini.copy()
        return twin

    def change(self, sector: int, content: bytes) -> None:
        """From now on this sector holds `content`."""
        self._images.change(sector, content)
        self._mini.change(sector, content)

    def with_change(self, sector: int, content: bytes) -> Carried:
        """What would be installed if this sector held `content`."""
        return self._images.version_with(sector, content), self._mini.version_with(sector, content)


class Shortcuts:
    """In force between `with` and its end, for the bootloader and mini system on `layout`, whose flash is `nor`."""

    def __init__(self, nor: WatchedNor, layout: BootLayout) -> None:
        self._nor = nor
        self._layout = layout
        self._carried: Carried | None = None
        self._packs: dict[Any, VerifiedPack | PackageError] = {}
        self._journals: dict[_Key, Journal] = {}
        self._kept: list[tuple[Any, str, Any]] = []

    def tell(self, carried: Carried) -> None:
        """The images and the mini system carry these versions, until something is written."""
        self._carried = carried

    def __enter__(self) -> Shortcuts:
        names = {
            "installed_version": self._installed_version,
            "mini_version": self._mini_version,
            "verify_area": self._verify_area,
            "Journal": self.journal,
        }
        for module in (bootloader, mini_system):
            for name, quick in names.items():
                if hasattr(module, name):
                    self._kept.append((module, name, getattr(module, name)))
                    setattr(module, name, quick)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        while self._kept:
            module, name, real = self._kept.pop()
            setattr(module, name, real)

    def journal(self, region: Region) -> Journal:
        """As `Journal(region)`."""
        sectors = self._sectors(region, region.size_bytes)
        self._nor.note_read(region.start, region.size_bytes)
        if sectors not in self._journals:
            if len(self._journals) > MOST_JOURNALS:
                self._journals.clear()
            self._journals[sectors] = Journal(region)
        return copy(self._journals[sectors])

    def _installed_version(self, images: Mapping[str, Region]) -> str | None:
        if self._carried is not None and images is self._layout.images and not self._nor.written:
            return self._carried[0]
        return installed_version(images)

    def _mini_version(self, layout: BootLayout) -> str | None:
        if self._carried is not None and layout is self._layout and not self._nor.written:
            return self._carried[1]
        return mini_version(layout)

    def _verify_area(
        self, area: Region, size_bytes: int, recipient: Recipient, *, resumed: bool = False
    ) -> VerifiedPack:
        if not resumed:
            return verify_area(area, size_bytes, recipient)
        self._nor.note_read(area.start, size_bytes)
        key = (self._sectors(area, size_bytes), size_bytes, recipient.kinds)
        if key not in self._packs:
            try:
                self._packs[key] = verify_area(area, size_bytes, recipient, resumed=True)
            except PackageError as error:
                self._packs[key] = error
        answer = self._packs[key]
        if isinstance(answer, PackageError):
            raise answer
        return answer

    def _sectors(self, region: Region, size_bytes: int) -> _Key:
        sector_bytes = self._nor.part.sector_bytes
        return tuple([region.image(at, sector_bytes) for at in range(0, size_bytes, sector_bytes)])
