"""One kind of MQTT client, many of them, in a process of their own: for benchmarks/fleet_mqtt.py.

`python benchmarks/fleet_clients.py KIND PORT FILES_PORT COUNT` connects COUNT clients with one subscription each,
AT_ONCE at a time, then lets each ask and be answered ROUNDS times and fetch two files, and prints one JSON object.
`ours` is the device's connection as a run has it: simulated clock, network and all; `tls` the same over TLS, each with
a certificate of its own; `bare` is a protocol object on plain asyncio with the same codec, and fetches nothing.
Linux only: memory is what the process grew by. Clients of other makers import this file in environments of their own,
which have no more than its codec needs.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.broker_load import AT_ONCE, fleet
from sim.net.codec import Publish

FILES = {"/a.py": b"print('2.0')", "/b.py": b"VERSION = '2.0'"}
"""What a device fetches."""

AUTHORITY_SEED = 0
"""Of the authority that signs the devices' certificates: its keys are public."""

ROUNDS = 4
LIMIT_US = 600_000_000
BODY = b'{"clientToken":"x"}'
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def topic_of(name: str) -> str:
    """Where a client both asks and hears: the broker echoes."""
    return f"aws/things/{name}/jobs/notify-next"


class Meter:
    """CPU and wall seconds and memory since it was made."""

    def __init__(self) -> None:
        gc.collect()
        self._resident = resident_bytes()
        self._cpu_s, self._wall_s = time.process_time(), time.perf_counter()

    def read(self, count: int) -> dict[str, float]:
        """What has been used for `count` things."""
        cpu_s, wall_s = time.process_time() - self._cpu_s, time.perf_counter() - self._wall_s
        gc.collect()
        grown = resident_bytes() - self._resident
        return {"per_s": count / wall_s, "cpu_us": cpu_s * 1e6 / count, "bytes": grown / count}


def resident_bytes() -> int:
    """Memory of this process that is in RAM."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * PAGE_BYTES


def bare(port: int, _files: int, count: int) -> dict[str, Any]:
    """Protocol objects on asyncio."""

    async def run() -> dict[str, Any]:
        await fleet(port, AT_ONCE, lambda name: (topic_of(f"warm-{name}"),), 60.0, "w")
        meter = Meter()
        clients = await fleet(port, count, lambda name: (topic_of(name),), 600.0)
        connected = meter.read(count)
        meter = Meter()
        numbers = iter(clients)
        await asyncio.gather(*(_ask_each(numbers) for _ in range(AT_ONCE)))
        return {"connect": connected, "message": meter.read(count * ROUNDS)}

    return asyncio.run(run())


async def _ask_each(clients: Any) -> None:
    loop = asyncio.get_running_loop()
    for client in clients:
        for _ in range(ROUNDS):
            answer: asyncio.Future[None] = loop.create_future()
            client.on_packet = lambda _packet, answer=answer: answer.set_result(None)
            client.send(Publish(topic_of(client.client_id), BODY))
            await answer


KINDS: dict[str, Callable[[int, int, int], dict[str, Any]]] = {"bare": bare}


class _Device:
    """One of our connections: connects, subscribes, asks; a step each time something arrives."""

    __slots__ = ("asked", "channel", "name", "on_answer", "on_ready")

    def __init__(self, name: str, on_ready: Callable[[], None]) -> None:
        self.name = name
        self.asked = 0
        self.on_ready = on_ready
        self.on_answer: Callable[[], None] = on_ready

    def __call__(self, arrival: Any) -> None:
        from sim.ports import Connack, Message, Suback

        if isinstance(arrival, Connack):
            self.channel.subscribe(1, topic_of(self.name), 0)
        elif isinstance(arrival, Suback):
            self.on_ready()
        elif isinstance(arrival, Message):
            self.asked += 1
            if self.asked < ROUNDS:
                self.ask()
            else:
                self.on_answer()
        else:
            raise AssertionError(arrival)

    def ask(self) -> None:
        self.channel.publish(topic_of(self.name), BODY)


def ours(port: int, files: int, count: int, *, tls: bool = False) -> dict[str, Any]:
    """Connections as the devices of a run have them."""
    from sim.cloud.things import Things
    from sim.kernel.clock import Clock
    from sim.kernel.garbage import rare_collections
    from sim.net.http import Endpoint
    from sim.net.outside import BrokerNetwork, Remote
    from sim.net.wire import WireNetwork
    from sim.ports import Hello, HttpPart, HttpRequest, HttpResponse

    clock, authority = Clock("paced"), Things(AUTHORITY_SEED)
    wire = WireNetwork(clock, lambda _request: None, lambda _request, _now_s: HttpResponse(404, {}, b""))
    network = BrokerNetwork(clock, wire, Remote("127.0.0.1", "127.0.0.1", port, tls), None, print)
    host = "x-ats.iot.us-west-2.amazonaws.com"

    def phase(start: Callable[[int, Callable[[], None]], None], number: int) -> None:
        """Start `number` things, AT_ONCE at a time; back when all are done."""
        started = done = 0

        def go() -> None:
            nonlocal started
            if started < number:
                started += 1
                start(started - 1, finished)

        def finished() -> None:
            nonlocal done
            done += 1
            if done == number:
                clock.stop_at(clock.now_us)
            go()

        for _ in range(AT_ONCE):
            clock.after(0, go)
        with rare_collections():
            clock.run(clock.now_us + LIMIT_US)
        assert done == number, f"{done} of {number}"

    def connect(name: str, on_ready: Callable[[], None]) -> _Device:
        device, hello = _Device(name, on_ready), Hello(host, 8883, name, keepalive_s=1200, tls=tls)
        if tls:
            own = authority.register(name)
            hello = replace(hello, certificate=own.certificate_pem, private_key=own.private_key_pem)
        device.channel = network.mqtt(name, hello, device)
        return device

    for number in range(count if tls else 0):  # what a device's key takes to make is not its connection's
        authority.register(f"d{number}")
    devices: list[_Device] = []
    phase(lambda number, done: devices.append(connect(f"warm-{number}", done)), AT_ONCE)
    devices.clear()
    meter = Meter()
    phase(lambda number, done: devices.append(connect(f"d{number}", done)), count)
    connected = meter.read(count)

    def ask(number: int, done: Callable[[], None]) -> None:
        devices[number].on_answer = done
        devices[number].ask()

    def fetch(number: int, done: Callable[[], None]) -> None:
        left = iter(FILES)

        def next_file() -> None:
            path = next(left, None)
            if path is None:
                done()
                return
            request = HttpRequest("GET", f"http://127.0.0.1:{files}{path}")
            wire.ask(devices[number].name, request, arrived, Endpoint("127.0.0.1", files, outside=True))

        def arrived(arrival: Any) -> None:
            if not isinstance(arrival, HttpPart):
                assert isinstance(arrival, HttpResponse), arrival
                assert arrival.body in FILES.values(), arrival
                next_file()

        next_file()

    meter = Meter()
    phase(ask, count)
    answered = meter.read(count * ROUNDS)
    meter = Meter()
    phase(fetch, count)
    result = {"connect": connected, "message": answered, "file": meter.read(count * len(FILES))}
    clock.loop.run_until_complete(wire.close())
    clock.close()
    return result


KINDS["ours"] = ours
KINDS["tls"] = partial(ours, tls=True)


def main() -> None:
    kind, (port, files, count) = sys.argv[1], map(int, sys.argv[2:])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(json.dumps(KINDS[kind](port, files, count)))


if __name__ == "__main__":
    main()
