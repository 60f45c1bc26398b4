"""The boot decision is defined for every combination of facts, and prefers running to everything else."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from sim.boot.decision import RULES, TABLE, BootAction, BootFacts, PackageState, decide, decide_unseen
from sim.boot.journal import Phase

ALL = [BootFacts(*facts) for facts in product(Phase, (True, False), PackageState, (True, False))]


def test_there_is_an_action_for_every_combination_and_none_else():
    assert set(TABLE) == set(ALL)


@pytest.mark.parametrize("facts", ALL)
def test_a_module_with_whole_firmware_is_never_bricked(facts):
    assert (decide(facts) is BootAction.BRICKED) <= (not facts.runnable)


@pytest.mark.parametrize("facts", ALL)
def test_a_broken_firmware_never_runs(facts):
    if not facts.runnable:
        assert decide(facts) in (BootAction.APPLY, BootAction.MINI, BootAction.BRICKED)


@pytest.mark.parametrize("facts", ALL)
def test_only_a_usable_package_that_is_asked_for_is_applied(facts):
    asked = facts.phase in (Phase.REQUESTED, Phase.APPLYING, Phase.MINI_STAGED, Phase.MINI_APPLYING)
    assert (decide(facts) is BootAction.APPLY) == (asked and facts.package is PackageState.USABLE)


def test_an_update_that_is_in_place_is_confirmed_once():
    assert decide(BootFacts(Phase.COMPLETE, True, PackageState.UNASKED)) is BootAction.CONFIRM
    assert decide(BootFacts(Phase.IDLE, True, PackageState.UNASKED)) is BootAction.RUN


@pytest.mark.parametrize("facts", ALL)
def test_only_a_whole_mini_system_that_is_asked_for_starts(facts):
    if decide(facts) is BootAction.MINI:
        assert facts.mini
        assert facts.phase in (Phase.MINI_REQUESTED, Phase.STREAMING)


@pytest.mark.parametrize("facts", ALL)
def test_outside_a_minimal_upgrade_nobody_looks_at_the_mini_system(facts):
    if not facts.phase.value.startswith("mini") and facts.phase is not Phase.STREAMING:
        other = BootFacts(facts.phase, facts.runnable, facts.package, not facts.mini)
        assert decide(facts) is decide(other)


@pytest.mark.parametrize("package", PackageState)
def test_a_big_system_that_is_being_written_does_not_run_however_whole_it_looks_as_long_as_the_mini_system_does(
    package,
):
    facts = BootFacts(Phase.STREAMING, True, package, True)
    assert (decide(facts) is BootAction.MINI) == (package is PackageState.USABLE)


def test_no_two_rules_speak_of_the_same_facts():
    told = [
        facts
        for phases, runnables, packages, minis, _ in RULES
        for facts in product(phases, runnables, packages, minis)
    ]
    assert len(told) == len(set(told)) == len(TABLE)


def test_who_has_not_looked_at_the_images_acts_as_one_who_has():
    either = 0
    for facts in TABLE:
        action = decide_unseen(facts.phase, facts.package, facts.mini)
        other = replace(facts, runnable=not facts.runnable)
        assert action == (decide(facts) if decide(facts) == decide(other) else None)
        either += action is not None
    assert 0 < either < len(TABLE)
