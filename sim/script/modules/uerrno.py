"""`uerrno` and `errno`: the numbers that the device's errors have names for."""

from __future__ import annotations

from types import ModuleType

from sim.script.dialect_names import ERRNO_NAMES
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime


def make(rt: ScriptRuntime) -> ModuleType:
    numbers = {name: number for number, name in ERRNO_NAMES.items()}
    return namespace("uerrno", errorcode=dict(ERRNO_NAMES), **numbers)
