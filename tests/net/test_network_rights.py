"""What a connection may not do, whatever policy says so: in memory, over TCP and over TLS."""

from __future__ import annotations

from typing import Any

from net_stage import connection_of

from sim.mqtt.switchboard import Request
from sim.ports import Closed, Connack, Message, Puback, Suback, Will

JOBS = "$aws/things/a/jobs"


class Only:
    """A policy: what is in `allowed`, as `<verb> <topic>`."""

    def __init__(self, *allowed: str) -> None:
        self.allowed = set(allowed)

    def publish(self, topic: str) -> bool:
        return f"publish {topic}" in self.allowed

    def retain(self, topic: str) -> bool:
        return f"retain {topic}" in self.allowed

    def subscribe(self, topic_filter: str) -> bool:
        return f"subscribe {topic_filter}" in self.allowed

    def receive(self, topic: str) -> bool:
        return f"receive {topic}" in self.allowed


def test_to_leave_a_retained_message_takes_a_right_of_its_own(stage: Any) -> None:
    for allowed, kept in ((("publish x",), False), (("retain x",), False), (("publish x", "retain x"), True)):
        stage.rights = Only(*allowed)
        client = stage.connect("a")
        client.channel.publish("x", b"on", 1, retain=True, packet_id=1)
        stage.run()
        assert client.closed is not kept
        stage.rights = Only("subscribe x", "receive x")
        reader = stage.connect("reader")
        reader.channel.subscribe(1, "x", 0)
        stage.run()
        assert reader.messages == [("x", b"on")] * kept


def test_a_publish_that_is_not_allowed_ends_the_connection_before_anything_happens(stage: Any) -> None:
    watch = stage.connect("watch")
    watch.channel.subscribe(1, "x", 0)
    stage.run()
    stage.rights = Only("publish y", f"publish {JOBS}/get")
    for topic in ("x", f"{JOBS}/start-next", "$aws/things/b/jobs/get"):
        client = stage.connect("a")
        client.channel.publish("y", b"", 1, packet_id=1)
        client.channel.publish(topic, b"{}", 1, packet_id=2)
        client.channel.publish(f"{JOBS}/get", b"late")
        stage.run()
        assert client.arrivals == [Connack(0), Puback(1), Closed("closed")]
    assert watch.messages == []
    assert stage.requests == []


def test_a_request_for_another_thing_reaches_the_service_only_with_the_right_to_it(stage: Any) -> None:
    stage.rights = Only(f"publish {JOBS}/get")
    stage.connect("b").channel.publish(f"{JOBS}/get", b"{}")
    stage.run()
    assert stage.requests == [Request(None, "b", f"{JOBS}/get", b"{}")]


def test_a_subscription_that_is_not_allowed_ends_the_connection_and_none_is_made(stage: Any) -> None:
    stage.rights = Only("subscribe mine")
    client = stage.connect("a")
    client.channel.subscribe(1, "mine", 0)
    client.channel.subscribe(2, "#", 0)
    stage.run()
    assert client.arrivals == [Connack(0), Suback(1, 0), Closed("closed")]


def test_an_answer_or_a_message_without_the_right_to_receive_is_dropped(stage: Any) -> None:
    stage.rights = rights = Only("subscribe x", "receive reply", f"publish {JOBS}/get")
    client = stage.connect("a")
    client.channel.subscribe(1, "x", 1)
    connection = connection_of(stage, client)
    stage.cloud.publish("x", b"0", 0)
    stage.cloud.publish("x", b"1", 1)
    stage.cloud.reply(connection, "other", b"")
    stage.cloud.reply(connection, "reply", b"")
    rights.allowed.add("receive x")
    stage.cloud.publish("x", b"2", 1)
    stage.run()
    assert client.arrivals[2:] == [Message("reply", b""), Message("x", b"2", 1, 1)]


def test_a_will_that_its_client_may_not_publish_is_not_sent(stage: Any) -> None:
    watch = stage.connect("watch")
    for number, topic in enumerate(("forbidden", "allowed", "x" * 257)):
        watch.channel.subscribe(number + 1, topic, 0)
    stage.run()
    stage.rights = Only("publish allowed", "publish " + "x" * 257)
    for number, topic in enumerate(("forbidden", "allowed", "x" * 257)):
        stage.connect(f"c{number}", will=Will(topic, b"gone")).channel.abort()
        stage.run()
    assert watch.messages == [("allowed", b"gone")]
