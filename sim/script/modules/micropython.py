"""`micropython`: constants, the scheduler, and figures of the interpreter, which stand still here."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from sim.script.limits import FREE_BYTES, HEAP_BYTES
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

STACK_USED_BYTES = 800
"""ESTIMATE: of a main program that calls it directly."""


def make(rt: ScriptRuntime) -> ModuleType:
    level = {"now": 0, "locks": 0}

    def schedule(callback: Callable[[Any], object], argument: Any) -> None:
        """Call back soon; RuntimeError when too many calls wait already."""
        rt.me()
        if not rt.callback(callback, argument):
            raise RuntimeError("schedule queue full")

    def opt_level(wanted: int | None = None) -> int | None:
        if wanted is None:
            return level["now"]
        level["now"] = wanted
        return None

    def change_lock(by: int) -> int:
        level["locks"] = max(0, level["locks"] + by)
        return level["locks"]

    def mem_info(_verbose: Any = None) -> None:
        rt.me()
        used = HEAP_BYTES - FREE_BYTES
        rt.trace("print", text=f"GC: total: {HEAP_BYTES}, used: {used}, free: {FREE_BYTES}")

    return namespace(
        "micropython",
        const=lambda value: value,
        opt_level=opt_level,
        alloc_emergency_exception_buf=lambda _size: None,
        mem_info=mem_info,
        qstr_info=lambda _verbose=None: None,
        stack_use=lambda: STACK_USED_BYTES,
        heap_lock=lambda: change_lock(1),
        heap_unlock=lambda: change_lock(-1),
        kbd_intr=lambda _char: None,
        schedule=schedule,
    )
