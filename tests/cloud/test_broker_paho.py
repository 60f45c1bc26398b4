"""The embedded broker and a stranger: paho-mqtt, on the wall clock."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as paho
import pytest
from broker_rig import free_port

from sim.cloud.broker import AwsBroker
from sim.mqtt.switchboard import EVERYTHING, Request

GET = "$aws/things/a/jobs/get"


class Cloud:
    """A broker in its own thread that answers each Jobs request once."""

    def __init__(self) -> None:
        self.port = free_port()
        self.loop = asyncio.new_event_loop()
        self.broker = AwsBroker(self._answer, admit=lambda _: EVERYTHING)
        self.loop.run_until_complete(self.broker.start("127.0.0.1", self.port))
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def _answer(self, request: Request) -> None:
        self.loop.call_soon(self._reply, request)

    def _reply(self, request: Request) -> None:
        if request.packet_id:
            self.broker.acknowledge(request.connection, request.packet_id)
        self.broker.reply(request.connection, f"{request.topic}/accepted", request.payload)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.broker.stop(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    made = Cloud()
    yield made
    made.close()


class Stranger:
    """A paho client that notes what it gets."""

    def __init__(self, cloud: Cloud, client_id: str, keepalive_s: int = 60) -> None:
        self.got: list[tuple[str, bytes, int]] = []
        self._subscribed = threading.Event()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id)
        self.client.on_message = lambda _c, _u, m: self.got.append((m.topic, m.payload, m.qos))
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.connect("127.0.0.1", cloud.port, keepalive_s)
        self.client.loop_start()

    def subscribe(self, *filters: str) -> None:
        self._subscribed.clear()
        self.client.subscribe([(topic_filter, 1) for topic_filter in filters])
        assert self._subscribed.wait(5)

    def publish(self, topic: str, payload: bytes, qos: int = 1) -> None:
        self.client.publish(topic, payload, qos).wait_for_publish(5)

    def wait(self, count: int) -> list[Any]:
        deadline = time.monotonic() + 5
        while len(self.got) < count and time.monotonic() < deadline:
            time.sleep(0.005)
        return self.got

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def test_a_stranger_that_subscribes_to_nothing_gets_each_answer_once(cloud: Cloud) -> None:
    thing = Stranger(cloud, "a")
    spy = Stranger(cloud, "spy")
    spy.subscribe(f"{GET}/accepted", "$aws/things/a/jobs/#", "#", "done")
    thing.publish(GET, b"1")
    thing.publish(GET, b"2", qos=0)
    assert thing.wait(2) == [(f"{GET}/accepted", b"1", 0), (f"{GET}/accepted", b"2", 0)]
    thing.publish("done", b"")
    assert spy.wait(1) == [("done", b"", 1)]
    assert len(thing.got) == 2
    thing.close()
    spy.close()


def test_a_stranger_that_subscribes_to_its_answers_gets_no_second_copy(cloud: Cloud) -> None:
    thing = Stranger(cloud, "a")
    thing.subscribe(f"{GET}/accepted", "$aws/things/a/jobs/#", "done")
    thing.publish(GET, b"1")
    thing.publish("done", b"")
    assert thing.wait(2) == [(f"{GET}/accepted", b"1", 0), ("done", b"", 1)]
    thing.close()
