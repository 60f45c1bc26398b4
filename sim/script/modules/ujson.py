"""`ujson`: JSON with MicroPython's manners: one ValueError text, text kept as it is, bytes accepted.

A device's dict has no order to rely on. With the profile's `dict_order: scrambled` objects are written in an order
of their own, always the same for the same keys, which shakes out readers that count on one.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

from sim.script.namespace import FirmwareModule
from sim.script.runtime import ScriptRuntime


class _Ujson(FirmwareModule):
    def loads(self, text: str | bytes | bytearray) -> Any:
        return _loads(text)

    def load(self, stream: Any) -> Any:
        return _loads(stream.read())

    def dumps(self, value: Any) -> str:
        return self._written(value)

    def dump(self, value: Any, stream: Any) -> None:
        stream.write(self._written(value))

    def _written(self, value: Any) -> str:
        if self._rt.profile.dict_order == "scrambled":
            value = _scrambled(value)
        return _ENCODER.encode(value)


def make(rt: ScriptRuntime) -> _Ujson:
    return _Ujson("ujson", rt)


def _loads(text: str | bytes | bytearray) -> Any:
    try:
        if isinstance(text, bytes | bytearray):
            text = text.decode(json.detect_encoding(text), "surrogatepass")
        return _DECODER.decode(text)
    except ValueError:
        raise ValueError("syntax error in JSON") from None


def _no_constant(word: str) -> Any:
    raise ValueError(word)


def _scrambled(value: Any) -> Any:
    match value:
        case dict():
            return {key: _scrambled(value[key]) for key in sorted(value, key=_place)}
        case list() | tuple():
            return [_scrambled(item) for item in value]
    return value


def _place(key: Any) -> bytes:
    return blake2b(str(key).encode(), digest_size=8).digest()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray):
        return value.decode()
    return str(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False, default=_plain)
_DECODER = json.JSONDecoder(parse_constant=_no_constant)
