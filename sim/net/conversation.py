"""What a TCP peer does on one connection: a list of moves, one after the other. No sockets, no asyncio here.

Rules: it acts in the simulation phase only, and takes what arrived within an instant as one piece, so that it does the
same on every transport. A wait that is over, an end or a silence of `IDLE_US` before an expectation is met ends the
connection and is told as unmet. When the moves are done it stays until the other side ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from sim.kernel.clock import Clock, Timer
from sim.kernel.gather import Gather
from sim.manner import RESET_DELAY_US
from sim.ports import Data, Ended, Gone, TcpArrival, TcpChannel

IDLE_US = 600_000_000
"""A peer that hears nothing for so long closes: the other side may have lost power without a word."""

KEPT_BYTES = 64 * 1024
"""Of what came, kept to be looked at later; and the longest that an expectation looks through."""


@dataclass(frozen=True, slots=True)
class Expect:
    """Go on when these bytes have come; what stood before them is passed over."""

    data: bytes
    within_us: int | None = None


@dataclass(frozen=True, slots=True)
class Receive:
    """Go on when so many bytes have come."""

    count: int
    within_us: int | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes to the other side."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for a while."""

    for_us: int


@dataclass(frozen=True, slots=True)
class Do:
    """`echo`: send back what comes, from now on. `finish`: send no more. `close` and `reset` end the connection."""

    what: Literal["echo", "finish", "close", "reset"]


Move = Expect | Receive | Send | Wait | Do
Tell = Callable[..., object]
"""Record something: kind, then data."""


class Conversation:
    """One connection. Call it with arrivals; `start` when it is open."""

    def __init__(self, clock: Clock, channel: TcpChannel, moves: Sequence[Move], tell: Tell) -> None:
        self._clock = clock
        self._channel = channel
        self._moves = list(moves)
        self._tell = tell
        self._next = 0
        self._buffer = bytearray()
        self._echo = False
        self._waiting = False
        self._over = False
        self._timer: Timer | None = None  # of the move that is on
        self._idle: Timer | None = None
        self._gather = Gather(clock, self._take)
        self.received = bytearray()
        """The first bytes that came."""

    def __call__(self, arrival: TcpArrival) -> None:
        self._gather(arrival)

    def start(self) -> None:
        """The connection is open."""
        self._listen()
        self._go_on()

    @property
    def done(self) -> bool:
        """Whether every move was made."""
        return self._next >= len(self._moves)

    def _take(self, arrival: TcpArrival) -> None:
        if self._over:
            return
        if isinstance(arrival, Data):
            self.received += arrival.data[: KEPT_BYTES - len(self.received)]
            if self._echo:
                self._channel.send(arrival.data)
            else:
                self._buffer += arrival.data
            self._listen()
            self._go_on()
        elif isinstance(arrival, Ended):
            self._end("ended")
            self._channel.close()
        elif isinstance(arrival, Gone):
            self._end(arrival.reason)

    def _go_on(self) -> None:
        if self._waiting:
            return
        while not self._over and not self.done and self._make(self._moves[self._next]):
            self._next += 1

    def _make(self, move: Move) -> bool:
        """Whether the move is over."""
        match move:
            case Expect(data=data):
                at = self._buffer.find(data)
                if at < 0:
                    self._wait_for(move.within_us)
                    return False
                del self._buffer[: at + len(data)]
            case Receive(count=count):
                if len(self._buffer) < count:
                    self._wait_for(move.within_us)
                    return False
                del self._buffer[:count]
            case Send(data=data):
                self._channel.send(data)
            case Wait(for_us=for_us):
                self._next += 1
                self._waiting = True
                self._again(for_us, self._waited)
                return False
            case Do(what="echo"):
                self._echo = True
                self._channel.send(bytes(self._buffer))
                self._buffer.clear()
            case Do(what="finish"):
                self._channel.finish()
            case Do(what="close" | "reset" as what):
                self._over = True
                self._next += 1
                self._listen()
                self._again(RESET_DELAY_US if what == "reset" else 0, getattr(self._channel, what))
                self._tell("closed", by="host", how=what)
                return False
        self._stop()
        return True

    def _wait_for(self, within_us: int | None) -> None:
        if within_us is not None and self._timer is None:
            self._again(within_us, self._late)

    def _listen(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = None if self._over else self._clock.after(IDLE_US, self._late)

    def _again(self, after_us: int, fn: Callable[[], object]) -> None:
        self._stop()
        self._timer = self._clock.after(after_us, fn)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _waited(self) -> None:
        self._timer, self._waiting = None, False
        self._listen()
        self._go_on()

    def _late(self) -> None:
        self._end("silent")
        self._channel.close()

    def _end(self, why: str) -> None:
        self._over = True
        self._stop()
        self._listen()
        if not self.done:
            self._tell("unmet", move=self._next + 1, why=why)
        self._tell("closed", by="device" if why != "silent" else "host", how=why)
