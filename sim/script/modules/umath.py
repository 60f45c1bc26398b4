"""`math`, with the names that MicroPython has; results are doubles here, single precision on most modules. A result
that is too large is a ValueError, as there."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

NAMES = """
e pi sqrt pow exp log log2 log10 cos sin tan acos asin atan atan2 cosh sinh tanh acosh asinh atanh expm1 ceil copysign
fabs floor fmod frexp ldexp modf isfinite isinf isnan trunc radians degrees erf erfc gamma lgamma
"""


def make(rt: ScriptRuntime) -> ModuleType:
    return namespace("math", **{name: _guarded(getattr(math, name)) for name in NAMES.split()})


def _guarded(member: Any) -> Any:
    if not callable(member):
        return member

    def call(*values: Any) -> Any:
        try:
            return member(*values)
        except OverflowError as error:
            if str(error) != "math range error":
                raise
            raise ValueError("math domain error") from None

    return call
