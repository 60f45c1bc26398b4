"""What devices say in one instant is heard by device, connection and sequence, whoever spoke first."""

import itertools

import pytest

from sim.kernel.clock import Clock
from sim.mqtt.switchboard import EVERYTHING
from sim.net.memory import MemoryNetwork
from sim.ports import Hello, HttpResponse, Message, Pingresp, Puback

HOST = "x-ats.iot.us-west-2.amazonaws.com"


class Scene:
    """A network without sockets, and its clients by device."""

    def __init__(self, on_request=lambda _: None):
        self.clock = Clock()
        self.network = MemoryNetwork(
            self.clock, lambda *_: HttpResponse(200, {}, b""), on_request, lambda _: EVERYTHING
        )
        self.log = []

    def dial(self, device):
        hello = Hello(HOST, 8883, device, keepalive_s=60)
        channel = self.network.mqtt(device, hello, lambda arrival: self.log.append((device, arrival)))
        self.clock.run(self.clock.now_us + 1)
        return channel


@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
def test_the_order_of_an_instant_is_that_of_names(order):
    scene = Scene()
    channels = {device: scene.dial(device) for device in order}
    reader = scene.dial("reader")
    reader.subscribe(1, "t", 0)
    scene.clock.run(scene.clock.now_us + 1)
    scene.log.clear()
    for device in order:
        for number in (1, 2):
            channels[device].publish("t", f"{device}{number}".encode())
    scene.clock.run(scene.clock.now_us + 1)
    assert [a.payload.decode() for _, a in scene.log if isinstance(a, Message)] == ["a1", "a2", "b1", "b2", "c1", "c2"]


def test_a_ping_is_answered_after_what_was_said_before_it():
    scene = Scene()
    channel = scene.dial("a")
    scene.log.clear()
    channel.publish("t", b"", 1, packet_id=7)
    channel.ping()
    scene.clock.run(scene.clock.now_us + 1)
    assert [arrival for _, arrival in scene.log] == [Puback(7), Pingresp()]


def test_the_cloud_answers_once_all_of_an_instant_is_heard():
    scene = Scene(lambda request: scene.network.reply(request.connection, request.topic + "/accepted", b"{}"))
    channels = {device: scene.dial(device) for device in "ab"}
    channels["a"].subscribe(1, "t", 0)
    scene.clock.run(scene.clock.now_us + 1)
    scene.log.clear()
    topic = "$aws/things/a/jobs/get"
    channels["a"].publish(topic, b"")
    channels["a"].ping()
    channels["b"].publish("t", b"")
    scene.clock.run(scene.clock.now_us + 1)
    assert scene.log == [("a", Pingresp()), ("a", Message("t", b"")), ("a", Message(topic + "/accepted", b"{}"))]
