"""`gc`: the heap as scripts measure it; CPython's memory is not MicroPython's, so the figures stand still."""

from __future__ import annotations

from types import ModuleType

from sim.script.limits import FREE_BYTES, HEAP_BYTES
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime


def make(rt: ScriptRuntime) -> ModuleType:
    automatic = {"on": True}
    return namespace(
        "gc",
        collect=lambda: 0,
        mem_free=lambda: FREE_BYTES,
        mem_alloc=lambda: HEAP_BYTES - FREE_BYTES,
        enable=lambda: automatic.update(on=True),
        disable=lambda: automatic.update(on=False),
        isenabled=lambda: automatic["on"],
    )
