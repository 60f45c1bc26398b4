"""What a device may expect of any network: the same steps in memory, over TCP and over TLS."""

from __future__ import annotations

from typing import Any

import pytest
from net_stage import connection_of

from sim.mqtt.switchboard import Greeting, Request
from sim.ports import (
    Closed,
    Connack,
    HttpFailure,
    HttpRequest,
    HttpResponse,
    Message,
    Pingresp,
    Puback,
    Suback,
    Will,
)

JOBS = "$aws/things/a/jobs"
MINUTE = 60.0


# -- connecting


def test_an_authorised_client_is_let_in_at_once(stage: Any) -> None:
    client = stage.connect("a", user="u", password="p")
    assert client.log == [(0, Connack(0))]
    assert stage.seen == [Greeting("a", user="u", password="p")]


def test_a_refused_client_is_told_and_closed(stage: Any) -> None:
    client = stage.connect("a", password="wrong")
    assert client.arrivals == [Connack(5), Closed("closed")]
    client.channel.publish(f"{JOBS}/get", b"{}")
    stage.run()
    assert stage.requests == []


def test_a_refused_client_does_not_touch_the_one_whose_id_it_used(stage: Any) -> None:
    victim = stage.connect("a")
    victim.channel.subscribe(1, "news", 0)
    stage.run()
    stage.connect("a", password="wrong")
    stage.cloud.publish("news", b"1")
    stage.run()
    assert victim.messages == [("news", b"1")]
    assert not victim.closed


def test_an_empty_client_id_is_given_one_unless_the_session_is_to_last(stage: Any) -> None:
    first, second = stage.connect(""), stage.connect("")
    assert first.arrivals == second.arrivals == [Connack(0)]
    assert stage.connect("", clean=False).arrivals == [Connack(2), Closed("closed")]


def test_calls_made_before_the_answer_to_connect_are_kept_in_order(stage: Any) -> None:
    client = stage.dial("a")
    client.channel.subscribe(1, "x", 0)
    client.channel.publish("x", b"1")
    stage.run()
    assert client.arrivals == [Connack(0), Suback(1, 0), Message("x", b"1")]


def test_a_text_that_mqtt_cannot_carry_ends_the_connection(stage: Any) -> None:
    assert stage.connect("a" * 70_000).arrivals == [Closed("closed")]
    assert stage.connect("\ud800").arrivals == [Closed("closed")]


# -- subscribing and publishing


@pytest.mark.parametrize(("asked", "granted"), [(0, 0), (1, 1)])
def test_a_subscription_is_granted_at_most_qos_1(stage: Any, asked: int, granted: int) -> None:
    client = stage.connect("a")
    client.channel.subscribe(7, "x/+/y", asked)
    stage.run()
    assert client.arrivals[1:] == [Suback(7, granted)]


@pytest.mark.parametrize("wrong", ["a/#/b", "a#", "#a", "a+", "a/+b/c", "", "a\0"])
def test_a_filter_with_a_misplaced_wildcard_is_refused(stage: Any, wrong: str) -> None:
    client = stage.connect("a")
    client.channel.subscribe(7, wrong, 0)
    stage.run()
    assert client.arrivals[1:] == [Suback(7, 0x80)]


def test_a_client_may_hold_fifty_filters(stage: Any) -> None:
    client = stage.connect("a")
    for number in range(51):
        client.channel.subscribe(number + 1, f"x/{number}", 0)
    client.channel.subscribe(99, "x/0", 0)
    stage.run()
    assert [a.code for a in client.arrivals[1:]] == [0] * 50 + [0x80, 0]


@pytest.mark.parametrize(
    ("topic_filter", "topic", "wanted"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/B", False),
        ("a/b", "a/b/", False),
        ("a/+", "a/b", True),
        ("a/+", "a/", True),
        ("a/+", "a", False),
        ("a/+", "a/b/c", False),
        ("+/+", "/a", True),
        ("+", "/a", False),
        ("a/#", "a", False),
        ("a/#", "a/b/c", True),
        ("a/#", "ab", False),
        ("#", "a/b", True),
        ("#", "$aws/things/a/jobs/notify", False),
        ("+/things/a/jobs/notify", "$aws/things/a/jobs/notify", False),
        ("$aws/#", "$aws/things/a/jobs/notify", True),
        ("$aws/things/+/jobs/notify", "$aws/things/a/jobs/notify", True),
    ],
)
def test_filters(stage: Any, topic_filter: str, topic: str, wanted: bool) -> None:
    client = stage.connect("a")
    client.channel.subscribe(1, topic_filter, 0)
    stage.run()
    stage.cloud.publish(topic, b"!")
    stage.run()
    assert client.messages == ([(topic, b"!")] if wanted else [])


@pytest.mark.parametrize("published", [0, 1])
@pytest.mark.parametrize("subscribed", [0, 1])
def test_a_message_travels_at_the_lower_qos(stage: Any, published: int, subscribed: int) -> None:
    reader, writer = stage.connect("reader"), stage.connect("writer")
    reader.channel.subscribe(1, "x", subscribed)
    stage.run()
    writer.channel.publish("x", b"1", published, packet_id=9 if published else 0)
    stage.run()
    qos = min(published, subscribed)
    assert reader.arrivals[-1] == Message("x", b"1", qos, qos)
    assert writer.arrivals[1:] == ([Puback(9)] if published else [])


def test_overlapping_filters_give_one_copy_at_the_highest_qos(stage: Any) -> None:
    client = stage.connect("a")
    for number, topic_filter in enumerate(["x/#", "x/y", "+/y"]):
        client.channel.subscribe(number + 1, topic_filter, number % 2)
    stage.run()
    stage.cloud.publish("x/y", b"1", 1)
    stage.run()
    assert [a for a in client.arrivals if isinstance(a, Message)] == [Message("x/y", b"1", 1, 1)]


def test_what_was_published_before_disconnect_arrives_in_order(stage: Any) -> None:
    reader, writer = stage.connect("reader"), stage.connect("writer")
    reader.channel.subscribe(1, "x", 0)
    stage.run()
    for number in range(100):
        writer.channel.publish("x", b"%d" % number)
    writer.channel.disconnect()
    stage.run()
    assert [payload for _, payload in reader.messages] == [b"%d" % n for n in range(100)]


def test_nothing_is_lost_while_others_subscribe_and_leave(stage: Any) -> None:
    reader = stage.connect("reader")
    reader.channel.subscribe(1, "x/+", 0)
    stage.run()
    for number in range(50):
        guest = stage.dial(f"guest{number}")
        guest.channel.subscribe(1, f"x/{number}", 0)
        guest.channel.publish("x/1", b"%d" % number)
        guest.channel.disconnect()
    stage.run()
    assert sorted(int(payload) for _, payload in reader.messages) == list(range(50))


@pytest.mark.parametrize("topic", ["", "a/+", "#", "a\0", "x" * 70_000])
def test_a_topic_that_breaks_mqtt_ends_the_connection(stage: Any, topic: str) -> None:
    client = stage.connect("a")
    client.channel.publish(topic, b"1")
    stage.run()
    assert client.arrivals == [Connack(0), Closed("closed")]


def test_a_payload_of_128_kib_passes_and_a_larger_one_ends_the_connection(stage: Any) -> None:
    client = stage.connect("a")
    client.channel.subscribe(1, "x", 0)
    client.channel.publish("x", bytes(128 * 1024))
    stage.run()
    assert [len(payload) for _, payload in client.messages] == [128 * 1024]
    client.channel.publish("x", bytes(128 * 1024 + 1))
    stage.run()
    assert client.arrivals[-1] == Closed("closed")
    assert len(client.messages) == 1


def test_ping_is_answered(stage: Any) -> None:
    client = stage.connect("a")
    client.channel.ping()
    stage.run()
    assert client.arrivals[1:] == [Pingresp()]


def test_qos_2_is_left_unanswered_as_on_aws(stage: Any) -> None:
    client = stage.connect("a")
    client.channel.subscribe(1, "x", 0)
    client.channel.publish("x", b"1", 2, packet_id=5)
    client.channel.ping()
    stage.run()
    assert client.arrivals == [Connack(0), Suback(1, 0), Pingresp()]


# -- the Jobs service


@pytest.mark.parametrize("subscribed", [None, f"{JOBS}/get/accepted", f"{JOBS}/#"])
def test_an_answer_reaches_the_requester_once_subscribed_or_not(stage: Any, subscribed: str | None) -> None:
    client = stage.connect("a")
    if subscribed:
        client.channel.subscribe(1, subscribed, 1)
    client.channel.publish(f"{JOBS}/get", b'{"key":0}')
    stage.run()
    assert stage.requests == [Request(None, "a", f"{JOBS}/get", b'{"key":0}')]
    stage.cloud.reply(stage.requests[0].connection, f"{JOBS}/get/accepted", b"{}")
    stage.run()
    assert [a for a in client.arrivals if isinstance(a, Message)] == [Message(f"{JOBS}/get/accepted", b"{}")]


def test_a_third_party_sees_neither_requests_nor_answers(stage: Any) -> None:
    spy, client = stage.connect("spy"), stage.connect("a")
    for number, topic_filter in enumerate(["#", "$aws/#", f"{JOBS}/#", f"{JOBS}/get", f"{JOBS}/get/accepted"]):
        spy.channel.subscribe(number + 1, topic_filter, 1)
    stage.run()
    client.channel.publish(f"{JOBS}/get", b"{}", 1, packet_id=3)
    stage.run()
    stage.cloud.acknowledge(stage.requests[0].connection, 3)
    stage.cloud.reply(stage.requests[0].connection, f"{JOBS}/get/accepted", b"{}")
    stage.run()
    assert spy.messages == []
    assert client.arrivals[1:] == [Puback(3), Message(f"{JOBS}/get/accepted", b"{}")]


def test_a_request_at_qos_1_is_acknowledged_only_when_the_cloud_says_so(stage: Any) -> None:
    client, other = stage.connect("a"), stage.connect("gone")
    gone = connection_of(stage, other)
    other.channel.disconnect()
    client.channel.publish(f"{JOBS}/get", b"{}", 1, packet_id=3)
    client.channel.publish("x", b"", 1, packet_id=4)
    stage.run()
    assert stage.requests == [Request(None, "a", f"{JOBS}/get", b"{}", 3)]
    assert client.arrivals[1:] == [Puback(4)]
    stage.cloud.acknowledge(stage.requests[0].connection, 3)
    stage.cloud.acknowledge(gone, 3)
    stage.run()
    assert client.arrivals[1:] == [Puback(4), Puback(3)]
    assert other.arrivals == [Connack(0)]


def test_a_request_for_another_thing_is_answered_to_the_one_who_asked(stage: Any) -> None:
    client = stage.connect("b")
    client.channel.publish(f"{JOBS}/j1/update", b"{}")
    stage.run()
    assert stage.requests == [Request(None, "b", f"{JOBS}/j1/update", b"{}")]


@pytest.mark.parametrize(
    "topic",
    [
        f"{JOBS}/get/accepted",
        f"{JOBS}/j1/update/rejected",
        f"{JOBS}/notify",
        f"{JOBS}/notify-next",
        "$aws/things/a/shadow/get",
        "$aws/events/x",
        "$SYS/x",
        "$",
    ],
)
def test_nobody_publishes_to_other_reserved_topics(stage: Any, topic: str) -> None:
    spy, client = stage.connect("spy"), stage.connect("a")
    spy.channel.subscribe(1, topic, 0)
    client.channel.publish(topic, b"1", 1, packet_id=1)
    stage.run()
    assert spy.messages == []
    assert stage.requests == []
    assert client.arrivals[1:] == [Puback(1)]


def test_a_retained_publish_to_a_reserved_topic_is_ignored(stage: Any) -> None:
    client = stage.connect("a")
    client.channel.publish(f"{JOBS}/get", b"{}", retain=True)
    stage.run()
    assert stage.requests == []
    assert not client.closed


def test_an_answer_to_a_connection_that_is_gone_is_dropped(stage: Any) -> None:
    client = stage.connect("a")
    old = connection_of(stage, client)
    client.channel.disconnect()
    stage.run()
    again = stage.connect("a")
    new = connection_of(stage, again)
    stage.cloud.reply(old, f"{JOBS}/get/accepted", b"old")
    stage.cloud.reply(new, f"{JOBS}/get/accepted", b"new")
    stage.run()
    assert again.messages == [(f"{JOBS}/get/accepted", b"new")]


# -- the end of a connection


WILL = Will("gone", b"a", 1)


def watcher(stage: Any) -> Any:
    client = stage.connect("watcher")
    client.channel.subscribe(1, "gone", 0)
    stage.run()
    return client


def test_a_will_is_sent_on_abort_and_not_on_disconnect(stage: Any) -> None:
    watch = watcher(stage)
    stage.connect("a", will=WILL).channel.disconnect()
    stage.run()
    assert watch.messages == []
    stage.connect("a", will=WILL).channel.abort()
    stage.run()
    assert watch.messages == [("gone", b"a")]


def test_a_will_is_sent_when_the_client_breaks_mqtt(stage: Any) -> None:
    watch = watcher(stage)
    stage.connect("a", will=WILL).channel.publish("#", b"")
    stage.run()
    assert watch.messages == [("gone", b"a")]


def test_a_will_on_a_reserved_topic_is_not_sent(stage: Any) -> None:
    spy = stage.connect("spy")
    spy.channel.subscribe(1, "$aws/#", 0)
    stage.run()
    stage.connect("a", will=Will(f"{JOBS}/notify", b"forged")).channel.abort()
    stage.run()
    assert spy.messages == []


def test_after_its_own_end_a_channel_hands_over_nothing(stage: Any) -> None:
    for end in ("disconnect", "abort", "vanish"):
        client = stage.connect("a")
        client.channel.ping()
        getattr(client.channel, end)()
        client.channel.publish(f"{JOBS}/get", b"{}")
        client.channel.ack(1)
        client.channel.disconnect()
        client.channel.abort()
        stage.run(10 * MINUTE)
        assert client.arrivals == [Connack(0)]
    assert stage.requests == []


def test_a_connection_ended_before_it_was_open_never_speaks(stage: Any) -> None:
    for end in ("disconnect", "abort", "vanish"):
        client = stage.dial("a")
        getattr(client.channel, end)()
        stage.run()
        assert client.arrivals == []


def test_a_second_connection_takes_over(stage: Any) -> None:
    watch = watcher(stage)
    old = stage.connect("a", will=WILL)
    old.channel.subscribe(1, "news", 0)
    stage.run()
    new = stage.connect("a")
    stage.cloud.publish("news", b"1")
    stage.run()
    assert old.arrivals == [Connack(0), Suback(1, 0), Closed("closed")]
    assert new.arrivals == [Connack(0)]
    assert watch.messages == [("gone", b"a")]
    old.channel.publish("gone", b"ghost")
    new.channel.ping()
    stage.run()
    assert len(watch.messages) == 1
    assert new.arrivals[1:] == [Pingresp()]


def test_a_vanished_client_is_dropped_after_one_and_a_half_keepalives(stage: Any) -> None:
    watch = watcher(stage)
    client = stage.connect("a", keepalive_s=60, will=WILL)
    stage.run(30)
    client.channel.ping()
    spoke_us = stage.clock.now_us
    stage.run(10)
    client.channel.vanish()
    stage.run(10 * MINUTE)
    assert watch.log[-1] == (spoke_us + 90_000_000, Message("gone", b"a"))
    assert len(watch.messages) == 1
    assert client.arrivals == [Connack(0), Pingresp()]


def test_a_silent_client_is_told_that_it_was_dropped(stage: Any) -> None:
    client = stage.connect("a", keepalive_s=40)
    stage.run(2 * MINUTE)
    assert client.log == [(0, Connack(0)), (60_000_000, Closed("closed"))]


def test_a_client_that_pings_is_kept(stage: Any) -> None:
    client = stage.connect("a", keepalive_s=60)
    for _ in range(60):
        stage.run(89)
        client.channel.ping()
    stage.run()
    assert client.arrivals == [Connack(0)] + [Pingresp()] * 60


def test_messages_for_a_vanished_client_are_not_handed_over(stage: Any) -> None:
    client = stage.connect("a", keepalive_s=60)
    client.channel.subscribe(1, "news", 1)
    stage.run()
    client.channel.vanish()
    stage.cloud.publish("news", b"1", 1)
    stage.run(10 * MINUTE)
    assert client.messages == []
    assert stage.connect("a").arrivals == [Connack(0)]


# -- lasting sessions and retained messages


def test_a_lasting_session_keeps_filters_and_qos_1_messages(stage: Any) -> None:
    client = stage.connect("a", clean=False)
    client.channel.subscribe(1, "news", 1)
    stage.run()
    client.channel.disconnect()
    stage.run()
    for number in range(3):
        stage.cloud.publish("news", b"%d" % number, number % 2)
    again = stage.connect("a", clean=False)
    assert again.arrivals == [Connack(0), Message("news", b"1", 1, 1)]
    stage.connect("a", clean=True).channel.disconnect()
    stage.run()
    assert stage.connect("a", clean=False).arrivals == [Connack(0)]


def test_a_clean_session_leaves_nothing_behind(stage: Any) -> None:
    client = stage.connect("a")
    client.channel.subscribe(1, "news", 1)
    stage.run()
    client.channel.disconnect()
    stage.run()
    stage.cloud.publish("news", b"1", 1)
    again = stage.connect("a", clean=False)
    stage.cloud.publish("news", b"2", 1)
    stage.run()
    assert again.arrivals == [Connack(0)]


def test_what_was_not_acknowledged_is_sent_again_to_a_lasting_session(stage: Any) -> None:
    client = stage.connect("a", clean=False, keepalive_s=60)
    client.channel.subscribe(1, "news", 1)
    stage.run()
    for number in range(3):
        stage.cloud.publish("news", b"%d" % number, 1)
    stage.run()
    client.channel.ack(2)
    stage.run()
    client.channel.vanish()
    again = stage.connect("a", clean=False)
    assert again.arrivals == [Connack(0), Message("news", b"0", 1, 1), Message("news", b"2", 1, 3)]
    again.channel.ack(1)
    again.channel.ack(3)
    stage.run()
    assert stage.connect("a", clean=False).arrivals == [Connack(0)]


def test_at_most_a_hundred_messages_are_on_their_way_unacknowledged(stage: Any) -> None:
    client = stage.connect("a")
    client.channel.subscribe(1, "news", 1)
    stage.run()
    for number in range(2000):
        stage.cloud.publish("news", b"%d" % number, 1)
    stage.run()
    assert len(client.messages) == 100
    acked = 0
    while acked < len(client.messages):
        for arrival in [a for a in client.arrivals if isinstance(a, Message)][acked:]:
            client.channel.ack(arrival.packet_id)
            acked += 1
        stage.run()
    assert [int(payload) for _, payload in client.messages] == list(range(1100))


def test_a_lasting_session_expires_after_an_hour(stage: Any) -> None:
    client = stage.connect("a", clean=False)
    client.channel.subscribe(1, "news", 1)
    stage.run()
    client.channel.disconnect()
    stage.run(61 * MINUTE)
    stage.cloud.publish("news", b"1", 1)
    assert stage.connect("a", clean=False).arrivals == [Connack(0)]


def test_a_retained_message_goes_to_later_subscribers_of_exactly_that_topic(stage: Any) -> None:
    writer = stage.connect("writer")
    writer.channel.publish("state", b"on", 1, retain=True, packet_id=1)
    stage.run()
    other = stage.connect("other")
    other.channel.subscribe(1, "#", 1)
    reader = stage.connect("reader")
    reader.channel.subscribe(1, "state", 1)
    stage.run()
    assert other.messages == []
    assert reader.arrivals[1:] == [Suback(1, 1), Message("state", b"on", 1, 1)]
    assert stage.connect("bystander").arrivals == [Connack(0)]
    writer.channel.publish("state", b"", retain=True)
    stage.run()
    late = stage.connect("late")
    late.channel.subscribe(1, "state", 1)
    stage.run()
    assert late.messages == []


def test_a_retained_message_keeps_the_lower_qos(stage: Any) -> None:
    client = stage.connect("a")
    client.channel.publish("state", b"on", 0, retain=True)
    client.channel.subscribe(1, "state", 1)
    stage.run()
    assert client.arrivals[1:] == [Suback(1, 1), Message("state", b"on", 0, 0)]


# -- identity


def test_the_certificate_is_shown_to_the_one_who_authorises(stage: Any, identity: Any) -> None:
    client = stage.connect("a", certificate=identity.certificate, private_key=identity.private_key)
    assert client.arrivals == [Connack(0)]
    assert stage.seen == [Greeting("a", certificate=None if stage.kind == "tcp" else identity.der)]


def test_an_identity_that_is_no_good_fails_the_handshake(
    stage: Any, identity: Any, authority: Any, foreign_authority: Any
) -> None:
    if stage.kind == "tcp":
        pytest.skip("no handshake")
    foreign, other = foreign_authority.issue("thing"), authority.issue("other")
    for certificate, private_key in [
        (foreign.certificate, foreign.private_key),
        (identity.certificate, other.private_key),
        (identity.certificate, ""),
        ("", identity.private_key),
        ("no PEM at all", "nor this"),
        (identity.certificate[:200], identity.private_key),
    ]:
        client = stage.connect("a", certificate=certificate, private_key=private_key)
        assert client.arrivals == [Closed("tls")]
    assert stage.seen == []


# -- HTTP


URL = "https://bucket.s3.us-west-2.amazonaws.com/dir/a%2Fb%20c.bin?X-Amz-Date=1&X-Amz-Signature=a%2bB%3D~"


def test_a_request_arrives_byte_for_byte_and_the_answer_as_it_was_given(stage: Any) -> None:
    body = bytes(range(256)) * 4000
    stage.respond = lambda _, now_s: HttpResponse(206, {"ETag": '"x"', "X-Now": str(now_s)}, body)
    stage.run(5)
    answer = stage.fetch(HttpRequest("GET", URL, {"Range": "bytes=0-9", "User-Agent": "QuecPython"}))
    asked = stage.asked[0]
    assert (asked.method, asked.url) == ("GET", URL)
    assert {k: v for k, v in asked.headers.items() if k != "Host"} == {
        "Range": "bytes=0-9",
        "User-Agent": "QuecPython",
    }
    assert isinstance(answer, HttpResponse)
    assert (answer.status, answer.body) == (206, body)
    assert answer.headers["X-Now"] == str(stage.clock.epoch_s)
    assert set(answer.headers) - {"Content-Length"} == {"ETag", "X-Now"}


def test_the_answer_to_head_has_a_length_and_no_body(stage: Any) -> None:
    stage.respond = lambda *_: HttpResponse(200, {"Content-Length": "1000", "Accept-Ranges": "bytes"}, b"")
    answer = stage.fetch(HttpRequest("HEAD", URL))
    assert answer == HttpResponse(200, {"Content-Length": "1000", "Accept-Ranges": "bytes"}, b"")


@pytest.mark.parametrize("status", [301, 403, 404, 416, 503])
def test_every_status_is_passed_on_and_no_redirect_followed(stage: Any, status: int) -> None:
    given = HttpResponse(status, {"Location": "https://elsewhere/", "Content-Length": "2"}, b"no")
    stage.respond = lambda *_: given
    assert stage.fetch(HttpRequest("GET", URL)) == given
    assert len(stage.asked) == 1


def test_packed_content_is_not_unpacked(stage: Any) -> None:
    given = HttpResponse(200, {"Content-Encoding": "gzip", "Content-Length": "3"}, b"abc")
    stage.respond = lambda *_: given
    assert stage.fetch(HttpRequest("GET", URL)) == given


def test_many_requests_one_after_the_other_over_a_day(stage: Any) -> None:
    for number in range(5):
        stage.respond = lambda *_, n=number: HttpResponse(200, {"Content-Length": "1"}, b"%d" % n)
        assert stage.fetch(HttpRequest("GET", URL)) == HttpResponse(200, {"Content-Length": "1"}, b"%d" % number)
        stage.run(60 * MINUTE * number)


@pytest.mark.parametrize("url", ["", "nothing", "ftp://a.amazonaws.com/x", "https:///x", "https://[::1/x"])
def test_a_url_without_a_host_fails_like_a_name_that_does_not_resolve(stage: Any, url: str) -> None:
    assert stage.fetch(HttpRequest("GET", url)) == HttpFailure("dns")
    assert stage.asked == []
