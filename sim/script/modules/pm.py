"""`pm`: wake locks and sleep. A program may ask for sleep; here it changes what the trace says, not what it costs."""

from __future__ import annotations

from types import ModuleType

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

LOCKS = 32
"""ESTIMATE: wake locks at a time; the vendor's page names no limit."""


def make(rt: ScriptRuntime) -> ModuleType:
    held: dict[int, int] = {}
    mode = {"now": 0}

    def create_wakelock(_name: str, _size: int) -> int:
        rt.me()
        number = next((n for n in range(1, LOCKS + 1) if n not in held), -1)
        if number > 0:
            held[number] = 0
        return number

    def count(number: int, change: int) -> int:
        rt.me()
        if number not in held or held[number] + change < 0:
            return -1
        held[number] += change
        return 0

    def autosleep(on: int) -> int:
        rt.me()
        mode["now"] = int(bool(on))
        rt.trace("autosleep", on=bool(on))
        return 0

    return namespace(
        "pm",
        create_wakelock=create_wakelock,
        delete_wakelock=lambda number: 0 if held.pop(number, None) is not None else -1,
        wakelock_lock=lambda number: count(number, 1),
        wakelock_unlock=lambda number: count(number, -1),
        get_wakelock_num=lambda: len(held),
        autosleep=autosleep,
    )
