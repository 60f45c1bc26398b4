"""`urandom`: numbers from a stream of this device and this boot, so that a run repeats and two devices differ."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from sim.kernel.seeds import stream
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

BITS_LIMIT = 32
"""`getrandbits` of MicroPython gives at most 32 bits."""


def make(rt: ScriptRuntime) -> ModuleType:
    module = rt.module
    draws = stream(module.kind.seed, module.name, f"urandom/{rt.module.boots}")

    def getrandbits(bits: int) -> int:
        if not 1 <= bits <= BITS_LIMIT:
            raise ValueError("bits must be 32 or less")
        return draws.getrandbits(bits)

    def choice(items: Sequence[Any]) -> Any:
        if not items:
            raise IndexError("empty sequence")
        return items[draws.randrange(len(items))]

    return namespace(
        "urandom",
        seed=lambda number=0: draws.seed(int(number)),
        getrandbits=getrandbits,
        randint=draws.randint,
        randrange=draws.randrange,
        random=draws.random,
        uniform=draws.uniform,
        choice=choice,
    )
