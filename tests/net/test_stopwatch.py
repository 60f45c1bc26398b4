"""Latencies count from the time at which a request should have been sent, whenever it was."""

import asyncio
import time

import pytest

from sim.kernel.clock import Clock
from sim.net import codec
from sim.net.stopwatch import Stopwatch, TimedConnection
from sim.ports import Hello

GET = "$aws/things/a/jobs/$next/get"
UPDATE = "$aws/things/a/jobs/j/update"
LATE_S = 0.2


class Wire(asyncio.Transport):
    """A transport that goes nowhere."""

    def write(self, data):
        pass

    def get_write_buffer_size(self):
        return 0

    def get_extra_info(self, name):
        return None


@pytest.fixture
def clock():
    made = Clock("paced", speed=10.0)
    yield made
    made.close()


@pytest.fixture
def timed(clock):
    stopwatch = Stopwatch(clock.loop)
    arrivals = []
    connection = TimedConnection(Hello("x", 1, "a"), arrivals.append, stopwatch)
    connection.connection_made(Wire())
    return stopwatch, connection


def answer(connection, topic):
    connection.data_received(codec.encode(codec.Publish(topic, b"{}")))


def test_a_late_generator_makes_latencies_longer_not_shorter(clock, timed):
    stopwatch, connection = timed

    def late():
        time.sleep(LATE_S)  # a machine that is busy with something else

    def ask():
        connection.publish(GET, b"{}")
        answer(connection, GET + "/accepted")

    clock.after(1_000_000, late)
    clock.after(1_000_001, ask)
    clock.run(1_100_000)
    assert stopwatch.latency["get"].largest >= LATE_S * 0.99 * 1_000_000
    assert clock.loop.pace.lag.largest >= LATE_S * 0.99 * 1_000_000


def test_answers_of_a_topic_come_in_order_and_others_do_not_count(timed):
    stopwatch, connection = timed
    connection.publish(UPDATE, b"1")
    connection.publish(GET, b"2")
    connection.publish(UPDATE, b"3")
    connection.publish("weather", b"4")
    assert stopwatch.asked == 3
    for topic in ("weather", GET, UPDATE + "/accepted", UPDATE + "/rejected", UPDATE + "/accepted"):
        answer(connection, topic)
    assert stopwatch.latency["update"].count == 2
    assert "get" not in stopwatch.latency
    assert stopwatch.answered == 2


def test_nothing_is_timed_on_a_connection_that_is_over(timed):
    stopwatch, connection = timed
    connection.publish(GET, b"{}")
    connection.vanish()
    answer(connection, GET + "/accepted")
    connection.publish(GET, b"{}")
    assert (stopwatch.asked, stopwatch.answered) == (1, 0)


def test_a_connection_is_timed_from_when_it_should_have_been_dialled(clock):
    stopwatch = Stopwatch(clock.loop)

    def late():
        time.sleep(LATE_S)

    def dial():
        connection = TimedConnection(Hello("x", 1, "a"), lambda _: None, stopwatch)
        connection.connection_made(Wire())
        connection.data_received(codec.encode(codec.Connack(0)))
        connection.publish(GET, b"{}")
        answer(connection, GET + "/accepted")

    clock.after(1_000_000, late)
    clock.after(1_000_001, dial)
    clock.run(1_100_000)
    assert stopwatch.connected.count == stopwatch.dialled == 1
    assert stopwatch.connected.largest >= LATE_S * 0.99 * 1_000_000
    assert (stopwatch.asked, stopwatch.answered) == (1, 1)


@pytest.mark.parametrize("end", ["refused", "vanished", "closed"])
def test_a_client_that_was_not_let_in_was_dialled_only(timed, end):
    stopwatch, connection = timed
    if end == "vanished":
        connection.vanish()
    if end == "closed":
        connection.connection_lost(None)
    connection.data_received(codec.encode(codec.Connack(5 if end == "refused" else 0)))
    assert (stopwatch.dialled, stopwatch.connected.count) == (1, 0)
