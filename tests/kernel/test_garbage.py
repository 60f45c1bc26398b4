"""The garbage collector is held back inside, and as it was outside, whatever happened."""

import gc

import pytest

from sim.kernel.garbage import YOUNG_OBJECTS, rare_collections


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
