"""Topic filters, with amqtt's own matcher as the judge."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from amqtt.broker import Broker
from hypothesis import given
from hypothesis import strategies as st

from sim.jobs import topics as jobs
from sim.mqtt.filters import FilterIndex, matches, valid_filter, valid_topic
from sim.mqtt.rules import AWS, RELAXED

levels = st.sampled_from(["", "a", "b", "$aws", "ab"])
topics = st.lists(levels, min_size=1, max_size=4).map("/".join).filter(bool)
filters = (
    st.lists(levels | st.just("+"), max_size=4)
    .flatmap(lambda head: st.sampled_from([[*head, "#"], [*head, "+"], [*head, "a"]]))
    .map("/".join)
)


def stock(topic_filter: str, topic: str) -> bool:
    silent = SimpleNamespace(logger=SimpleNamespace(debug=lambda *_: None))
    return bool(Broker._matches(silent, topic, topic_filter))


@given(filters, topics)
def test_matching_agrees_with_amqtt(topic_filter: str, topic: str) -> None:
    assert valid_filter(topic_filter)
    assert valid_topic(topic)
    assert matches(topic_filter, topic) == stock(topic_filter, topic)


@given(filters, topics)
def test_amazons_matching_differs_from_the_standards_only_for_the_parent_of_a_hash(
    topic_filter: str, topic: str
) -> None:
    parent = topic_filter.endswith("/#") and stock(topic_filter[:-2], topic)
    amazons = matches(topic_filter, topic, hash_takes_parent=False)
    assert amazons == (matches(topic_filter, topic) and not parent)


@given(
    st.lists(st.tuples(st.sampled_from("pqr"), filters | topics, st.integers(0, 1)), max_size=12),
    topics,
    st.booleans(),
)
def test_the_index_finds_what_a_walk_over_all_filters_finds(
    held: list[tuple[str, str, int]], topic: str, parent: bool
) -> None:
    index, last = FilterIndex(hash_takes_parent=parent), {}
    for subscriber, topic_filter, qos in held:
        index.add(subscriber, topic_filter, qos)
        last[subscriber, topic_filter] = qos
    expected: dict[str, int] = {}
    for (subscriber, topic_filter), qos in last.items():
        if matches(topic_filter, topic, hash_takes_parent=parent):
            expected[subscriber] = max(qos, expected.get(subscriber, 0))
    assert index.find(topic) == expected
    for subscriber, topic_filter in last:
        index.remove(subscriber, topic_filter)
        index.remove(subscriber, topic_filter)
    assert index.find(topic) == {}


@pytest.mark.parametrize("topic", ["", "a+", "#", "a\0b", "é" * 40_000, "\ud800"])
def test_topics_nobody_may_publish_to(topic: str) -> None:
    assert not valid_topic(topic)


@given(st.from_regex(jobs.THING_NAME, fullmatch=True), st.from_regex(jobs.JOB_ID, fullmatch=True))
def test_a_request_that_names_an_operation_is_a_topic_that_every_broker_takes(thing: str, job_id: str) -> None:
    for topic in (
        jobs.get_pending(thing), jobs.start_next(thing), jobs.describe(thing, "$next"),
        jobs.describe(thing, job_id), jobs.update(thing, job_id),
    ):  # fmt: skip
        asked = jobs.parse_request(topic)
        assert asked is not None
        assert asked.operation is not None
        assert valid_topic(topic)
        assert AWS.takes_topic(topic)
        assert RELAXED.takes_topic(topic)
