"""The garbage collector is held back inside, and as it was outside, whatever happened."""

import gc

import pytest

from sim.kernel.garbage import (
    FEW,
    IDLE_OBJECTS,
    IDLE_S,
    LATER,
    PACED_OBJECTS,
    YOUNG_OBJECTS,
    collect_in_idle,
    rare_collections,
)


def test_inside_it_looks_seldom_and_afterwards_as_before():
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    inside = []

    def fail():
        with rare_collections():
            inside.append((gc.get_threshold()[0], gc.get_freeze_count() > frozen))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert inside == [(YOUNG_OBJECTS, True)]
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, frozen)


def test_free_time_is_used_for_the_young_and_a_short_pause_is_not(monkeypatch):
    seen = []
    monkeypatch.setattr(gc, "collect", seen.append)
    kept = []
    with rare_collections():
        kept += [[] for _ in range(3 * IDLE_OBJECTS)]
        assert gc.get_count()[0] > IDLE_OBJECTS
        collect_in_idle(IDLE_S / 2)
        assert seen == []
        collect_in_idle(IDLE_S * 2)
        assert seen == [0]


def test_where_a_pause_makes_everything_late_it_looks_at_few_at_a_time():
    with rare_collections(paced=True):
        gc.collect()
        assert gc.get_threshold()[0] == PACED_OBJECTS < YOUNG_OBJECTS


class Knot:
    """What only the collector can free."""

    def __init__(self):
        self.itself = self


@pytest.mark.parametrize("generation", [0, 1, 2])
def test_what_is_in_use_is_looked_at_once_and_not_again(generation):
    with rare_collections():
        kept = [[] for _ in range(1000)]
        before = gc.get_freeze_count()
        gc.collect(generation)
        assert gc.get_freeze_count() >= before + len(kept)
        assert gc.get_threshold()[0] >= LATER * (before + len(kept))


@pytest.mark.parametrize("paced", [False, True])
def test_where_much_is_garbage_everything_is_looked_at_again(paced):
    with rare_collections(paced=paced):
        gc.collect()
        few = int(FEW * gc.get_threshold()[0])
        before, _ = gc.get_freeze_count(), [Knot() for _ in range(2 * few)]
        _ = None
        assert gc.collect() > few
        assert gc.get_freeze_count() <= before
        assert gc.get_threshold()[0] == (PACED_OBJECTS if paced else YOUNG_OBJECTS)


def test_its_end_does_not_look_at_what_the_run_left():
    looked = []

    def see(phase, found):
        looked.append(found["generation"])

    before = gc.get_threshold()[0]
    try:
        with rare_collections():
            kept = [[] for _ in range(10_000)]
            gc.callbacks.append(see)
        more = [[] for _ in range(before // 2)]
    finally:
        gc.callbacks.remove(see)
    assert (looked, len(kept) + len(more)) == ([], 10_000 + before // 2)
