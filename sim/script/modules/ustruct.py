"""`ustruct`: packed binary data, with MicroPython's manners: missing values are zero, more are ignored, numbers that
do not fit lose their upper bits, text is taken for bytes, a buffer may be longer than the format."""

from __future__ import annotations

import re
import struct
from types import ModuleType
from typing import Any

from sim.script.modules.ubinascii import as_bytes
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

_UNKNOWN = frozenset("?cenNp")
_ITEM = re.compile(r"(\d*)([a-zA-Z])")
_FLOATS = "fd"


def make(rt: ScriptRuntime) -> ModuleType:
    return namespace(
        "ustruct",
        calcsize=_calcsize,
        pack=_pack,
        pack_into=_pack_into,
        unpack=lambda layout, data: _unpack_from(layout, data, 0),
        unpack_from=_unpack_from,
    )


def _calcsize(layout: str) -> int:
    try:
        if not _UNKNOWN.isdisjoint(layout):
            raise ValueError("bad typecode")
        return struct.calcsize(layout)
    except struct.error:
        raise ValueError("bad typecode") from None


def _pack(layout: str, *values: Any) -> bytes:
    zeros = struct.unpack(layout, bytes(_calcsize(layout)))
    codes = [code for count, code in _ITEM.findall(layout) for _ in range(1 if code == "s" else int(count or 1))]
    codes = [code for code in codes if code != "x"]
    given = [_fitting(code, value) for code, value in zip(codes, values, strict=False)]
    return struct.pack(layout, *given, *zeros[len(given) :])


def _fitting(code: str, value: Any) -> Any:
    """A value as its type holds it."""
    if code == "s":
        if not isinstance(value, str | bytes | bytearray | memoryview):
            raise TypeError("object with buffer protocol required")
        return as_bytes(value)
    if code in _FLOATS:
        if not isinstance(value, int | float):
            raise TypeError(f"can't convert {type(value).__name__} to float")
        return value
    if not isinstance(value, int):
        raise TypeError(f"can't convert {type(value).__name__} to int")
    bits = 8 * struct.calcsize(code)
    kept = value & (1 << bits) - 1
    return kept - (1 << bits) if code.islower() and kept >> bits - 1 else kept


def _pack_into(layout: str, buffer: bytearray, offset: int, *values: Any) -> None:
    data = _pack(layout, *values)
    at = offset if offset >= 0 else len(buffer) + offset
    if at < 0 or at + len(data) > len(buffer):
        raise ValueError("buffer too small")
    buffer[at : at + len(data)] = data


def _unpack_from(layout: str, data: bytes, offset: int = 0) -> tuple[Any, ...]:
    at = offset if offset >= 0 else len(data) + offset
    if at < 0 or at + _calcsize(layout) > len(data):
        raise ValueError("buffer too small")
    return struct.unpack_from(layout, data, at)
