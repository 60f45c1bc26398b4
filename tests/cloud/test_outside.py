"""Devices and the Jobs service on a broker that is not ours: what reaches whom, and what is said when it fails.

The broker is Debian's mosquitto; time is paced, because the broker's is the wall's.
"""

import json

import paho.mqtt.client as paho
import pytest
from mosquitto_rig import Mosquitto
from outside_rig import GET, Device, MemoryDesk, OutsideDesk

from sim.cloud import outside as service_module
from sim.net import outside as outside_module
from sim.ports import Closed, Connack, Hello, Message, Puback, Suback, Will


@pytest.fixture
def broker(tmp_path):
    """It sends a copy for each matching filter, as EMQX and others do."""
    made = Mosquitto(tmp_path, "allow_anonymous true\nallow_duplicate_messages true").start()
    yield made
    made.stop()


@pytest.fixture
def desk(broker):
    made = OutsideDesk(broker.url)
    yield made
    made.close()


# -- who gets what


def test_a_device_that_subscribes_to_nothing_gets_its_answer_once(desk):
    a = desk.connect("a")
    a.channel.publish(GET, b'{"clientToken":"t"}')
    desk.until(lambda: a.messages)
    desk.settle()
    assert a.arrivals[0] == Connack(0)
    (answer,) = a.arrivals[1:]
    assert (answer.topic, answer.qos) == (GET + "/accepted", 0)
    assert json.loads(answer.payload)["clientToken"] == "t"


@pytest.mark.parametrize("wanted", [GET + "/accepted", "$aws/things/a/jobs/+/accepted", "$aws/things/a/jobs/#"])
def test_a_subscription_of_its_own_adds_no_second_copy_and_no_echo(desk, wanted):
    a = desk.connect("a")
    a.channel.subscribe(7, wanted, 1)
    for _ in range(2):
        a.channel.publish(GET, b"{}", 1, packet_id=8)
        seen = len(a.messages)
        desk.until(lambda seen=seen: len(a.messages) > seen)
    desk.settle()
    assert a.messages == [(GET + "/accepted", 0)] * 2
    assert [arrival for arrival in a.arrivals if isinstance(arrival, Suback)] == [Suback(7, 1)]
    assert a.arrivals.count(Puback(8)) == 2


def test_a_request_for_a_thing_of_another_name_is_answered_too(desk):
    desk.create_job()
    a = desk.connect("some-client")
    a.channel.publish("$aws/things/a/jobs/$next/get", b"{}")
    a.channel.publish("$aws/things/a/jobs/nosuch/update", b"{}")
    desk.until(lambda: len(a.messages) == 2)
    assert [topic for topic, _ in a.messages] == [
        "$aws/things/a/jobs/$next/get/accepted",
        "$aws/things/a/jobs/nosuch/update/rejected",
    ]


def test_what_others_ask_in_its_name_does_not_reach_a_device(desk):
    a = desk.connect("a")
    a.channel.subscribe(1, "$aws/things/a/jobs/#", 1)
    desk.until(lambda: a.has(Suback))
    stranger = desk.connect("stranger")
    stranger.channel.publish(GET, b"{}")
    desk.until(lambda: stranger.messages)
    desk.settle()
    assert a.messages == []


def test_a_device_sees_what_it_would_see_on_our_own_broker(desk):
    def story(on):
        a = on.connect("a")
        a.channel.subscribe(1, "$aws/things/a/jobs/notify", 0)
        on.until(lambda: a.has(Suback))
        on.create_job()
        on.until(lambda: a.messages)
        for count, operation in enumerate(("start-next", "j/update", "get", "j/update"), 2):
            a.channel.publish(f"$aws/things/a/jobs/{operation}", b'{"status":"SUCCEEDED"}', 1, packet_id=count)
            on.until(lambda count=count: len(a.messages) >= count and Puback(count) in a.arrivals)
        on.settle()
        # The broker acknowledges for itself, sooner or later than the service answers.
        answers = [arrival for arrival in a.arrivals if not isinstance(arrival, Message | Puback)]
        return answers, a.messages, sorted(x.packet_id for x in a.arrivals if isinstance(x, Puback))

    memory = MemoryDesk()
    assert story(desk) == story(memory)
    memory.close()


def test_messages_pass_at_qos_1_both_ways(desk):
    a, b = desk.connect("a"), desk.connect("b")
    a.channel.subscribe(1, "x/y", 1)
    desk.until(lambda: a.has(Suback))
    b.channel.publish("x/y", b"from b", 1, packet_id=5)
    desk.service.publish("x/y", b"from the cloud", 1)
    desk.until(lambda: len(a.messages) == 2 and b.has(Puback))
    assert [arrival.qos for arrival in a.arrivals if isinstance(arrival, Message)] == [1, 1]


IN_FLIGHT = 20
"""QoS 1 messages that mosquitto sends a client before it wants an acknowledgement."""


def ask_often(a):
    for packet_id in range(2, 2 + IN_FLIGHT + 10):
        a.channel.publish(GET, b"{}", 1, packet_id=packet_id)


def test_the_service_acknowledges_what_it_was_asked(desk):
    a = desk.connect("a")
    ask_often(a)
    desk.until(lambda: len(a.messages) == IN_FLIGHT + 10)


def test_what_is_kept_from_a_device_is_acknowledged_for_it(desk):
    a = desk.connect("a")
    a.channel.subscribe(1, "$aws/things/a/jobs/#", 1)
    ask_often(a)
    desk.service.publish("$aws/things/a/jobs/notify", b"{}", 1)
    desk.until(lambda: ("$aws/things/a/jobs/notify", 1) in a.messages)


# -- connections


def test_a_second_connection_of_the_same_name_closes_the_first(desk):
    first, second = desk.connect("a"), desk.connect("a")
    desk.until(lambda: first.has(Closed))
    second.channel.publish(GET, b"{}")
    desk.until(lambda: second.messages)
    assert not second.has(Closed)


def test_a_will_is_sent_for_a_device_that_breaks_off(desk):
    watcher = desk.connect("w")
    watcher.channel.subscribe(1, "wills/#", 0)
    desk.until(lambda: watcher.has(Suback))
    desk.connect("a", will=Will("wills/a", b"gone")).channel.abort()
    desk.until(lambda: watcher.messages == [("wills/a", 0)])


def test_a_device_without_power_is_dropped_after_its_keepalive(desk, monkeypatch):
    monkeypatch.setattr(outside_module, "KEEPALIVE_MIN_S", 1)
    watcher = desk.connect("w")
    watcher.channel.subscribe(1, "wills/#", 0)
    desk.until(lambda: watcher.has(Suback))
    desk.connect("a", keepalive_s=20, will=Will("wills/a", b"gone")).channel.vanish()
    started_us = desk.clock.now_us
    desk.until(lambda: watcher.messages == [("wills/a", 0)])
    assert desk.clock.now_us - started_us >= 20_000_000


def test_a_device_that_reconnects_gets_answers_again(desk):
    for _ in range(2):
        a = desk.connect("a")
        a.channel.publish(GET, b"{}")
        desk.until(lambda a=a: a.messages)
        a.channel.disconnect()
        assert a.messages == [(GET + "/accepted", 0)]


def test_a_host_that_is_neither_the_clouds_nor_the_brokers_does_not_resolve(desk):
    for host, outcome in (("example.org", Closed("dns")), ("127.0.0.1", Connack(0))):
        device = Device()
        desk.network.mqtt("a", Hello(host, 1883, "a"), device.arrivals.append)
        desk.until(lambda device=device: device.arrivals)
        assert device.arrivals == [outcome]


# -- the service


def test_after_a_restart_of_the_broker_devices_are_answered_again(broker, desk):
    broker.stop()
    desk.clock.run(desk.clock.now_us + 1_000_000)
    broker.start()
    answers = []
    while not answers:
        a = desk.connect("a")
        if a.arrivals == [Connack(0)]:
            a.channel.publish(GET, b"{}")
            desk.clock.run(desk.clock.now_us + 5_000_000)
            answers = a.messages
            a.channel.disconnect()
    assert answers == [(GET + "/accepted", 0)]
    assert desk.problems == []


def test_a_broker_lost_for_good_ends_the_run_and_is_named(broker, desk, monkeypatch):
    monkeypatch.setattr(service_module, "PAUSES_S", (0.01, 0.01))
    broker.stop()
    desk.clock.run(desk.clock.now_us + 3_600_000_000)
    assert desk.clock.now_us < 600_000_000
    assert desk.problems == [
        f"the Jobs service lost the broker {broker.url} for good: nobody listens there",
    ]


def test_a_second_service_takes_over_and_the_first_gives_up(broker, desk, monkeypatch):
    monkeypatch.setattr(service_module, "PAUSES_S", ())
    rival = paho.Client(paho.CallbackAPIVersion.VERSION2, service_module.CLIENT_ID)
    rival.connect("127.0.0.1", broker.port)
    rival.loop_start()
    desk.until(lambda: desk.problems)
    rival.disconnect()
    rival.loop_stop()
    assert "does another run use it with the same client id?" in desk.problems[0]
