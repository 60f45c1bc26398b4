"""The boot decision is defined for every combination of facts, and prefers running to everything else."""

from __future__ import annotations

from itertools import product

import pytest

from sim.boot.decision import TABLE, BootAction, BootFacts, PackageState, decide
from sim.boot.journal import Phase

ALL = [BootFacts(*facts) for facts in product(Phase, (True, False), PackageState)]


def test_there_is_an_action_for_every_combination_and_none_else():
    assert set(TABLE) == set(ALL)


@pytest.mark.parametrize("facts", ALL)
def test_a_module_with_whole_firmware_is_never_bricked(facts):
    assert (decide(facts) is BootAction.BRICKED) <= (not facts.runnable)


@pytest.mark.parametrize("facts", ALL)
def test_a_broken_firmware_never_runs(facts):
    if not facts.runnable:
        assert decide(facts) in (BootAction.APPLY, BootAction.BRICKED)


@pytest.mark.parametrize("facts", ALL)
def test_only_a_usable_package_that_is_asked_for_is_applied(facts):
    asked = facts.phase in (Phase.REQUESTED, Phase.APPLYING)
    assert (decide(facts) is BootAction.APPLY) == (asked and facts.package is PackageState.USABLE)


def test_an_update_that_is_in_place_is_confirmed_once():
    assert decide(BootFacts(Phase.COMPLETE, True, PackageState.UNASKED)) is BootAction.CONFIRM
    assert decide(BootFacts(Phase.IDLE, True, PackageState.UNASKED)) is BootAction.RUN
