"""Both sides of the network without sockets, each on its own, with nothing but values between them."""

import gc
from collections import deque
from pickle import dumps, loads

import pytest

from sim.kernel.clock import Clock
from sim.manner import Manner
from sim.mqtt.rules import AWS
from sim.mqtt.switchboard import EVERYTHING
from sim.net.memory import DeviceSide, MemoryNetwork
from sim.net.memory_apart import FarCloud, FarDevices
from sim.net.memory_cloud import CloudEnd
from sim.ports import Closed, Connack, Hello, HttpPart, HttpRequest, HttpResponse, Message, Pingresp

HOST = "x-ats.iot.us-west-2.amazonaws.com"
SLOW = Manner(stall_at_bytes=1, stall_us=1000)


class Apart:
    """Devices here, the cloud there; what travels is pickled."""

    def __init__(self):
        self.clock = Clock()
        self.up, self.down, self.log = deque(), deque(), []
        self.far_cloud = FarCloud(self.clock, lambda call: self.up.append(dumps(call)))
        self.devices = DeviceSide(self.clock, self.far_cloud.dial, lambda *_: None, AWS)
        self.there = MemoryNetwork(
            self.clock, lambda *_: HttpResponse(200, {}, b"ab", SLOW), lambda _: None, lambda _: EVERYTHING
        )
        self.far_devices = FarDevices(self.there.cloud, lambda *what: self.down.append(dumps(what)))

    def dial(self, device):
        return self.devices.mqtt(device, Hello(HOST, 8883, device, keepalive_s=60), self.log.append)

    def carry(self, after_us=1):
        """All that is under way, and what comes of it."""
        while self.up:
            self.far_devices.take(loads(self.up.popleft()))
        self.clock.run(self.clock.now_us + after_us)
        while self.down:
            self.far_cloud.arrive(*loads(self.down.popleft()))

    def known(self):
        return len(self.far_cloud.lines.of("a")), len(self.far_devices.ends.of("a"))


def test_a_connection_is_kept_from_its_first_word_to_its_last():
    scene = Apart()
    channel = scene.dial("a")
    scene.carry()
    assert (scene.log, scene.known()) == ([Connack(0)], (1, 1))
    channel.disconnect()
    scene.carry()
    assert (scene.log, scene.known()) == ([Connack(0)], (0, 0))


def test_what_comes_for_a_connection_that_ended_meanwhile_is_dropped():
    scene = Apart()
    channel = scene.dial("a")
    channel.subscribe(1, "t", 0)
    scene.carry()
    scene.log.clear()
    scene.there.publish("t", b"late")
    channel.abort()
    scene.carry()
    assert (scene.log, scene.known()) == ([], (0, 0))


def test_what_is_said_on_a_connection_that_the_broker_closed_meanwhile_is_dropped():
    scene = Apart()
    first = scene.dial("a")
    scene.carry()
    scene.dial("a")  # the same client id: the broker closes the older one
    first.publish("t", b"")
    scene.clock.run(scene.clock.now_us + 1_000_001)
    calls = list(scene.up)
    scene.carry()
    assert scene.log == [Connack(0), Closed("closed"), Connack(0)]
    assert scene.known() == (1, 1)
    scene.up.append(calls[1])  # once more, after its end
    scene.carry()
    assert scene.known() == (1, 1)


def test_a_ping_and_a_message_find_the_same_way():
    scene = Apart()
    channel = scene.dial("a")
    channel.subscribe(1, "t", 0)
    scene.carry()
    scene.log.clear()
    channel.publish("t", b"x")
    channel.ping()
    scene.carry()
    assert scene.log == [Message("t", b"x"), Pingresp()]


def test_a_request_is_over_with_its_answer_and_not_with_a_part_of_it():
    scene = Apart()
    scene.devices.http("a", HttpRequest("GET", "https://b.s3.us-west-2.amazonaws.com/k"), scene.log.append)
    scene.carry()
    assert ([type(it) for it in scene.log], scene.known()) == ([HttpPart], (1, 1))
    scene.carry(2000)
    assert ([type(it) for it in scene.log], scene.known()) == ([HttpPart, HttpResponse], (0, 0))


@pytest.mark.parametrize("end", ["disconnect", "abort", "takeover"])
def test_ends_that_hold_each_other_go_without_a_collector(end):
    network = Apart().there
    channel = network.mqtt("a", Hello(HOST, 8883, "a"), lambda _: None)
    network.clock.run(2_000_000)
    before = ends_alive()
    gc.disable()
    try:
        if end == "takeover":
            channel = network.mqtt("a", Hello(HOST, 8883, "a"), lambda _: None)
        else:
            getattr(channel, end)()
        network.clock.run(4_000_000)
        assert ends_alive() - before == (0 if end == "takeover" else -1)
    finally:
        gc.enable()


def ends_alive():
    return sum(type(it) is CloudEnd for it in gc.get_objects())
