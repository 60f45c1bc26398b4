"""Values that a command line puts in place of a scenario's own, and how a slip of the pen is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import SpecError
from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.settings import Choice, Setting, applied, combinations, parse_choice, parse_setting

SCENARIO = find_scenario("staged_rollout")


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("jobs.0.at=5", "--set:1:11: error: a duration needs a unit, e.g. 30s   [jobs.0.at]\n     1 | jobs.0.at=5\n"),
        ("jobs.9.at=5s", "jobs is a list of 2, counted from 0"),
        ("jobs.-1.at=5s", "jobs is a list of 2, counted from 0"),
        ("jobs.0.abrtConfig.criteriaList=1", "jobs.0 has no 'abrtConfig'; did you mean 'abortConfig'?"),
        ("fleet.0.modle=EC200A", "unknown key 'modle'; did you mean 'model'?"),
        ("name.x=1", "name is 'staged_rollout', which has nothing in it"),
        ("fleet.0.count=[", "this is not a value: this is not YAML"),
        ("fleet.0.count=a: b", "this is not a value"),
        ("fleet.0.count=", "a value is missing here"),
        ("cloud.buckets.firmware.a21.pack.package=zz", "unknown package 'zz'; there are a21"),
    ],
)
def test_what_cannot_be_set_is_shown_in_its_place(word: str, text: str) -> None:
    with pytest.raises(SpecError) as refused:
        load_scenario(SCENARIO, [parse_setting(word)])
    assert text in str(refused.value)
    assert str(refused.value).startswith("--set:1:")


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(SpecError) as refused:
        load_scenario(SCENARIO, [parse_setting("jobs.7.at=1s"), parse_setting("fleet.9.count=1")])
    assert len(refused.value.problems) == 2


@pytest.mark.parametrize("word", ["", "=", "fleet.0.count", "=5"])
def test_what_is_no_setting_is_told(word: str) -> None:
    with pytest.raises(SpecError, match="write WAY=VALUE"):
        parse_setting(word)


@pytest.mark.parametrize("word", ["", "a", "a=", "a=1,", "a=,1", "=1,2"])
def test_what_is_no_choice_is_told(word: str) -> None:
    with pytest.raises(SpecError, match="write WAY=VALUE,VALUE"):
        parse_choice(word, "--matrix")


def test_a_value_or_a_way_twice_is_a_slip() -> None:
    with pytest.raises(SpecError, match="a value is there twice"):
        parse_choice("a=1,1", "--vary")
    with pytest.raises(SpecError, match="a is there twice"):
        combinations([Choice("a", ("1",)), Choice("a", ("2",))], "--vary")


def test_settings_replace_and_add() -> None:
    words = ["seed=9", "jobs.0.abortConfig.criteriaList.0.thresholdPercentage=7.5%", "jobs.1.description=later"]
    scenario = load_scenario(SCENARIO, [parse_setting(word) for word in words])
    assert (scenario.seed, scenario.jobs[1].description) == (9, "later")
    assert scenario.jobs[0].abort is not None
    assert scenario.jobs[0].abort.criteria_list[0].threshold_percentage == 7.5
    assert scenario.settings == tuple(words)


def test_combinations_turn_the_last_fastest() -> None:
    rows = combinations([parse_choice("a=1,2", "--vary"), parse_choice("b=x,y", "--vary")], "--vary")
    assert [" ".join(map(str, row)) for row in rows] == ["a=1 b=x", "a=1 b=y", "a=2 b=x", "a=2 b=y"]
    assert combinations([], "--vary") == [()]


KEYS = st.sampled_from(["a", "b", "0", "c.d", "e.f.g"])
TREES = st.recursive(
    st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)


def ways(data: Any, way: str = "") -> list[str]:
    items = enumerate(data) if isinstance(data, list) else data.items() if isinstance(data, dict) else ()
    return [found for key, value in items for found in (f"{way}{key}", *ways(value, f"{way}{key}."))]


@given(st.dictionaries(KEYS, TREES, min_size=1, max_size=3))
def test_every_way_through_plain_data_is_found_and_nothing_else_changes(data: dict[str, Any]) -> None:
    for way in ways(data):
        before = repr(data)
        changed, places = applied(data, [Setting(way, "'new'")])
        assert repr(data) == before
        (place,) = places
        found, box = changed, data
        for key in place[:-1]:
            found, box = found[key], box[key]
        assert found[place[-1]] == "new"
        found[place[-1]] = box[place[-1]]
        assert changed == data


def test_of_a_way_that_can_be_read_twice_the_longest_key_counts() -> None:
    assert applied({"a.b": 1, "a": {"b": 1}}, [Setting("a.b", "2")])[0] == {"a.b": 2, "a": {"b": 1}}
