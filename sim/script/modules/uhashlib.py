"""`uhashlib`: md5, sha1, sha256. A hash has `update` and `digest`, nothing else; hex digits come from `ubinascii`."""

from __future__ import annotations

import hashlib
from types import ModuleType

from sim.script.modules.ubinascii import Data, as_bytes
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime


def make(rt: ScriptRuntime) -> ModuleType:
    return namespace("uhashlib", **{name: _algorithm(name) for name in ("md5", "sha1", "sha256")})


def _algorithm(algorithm: str) -> type:
    class Hash:
        def __init__(self, data: Data = b"") -> None:
            self._hash = hashlib.new(algorithm, as_bytes(data), usedforsecurity=False)

        def update(self, data: Data) -> None:
            self._hash.update(as_bytes(data))

        def digest(self) -> bytes:
            return self._hash.digest()

    Hash.__name__ = Hash.__qualname__ = algorithm
    return Hash
