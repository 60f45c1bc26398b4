"""`pm`: wake locks and sleep. A program may ask for sleep; here it changes what the trace says, not what it costs."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

UNIT_OFF = 7
TAU_UNITS, ACTIVE_UNITS = range(8), (0, 1, 2, UNIT_OFF)
PSM_VALUES = 4
"""Units of the timers T3412 and T3324, as 3GPP TS 24.008 codes them."""

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
        **_psm(rt),
    )


def _psm(rt: ScriptRuntime) -> dict[str, Callable[..., Any]]:
    """Power saving mode as a program sets it; the network grants what it asked for, and the module never goes there."""
    setting = [0, UNIT_OFF, 0, UNIT_OFF, 0]

    def set_psm_time(*values: int) -> bool:
        """(on), or (unit and value of T3412, unit and value of T3324), which also switches it on."""
        rt.me()
        if len(values) == 1 and values[0] in (0, 1):
            setting[0] = values[0]
        elif len(values) == PSM_VALUES and values[0] in TAU_UNITS and values[2] in ACTIVE_UNITS:
            setting[:] = [1, *values]
        else:
            return False
        rt.trace("psm", setting=list(setting))
        return True

    def get_psm_time() -> list[int]:
        rt.me()
        return list(setting)

    return {"set_psm_time": set_psm_time, "get_psm_time": get_psm_time}
