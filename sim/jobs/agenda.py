"""What is to happen when: one entry per key, the earliest first, ties in the order they were entered.

An entry that is moved or dropped leaves a dead item in the heap. Dead items are skipped when they come up, and swept
out when they outnumber the living, so cost and size follow the living entries alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_SWEEP_FROM = 1024


class Agenda(Generic[K]):
    """Times are whole seconds; any total order would do."""

    def __init__(self) -> None:
        self._due: dict[K, tuple[int, int]] = {}
        self._heap: list[tuple[int, int, K]] = []
        self._entered = 0

    def enter(self, key: K, due_s: int) -> None:
        """Let `key` come up at `due_s`, whatever was entered for it before."""
        if self.due_of(key) == due_s:
            return
        self._entered += 1
        self._due[key] = (due_s, self._entered)
        heapq.heappush(self._heap, (due_s, self._entered, key))
        if len(self._heap) > _SWEEP_FROM + 2 * len(self._due):
            self._heap = [(due_s, entered, it) for it, (due_s, entered) in self._due.items()]
            heapq.heapify(self._heap)

    def drop(self, key: K) -> None:
        """`key` will not come up; harmless when it would not anyway."""
        self._due.pop(key, None)

    def due_of(self, key: K) -> int | None:
        found = self._due.get(key)
        return None if found is None else found[0]

    def next_s(self) -> int | None:
        """When the next entry comes up; None when there is none."""
        heap = self._heap
        while heap and self._due.get(heap[0][2], (0, 0))[1] != heap[0][1]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def pop(self) -> K:
        """Take out the entry that `next_s` told of."""
        assert self.next_s() is not None, "nothing is due"
        key = heapq.heappop(self._heap)[2]
        del self._due[key]
        return key
