"""`gc`: the heap as scripts measure it; CPython's memory is not MicroPython's, so the figures stand still."""

from __future__ import annotations

from types import ModuleType

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

FREE_BYTES = 493_760
"""`gc.mem_free()` after boot as the vendor's memory page shows it."""

HEAP_BYTES = 512 * 1024


def make(rt: ScriptRuntime) -> ModuleType:
    return namespace(
        "gc",
        collect=lambda: 0,
        mem_free=lambda: FREE_BYTES,
        mem_alloc=lambda: HEAP_BYTES - FREE_BYTES,
        enable=lambda: None,
        disable=lambda: None,
    )
