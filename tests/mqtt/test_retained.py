"""Retained messages: what a search finds, with the rules of filters as the judge, and the limit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sim.mqtt.filters import matches
from sim.mqtt.retained import Retained
from sim.ports import Message

levels = st.sampled_from(["", "a", "b", "ab"])
topics = st.lists(levels, min_size=1, max_size=4).map("/".join).filter(bool)
filters = (
    st.lists(levels | st.just("+"), max_size=4)
    .flatmap(lambda head: st.sampled_from([[*head, "#"], [*head, "+"], [*head, "a"]]))
    .map("/".join)
)


@given(st.lists(st.tuples(topics, st.sampled_from([b"", b"1", b"2"])), max_size=12), filters | topics, st.booleans())
def test_a_search_finds_what_a_walk_over_all_topics_finds(
    history: list[tuple[str, bytes]], topic_filter: str, parent: bool
) -> None:
    retained, expected = Retained(100), dict[str, bytes]()
    for topic, payload in history:
        expected.pop(topic, None)
        if payload:
            retained.keep(Message(topic, payload))
            expected[topic] = payload
        else:
            retained.drop(topic)
    found = {m.topic: m.payload for m in retained.find(topic_filter, hash_takes_parent=parent)}
    assert found == {t: p for t, p in expected.items() if matches(topic_filter, t, hash_takes_parent=parent)}


def test_beyond_the_limit_only_topics_that_have_one_are_kept() -> None:
    retained = Retained(2)
    for topic in ("a", "b", "c"):
        retained.keep(Message(topic, b"old"))
    retained.keep(Message("a", b"new"))
    retained.drop("nothing/here")
    assert [(m.topic, m.payload) for m in retained.find("#", hash_takes_parent=True)] == [("a", b"new"), ("b", b"old")]
    retained.drop("b")
    retained.keep(Message("c", b"room"))
    assert [m.payload for m in retained.find("c", hash_takes_parent=True)] == [b"room"]
