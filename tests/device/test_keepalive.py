"""Pings that are accounted for leave device, broker and air exactly where pings that are sent leave them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.device.catalogue import load_model
from sim.device.mqtt_link import MqttLink
from sim.device.radio import Radio
from sim.kernel.clock import Clock
from sim.mqtt.rules import AWS, RELAXED
from sim.mqtt.switchboard import EVERYTHING
from sim.net import memory
from sim.net.memory import MemoryNetwork
from sim.ports import Hello, HttpResponse, Message
from sim.trace import Trace

MINUTE = 60_000_000
PERIOD_US = 20 * MINUTE
PATIENCE_US = 20_000_000
HOST = "x.iot.us-west-2.amazonaws.com"


class Watched(MqttLink):
    def ping(self):
        self.told()
        super().ping()


class Stage:
    """A device at rest, and an observer on the same broker who sees when it comes and goes."""

    def __init__(self, *, accounted, rules=AWS, period_us=PERIOD_US, keepalive_s=1200):
        self.clock = Clock()
        self.seen = []
        self.accounted = accounted
        network = MemoryNetwork(
            self.clock, lambda *_: HttpResponse(404, {}, b""), lambda _: None, lambda _: EVERYTHING, rules=rules
        )
        trace = Trace(self.clock)
        trace.observe(lambda record: self.note(record.kind, record.data))
        model = load_model("EG915U")
        self.radio = Radio(self.clock, model.radio, network, trace.track("dev"), 7)
        self.radio.power_on(1_000_000)
        self.observer = network.mqtt("watch", Hello(HOST, 8883, "watch"), lambda arrival: self.note("seen", arrival))
        self.clock.run(2_000_000)
        self.observer.subscribe(1, "$aws/events/presence/disconnected/dev", 0)
        self.observer.subscribe(2, "up", 0)
        self.pings_sent_us = []
        self.link = Watched(self.radio, Hello(HOST, 8883, "dev", keepalive_s=keepalive_s), self.arrive)
        self.link.told = lambda: self.pings_sent_us.append(self.clock.now_us)
        self.clock.run(10_000_000)
        self.link.subscribe(1, "down", 0)
        self.clock.run(20_000_000)
        self.rest_period_us, self.rest_patience_us = period_us, PATIENCE_US
        self.link.rest(self)

    def note(self, what, data):
        self.seen.append((self.clock.now_us, what, str(data)))

    def unanswered(self):
        self.note("silent", None)

    def arrive(self, arrival):
        self.note("arrived", arrival)
        if isinstance(arrival, Message):
            self.link.wake()
            self.link.publish("up", b"thanks")

    def keep_observer_alive(self, until_us):
        while self.clock.now_us < until_us:
            self.clock.run(min(until_us, self.clock.now_us + 10 * MINUTE))
            self.observer.ping()

    def happen(self, what):
        match what:
            case "vanish":
                self.radio.power_off()
            case "lose":
                self.radio.lose_signal(5_000_000)
            case "speak":
                self.link.wake()
                self.link.publish("up", b"hello")
            case "abort":
                self.link.abort()
            case "message":
                self.observer.publish("down", b"wake up")


def story(what, at_us, *, accounted, **setting):
    stage = Stage(accounted=accounted, **setting)
    stage.keep_observer_alive(at_us)
    stage.happen(what)
    stage.keep_observer_alive(at_us + 90 * MINUTE)
    stage.happen("speak")
    stage.keep_observer_alive(at_us + 200 * MINUTE)
    return stage


@pytest.fixture
def both(monkeypatch):
    def told(what, at_us, **setting):
        accounted = story(what, at_us, accounted=True, **setting)
        with monkeypatch.context() as patch:
            patch.setattr(memory._Channel, "rest", lambda *_: False)
            stepped = story(what, at_us, accounted=False, **setting)
        return accounted, stepped

    return told


EVENTS = ("vanish", "lose", "speak", "abort", "message")


@pytest.mark.parametrize("what", EVENTS)
@pytest.mark.parametrize("pings", [0, 1, 2, 17])
def test_between_two_pings(both, what, pings):
    accounted, stepped = both(what, 30_000_000 + pings * PERIOD_US + 3 * MINUTE)
    assert accounted.seen == stepped.seen
    assert accounted.radio._links == [] or accounted.link._state == stepped.link._state


@pytest.mark.parametrize("what", EVENTS)
@pytest.mark.parametrize("number", [1, 2, 5])
def test_while_a_ping_is_on_its_way(both, what, number):
    _, stepped = both("speak", 30_000_000 + 6 * PERIOD_US)
    sent_us = stepped.pings_sent_us[number - 1]
    for later_us in range(0, 160_000, 10_000):
        accounted, done = both(what, sent_us + later_us + 1)
        assert accounted.seen == done.seen, later_us


def test_nothing_is_sent_while_it_rests(both):
    accounted, stepped = both("speak", 30_000_000 + 9 * PERIOD_US)
    assert len(stepped.pings_sent_us) > 8
    assert len(accounted.pings_sent_us) == 0


def test_a_silent_broker_is_noticed_at_the_next_ping(both):
    accounted, stepped = both("lose", 30_000_000 + 2 * PERIOD_US + MINUTE)
    silent = [at_us for at_us, what, _ in accounted.seen if what == "silent"]
    assert silent == [20_000_000 + 3 * PERIOD_US + PATIENCE_US]
    assert accounted.seen == stepped.seen


def test_a_period_that_the_broker_would_not_wait_for_is_stepped(both):
    accounted, stepped = both("speak", 30_000_000 + 4 * PERIOD_US, keepalive_s=60)
    assert accounted.seen == stepped.seen
    assert any("KEEP_ALIVE_TIMEOUT" in data for _, _, data in accounted.seen)


def test_a_broker_without_keepalive_waits_for_ever(both):
    accounted, stepped = both("vanish", 30_000_000 + 4 * PERIOD_US, keepalive_s=0, rules=RELAXED)
    assert accounted.seen == stepped.seen


@given(what=st.sampled_from(EVENTS), at_us=st.integers(25_000_000, 8 * PERIOD_US), period=st.integers(30, 1200))
@settings(max_examples=60, deadline=None)
def test_at_any_moment_with_any_period(what, at_us, period):
    patch = pytest.MonkeyPatch()
    accounted = story(what, at_us, accounted=True, period_us=period * 1_000_000)
    with patch.context() as stepping:
        stepping.setattr(memory._Channel, "rest", lambda *_: False)
        stepped = story(what, at_us, accounted=False, period_us=period * 1_000_000)
    assert accounted.seen == stepped.seen
