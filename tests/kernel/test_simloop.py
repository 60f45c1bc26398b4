"""Sockets in virtual time: time moves only when nothing is in flight, and the run repeats."""

import asyncio
import random
import socket
import threading
import time
from itertools import pairwise

import pytest

from sim.kernel.clock import Clock
from sim.kernel.counted import connection_key
from sim.kernel.inflight import InFlight


@pytest.fixture
def clock():
    clock = Clock("virtual")
    clock.servers = []
    yield clock
    for server in clock.servers:
        server.close()
    clock.close()


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class Buffer(asyncio.Protocol):
    """A client as the rules demand: it buffers, and hands over at quiescence."""

    def __init__(self, inbox, name):
        self.inbox, self.name, self.received = inbox, name, b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.inbox.append((self.name, data))


def serve(clock):
    loop = clock.loop
    server = loop.run_until_complete(loop.create_server(Echo, "127.0.0.1", 0))
    clock.servers.append(server)
    return server.sockets[0].getsockname()[1]


def ping_pong(clock, names, rounds=5, payload=b"x" * 3000):
    """Clients that send, get the echo, wait a virtual second and send again; returns (time, who) of each echo."""
    loop, inbox, seen, got = clock.loop, [], [], {}
    port = serve(clock)
    clients = {}

    def on_quiet():
        arrived, inbox[:] = sorted(inbox, key=lambda item: item[0]), []
        for name, data in arrived:
            clock.handover(arrive, name, len(data))

    def arrive(name, count):
        got[name] = got.get(name, 0) + count
        if got[name] % len(payload) == 0:
            seen.append((clock.now_us, name))
            if got[name] < rounds * len(payload):
                clock.after(1_000_000, clients[name].transport.write, payload)

    loop.on_quiet.append(on_quiet)
    for name in names:
        clients[name] = Buffer(inbox, name)
        loop.run_until_complete(loop.create_connection(lambda n=name: clients[n], "127.0.0.1", port))
        clock.after(10, clients[name].transport.write, payload)
    clock.run(60_000_000)
    return seen


def test_time_stands_still_while_bytes_are_in_flight(clock):
    seen = ping_pong(clock, ["a"])
    assert seen == [(10 + n * 1_000_000, "a") for n in range(5)]
    assert clock.loop.stuck == []


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_select_results_does_not_matter(clock, seed):
    shuffler, inner = random.Random(seed), clock.loop._select

    def shuffled(select, timeout):
        events = list(inner(select, timeout))
        shuffler.shuffle(events)
        return events

    clock.loop._select = shuffled
    assert ping_pong(clock, ["a", "b", "c"]) == [
        (10 + n * 1_000_000, name) for n in range(5) for name in ("a", "b", "c")
    ]


def test_asyncio_timers_run_in_virtual_time(clock):
    woke = []

    async def sleeper():
        await asyncio.sleep(3600)
        woke.append(clock.now_us)

    clock.loop.create_task(sleeper())
    clock.run(2 * 3_600_000_000)
    assert woke == [3_600_000_000]


def test_paced_time_keeps_the_schedule_and_takes_wall_time():
    clock = Clock("paced", speed=20.0)
    seen = []
    for n in range(1, 6):
        clock.after(n * 1_000_000, lambda: seen.append(clock.now_us))
    start = time.monotonic()
    clock.run(6_000_000)
    took = time.monotonic() - start
    clock.close()
    assert seen == [n * 1_000_000 for n in range(1, 6)]
    assert took >= 6 / 20


def test_a_client_outside_this_process_does_not_stop_time(clock):
    port = serve(clock)
    answers = []

    def outside():
        with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
            peer.sendall(b"hello")
            answers.append(peer.recv(5))

    thread = threading.Thread(target=outside)
    thread.start()
    with clock.hold():
        while not answers:
            clock.loop.run_until_complete(asyncio.sleep(0))
    thread.join()
    clock.run(1_000_000)
    assert answers == [b"hello"]
    assert clock.loop.stuck == []


@pytest.fixture
def paced():
    """A clock at a hundred times wall speed, and `with_clients(*stories)`: run until all of these threads are done."""
    clock = Clock("paced", speed=100.0)
    clock.servers = []

    def with_clients(*stories):
        threads = [threading.Thread(target=story) for story in stories]

        def wait_for_all():
            for thread in threads:
                thread.join()
            clock.loop.call_soon_threadsafe(clock.loop.end_simulation)

        watcher = threading.Thread(target=wait_for_all)
        for thread in (*threads, watcher):
            thread.start()
        clock.run()
        watcher.join()

    clock.with_clients = with_clients
    yield clock
    for server in clock.servers:
        server.close()
    clock.close()


def serve_turns(clock):
    """A server that answers each piece with the time of the simulation's turn in which it was handled."""
    inbox = []

    class Turns(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            inbox.append(self.transport)

    def hand_over():
        asked, inbox[:] = list(inbox), []
        for transport in asked:
            clock.handover(lambda to=transport: to.write(b"%012d" % clock.now_us))

    clock.loop.on_quiet.append(hand_over)
    server = clock.loop.run_until_complete(clock.loop.create_server(Turns, "127.0.0.1", 0))
    clock.servers.append(server)
    return server.sockets[0].getsockname()[1]


def ask(port):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
        peer.sendall(b"?")
        return int(peer.recv(12))


def test_an_outside_client_is_answered_long_before_the_next_event_or_with_none_due(paced):
    port, answers = serve_turns(paced), []
    paced.with_clients(lambda: answers.append(ask(port)))
    paced.after(10**12, lambda: None)
    paced.with_clients(lambda: answers.append(ask(port)))
    assert len(answers) == 2
    assert paced.now_us < 10**12


def test_an_outside_client_finds_the_time_that_the_wall_shows(paced):
    port, asked = serve_turns(paced), []

    def story():
        for _ in range(3):
            threading.Event().wait(0.05)
            before_s = time.monotonic()
            asked.append((before_s, ask(port), time.monotonic()))

    paced.with_clients(story)
    for (_, earlier_us, after_s), (before_s, later_us, _) in pairwise(asked):
        assert later_us - earlier_us >= 100 * (before_s - after_s - 0.001) * 1_000_000  # a hundred times wall speed


def test_outside_traffic_does_not_keep_the_simulation_from_its_turn(paced):
    """A socket that always has something to read, and callbacks that are always ready, stand for a flood."""
    here, there = socket.socketpair()
    there.send(b"!")
    reads, happened = [], []

    def read():
        reads.append(1)
        if len(reads) == 1_000_000:
            paced.loop.end_simulation()
        paced.loop.call_soon(int)

    paced.after(2_000_000, lambda: happened.append(len(reads)))
    paced.after(2_100_000, paced.loop.end_simulation)
    paced.loop.add_reader(here, read)
    paced.run()
    paced.loop.remove_reader(here)
    here.close()
    there.close()
    assert happened
    assert 10 < len(reads) < 1_000_000


def test_a_task_that_never_rests_gets_what_it_waits_for_from_outside(paced):
    port, answers, done = serve_turns(paced), [], []

    async def restless():
        while not answers:
            await asyncio.sleep(0)
        done.append(True)

    def patient():
        with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
            threading.Event().wait(0.03)
            peer.sendall(b"?")
            paced.loop.call_soon_threadsafe(answers.append, peer.getpeername())

    paced.loop.create_task(restless())
    paced.with_clients(patient)
    paced.run(paced.now_us + 1)
    assert done


def test_a_connection_that_nobody_here_dialled_leads_outside_at_once():
    ledger = InFlight()
    ledger.attach("accepted", "outside", 0.0, accepted=True)
    ledger.sent("accepted", 100)
    assert not ledger.busy(0.0)
    ledger.dialled("inside")
    ledger.attach("accepted too", "inside", 0.0, accepted=True)
    assert ledger.busy(0.0)
    ledger.attach("dialled", "inside", 0.0)
    assert not ledger.busy(0.0)
    assert not ledger.dialling
    ledger.sent("dialled", 100)
    assert ledger.busy(0.0)


def test_a_refused_connection_is_not_waited_for(clock):
    with pytest.raises(ConnectionRefusedError):
        clock.loop.run_until_complete(asyncio.open_connection("127.0.0.1", 1))
    assert not clock.loop.in_flight.dialling


def test_bytes_that_never_arrive_are_named(clock):
    """A ledger that is told of bytes nobody sent must not hang the run, and must say which connection it was."""
    loop, inbox = clock.loop, []
    port = serve(clock)
    client = Buffer(inbox, "a")
    loop.run_until_complete(loop.create_connection(lambda: client, "127.0.0.1", port))
    loop.in_flight.label(connection_key(client.transport.get_extra_info("socket")), "MQTT of device a")
    loop.in_flight.sent(client.transport, 7)
    clock.run(1_000_000)
    assert loop.stuck == ["MQTT of device a: 7 bytes never arrived"]


def test_back_pressure_is_not_traffic(clock):
    """A reader that pauses does not stop time for the others."""
    loop, inbox = clock.loop, []
    port = serve(clock)
    client = Buffer(inbox, "a")
    loop.run_until_complete(loop.create_connection(lambda: client, "127.0.0.1", port))
    client.transport.pause_reading()
    clock.after(5, client.transport.write, b"y" * 100_000)
    clock.after(1_000_000, client.transport.resume_reading)
    clock.run(2_000_000)
    assert sum(len(data) for _, data in inbox) == 100_000
    assert loop.stuck == []
