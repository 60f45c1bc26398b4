"""`ujson`: JSON with MicroPython's manners: one ValueError text, text kept as it is, bytes accepted."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime


def make(rt: ScriptRuntime) -> ModuleType:
    def load(stream: Any) -> Any:
        return _loads(stream.read())

    def dump(value: Any, stream: Any) -> None:
        stream.write(_dumps(value))

    return namespace("ujson", loads=_loads, dumps=_dumps, load=load, dump=dump)


def _loads(text: str | bytes | bytearray) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError("syntax error in JSON") from None


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray):
        return value.decode()
    return str(value)
