"""Plain values as bytes, big ones beside them, and what leads out of a value by name.

Pickle does the work, since the records of the cloud are plain classes with much sharing between them. Bytes from 64 KiB
on go to `Objects`; a bound method that is one of the `ports` becomes its name, and another process puts its own in its
place. Reading makes objects of our own classes and of a few of the standard library, and calls nothing else, so that a
file that somebody tampered with cannot run commands.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any

from sim.cloud.store.objects import Objects
from sim.errors import MachineError

BIG_BYTES = 64 * 1024
"""ESTIMATE: from here on a file of its own is cheaper than to write the bytes again with every snapshot."""
PROTOCOL = 5

_OURS = "sim."

Ports = Mapping[str, Callable[..., object]]

_STANDARD = {
    ("builtins", "set"),
    ("builtins", "frozenset"),
    ("builtins", "bytearray"),
    ("collections", "deque"),
    ("collections", "OrderedDict"),
    ("decimal", "Decimal"),
    ("fractions", "Fraction"),
}


def pack(value: object, objects: Objects, ports: Ports | None = None) -> tuple[bytes, set[str]]:
    """The value as bytes, and the names of the objects it needs."""
    buffer = io.BytesIO()
    packer = _Packer(buffer, objects, ports or {})
    packer.dump(value)
    return buffer.getvalue(), packer.needs


def unpack(data: bytes, objects: Objects, ports: Ports | None = None) -> Any:
    """What `pack` was given. MachineError for bytes that this version cannot read."""
    try:
        return _Unpacker(io.BytesIO(data), objects, ports or {}).load()
    except (pickle.UnpicklingError, AttributeError, EOFError, ImportError, IndexError, KeyError, TypeError) as error:
        raise MachineError(
            f"the cloud's data cannot be read: {error}; another version of qpyota may have written them"
        ) from None


class _Packer(pickle.Pickler):
    def __init__(self, file: io.BytesIO, objects: Objects, ports: Ports) -> None:
        super().__init__(file, PROTOCOL)
        self._objects = objects
        self._ports = {port: name for name, port in ports.items()}
        self.needs: set[str] = set()

    def persistent_id(self, value: Any) -> tuple[str, str] | None:
        kind = type(value)
        if kind is bytes and len(value) >= BIG_BYTES:
            name = self._objects.put(value)
            self.needs.add(name)
            return "object", name
        if kind is MethodType and value in self._ports:
            return "port", self._ports[value]
        return None


class _Unpacker(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, objects: Objects, ports: Ports) -> None:
        super().__init__(file)
        self._objects = objects
        self._ports = ports

    def persistent_load(self, name: Any) -> object:
        kind, which = name
        return self._objects.get(which) if kind == "object" else self._ports[which]

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _STANDARD:
            return super().find_class(module, name)
        found = super().find_class(module, name) if module.startswith(_OURS) else None
        # A dotted name leads on to what our modules import, and that is not ours.
        if isinstance(found, type) and found.__module__.startswith(_OURS):
            return found
        raise pickle.UnpicklingError(f"{module}.{name} has no place here")
