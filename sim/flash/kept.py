"""A table with a bound for what is asked again and again by devices that hold the same.

A key may be long, so that whoever asks hashes it once: what was asked for is marked, not moved. Where room is needed,
the oldest goes that nobody asked for since it was put in or was last passed over.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, Protocol, TypeVar


class Asked(Protocol):
    """What is kept carries its mark."""

    asked: bool


V = TypeVar("V", bound=Asked)


class Kept(Generic[V]):
    """At most `most` values by their keys."""

    __slots__ = ("_most", "_values")

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[V]:
        return iter(self._values.values())

    def get(self, key: Hashable) -> V | None:
        """The value of this key, which is worth keeping; None when there is none."""
        value = self._values.get(key)
        if value is not None:
            value.asked = True
        return value

    def put(self, key: Hashable, value: V) -> V | None:
        """Keep it under a key that is new. The value that went because there was no room."""
        values, gone = self._values, None
        while gone is None and len(values) >= self._most:
            first, oldest = values.popitem(last=False)
            if oldest.asked:
                oldest.asked = False
                values[first] = oldest
            else:
                gone = oldest
        values[key] = value
        return gone

    def drop(self, unwanted: object) -> None:
        """Let go of one value, under all its keys."""
        for key in [key for key, value in self._values.items() if value is unwanted]:
            del self._values[key]

    def clear(self) -> None:
        """Let go of all."""
        self._values.clear()
