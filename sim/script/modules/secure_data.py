"""`SecureData`: records outside the file system, by index. Answers as the QuecPython API reference gives them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sim.device.secure_store import SIZES, SecureStore
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

WRONG, ABSENT = -1, -2
"""A wrong index or length; nothing was stored."""


def make(rt: ScriptRuntime) -> ModuleType:
    region = rt.module.regions.secure
    if region is None:
        raise ImportError("no module named 'SecureData'")
    store = SecureStore(region)

    def save(index: int, data: Any, length: int) -> int:
        if index not in SIZES or not 0 < length <= min(SIZES[index], len(data)):
            return WRONG
        raw = data.encode() if isinstance(data, str) else bytes(data)
        rt.flash(store.store, index, raw[:length])
        return 0

    def load(index: int, buffer: bytearray, length: int) -> int:
        """Bytes that were put into the buffer."""
        if index not in SIZES or length <= 0:
            return WRONG
        data = rt.flash(store.read, index)
        if data is None:
            return ABSENT
        count = min(length, len(data), len(buffer))
        buffer[:count] = data[:count]
        return count

    return namespace("SecureData", Store=save, Read=load)
