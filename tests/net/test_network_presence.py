"""Who comes, goes and subscribes, as AWS IoT Core tells it under `$aws/events/`: in memory, over TCP and over TLS."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from sim.kernel.clock import EPOCH_S
from sim.ports import Closed, Connack, Will


def watcher(stage: Any, *filters: str) -> Any:
    client = stage.connect("watch")
    for number, topic_filter in enumerate(filters or ("$aws/events/presence/#",)):
        client.channel.subscribe(number + 1, topic_filter, 1)
    stage.run(1)
    client.log.clear()
    return client


def events(client: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(topic, json.loads(payload)) for topic, payload in client.everything]


def test_a_connect_and_its_end_bear_time_in_milliseconds_and_one_version(stage: Any, identity: Any) -> None:
    watch = watcher(stage)
    at_ms = EPOCH_S * 1000 + stage.clock.now_us // 1000
    client = stage.connect("a", certificate=identity.certificate, private_key=identity.private_key)
    stage.run(5)
    client.channel.disconnect()
    stage.run(1)
    stage.connect("a")
    common = {
        "clientId": "a",
        "sessionIdentifier": "a#0",
        "principalIdentifier": "" if stage.kind == "tcp" else sha256(identity.der).hexdigest(),
        "versionNumber": 0,
    }
    connected, disconnected, again = events(watch)
    assert connected == ("$aws/events/presence/connected/a", {**common, "timestamp": at_ms, "eventType": "connected"})
    assert disconnected == (
        "$aws/events/presence/disconnected/a",
        {
            **common,
            "timestamp": at_ms + 5001,
            "eventType": "disconnected",
            "clientInitiatedDisconnect": True,
            "disconnectReason": "CLIENT_INITIATED_DISCONNECT",
        },
    )
    assert (again[1]["sessionIdentifier"], again[1]["versionNumber"]) == ("a#1", 1)


class Nothing:
    def publish(self, topic: str) -> bool:
        return False

    retain = subscribe = receive = publish


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda stage, client: client.channel.disconnect(), "CLIENT_INITIATED_DISCONNECT"),
        (lambda stage, client: client.channel.abort(), "CONNECTION_LOST"),
        (lambda stage, client: client.channel.publish("#", b""), "CLIENT_ERROR"),
        (lambda stage, client: client.channel.publish("x", bytes(200_000)), "CLIENT_ERROR"),
        (lambda stage, client: stage.connect("a"), "DUPLICATE_CLIENTID"),
        (lambda stage, client: client.channel.publish("x", b""), "FORBIDDEN_ACCESS"),
        (lambda stage, client: client.channel.subscribe(1, "x", 0), "FORBIDDEN_ACCESS"),
        (lambda stage, client: client.channel.vanish(), "MQTT_KEEP_ALIVE_TIMEOUT"),
    ],
)
def test_the_reason_of_an_end(stage: Any, end: Any, reason: str) -> None:
    watch = watcher(stage)
    if reason == "FORBIDDEN_ACCESS":
        stage.rights = Nothing()
    client = stage.connect("a", keepalive_s=30)
    end(stage, client)
    stage.run(1 if reason != "MQTT_KEEP_ALIVE_TIMEOUT" else 46)
    told = [event for topic, event in events(watch) if "/disconnected/" in topic]
    assert [event["disconnectReason"] for event in told] == [reason]
    assert told[0]["clientInitiatedDisconnect"] == (reason == "CLIENT_INITIATED_DISCONNECT")


class NoWill(Nothing):
    def publish(self, topic: str) -> bool:
        return topic == "kept"

    def retain(self, topic: str) -> bool:
        return False


@pytest.mark.parametrize(
    ("rights", "will"),
    [
        (4, None),
        (5, None),
        (NoWill(), Will("gone", b"")),
        (NoWill(), Will("kept", b"", retain=True)),
    ],
)
def test_who_is_not_authorised_or_may_not_leave_its_will_is_refused_and_reported(
    stage: Any, identity: Any, rights: Any, will: Will | None
) -> None:
    watch = watcher(stage)
    at_ms = EPOCH_S * 1000 + stage.clock.now_us // 1000
    stage.rights = rights
    client = stage.connect("a", certificate=identity.certificate, private_key=identity.private_key, will=will)
    assert client.arrivals == [Connack(rights if isinstance(rights, int) else 5), Closed("closed")]
    failed = {
        "clientId": "a",
        "timestamp": at_ms,
        "eventType": "connect_failed",
        "connectFailureReason": "AUTHORIZATION_FAILED",
        "sessionIdentifier": "a#refused-1",
        "principalIdentifier": "" if stage.kind == "tcp" else sha256(identity.der).hexdigest(),
    }
    assert events(watch) == [("$aws/events/presence/connect_failed/a", failed)]


def test_a_will_that_may_be_left_lets_its_client_in(stage: Any) -> None:
    watch = watcher(stage)
    stage.rights = NoWill()
    assert stage.connect("a", will=Will("kept", b"")).arrivals == [Connack(0)]
    assert [topic for topic, _ in events(watch)] == ["$aws/events/presence/connected/a"]


def test_subscribing_and_unsubscribing_name_the_filters(stage: Any) -> None:
    watch = watcher(stage, "$aws/events/subscriptions/+/a")
    client = stage.connect("a")
    client.channel.subscribe(1, "x/#", 0)
    client.channel.subscribe(2, "wrong#", 0)
    stage.run()
    assert [(topic, event["topics"], event["eventType"]) for topic, event in events(watch)] == [
        ("$aws/events/subscriptions/subscribed/a", ["x/#"], "subscribed")
    ]


def test_a_will_comes_before_the_word_that_its_client_is_gone(stage: Any) -> None:
    watch = watcher(stage, "$aws/events/presence/disconnected/#", "gone")
    stage.connect("a", will=Will("gone", b"a")).channel.abort()
    stage.run()
    assert [topic for topic, _ in watch.everything] == ["gone", "$aws/events/presence/disconnected/a"]


def test_nobody_forges_an_event_and_no_leading_wildcard_sees_one(stage: Any) -> None:
    watch, spy = watcher(stage, "$aws/events/#"), stage.connect("spy")
    stage.run()
    watch.log.clear()
    spy.channel.publish("$aws/events/presence/connected/a", b"{}", 1, packet_id=1)
    spy.channel.subscribe(1, "#", 0)
    stage.run()
    stage.connect("a")
    assert [event["clientId"] for _, event in events(watch)] == ["spy", "a"]
    assert spy.everything == []


@pytest.mark.parametrize("client_id", ["a+b", "#", "a/#"])
def test_a_client_id_that_no_topic_can_hold_is_not_reported(stage: Any, client_id: str) -> None:
    watch = watcher(stage)
    stage.connect(client_id)
    assert watch.everything == []
