"""A device's flash, to be read, dumped and drawn."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from sim.device.module import Module
from sim.rig.notebook import figure, png, table
from sim.serve.flash_view import info, map_of, place_of
from sim.units import format_size

if TYPE_CHECKING:
    from sim.rig.rig import Rig

T = TypeVar("T")

COLUMNS = 64
"""Sectors in a row of the picture."""
CELL_PX = 8

_BLANK, _GRID = (236, 239, 241), (255, 255, 255)
_COLOURS = (
    (38, 70, 83), (42, 157, 143), (233, 196, 106), (244, 162, 97), (231, 111, 81), (106, 76, 147), (25, 130, 196),
    (138, 201, 38), (255, 89, 94), (90, 90, 90),
)  # fmt: skip
"""Of partitions, in the order of the flash; then again from the first."""


class Flash:
    """Of one device; reading takes no time, in any state."""

    def __init__(self, rig: Rig, name: str) -> None:
        self._rig = rig
        self._name = name

    def read(self, at: str | int, length: int | None = None) -> bytes:
        """Bytes at an address, a partition (`journal`) or a place in one (`journal+0x1000`); one sector if no length is
        given. SpecError for what is not there."""
        return self._ask(partial(_read, at=str(at), length=length))

    def dump(self) -> bytes:
        """All of it."""
        return self._ask(dump_of)

    @property
    def info(self) -> dict[str, Any]:
        """The part, and how it was used so far: `operations`, `most_erases`, …"""
        return self._ask(info)

    @property
    def partitions(self) -> list[dict[str, Any]]:
        """Each with `name`, `offset`, `bytes`, `sectors`, `used_sectors`, `most_erases`."""
        return self._ask(map_of)

    def picture(self) -> bytes:
        """A PNG with a square for each sector: light where it is blank, else in the colour of its partition."""
        return self._ask(picture_of)

    def bundle(self, caption: str) -> dict[str, Any]:
        """What a notebook shows: text, picture, HTML."""
        picture, rows = self.picture(), self.partitions
        told = [
            (
                row["name"],
                row["use"],
                format_size(row["bytes"]),
                f"{row['used_sectors']} of {row['sectors']}",
                row["most_erases"],
            )
            for row in rows
        ]
        heads = ("partition", "use", "size", "sectors in use", "most erases")
        html = figure(picture, caption) + table("", heads, told, [colour(index) for index in range(len(told))])
        lines = [f"{name:<14} {size:>9}  {used} sectors in use" for name, _, size, used, _ in told]
        return {"text/plain": "\n".join([caption, *lines]), "image/png": picture, "text/html": html}

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return self.bundle(f"flash of {self._name}")

    def _ask(self, question: Callable[[Module], T]) -> T:
        return self._rig.call(partial(question, self._rig.scene.devices[self._name]))


def dump_of(module: Module) -> bytes:
    """All of a device's flash."""
    return module.nor.image(0, module.nor.size_bytes)


def picture_of(module: Module) -> bytes:
    """A PNG with a square for each sector."""
    return png(_cells(module), CELL_PX, _GRID)


def colour(index: int) -> tuple[int, int, int]:
    """Of the partition of this number."""
    return _COLOURS[index % len(_COLOURS)]


def _read(module: Module, at: str, length: int | None) -> bytes:
    offset, count = place_of(module, at, length)
    return module.nor.image(offset, count)


def _cells(module: Module) -> list[list[tuple[int, int, int]]]:
    """The colour of each sector, in rows; what belongs to no partition is blank."""
    nor, size = module.nor, module.nor.part.sector_bytes
    blank = b"\xff" * size
    cells = [_BLANK] * nor.part.sectors
    for index, partition in enumerate(module.model.partitions):
        first = partition.offset // size
        for number, sector in enumerate(nor.sectors(partition.offset, partition.size_bytes), start=first):
            if sector != blank:
                cells[number] = colour(index)
    return [cells[start : start + COLUMNS] for start in range(0, len(cells), COLUMNS)]
