"""The flash of the worst devices of a run, as it was left: what a run file holds of it, for the report to draw.

Only a few devices are kept, whole: those that failed first, then those that wrote the most. Rules: cells are looked at,
never changed; what a cut tore is not told from what is new; what was there at the start is remembered as the chunks
themselves, which equal flashes share.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator

from sim.device.module import Module
from sim.film.head import part_of
from sim.film.pages import PageClass
from sim.flash.cells import Chunk
from sim.scenario.result import RunResult
from sim.scenario.world import World

KEPT = 4
"""Devices of which a run file holds the flash; a map takes a few kilobytes there."""
REMEMBERED_MAX = 20_000
"""Devices whose first flash is remembered; a run of more of them is judged by its numbers alone."""
WEAR_SHOWN_MAX = 0xFF


class LastFlash:
    """Remembers how each flash began, and tells in the end what the worst ones came to."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[Chunk, ...]] = {}

    def begin(self, world: World) -> None:
        """Nothing has happened yet."""
        if len(world.devices) > REMEMBERED_MAX:
            return
        alike: dict[tuple[int, ...], tuple[Chunk, ...]] = {}
        for name, module in world.devices.items():
            chunks = module.nor.snapshot().chunks
            self._first[name] = alike.setdefault(tuple(map(id, chunks)), chunks)

    def rows(self, world: World, result: RunResult) -> Iterator[dict[str, object]]:
        """A row of table `flash` for each of the worst."""
        for name in self._worst(world, result):
            module = world.devices[name]
            yield {
                "device": name,
                "part": json.dumps(part_of(module), ensure_ascii=False),
                "classes": zlib.compress(bytes(self._classes(name, module))),
                "wear": zlib.compress(bytes(min(WEAR_SHOWN_MAX, count) for count in _wear(module))),
            }

    def _worst(self, world: World, result: RunResult) -> list[str]:
        bricked = [name for name, module in world.devices.items() if module.bricked]
        of_each_reason = {failure.reason: failure.device for failure in reversed(result.failures)}
        failed = [*reversed(of_each_reason.values()), *(failure.device for failure in result.failures)]
        busy = sorted(world.devices, key=lambda name: -world.devices[name].nor.ops)
        known = dict.fromkeys([*bricked, *failed, *(busy[:KEPT])])
        return [name for name in known if name in self._first][:KEPT]

    def _classes(self, name: str, module: Module) -> Iterator[int]:
        part, journal = module.model.part, module.regions.boot_layout.journal
        first = [sector for chunk in self._first[name] for sector in chunk.sectors]
        blank = b"\xff" * part.page_bytes
        for number, sector in enumerate(module.nor.sectors(0, part.size_bytes)):
            for at in range(0, part.sector_bytes, part.page_bytes):
                page = sector[at : at + part.page_bytes]
                if page == blank:
                    yield PageClass.BLANK
                elif page == first[number][at : at + part.page_bytes]:
                    yield PageClass.OLD
                else:
                    address = number * part.sector_bytes
                    yield (
                        PageClass.JOURNAL
                        if journal.start <= address < journal.start + journal.size_bytes
                        else PageClass.NEW
                    )


def _wear(module: Module) -> tuple[int, ...]:
    return module.nor.erase_counts(0, module.model.part.size_bytes)
