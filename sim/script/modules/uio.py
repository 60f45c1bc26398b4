"""`uio`: in-memory streams and `open`."""

from __future__ import annotations

import io
from types import ModuleType

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime


def make(rt: ScriptRuntime) -> ModuleType:
    return namespace("uio", open=rt.builtins["open"], StringIO=io.StringIO, BytesIO=io.BytesIO)
