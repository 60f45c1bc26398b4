"""A device's flash for people: the part, its partitions with what is used and worn of them, and places by name."""

from __future__ import annotations

from typing import Any

from sim.device.module import Module
from sim.errors import SpecError
from sim.flash.partition import Partition

ERASED = 0xFF
READ_MAX_BYTES = 1024 * 1024


def info(module: Module) -> dict[str, Any]:
    """The part, and how it was used so far."""
    nor = module.nor
    part = nor.part
    return {
        "device": module.name,
        "part": part.name,
        "bytes": part.size_bytes,
        "sector_bytes": part.sector_bytes,
        "page_bytes": part.page_bytes,
        "operations": nor.ops,
        "busy_us": nor.busy_us,
        "most_erases": nor.max_erase_count(),
        "endurance_cycles": part.endurance_cycles,
    }


def map_of(module: Module) -> list[dict[str, Any]]:
    """Each partition: place, sectors that hold anything, the most that one of them was erased."""
    return [_row(module, partition) for partition in module.model.partitions]


def place_of(module: Module, at: str, length: int | None) -> tuple[int, int]:
    """(offset, bytes) of a place: a partition's name, `NAME+0x10`, or an address. SpecError for what is not there."""
    table, sector = module.model.partitions, module.nor.part.sector_bytes
    name, _, more = at.partition("+")
    try:
        if name in table:
            offset, room = table[name].offset + int(more or "0", 0), table[name].end
        else:
            offset, room = int(at, 0), module.nor.size_bytes
    except ValueError:
        names = ", ".join(partition.name for partition in table)
        raise SpecError(f"{at!r} is neither an address nor a partition of {module.model.variant}: {names}") from None
    length = min(sector, room - offset) if length is None else length
    if offset < 0 or length < 0 or offset + length > module.nor.size_bytes:
        raise SpecError(f"{length} bytes at 0x{max(0, offset):06x} are not within the {module.nor.size_bytes} of flash")
    if length > READ_MAX_BYTES:
        raise SpecError(f"{length} bytes at a time are too many; read {READ_MAX_BYTES} at most")
    return offset, length


def _row(module: Module, partition: Partition) -> dict[str, Any]:
    nor, size = module.nor, module.nor.part.sector_bytes
    blank = bytes([ERASED]) * size
    sectors = range(partition.offset // size, partition.end // size)
    return {
        "name": partition.name,
        "offset": partition.offset,
        "bytes": partition.size_bytes,
        "sectors": len(sectors),
        "used_sectors": sum(nor.image(number * size, size) != blank for number in sectors),
        "most_erases": max(map(nor.erase_count, sectors)),
        "use": partition.use,
    }
