"""What a scripted peer does: its moves over a stream in memory, unhappy paths first."""

from __future__ import annotations

from typing import Any

import pytest

from sim.kernel.clock import Clock
from sim.net.conversation import IDLE_US, Conversation, Do, Expect, Move, Receive, Send, Wait
from sim.net.memory_streams import MemoryStreams
from sim.ports import Address, Data, Ended, Gone, TcpArrival

AT, FROM = Address("198.18.0.1", 7), Address("10.0.0.1", 50_000)


class Talk:
    """A peer with these moves, and the other side of its connection."""

    def __init__(self, *moves: Move) -> None:
        self.clock = Clock()
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.heard: list[tuple[int, TcpArrival]] = []
        self.peer: Conversation
        streams = MemoryStreams(self.clock)

        def accept(channel: Any, _source: Address) -> Any:
            self.peer = Conversation(self.clock, channel, moves, lambda kind, **data: self.told.append((kind, data)))
            self.peer.start()
            return self.peer

        streams.listen("peer", AT, accept)
        self.near = streams.connect("a", FROM, AT, lambda arrival: self.heard.append((self.clock.now_us, arrival)))
        self.run()
        self.heard.clear()

    def run(self, seconds: float = 0.01) -> None:
        self.clock.run(self.clock.now_us + round(seconds * 1e6))

    def say(self, data: bytes) -> Talk:
        self.near.send(data)
        self.run()
        return self

    @property
    def bytes(self) -> bytes:
        return b"".join(a.data for _, a in self.heard if isinstance(a, Data))

    @property
    def last(self) -> TcpArrival:
        return self.heard[-1][1]


def test_what_never_comes_is_unmet_when_its_time_is_over() -> None:
    talk = Talk(Expect(b"ok", within_us=2_000_000), Send(b"never"))
    talk.run(1)
    talk.say(b"not this")
    talk.run(5)
    assert talk.told == [
        ("unmet", {"move": 1, "why": "silent"}),
        ("closed", {"by": "host", "how": "silent"}),
    ]
    assert talk.heard == [(2_000_000, Ended())]


def test_other_bytes_do_not_prolong_the_wait() -> None:
    talk = Talk(Receive(5, within_us=2_000_000))
    for _ in range(4):
        talk.run(0.9)
        talk.say(b"x")
    assert talk.told[0] == ("unmet", {"move": 1, "why": "silent"})


@pytest.mark.parametrize(("end", "why"), [("close", "ended"), ("reset", "reset")])
def test_an_end_before_that_is_unmet_too(end: str, why: str) -> None:
    talk = Talk(Send(b"hello"), Expect(b"ok"))
    getattr(talk.near, end)()
    talk.run()
    assert talk.told == [("unmet", {"move": 2, "why": why}), ("closed", {"by": "device", "how": why})]


def test_after_ten_minutes_of_silence_it_closes() -> None:
    talk = Talk()
    talk.run(IDLE_US / 1e6 - 1)
    talk.say(b"still here")
    talk.run(IDLE_US / 1e6 - 1)
    assert talk.heard == []
    talk.run(2)
    assert talk.last == Ended()
    assert talk.told == [("closed", {"by": "host", "how": "silent"})]


def test_moves_wait_for_their_turn() -> None:
    talk = Talk(Expect(b"b"), Send(b"1"), Receive(3), Send(b"2"), Wait(1_000_000), Send(b"3"), Do("finish"))
    talk.say(b"aabcd")
    assert talk.bytes == b"1"
    talk.say(b"e")
    assert talk.bytes == b"12"
    talk.run(0.5)
    talk.say(b"too early to matter")
    assert talk.bytes == b"12"
    talk.run(1)
    assert (talk.bytes, talk.last) == (b"123", Ended())
    assert talk.peer.done
    assert talk.told == []


def test_bytes_of_one_instant_are_one_piece_whatever_they_were_sent_as() -> None:
    talk = Talk(Expect(b"ok"), Do("echo"))
    for piece in (b"o", b"k", b"x", b"y"):
        talk.near.send(piece)
    talk.run()
    assert [a for _, a in talk.heard] == [Data(b"xy")]


def test_echo_gives_back_what_was_not_looked_at_yet() -> None:
    talk = Talk(Receive(1), Do("echo")).say(b"abc").say(b"d")
    assert talk.bytes == b"bcd"


def test_a_reset_comes_behind_what_was_sent() -> None:
    talk = Talk(Receive(1), Send(b"last words"), Do("reset")).say(b"!")
    assert (talk.bytes, talk.last) == (b"last words", Gone("reset"))
    assert talk.peer.done


def test_only_the_beginning_is_kept() -> None:
    talk = Talk(Do("echo")).say(b"a" * 100_000).say(b"b")
    assert bytes(talk.peer.received) == b"a" * 65_536
