"""The part of a scenario that one process runs: some of its devices, or the cloud, or, as usual, all of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.net.memory_apart import Call, Hand


@dataclass(frozen=True, slots=True)
class Part:
    """`names`: devices that live here, None for all; `cloud`: jobs are given here. Across the border between the two
    goes what devices `say` on one side and what they get, `hand`, on the other."""

    names: frozenset[str] | None = None
    cloud: bool = True
    say: Callable[[Call], None] | None = None
    hand: Hand | None = None

    def has(self, name: str) -> bool:
        """Whether this device lives here."""
        return self.names is None or name in self.names


WHOLE = Part()
