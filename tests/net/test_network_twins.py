"""Random stories: whatever devices do, memory and TCP tell them the same at the same time."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from net_stage import Client, Stage

from sim.ports import Will

names = st.sampled_from(["a", "b"])
topics = st.sampled_from(
    ["x", "x/y", "$aws/things/a/jobs/get", "$aws/things/b/jobs/j/update", "$aws/things/a/jobs/notify", "bad/#"]
)
filters = topics | st.sampled_from(["#", "x/#", "+/y", "$aws/#", "a/#/b"])
payloads = st.sampled_from([b"", b"1", b"2"])
qos = st.integers(0, 1)
wills = st.none() | st.builds(Will, topics, payloads, qos, st.booleans())
steps = st.one_of(
    st.tuples(st.just("connect"), names, st.booleans(), st.sampled_from([0, 10, 20]), wills, st.booleans()),
    st.tuples(st.just("subscribe"), names, filters, qos),
    st.tuples(st.just("publish"), names, topics, payloads, qos, st.booleans()),
    st.tuples(st.just("cloud"), topics.filter(lambda t: "#" not in t), payloads, qos),
    st.tuples(st.just("ack"), names, st.integers(1, 4)),
    st.tuples(st.sampled_from(["ping", "disconnect", "abort", "vanish"]), names),
    st.tuples(st.just("wait"), st.sampled_from([0.001, 1, 9, 15, 40, 3700])),
)


def tell(kind: str, story: list[tuple[Any, ...]], authority: Any) -> Any:
    """Play the story; what every connection got and when, and what the Jobs service was asked."""
    stage = Stage(kind, authority)
    latest: dict[str, Client] = {}
    everyone: list[Client] = []
    try:
        for number, (verb, *rest) in enumerate(story, 1):
            play(stage, latest, everyone, number, verb, rest)
            stage.run()
        stage.run(60)
        return [list(client.log) for client in everyone], list(stage.requests)
    finally:
        stage.close()


def play(
    stage: Stage, latest: dict[str, Client], everyone: list[Client], number: int, verb: str, rest: list[Any]
) -> None:
    if verb == "wait":
        stage.run(rest[0])
    elif verb == "cloud":
        stage.cloud.publish(*rest)
    elif verb == "connect":
        name, clean, keepalive_s, will, right = rest
        client = stage.dial(name, clean=clean, keepalive_s=keepalive_s, will=will, password=None if right else "wrong")
        latest[name] = client
        everyone.append(client)
    elif (client := latest.get(rest[0])) is not None:
        channel = client.channel
        match verb, rest[1:]:
            case "subscribe", [topic_filter, level]:
                channel.subscribe(number, topic_filter, level)
            case "publish", [topic, payload, level, retain]:
                channel.publish(topic, payload, level, retain, number if level else 0)
                stage.run()
                for connection in {request.connection for request in stage.requests[-1:]}:
                    stage.cloud.reply(connection, "reply", b"!")
            case "ack", [packet_id]:
                channel.ack(packet_id)
            case _:
                getattr(channel, verb)()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(steps, min_size=3, max_size=25))
def test_memory_and_tcp_tell_the_same_story(story: list[tuple[Any, ...]], authority: Any) -> None:
    assert tell("memory", story, authority) == tell("tcp", story, authority)
