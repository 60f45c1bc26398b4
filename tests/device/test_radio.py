"""The radio: order, latency, and silence when power goes. Against the real in-process network and artifact server."""

import pytest

from sim.cloud.artifacts import ArtifactStore
from sim.device.catalogue import load_model
from sim.device.radio import DNS_PATIENCE_US, Radio
from sim.kernel.clock import Clock
from sim.mqtt.switchboard import EVERYTHING
from sim.net.memory import MemoryNetwork
from sim.ports import Closed, Connack, Hello, HttpFailure, HttpRequest, Message, Suback
from sim.trace import Trace

HELLO = Hello("iot.amazonaws.com", 1883, "dut", keepalive_s=60)


@pytest.fixture
def clock():
    return Clock()


class RadioWithUrl(Radio):
    """A radio, and the address of something to fetch with it."""


@pytest.fixture
def radio(clock):
    store = ArtifactStore()
    store.put("files", "k", b"x" * 16_000)
    network = MemoryNetwork(clock, store.respond, lambda _: None, lambda _: EVERYTHING)
    made = RadioWithUrl(clock, load_model("EG915U").radio, network, Trace(clock).track("dut"), 1)
    made.url = store.presign("files", "k", 3600, clock.epoch_s)
    return made


def online(clock, radio):
    radio.power_on(1_000_000)
    clock.run(5_000_000)
    assert radio.attached


def fetch(clock, radio, url, results):
    def story():
        results.append((yield from radio.http().fetch(HttpRequest("GET", url))))
        results.append(clock.now_us)

    clock.env.process(story())


def test_without_a_network_name_resolution_gives_up_after_its_patience(clock, radio):
    results = []
    fetch(clock, radio, radio.url, results)
    radio.power_on(10**12)
    clock.run(60_000_000)
    assert results == [HttpFailure("dns_timeout"), DNS_PATIENCE_US]


def test_two_that_wait_have_each_a_patience_of_its_own(clock, radio):
    late, results = [], []
    fetch(clock, radio, radio.url, results)
    clock.after(10_000_000, fetch, clock, radio, radio.url, late)
    radio.power_on(30_000_000)
    clock.run(60_000_000)
    assert results == [HttpFailure("dns_timeout"), DNS_PATIENCE_US]
    assert (late[0].status, late[1] > 30_000_000) == (200, True)


def test_a_request_waits_for_the_network_and_takes_the_time_of_its_bytes(clock, radio):
    results = []
    radio.power_on(3_000_000)
    fetch(clock, radio, radio.url, results)
    clock.run(60_000_000)
    answer, at_us = results
    assert (answer.status, len(answer.body)) == (200, 16_000)
    least_us = 3_000_000 + 16_000 * 1_000_000 // radio.spec.down_bytes_per_s + 4 * radio.spec.rtt_us
    assert least_us < at_us < least_us + 2_000_000


def test_messages_arrive_in_the_order_they_were_sent_whatever_the_jitter(clock, radio):
    online(clock, radio)
    arrived = []
    link = radio.open_mqtt(HELLO, arrived.append)
    link.subscribe(1, "t", 0)
    for number in range(50):
        link.publish("t", str(number).encode())
    clock.run(clock.now_us + 10_000_000)
    assert arrived[:2] == [Connack(0), Suback(1, 0)]
    assert [m.payload for m in arrived if isinstance(m, Message)] == [str(n).encode() for n in range(50)]


def test_nothing_arrives_once_the_radio_is_off_and_who_waits_for_a_web_server_is_told(clock, radio):
    online(clock, radio)
    off_us = clock.now_us + 30_000
    arrived, results = [], []
    link = radio.open_mqtt(HELLO, arrived.append)
    link.publish("t", b"x")
    fetch(clock, radio, radio.url, results)
    clock.after(30_000, radio.power_off)
    clock.run(clock.now_us + 10_000_000)
    assert (arrived, results) == ([], [HttpFailure("aborted"), off_us])


def test_a_clean_disconnect_lets_everything_before_it_go_out(clock, radio):
    online(clock, radio)
    seen, other = [], []
    watcher = radio.open_mqtt(Hello("iot.amazonaws.com", 1883, "watcher"), other.append)
    watcher.subscribe(1, "t", 0)
    clock.run(clock.now_us + 5_000_000)
    link = radio.open_mqtt(HELLO, seen.append)
    link.publish("t", b"last words")
    link.disconnect()
    clock.run(clock.now_us + 5_000_000)
    assert [m.payload for m in other if isinstance(m, Message)] == [b"last words"]


def test_a_new_connection_of_the_same_client_closes_the_old_one(clock, radio):
    online(clock, radio)
    first, second = [], []
    radio.open_mqtt(HELLO, first.append)
    clock.run(clock.now_us + 5_000_000)
    radio.open_mqtt(HELLO, second.append)
    clock.run(clock.now_us + 5_000_000)
    assert (first, second) == ([Connack(0), Closed("closed")], [Connack(0)])


def test_one_connection_does_not_disturb_the_timing_of_another(clock, radio):
    """Jitter is drawn from a stream per connection."""

    def times(extra):
        own = Clock()
        network = MemoryNetwork(own, ArtifactStore().respond, lambda _: None, lambda _: EVERYTHING)
        one = Radio(own, radio.spec, network, Trace(own).track("dut"), 1)
        one.power_on(1_000_000)
        own.run(5_000_000)
        seen = []
        link = one.open_mqtt(HELLO, lambda arrival: seen.append((own.now_us, arrival)))
        link.subscribe(1, "t", 0)
        if extra:
            second = one.open_mqtt(Hello("iot.amazonaws.com", 1883, "other"), lambda _: None)
            for _ in range(20):
                second.publish("u", b"noise")
        own.run(20_000_000)
        return seen

    assert times(extra=False) == times(extra=True)
