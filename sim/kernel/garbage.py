"""Python's garbage collector in a run of many devices.

What a world was built of lives as long as the run; looking through it again and again, as the collector does by
default, costs a fleet a fifth of its time. Inside `rare_collections` it is left alone, and the young are looked at
less often. Nothing that a run does depends on when garbage is found.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 100_000
"""Net allocations between two collections of the youngest; Python's own is 700."""

MIDDLE_EACH, OLD_EACH = 2, 2
"""So many collections of a generation make one of the next."""


@contextmanager
def rare_collections() -> Iterator[None]:
    """The objects that are there now are not looked at, and the later ones seldom."""
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, MIDDLE_EACH, OLD_EACH)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
