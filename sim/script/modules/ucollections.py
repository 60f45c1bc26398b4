"""`ucollections`: namedtuple, OrderedDict, and a deque of a fixed size, which is all that MicroPython 1.13 has."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

CHECKED = 1
"""Flag of `deque`: one that is full refuses with IndexError in place of dropping its oldest."""


class deque:  # noqa: N801 - the device's name
    """A ring of `size` items; the items to begin with must be the empty tuple."""

    def __init__(self, items: tuple[()], size: int, flags: int = 0) -> None:
        if items != () or size < 0:
            raise ValueError
        self._items: list[Any] = []
        self._size = size
        self._checked = bool(flags & CHECKED)

    def append(self, item: Any) -> None:
        if len(self._items) >= self._size:
            if self._checked:
                raise IndexError("full")
            del self._items[:1]
        if self._size:
            self._items.append(item)

    def popleft(self) -> Any:
        if not self._items:
            raise IndexError("empty")
        return self._items.pop(0)

    def __len__(self) -> int:
        return len(self._items)

    def __bool__(self) -> bool:
        return bool(self._items)


def make(rt: ScriptRuntime) -> ModuleType:
    def named_tuple(name: str, fields: str | Sequence[str]) -> type:
        return namedtuple(name, fields)

    return namespace("ucollections", namedtuple=named_tuple, OrderedDict=OrderedDict, deque=deque)
