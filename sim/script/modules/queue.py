"""`queue`: how threads hand things over. `get` waits for ever; `put` never waits, and says False when it is full."""

from __future__ import annotations

from collections import deque
from types import ModuleType
from typing import Any

from sim.kernel.fibers import Signal
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

SIZE_DEFAULT = 100


def make(rt: ScriptRuntime) -> ModuleType:
    def room(maxsize: int) -> int:
        """2021 calls a queue full when it holds more than its size."""
        return maxsize + 1 if rt.profile.generation == "G21" else maxsize

    class Queue:
        def __init__(self, maxsize: int = SIZE_DEFAULT) -> None:
            self._items: deque[Any] = deque()
            self._filled = Signal(rt.clock)
            self._maxsize = maxsize

        def put(self, item: Any = None) -> bool:
            rt.me()
            if len(self._items) >= room(self._maxsize):
                return False
            self._items.append(item)
            self._filled.notify()
            return True

        def get(self) -> Any:
            rt.me()
            while not self._items:
                rt.wait(self._filled)
            return self._items.popleft()

        def empty(self) -> bool:
            return not self._items

        def size(self) -> int:
            return len(self._items)

    return namespace("queue", Queue=Queue)
