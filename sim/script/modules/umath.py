"""`math`, with the names that MicroPython has; results are doubles here, single precision on most modules."""

from __future__ import annotations

import math
from types import ModuleType

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

NAMES = """
e pi sqrt pow exp log log2 log10 cos sin tan acos asin atan atan2 cosh sinh tanh acosh asinh atanh expm1 ceil copysign
fabs floor fmod frexp ldexp modf isfinite isinf isnan trunc radians degrees erf erfc gamma lgamma
"""


def make(rt: ScriptRuntime) -> ModuleType:
    return namespace("math", **{name: getattr(math, name) for name in NAMES.split()})
