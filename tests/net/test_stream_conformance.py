"""TCP and UDP of the emulated world: what holds in memory, over plain sockets and over TLS alike."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from net_stage import Authority

from sim.kernel.clock import Clock
from sim.net.memory_streams import MemoryStreams
from sim.net.tls import server_context
from sim.net.wire_streams import OUTSIDE, WireStreams
from sim.ports import Address, Data, Ended, Gone, Opened, Secured, TcpArrival, TcpChannel

SERVER = Address("198.18.0.9", 7)
NEAR = Address("10.1.2.3", 49_152)


class End:
    """One end and what it got: arrivals with neighbouring bytes joined, each with its time."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.channel: TcpChannel
        self.log: list[tuple[int, TcpArrival]] = []

    def receive(self, arrival: TcpArrival) -> None:
        if isinstance(arrival, Data) and self.log and isinstance(self.log[-1][1], Data):
            at_us, before = self.log[-1]
            if at_us == self.clock.now_us:
                self.log[-1] = (at_us, Data(before.data + arrival.data))
                return
        self.log.append((self.clock.now_us, arrival))

    @property
    def got(self) -> list[TcpArrival]:
        return [arrival for _, arrival in self.log]

    @property
    def bytes(self) -> bytes:
        return b"".join(a.data for a in self.got if isinstance(a, Data))


class Streams:
    """A world of streams. `run` settles what is in flight."""

    def __init__(self, kind: str, authority: Authority) -> None:
        self.kind = kind
        self.clock = Clock("memory" if kind == "memory" else "virtual")
        self.accepted: list[tuple[Address, End]] = []
        self.port: Any
        if kind == "memory":
            self.port = MemoryStreams(self.clock)
        else:
            context = None
            if kind == "tls":
                server = authority.issue("server")
                context = server_context(server.certificate, server.private_key, authority.pem)
            self.port = WireStreams(self.clock, context)
            self.clock.loop.on_quiet.append(self.port.hand_over)

    def run(self, seconds: float = 0.001) -> None:
        self.clock.run(self.clock.now_us + round(seconds * 1_000_000))

    def accept(self, channel: TcpChannel, source: Address) -> Any:
        end = End(self.clock)
        end.channel = channel
        self.accepted.append((source, end))
        return end.receive

    def dial(self, to: Address = SERVER, source: Address = NEAR, owner: str = "a") -> End:
        end = End(self.clock)
        end.channel = self.port.connect(owner, source, to, end.receive)
        return end

    def pair(self, *, tls: bool = False) -> tuple[End, End]:
        self.port.listen("server", SERVER, self.accept, tls=tls)
        near = self.dial()
        self.run()
        if tls:
            near.channel.secure()
            self.run()
        far = self.accepted[-1][1]
        near.log.clear()
        return near, far

    def close(self) -> None:
        if self.kind != "memory":
            self.clock.loop.run_until_complete(self.port.close())
            stuck = self.clock.loop.stuck
            self.clock.close()
            assert stuck == []
        else:
            self.clock.close()


@pytest.fixture(params=["memory", "tcp", "tls"])
def world(request: pytest.FixtureRequest, authority: Authority) -> Any:
    made = Streams(request.param, authority)
    yield made
    made.close()


# -- opening


def test_nobody_there_is_a_refusal(world: Any) -> None:
    near = world.dial()
    world.run()
    assert near.log == [(0, Gone("refused"))]


def test_a_listener_that_closed_takes_no_more_and_leaves_what_it_took(world: Any) -> None:
    listener = world.port.listen("server", SERVER, world.accept)
    near = world.dial()
    world.run()
    listener.close()
    late = world.dial()
    near.channel.send(b"still here")
    world.run()
    assert late.got == [Gone("refused")]
    assert world.accepted[0][1].bytes == b"still here"


def test_an_address_is_taken_once_and_free_again_after_close(world: Any) -> None:
    listener = world.port.listen("server", SERVER, world.accept)
    assert world.port.listen("other", SERVER, world.accept) is None
    listener.close()
    assert world.port.listen("other", SERVER, world.accept) is not None


def test_both_sides_learn_of_it_in_the_instant_and_where_it_comes_from(world: Any) -> None:
    world.port.listen("server", SERVER, world.accept)
    world.run(2)
    near = world.dial()
    world.run()
    assert near.log == [(2_000_000, Opened())]
    assert [source for source, _ in world.accepted] == [NEAR]


def test_names_lead_to_the_cloud_to_peers_or_nowhere(world: Any) -> None:
    book = world.port.book
    assert book.name("echo.example") == book.name("ECHO.example") == world.port.resolve("echo.example")
    assert world.port.resolve("x.s3.us-west-2.amazonaws.com").startswith("198.19.")
    assert world.port.resolve("10.1.2.3") == "10.1.2.3"
    assert world.port.resolve("example.com") is None
    assert book.name("other.example") != book.name("echo.example")


# -- bytes


@pytest.mark.parametrize("tls", [False, True])
def test_bytes_go_both_ways_in_order_in_no_time(world: Any, tls: bool) -> None:
    near, far = world.pair(tls=tls)
    sent_us = world.clock.now_us
    for number in range(100):
        near.channel.send(b"%d," % number)
    far.channel.send(bytes(range(256)) * 4000)
    world.run()
    assert far.log == [(sent_us, Data(b"".join(b"%d," % n for n in range(100))))]
    assert near.bytes == bytes(range(256)) * 4000
    assert {at_us for at_us, _ in near.log} == {sent_us}


def test_what_is_sent_before_the_connection_is_open_goes_out_behind_it(world: Any) -> None:
    world.port.listen("server", SERVER, world.accept)
    near = world.dial()
    near.channel.send(b"early")
    near.channel.finish()
    world.run()
    assert world.accepted[0][1].got == [Data(b"early"), Ended()]
    assert near.got == [Opened()]


def test_an_empty_send_is_nothing(world: Any) -> None:
    near, far = world.pair()
    near.channel.send(b"")
    world.run()
    assert far.got == []


# -- TLS


def test_whoever_accepts_over_tls_is_told_after_the_handshake(world: Any) -> None:
    world.port.listen("server", SERVER, world.accept, tls=True)
    near = world.dial()
    world.run(90)
    assert world.accepted == []
    near.channel.secure()
    world.run()
    assert near.log == [(0, Opened()), (90_000_000, Secured())]
    assert len(world.accepted) == 1


def test_a_handshake_with_one_who_speaks_no_tls_fails(world: Any) -> None:
    near, far = world.pair()
    near.channel.secure()
    world.run()
    assert near.got == [Gone("tls")]
    assert far.got == [Gone("reset")]


def test_an_identity_that_is_no_good_fails_the_handshake(world: Any, identity: Any, foreign_authority: Any) -> None:
    world.port.listen("server", SERVER, world.accept, tls=True)
    for pems, outcome in [
        ((identity.certificate, identity.private_key), Secured()),
        ((identity.certificate, foreign_authority.issue("b").private_key), Gone("tls")),
        (("nonsense", ""), Gone("tls")),
    ]:
        near = world.dial()
        world.run()
        near.channel.secure(*pems)
        world.run()
        assert near.got == [Opened(), outcome]


def test_who_sends_without_the_handshake_is_reset(world: Any) -> None:
    world.port.listen("server", SERVER, world.accept, tls=True)
    near = world.dial()
    world.run()
    near.channel.send(b"GET / HTTP/1.0\r\n\r\n")
    world.run()
    assert near.got == [Opened(), Gone("reset")]
    assert world.accepted == []


# -- the end


def test_a_half_closed_connection_still_carries_the_other_way(world: Any) -> None:
    near, far = world.pair()
    near.channel.finish()
    near.channel.send(b"not sent")
    far.channel.send(b"answer")
    world.run()
    assert far.got == [Ended()]
    far.channel.send(b"more")
    world.run()
    assert near.bytes == b"answermore"
    far.channel.close()
    world.run()
    assert near.got[-1] == Ended()


@pytest.mark.parametrize("tls", [False, True])
def test_close_sends_what_was_sent_and_hears_nothing_more(world: Any, tls: bool) -> None:
    near, far = world.pair(tls=tls)
    near.channel.send(b"x" * 300_000)
    near.channel.close()
    world.run()
    far.channel.close()
    world.run()
    assert far.bytes == b"x" * 300_000
    assert far.got[-1] == Ended()
    assert near.got == []


@pytest.mark.parametrize("tls", [False, True])
def test_who_sends_to_one_that_has_closed_is_reset(world: Any, tls: bool) -> None:
    near, far = world.pair(tls=tls)
    near.channel.close()
    world.run()
    far.channel.send(b"anybody there?")
    world.run()
    assert far.got == [Ended(), Gone("reset")]
    far.channel.send(b"and now?")
    world.run()
    assert far.got == [Ended(), Gone("reset")]


@pytest.mark.parametrize("tls", [False, True])
def test_a_reset_is_told_as_such(world: Any, tls: bool) -> None:
    near, far = world.pair(tls=tls)
    far.channel.reset()
    world.run()
    assert near.got == [Gone("reset")]
    assert far.got == []


@pytest.mark.parametrize("tls", [False, True])
def test_after_power_is_gone_nothing_is_sent_delivered_or_told(world: Any, tls: bool) -> None:
    near, far = world.pair(tls=tls)
    near.channel.vanish()
    near.channel.send(b"ghost")
    near.channel.close()
    far.channel.send(b"hello?")
    world.run(3600)
    far.channel.send(b"still there?")
    world.run()
    assert far.got == []
    assert near.got == []
    far.channel.close()
    world.run()


def test_calls_before_it_is_open_hold(world: Any) -> None:
    world.port.listen("server", SERVER, world.accept)
    for end in ("close", "reset", "vanish"):
        near = world.dial()
        getattr(near.channel, end)()
        world.run()
        assert near.got == []


def test_nothing_is_left_of_connections_that_both_sides_closed(world: Any) -> None:
    if world.kind == "memory":
        pytest.skip("no sockets")
    world.port.listen("server", SERVER, world.accept)
    for number in range(30):
        near = world.dial()
        world.run()
        far = world.accepted[-1][1]
        first, second = (near, far) if number % 2 else (far, near)
        first.channel.close()
        world.run()
        second.channel.close()
        world.run()
    assert world.port.dialled == {}
    assert list(world.clock.loop.in_flight.ends()) == []


# -- UDP


def test_datagrams_arrive_whole_with_their_source_or_not_at_all(world: Any) -> None:
    got: list[Any] = []
    a, b = Address("10.0.0.1", 5000), Address("198.18.0.1", 9)
    first = world.port.udp("a", a, lambda *what: got.append(("a", *what)))
    second = world.port.udp("b", b, lambda *what: got.append(("b", *what)))
    assert world.port.udp("c", a, lambda *_: None) is None
    first.send(b, b"one")
    first.send(b, b"")
    first.send(Address("198.18.0.77", 9), b"to nobody")
    second.send(a, b"two" * 400)
    world.run()
    assert sorted(got) == [("a", b, b"two" * 400), ("b", a, b""), ("b", a, b"one")]
    second.close()
    first.send(b, b"late")
    world.run()
    assert len(got) == 3
    assert world.port.udp("b", b, lambda *_: None) is not None


# -- twins


verbs = st.tuples(
    st.sampled_from(["near", "far"]),
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from([b"a", b"bc", b"d" * 70_000])),
        st.tuples(st.sampled_from(["finish", "close", "reset", "vanish"])),
        st.tuples(st.just("wait")),
    ),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(verbs, max_size=12), tls=st.booleans())
def test_memory_and_sockets_tell_the_same_story(story: list[Any], tls: bool, authority: Authority) -> None:
    told = []
    for kind in ("memory", "tcp", "tls")[: 3 if tls else 2]:
        world = Streams(kind, authority)
        with contextlib.closing(world):
            ends = dict(zip(("near", "far"), world.pair(tls=tls), strict=True))
            for who, (verb, *rest) in story:
                if verb != "wait":
                    getattr(ends[who].channel, verb)(*rest)
                world.run()
            told.append([end.log for end in ends.values()])
    assert all(story == told[0] for story in told)


def test_an_outside_client_is_one_of_unknown_address(world: Any) -> None:
    if world.kind == "memory":
        pytest.skip("no sockets")
    world.port.listen("server", SERVER, world.accept)
    (_, at, real), *_ = world.port.listening()
    assert at == SERVER
    with socket.create_connection(real) as client:
        client.sendall(b"from outside")
        world.run()
        world.run()
        assert [source for source, _ in world.accepted] == [OUTSIDE]
        assert world.accepted[0][1].bytes == b"from outside"


def test_datagrams_under_way_are_waited_for_and_lost_ones_are_named(world: Any) -> None:
    if world.kind == "memory":
        pytest.skip("no sockets")
    ledger = world.clock.loop.in_flight
    sender = world.port.udp("a", NEAR, lambda *_: None)
    receiver = world.port.udp("b", SERVER, lambda *_: None)
    sender.send(SERVER, b"x")
    assert ledger.busy(0.0)
    world.run()
    assert not ledger.busy(0.0)
    sender.send(SERVER, b"x")
    receiver.close()
    assert not ledger.busy(0.0)
    ledger.datagrams(1)
    assert ledger.give_up() == ["UDP: 1 datagrams never arrived"]
    assert not ledger.busy(0.0)
