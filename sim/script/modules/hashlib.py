"""`hashlib`: the frozen module of micropython-lib, which some builds have beside `uhashlib`: hex digits, and copies."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from sim.script.modules.ubinascii import Data, as_bytes
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

ALGORITHMS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")


class Hash:
    """A hash on its way."""

    def __init__(self, made: Any) -> None:
        self._hash = made
        self.digest_size, self.block_size, self.name = made.digest_size, made.block_size, made.name

    def update(self, data: Data) -> None:
        self._hash.update(as_bytes(data))

    def digest(self) -> bytes:
        return bytes(self._hash.digest())

    def hexdigest(self) -> str:
        return str(self._hash.hexdigest())

    def copy(self) -> Hash:
        return Hash(self._hash.copy())


def make(rt: ScriptRuntime) -> ModuleType:
    def new(name: str, data: Data = b"") -> Hash:
        """ValueError for a name that is none."""
        if name.lower() not in ALGORITHMS:
            raise ValueError("unsupported hash type")
        return Hash(hashlib.new(name.lower(), as_bytes(data), usedforsecurity=False))

    return namespace("hashlib", new=new, **{name: _named(new, name) for name in ALGORITHMS})


def _named(new: Callable[..., Hash], name: str) -> Callable[..., Hash]:
    return lambda data=b"": new(name, data)
