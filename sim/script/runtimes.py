"""Which interpreter runs a device's scripts. Both stand on the same system calls and the same modules."""

from __future__ import annotations

from typing import Literal

from sim.script.runtime import ScriptRuntime

RuntimeName = Literal["greenlet", "micropython"]


def runtime_class(name: RuntimeName) -> type[ScriptRuntime]:
    """The runtime of this name; MachineError when this machine lacks what it needs."""
    if name == "greenlet":
        return ScriptRuntime
    from sim.script.micropython.interpreter import require
    from sim.script.micropython.runtime import MicroPythonRuntime

    require()
    return MicroPythonRuntime
