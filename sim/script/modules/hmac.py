"""`hmac`: the frozen module of micropython-lib. The algorithm is a function of `hashlib`, or its name."""

from __future__ import annotations

import hmac
from types import ModuleType
from typing import Any

from sim.script.modules.hashlib import ALGORITHMS, Hash
from sim.script.modules.ubinascii import Data, as_bytes
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime


def make(rt: ScriptRuntime) -> ModuleType:
    def new(key: Data, msg: Data | None = None, digestmod: Any = "md5") -> Hash:
        """TypeError for a key that is text, as there; ValueError for an algorithm that is none."""
        if isinstance(key, str):
            raise TypeError("key: expected bytes or bytearray, but got 'str'")
        made = hmac.new(as_bytes(key), digestmod=_algorithm(digestmod))
        if msg is not None:
            made.update(as_bytes(msg))
        return Hash(made)

    return namespace("hmac", new=new, compare_digest=lambda a, b: hmac.compare_digest(as_bytes(a), as_bytes(b)))


def _algorithm(digestmod: Any) -> str:
    name = digestmod if isinstance(digestmod, str) else str(getattr(digestmod(), "name", ""))
    if name.lower() not in ALGORITHMS:
        raise ValueError("unsupported hash type")
    return name.lower()
