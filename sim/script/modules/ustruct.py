"""`ustruct`: packed binary data. A buffer may be longer than the format, and errors are ValueErrors (MicroPython)."""

from __future__ import annotations

import struct
from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime


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
        return struct.calcsize(layout)
    except struct.error:
        raise ValueError("bad typecode") from None


def _pack(layout: str, *values: Any) -> bytes:
    _calcsize(layout)
    try:
        return struct.pack(layout, *values)
    except struct.error as error:
        raise ValueError(str(error)) from None


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
