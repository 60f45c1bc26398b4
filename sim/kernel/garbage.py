"""Python's garbage collector in a run of many devices.

What a world was built of lives as long as the run; looking through it again and again, as the collector does by
default, costs a fleet a fifth of its time. Inside `rare_collections` it is left alone, and the young are looked at
less often. Where a look finds next to no garbage, what is in use is left alone from then on, too, and the next look
comes when there is a multiple of it: a fleet of built-in agents leaves nothing to the collector. Nothing that a run
does depends on when garbage is found.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 100_000
"""Net allocations between two collections of the youngest; Python's own is 700."""

MIDDLE_EACH, OLD_EACH = 2, 2
"""So many collections of a generation make one of the next."""

FEW = 0.01
"""Of the young that make up a collection: where less was garbage, the rest is not looked at again in this run."""

LATER = 2
"""So many times as many as are left alone make up the next collection then; garbage is at most that much memory."""

PACED_OBJECTS = 5_000
"""The same where a pause makes everything late: a pass over 100,000 was measured to take 130 ms and more."""

IDLE_S = 0.02
"""Time that has to be free before the young are looked at in it; their pass takes a few milliseconds."""

IDLE_OBJECTS = 1_000
"""Young objects that make it worthwhile."""


def collect_in_idle(free_s: float) -> None:
    """Look at the young now, if so much time is free, rather than in the middle of a burst."""
    if free_s > IDLE_S and gc.isenabled() and gc.get_count()[0] > IDLE_OBJECTS:
        gc.collect(1 if free_s > 5 * IDLE_S and gc.get_count()[1] > MIDDLE_EACH else 0)


@contextmanager
def rare_collections(*, paced: bool = False) -> Iterator[None]:
    """The objects that are there now are not looked at, and the later ones seldom; `paced`: a few at a time."""
    thresholds = gc.get_threshold()
    youngest = PACED_OBJECTS if paced else YOUNG_OBJECTS

    def leave_alone(phase: str, found: dict[str, int]) -> None:
        """After a look: what is in use now will be for long, unless there was much else."""
        if phase == "start":
            return
        next_objects = youngest
        if found["collected"] <= FEW * gc.get_threshold()[0]:
            gc.freeze()
            if not paced:
                next_objects = max(youngest, LATER * gc.get_freeze_count())
        gc.set_threshold(next_objects, MIDDLE_EACH, OLD_EACH)

    gc.freeze()
    gc.set_threshold(youngest, MIDDLE_EACH, OLD_EACH)
    gc.callbacks.append(leave_alone)
    try:
        yield
    finally:
        gc.callbacks.remove(leave_alone)
        gc.set_threshold(*thresholds)
        gc.freeze()  # with what is young now, which is no younger than the rest
        gc.unfreeze()
