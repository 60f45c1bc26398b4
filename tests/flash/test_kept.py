"""A table with a bound keeps what is asked for, and what has just come."""

from dataclasses import dataclass

import pytest

from sim.flash.kept import Kept


@dataclass
class Value:
    name: str
    asked: bool = False


@pytest.fixture
def kept():
    made = Kept(3)
    for name in "abc":
        assert made.put(name, Value(name)) is None
    return made


def names(kept):
    return sorted(value.name for value in kept)


def test_what_nobody_asked_for_goes_in_the_order_it_came(kept):
    assert kept.put("d", Value("d")).name == "a"
    assert kept.put("e", Value("e")).name == "b"
    assert names(kept) == ["c", "d", "e"]
    assert kept.get("a") is None


def test_what_was_asked_for_is_passed_over_once(kept):
    assert kept.get("a").name == "a"
    assert kept.put("d", Value("d")).name == "b"
    assert kept.put("e", Value("e")).name == "c"
    assert kept.put("f", Value("f")).name == "a"


def test_what_has_just_come_stays_though_all_others_are_asked_for(kept):
    for name in "abc":
        kept.get(name)
    assert kept.put("d", Value("d")).name == "a"
    assert names(kept) == ["b", "c", "d"]


def test_a_value_is_let_go_of_under_all_its_keys(kept):
    twice = kept.get("b")
    kept.put("again", twice)
    kept.drop(twice)
    assert kept.get("b") is kept.get("again") is None
    assert names(kept) == ["c"]
