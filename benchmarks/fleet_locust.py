"""The clients of benchmarks/fleet_clients.py once more, as users of Locust with paho: for benchmarks/fleet_mqtt.py.

`PYTHON benchmarks/fleet_locust.py PORT FILES_PORT COUNT`, where PYTHON has locust and paho-mqtt; qpyota's own packages
are not needed. Each user connects, subscribes, asks and is answered ROUNDS times (the broker echoes), and fetches the
two files with urllib.
"""

from __future__ import annotations

import json
import resource
import sys
import urllib.request
from pathlib import Path
from typing import ClassVar

import gevent
from gevent.pool import Pool
from locust import task
from locust.contrib.mqtt import MqttUser
from locust.env import Environment

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.broker_load import AT_ONCE
from benchmarks.fleet_clients import BODY, FILES, ROUNDS, Meter, topic_of

PER_S = 500
LIMIT_S = 120.0


class Device(MqttUser):
    """Ready with its SUBACK, then idle until asked."""

    host = "127.0.0.1"
    abstract = False
    use_loop_selectors = True  # select() ends at 340 users
    made: ClassVar[list[Device]] = []
    ready = 0
    answered = 0

    def __init__(self, environment):
        super().__init__(environment)
        self.name = f"d{len(Device.made)}"
        self.asked = 0
        Device.made.append(self)
        self.client.on_connect = self._connected
        self.client.on_subscribe = self._subscribed
        self.client.on_message = self._message

    def _connected(self, *_):
        self.client.subscribe(topic_of(self.name))

    def _subscribed(self, *_):
        Device.ready += 1

    def _message(self, *_):
        if self.asked < ROUNDS:
            self.ask()
        else:
            Device.answered += 1

    def ask(self):
        self.asked += 1
        self.client.publish(topic_of(self.name), BODY)

    def fetch(self):
        for path, body in FILES.items():
            with urllib.request.urlopen(f"http://127.0.0.1:{Device.files}{path}", timeout=LIMIT_S) as answer:
                assert answer.read() == body

    @task
    def idle(self):
        gevent.sleep(3600)


def wait(done):
    with gevent.Timeout(LIMIT_S):
        while not done():
            gevent.sleep(0.02)


def main() -> None:
    port, files, count = map(int, sys.argv[1:])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    Device.port, Device.files = port, files
    runner = Environment(user_classes=[Device]).create_local_runner()
    pool = Pool(AT_ONCE)
    meter = Meter()
    runner.start(count, spawn_rate=PER_S)
    wait(lambda: Device.ready == count)
    connected = meter.read(count)
    meter = Meter()
    for device in Device.made:
        device.ask()
    wait(lambda: Device.answered == count)
    answered = meter.read(count * ROUNDS)
    meter = Meter()
    fetchers = [pool.spawn(device.fetch) for device in Device.made]
    gevent.joinall(fetchers, timeout=LIMIT_S, raise_error=True)
    assert all(fetcher.successful() for fetcher in fetchers)
    fetched = meter.read(count * len(FILES))
    print(json.dumps({"connect": connected, "message": answered, "file": fetched}), flush=True)
    runner.quit()


if __name__ == "__main__":
    main()
