"""Connections by device and number. Most devices have one at a time, which needs no key of its own.

A device that connects again takes the place of its old connection once that is gone: what a fleet's connections take
does not grow when all of them are replaced.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar


class Numbered(Protocol):
    """A connection of `device`; nobody else there has its number."""

    @property
    def device(self) -> str: ...
    @property
    def number(self) -> int: ...


C = TypeVar("C", bound=Numbered)


class Connections(Generic[C]):
    """Those that are known."""

    __slots__ = ("_of",)

    def __init__(self) -> None:
        self._of: dict[str, C | tuple[C, ...]] = {}

    def add(self, one: C) -> None:
        known = self._of.get(one.device)
        if known is None:
            self._of[one.device] = one
        else:
            self._of[one.device] = (*known, one) if isinstance(known, tuple) else (known, one)

    def get(self, device: str, number: int) -> C | None:
        found = self._of.get(device)
        if isinstance(found, tuple):
            return next((one for one in found if one.number == number), None)
        return found if found is not None and found.number == number else None

    def drop(self, one: C) -> None:
        """Harmless when it is not known any more."""
        found = self._of.get(one.device)
        if found is one:
            del self._of[one.device]
        elif isinstance(found, tuple):
            left = tuple([it for it in found if it is not one])
            self._of[one.device] = left if len(left) > 1 else left[0]

    def of(self, device: str) -> tuple[C, ...]:
        """Those of a device, in the order of opening."""
        found = self._of.get(device)
        if isinstance(found, tuple):
            return found
        return () if found is None else (found,)
