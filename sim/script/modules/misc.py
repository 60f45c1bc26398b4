"""`misc`: power. A restart is immediate: nothing after it runs, and open files keep their old content."""

from __future__ import annotations

from types import ModuleType

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

BATTERY_MV = 3950


def make(rt: ScriptRuntime) -> ModuleType:
    class Power:
        @staticmethod
        def powerRestart() -> None:  # noqa: N802 - the device's name
            rt.reset("powerRestart")

        @staticmethod
        def powerDown() -> None:  # noqa: N802
            me = rt.me()
            rt.module.life.after(0, rt.module.power_down)
            me.park()

        @staticmethod
        def powerOnReason() -> int:  # noqa: N802
            return rt.module.power_on_reason

        @staticmethod
        def getVbatt() -> int:  # noqa: N802
            return BATTERY_MV

    return namespace("misc", Power=Power)
