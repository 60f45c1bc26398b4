"""What a broker allows its clients, row by row of Amazon's quotas, and the same step where they do not count.

Each step is taken in memory, over TCP and over TLS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from net_stage import Client, Stage

from sim.mqtt.rules import AWS, RELAXED
from sim.ports import Closed, Connack, Message, Pingresp, Puback, Suback

MINUTE = 60.0
KIB = 1024
JOBS = "$aws/things/a/jobs"


@pytest.fixture(params=["memory", "tcp", "tls"])
def both(request: pytest.FixtureRequest, authority: Any) -> Iterator[Callable[[Any], Stage]]:
    """A stage for either set of rules."""
    made: list[Stage] = []

    def stage(rules: Any) -> Stage:
        made.append(Stage(request.param, authority, rules))
        return made[-1]

    yield stage
    for one in made:
        one.close()


def closed_at_s(client: Client) -> float | None:
    return next((at_us / 1e6 for at_us, arrival in client.log if isinstance(arrival, Closed)), None)


# -- keepalive


@pytest.mark.parametrize(
    ("asked_s", "aws_s", "relaxed_s"),
    [(0, 1800, None), (1, 45, 1.5), (29, 45, 43.5), (30, 45, 45), (60, 90, 90), (1200, 1800, 1800), (3600, 1800, 5400)],
)
def test_a_silent_client_is_dropped_after_one_and_a_half_of_the_keepalive_that_counts(
    both: Any, asked_s: int, aws_s: float, relaxed_s: float | None
) -> None:
    for rules, dropped_s in ((AWS, aws_s), (RELAXED, relaxed_s)):
        stage = both(rules)
        client = stage.connect("a", keepalive_s=asked_s)
        stage.run(90 * MINUTE + 1)
        assert closed_at_s(client) == dropped_s


def test_without_keepalive_silence_is_allowed_where_nobody_limits_it(both: Any) -> None:
    stage = both(RELAXED)
    client = stage.connect("a")
    stage.run(24 * 60 * MINUTE)
    client.channel.ping()
    stage.run()
    assert client.arrivals == [Connack(0), Pingresp()]


# -- sizes


@pytest.mark.parametrize(("rules", "largest"), [(AWS, 128 * KIB), (RELAXED, 1024 * KIB - 3)], ids=["aws", "relaxed"])
def test_a_payload_over_the_limit_ends_the_connection(both: Any, rules: Any, largest: int) -> None:
    stage = both(rules)
    reader, client = stage.connect("reader"), stage.connect("a")
    reader.channel.subscribe(1, "x", 0)
    stage.run()
    client.channel.publish("x", bytes(largest))
    stage.run()
    assert [len(payload) for _, payload in reader.messages] == [largest]
    client.channel.publish("x", bytes(largest + 1))
    stage.run()
    assert client.closed
    assert len(reader.messages) == 1


@pytest.mark.parametrize("client_id", ["a" * 129, "é" * 65])
def test_a_client_id_of_more_than_128_bytes_is_rejected(both: Any, client_id: str) -> None:
    assert both(AWS).connect("a" * 128).arrivals == [Connack(0)]
    assert both(AWS).connect(client_id).arrivals == [Connack(2), Closed("closed")]
    assert both(RELAXED).connect(client_id).arrivals == [Connack(0)]


LONG = "é" * 128
EIGHT_LEVELS = "1/2/3/4/5/6/7/8"


@pytest.mark.parametrize(
    ("topic", "fits"),
    [
        (LONG, True),
        (LONG + "a", False),
        (EIGHT_LEVELS, True),
        (EIGHT_LEVELS + "/", False),
        (f"$aws/{EIGHT_LEVELS}", True),
        (f"$aws/{EIGHT_LEVELS}/", False),
    ],
)
def test_a_topic_has_at_most_256_bytes_and_7_slashes_without_the_reserved_prefix(
    both: Any, topic: str, fits: bool
) -> None:
    for rules, allowed in ((AWS, fits), (RELAXED, True)):
        stage = both(rules)
        publisher, subscriber = stage.connect("p"), stage.connect("s")
        publisher.channel.publish(topic, b"1", 1, packet_id=1)
        subscriber.channel.subscribe(1, topic, 0)
        stage.run()
        assert publisher.arrivals[1:] == [Puback(1) if allowed else Closed("closed")]
        assert subscriber.arrivals[1:] == [Suback(1, 0 if allowed else 0x80)]


# -- filters


def test_fifty_filters_a_connection(both: Any) -> None:
    for rules, last in ((AWS, 0x80), (RELAXED, 0)):
        stage = both(rules)
        client = stage.connect("a")
        for number in range(51):
            client.channel.subscribe(number + 1, f"x/{number}", 0)
        stage.run()
        assert [a.code for a in client.arrivals[1:]] == [0] * 50 + [last]


@pytest.mark.parametrize("topic_filter", ["a/#", "+/#"])
def test_amazons_hash_does_not_take_in_the_parent(both: Any, topic_filter: str) -> None:
    for rules, got in ((AWS, [b"below"]), (RELAXED, [b"parent", b"below"])):
        stage = both(rules)
        client = stage.connect("a")
        client.channel.subscribe(1, topic_filter, 0)
        stage.run()
        stage.cloud.publish("a", b"parent")
        stage.cloud.publish("a/b", b"below")
        stage.run()
        assert [payload for _, payload in client.messages] == got


@pytest.mark.parametrize("topic_filter", ["#", "+/things/#", "+/things/a/jobs/notify"])
def test_a_leading_wildcard_never_sees_reserved_topics(both: Any, topic_filter: str) -> None:
    for rules in (AWS, RELAXED):
        stage = both(rules)
        client = stage.connect("a")
        client.channel.subscribe(1, topic_filter, 0)
        stage.run()
        stage.cloud.publish(f"{JOBS}/notify", b"!")
        stage.run()
        assert client.arrivals[1:] == [Suback(1, 0)]


def test_a_subscription_at_qos_2_is_not_answered_by_amazon(both: Any) -> None:
    for rules, answer in ((AWS, []), (RELAXED, [Suback(7, 1)])):
        stage = both(rules)
        client = stage.connect("a")
        client.channel.subscribe(7, "x", 2)
        client.channel.ping()
        stage.run()
        assert client.arrivals[1:] == [*answer, Pingresp()]


def test_a_publish_at_qos_2_is_answered_by_neither_and_reaches_nobody(both: Any) -> None:
    for rules in (AWS, RELAXED):
        stage = both(rules)
        client = stage.connect("a")
        client.channel.subscribe(1, "x", 0)
        client.channel.publish("x", b"1", 2, packet_id=5)
        client.channel.publish(f"{JOBS}/get", b"{}", 2, packet_id=6)
        stage.run()
        assert client.arrivals[1:] == [Suback(1, 0)]
        assert stage.requests == []


# -- rates


def test_a_hundred_publishes_a_second_and_what_is_more_is_dropped_without_puback(both: Any) -> None:
    for rules, through in ((AWS, 100), (RELAXED, 130)):
        stage = both(rules)
        reader, client, other = stage.connect("reader"), stage.connect("a"), stage.connect("other")
        reader.channel.subscribe(1, "x", 0)
        other.channel.subscribe(1, "y", 0)
        stage.run()
        for number in range(130):
            client.channel.publish("x", b"%d" % number, 1, packet_id=number + 1)
        other.channel.publish("y", b"other")
        stage.run()
        assert client.arrivals[1:] == [Puback(number + 1) for number in range(through)]
        numbers = [b"%d" % number for number in range(through)]
        assert [payload for _, payload in reader.messages] == numbers
        assert other.messages == [("y", b"other")]
        stage.run(1)
        client.channel.publish("x", b"again", 1, packet_id=200)
        stage.run()
        assert client.arrivals[-1] == Puback(200)


def test_a_hundred_messages_a_second_reach_a_client_and_more_of_qos_0_are_dropped(both: Any) -> None:
    for rules, through in ((AWS, 100), (RELAXED, 130)):
        stage = both(rules)
        reader, beside = stage.connect("reader"), stage.connect("beside")
        reader.channel.subscribe(1, "x", 0)
        beside.channel.subscribe(1, "y", 0)
        stage.run()
        for number in range(130):
            stage.cloud.publish("x", b"%d" % number)
        stage.cloud.publish("y", b"")
        stage.run()
        assert [payload for _, payload in reader.messages] == [b"%d" % number for number in range(through)]
        assert beside.messages == [("y", b"")]
        assert not reader.closed
        stage.run(1)
        stage.cloud.publish("x", b"again")
        stage.run()
        assert reader.messages[-1] == ("x", b"again")


def test_what_goes_out_at_qos_1_counts_and_is_not_dropped(both: Any) -> None:
    stage = both(AWS)
    reader = stage.connect("reader")
    reader.channel.subscribe(1, "x", 1)
    reader.channel.subscribe(2, "y", 0)
    stage.run()
    for _ in range(130):
        stage.cloud.publish("x", b"", 1)
    stage.cloud.publish("y", b"")
    stage.run()
    sent = [arrival for arrival in reader.arrivals if isinstance(arrival, Message)]
    assert len(sent) == AWS.in_flight_limit
    for message in sent:
        reader.channel.ack(message.packet_id)
    stage.run()
    assert [topic for topic, _ in reader.messages] == ["x"] * 130


def test_requests_to_the_jobs_service_count_as_publishes(both: Any) -> None:
    stage = both(AWS)
    client = stage.connect("a")
    for _ in range(101):
        client.channel.publish(f"{JOBS}/get", b"{}")
    stage.run()
    assert len(stage.requests) == 100
    assert not client.closed


def test_a_client_id_may_connect_once_a_second(both: Any) -> None:
    for rules, answer in ((AWS, [Connack(3), Closed("closed")]), (RELAXED, [Connack(0)])):
        stage = both(rules)
        first = stage.connect("a")
        stage.run(0.9)
        early = stage.dial("a")
        stage.run()
        assert early.arrivals == answer
        assert first.closed == (rules is RELAXED)
        stage.run(0.2)
        late = stage.dial("a")
        stage.run()
        assert late.arrivals == [Connack(0)]


def test_a_client_that_waits_a_second_after_it_hung_up_is_let_in(both: Any) -> None:
    stage = both(AWS)
    for _ in range(5):
        client = stage.dial("a")
        stage.run()
        assert client.arrivals == [Connack(0)]
        client.channel.abort()
        stage.run(1)


def test_a_refused_stranger_does_not_use_up_the_turn_of_the_one_it_pretends_to_be(both: Any) -> None:
    stage = both(AWS)
    for password, answer in (("wrong", [Connack(5), Closed("closed")]), ("right", [Connack(0)])):
        client = stage.dial("a", password=password)
        stage.run()
        assert client.arrivals == answer


def test_an_account_has_3000_connects_a_second(authority: Any) -> None:
    for rules, refused in ((AWS, 10), (RELAXED, 0)):
        stage = Stage("memory", authority, rules)
        clients = [stage.dial(f"c{number:04}") for number in range(3010)]
        stage.run()
        codes = [client.arrivals[0] for client in clients]
        assert codes == [Connack(0)] * (3010 - refused) + [Connack(3)] * refused
        stage.run(1)
        assert stage.connect("late").arrivals == [Connack(0)]
        stage.close()


def test_a_hundred_unacknowledged_messages_are_under_way(both: Any) -> None:
    for rules, under_way in ((AWS, 100), (RELAXED, 1000)):
        stage = both(rules)
        client = stage.connect("a")
        client.channel.subscribe(1, "x", 1)
        stage.run()
        for number in range(1100):
            stage.cloud.publish("x", b"%d" % number, 1)
        stage.run()
        assert len(client.messages) == under_way
        client.channel.ack(1)
        stage.run()
        assert client.messages[-1] == ("x", b"%d" % under_way)


# -- sessions and what is kept


def test_amazon_forgets_a_lasting_session_after_an_hour(both: Any) -> None:
    for rules, kept in ((AWS, False), (RELAXED, True)):
        stage = both(rules)
        client = stage.connect("a", clean=False)
        client.channel.subscribe(1, "news", 1)
        stage.run()
        client.channel.disconnect()
        stage.run(61 * MINUTE)
        stage.cloud.publish("news", b"1", 1)
        again = stage.connect("a", clean=False)
        assert again.messages == ([("news", b"1")] if kept else [])


@pytest.mark.parametrize("topic_filter", ["#", "+", "state/#", "+/led"])
def test_amazon_sends_no_retained_message_to_a_filter_with_a_wildcard(both: Any, topic_filter: str) -> None:
    topic = "state" if topic_filter == "+" else "state/led"
    for rules, sent in ((AWS, []), (RELAXED, [(topic, b"on")])):
        stage = both(rules)
        writer, reader = stage.connect("writer"), stage.connect("reader")
        writer.channel.publish(topic, b"on", 1, retain=True, packet_id=1)
        stage.run()
        reader.channel.subscribe(1, topic_filter, 1)
        stage.run()
        assert reader.messages == sent


@pytest.mark.parametrize("topic", [f"{JOBS}/get/accepted", f"{JOBS}/notify", f"{JOBS}/j/update/rejected", "$SYS/x"])
@pytest.mark.parametrize("retain", [False, True])
def test_a_client_reaches_nobody_on_a_reserved_topic(both: Any, topic: str, retain: bool) -> None:
    for rules in (AWS, RELAXED):
        stage = both(rules)
        spy, client = stage.connect("spy"), stage.connect("a")
        spy.channel.subscribe(1, topic, 0)
        client.channel.publish(topic, b"forged", 1, retain, packet_id=1)
        stage.run()
        late = stage.connect("late")
        late.channel.subscribe(1, topic, 0)
        stage.run()
        assert spy.messages == late.messages == []
        assert stage.requests == []
        assert client.arrivals[1:] == [Puback(1)]


def test_a_retained_request_is_acknowledged_and_asks_nobody(both: Any) -> None:
    for rules in (AWS, RELAXED):
        stage = both(rules)
        client = stage.connect("a")
        client.channel.publish(f"{JOBS}/get", b"{}", 1, retain=True, packet_id=1)
        stage.run()
        assert client.arrivals[1:] == [Puback(1)]
        assert stage.requests == []


def test_a_second_connection_takes_over_without_an_error_to_the_newcomer(both: Any) -> None:
    for rules in (AWS, RELAXED):
        stage = both(rules)
        old, new = stage.connect("a"), stage.connect("a")
        assert old.arrivals == [Connack(0), Closed("closed")]
        assert new.arrivals == [Connack(0)]
