"""Rates of requests, counted by whole seconds of the account's time."""

from __future__ import annotations

from collections.abc import Hashable


class Throttle:
    """So many requests of one kind in each second; kinds are counted apart."""

    def __init__(self) -> None:
        self._second = -1
        self._seen: dict[Hashable, int] = {}

    def admits(self, kind: Hashable, per_s: int, now_s: int) -> bool:
        """Whether one more is within the rate; a refused one does not count."""
        if now_s != self._second:
            self._second = now_s
            self._seen.clear()
        seen = self._seen.get(kind, 0)
        if seen >= per_s:
            return False
        self._seen[kind] = seen + 1
        return True
