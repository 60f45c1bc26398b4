"""TCP and UDP without sockets: the twin of sim.net.wire_streams, and passes the same suite.

What one end sends is handed to the other at the end of the same instant, as arrivals from real sockets are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sim.kernel.clock import Clock
from sim.net.book import Book
from sim.net.stream_end import StreamEnd, nobody
from sim.ports import Accept, Address, Data, Ended, Gone, Opened, Secured, TakeDatagram, TcpArrival, TcpChannel


class MemoryStreams:
    """TCP and UDP of a run in memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.book: Book[_Listener] = Book()
        self._ports: Book[_Port] = Book()
        self.on_listen: Callable[[str, Address, tuple[str, int]], object] | None = None
        """Never told: nothing here is reachable from outside."""

    def tell_missing(self, fn: Callable[[Address], object]) -> None:
        """Have `fn` told of every address that somebody calls and nobody has."""
        self.book.on_missing = self._ports.on_missing = fn

    def resolve(self, host: str) -> str | None:
        """The address behind a name, or None."""
        return self.book.resolve(host)

    def answers(self, ip: str) -> bool:
        """Whether there is a computer at this address."""
        return self.book.answers(ip)

    def name(self, host: str) -> str:
        """Give a host this name; the address it is reached at from now on."""
        return self.book.name(host)

    def connect(
        self,
        owner: str,  # noqa: ARG002 - calls are in order already
        source: Address,
        to: Address,
        receive: Callable[[TcpArrival], None],
    ) -> TcpChannel:
        """Open a connection; the outcome arrives as Opened or Gone."""
        listener = self.book.find(to)
        near, far = _End(self._clock, receive), _End(self._clock, nobody)
        if listener is None:
            self._clock.handover(near.arrive, Gone("refused"))
            return near
        near.other, far.other = far, near
        near.accept = lambda: self._clock.handover(_accepted, listener, far, source)
        near.needs_tls = listener.tls
        if not listener.tls:
            near.accept()
        self._clock.handover(near.arrive, Opened())
        return near

    def listen(self, owner: str, at: Address, accept: Accept, *, tls: bool = False) -> _Listener | None:  # noqa: ARG002
        """Take connections to this address; None when somebody does already."""
        listener = _Listener(self.book, at, accept, tls)
        return listener if self.book.enter(at, listener) else None

    def udp(self, owner: str, at: Address, take: TakeDatagram) -> _Port | None:  # noqa: ARG002
        """Bind this address; None when somebody has already."""
        port = _Port(self._clock, self._ports, at, take)
        return port if self._ports.enter(at, port) else None


@dataclass(eq=False, slots=True)
class _Listener:
    book: Book[_Listener]
    at: Address
    accept: Accept
    tls: bool

    def close(self) -> None:
        self.book.leave(self.at, self)


class _End(StreamEnd):
    other: _End | None

    def __init__(self, clock: Clock, receive: Callable[[TcpArrival], None]) -> None:
        super().__init__(receive)
        self._clock = clock
        self.accept: Callable[[], object] = lambda: None

    def _hand(self, arrival: TcpArrival) -> None:
        self._clock.handover(self.arrive, arrival)

    def _carry(self, data: bytes) -> None:
        self._tell(Data(data))

    def _carry_end(self) -> None:
        self._tell(Ended())

    def _carry_close(self) -> None:
        if not self._finished:
            self._tell(Ended())

    def _carry_reset(self) -> None:
        if not self._finished:
            self._tell(Gone("reset"))

    def _shake(self, certificate: str, private_key: str) -> None:  # noqa: ARG002 - looked at already
        assert self.other is not None
        self.other.secured = True
        self.accept()
        self._hand(Secured())

    def _tell(self, arrival: TcpArrival) -> None:
        if self.other is not None:
            self._clock.handover(self.other.arrive, arrival)


@dataclass(eq=False, slots=True)
class _Port:
    """A bound UDP port."""

    clock: Clock
    book: Book[_Port]
    at: Address
    take: TakeDatagram
    open: bool = True

    def send(self, to: Address, data: bytes) -> None:
        found = self.book.find(to)
        if self.open and found is not None:
            self.clock.handover(found.arrive, self.at, data)

    def arrive(self, source: Address, data: bytes) -> None:
        if self.open:
            self.take(source, data)

    def close(self) -> None:
        self.open = False
        self.book.leave(self.at, self)


def _accepted(listener: _Listener, end: _End, source: Address) -> None:
    end.receive = listener.accept(end, source)
