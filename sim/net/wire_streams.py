"""TCP and UDP over real sockets on this machine: the twin of sim.net.memory_streams.

The network phase only fills the inbox; `hand_over`, at quiescence, brings it into the simulation sorted by (owner,
connection, number). Each address of the emulated world that somebody listens on has a port of the machine behind it.
TLS is real where the run's transport is; elsewhere one byte to and fro stands for the handshake, so that whoever
accepts is told at the same instant. A client outside this process is taken as one that comes from `OUTSIDE`.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from sim.kernel.clock import Clock
from sim.kernel.simloop import HANDSHAKE_S
from sim.net.book import Book
from sim.net.stream_end import StreamEnd, nobody
from sim.net.tls import TlsFailure, client_context
from sim.net.wire_datagrams import OUTSIDE, DatagramPort, bound_socket
from sim.ports import Accept, Address, Data, Ended, Gone, Opened, Secured, TakeDatagram, TcpArrival, TcpChannel

BACKLOG = 512
"""Connections that may wait to be accepted, which takes no simulation time."""

PATIENCE_S = 7 * 86_400.0
"""Simulation time that a server waits for a handshake: when a client wraps its socket is the script's affair."""

MARK = b"\x16"
"""Stands for a handshake where the transport has none; the first byte of a real one."""

_RST = struct.pack("ii", 1, 0)


class WireStreams:
    """TCP and UDP of a run over sockets. `server_tls`: the servers' context when the run's transport is TLS."""

    def __init__(self, clock: Clock, server_tls: ssl.SSLContext | None = None) -> None:
        self.clock = clock
        self.server_tls = server_tls
        self.book: Book[_Listener] = Book()
        self.ports: Book[DatagramPort] = Book()
        self.dialled: dict[tuple[str, int], _End] = {}
        """Ends of ours by the machine's address of their socket, while it is open."""
        self.on_listen: Callable[[str, Address, tuple[str, int]], object] | None = None
        """Told who begins to listen where, and where that is on this machine."""
        self.bound: dict[tuple[str, int], Address] = {}
        self._inbox: list[tuple[_End | DatagramPort, int, Callable[..., None], tuple[Any, ...]]] = []
        self._numbers = itertools.count()
        self._opened: dict[str, int] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def resolve(self, host: str) -> str | None:
        """The address behind a name, or None."""
        return self.book.resolve(host)

    def answers(self, ip: str) -> bool:
        """Whether there is a computer at this address."""
        return self.book.answers(ip)

    def name(self, host: str) -> str:
        """Give a host this name; the address it is reached at from now on."""
        return self.book.name(host)

    def connect(self, owner: str, source: Address, to: Address, receive: Callable[[TcpArrival], None]) -> TcpChannel:
        """Open a connection; the outcome arrives as Opened or Gone."""
        number = self._opened[owner] = self._opened.get(owner, 0) + 1
        end, listener = _End(self, owner, (0, "", number), receive), self.book.find(to)
        end.source = source
        if listener is None:
            self.clock.handover(end.arrive, Gone("refused"))
        else:
            end.needs_tls = listener.tls
            self.start(end.open(listener.real))
        return end

    def listen(self, owner: str, at: Address, accept: Accept, *, tls: bool = False) -> _Listener | None:
        """Take connections to this address; None when somebody does already."""
        listener = _Listener(self, owner, at, accept, tls)
        if not self.book.enter(at, listener):
            return None
        listener.open()
        if self.on_listen is not None:
            self.on_listen(owner, at, listener.real)
        return listener

    def udp(self, owner: str, at: Address, take: TakeDatagram) -> DatagramPort | None:
        """Bind this address; None when somebody has already."""
        port = DatagramPort(self, owner, at, take)
        if not self.ports.enter(at, port):
            return None
        port.open()
        return port

    def listening(self) -> Iterator[tuple[str, Address, tuple[str, int]]]:
        """Who listens where, and where that is on this machine."""
        for listener in self.book:
            yield listener.owner, listener.at, listener.real

    def arrived(self, at: _End | DatagramPort, fn: Callable[..., None], *args: Any) -> None:
        """Keep until quiescence."""
        self._inbox.append((at, next(self._numbers), fn, args))

    def hand_over(self) -> None:
        """At quiescence: what arrived enters the simulation."""
        for at, *_ in self._inbox:
            at.find_other()
        inbox, self._inbox = sorted(self._inbox, key=lambda item: (*item[0].rank(), item[1])), []
        for _, _, fn, args in inbox:
            self.clock.handover(fn, *args)

    def start(self, work: Any) -> None:
        """Run a coroutine beside the simulation."""
        task = self.clock.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop listening and dialling."""
        for task in list(self._tasks):
            task.cancel()
        for listener in self.book:
            listener.close()
        for port in self.ports:
            port.close()


class _Listener:
    def __init__(self, streams: WireStreams, owner: str, at: Address, accept: Accept, tls: bool) -> None:
        self.owner, self.at, self.accept, self.tls = owner, at, accept, tls
        self._streams = streams
        self._server: asyncio.Server | None = None
        self._closed = False
        self.real = ("", 0)

    def open(self) -> None:
        """The socket listens when this returns; connections are taken as soon as the loop runs."""
        sock = bound_socket(socket.SOCK_STREAM)
        sock.listen(BACKLOG)
        self.real = sock.getsockname()[:2]
        self._streams.start(self._serve(sock))

    async def _serve(self, sock: socket.socket) -> None:
        context = self._streams.server_tls if self.tls else None
        patience_s = None if context is None else PATIENCE_S
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._end, sock=sock, ssl=context, ssl_handshake_timeout=patience_s
            )
        except BaseException:
            sock.close()
            raise
        if self._closed:
            self._server.close()

    def _end(self) -> _End:
        end = _End(self._streams, self.owner, (1, "", 0), nobody)
        end.listener, end.secured = self, self.tls
        return end

    def close(self) -> None:
        self._closed = True
        self._streams.book.leave(self.at, self)
        if self._server is not None:
            self._server.close()


class _End(StreamEnd, asyncio.Protocol):
    """`listener` is set on the accepting side."""

    def __init__(
        self, streams: WireStreams, owner: str, place: tuple[int, str, int], receive: Callable[[TcpArrival], None]
    ) -> None:
        super().__init__(receive)
        self._streams = streams
        self._owner = owner
        self._place = place
        self._transport: asyncio.Transport | None = None
        self._early: list[Callable[[], None]] = []  # asked for before there was a transport
        self._saw_end = False
        self._awaits_mark = False
        self._real = ("", 0)
        self.listener: _Listener | None = None
        self.source = OUTSIDE

    def rank(self) -> tuple[str, int, str, int]:
        """Its place in the order of arrivals."""
        return (self._owner, *self._place)

    async def open(self, real: tuple[str, int]) -> None:
        """Dial."""
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, *real)
        except OSError:
            self._hand(Gone("refused"))

    # -- asyncio.Protocol: the network phase

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self.listener is None:
            self._real = transport.get_extra_info("sockname")[:2]
            self._streams.dialled[self._real] = self
            self._hand(Opened())
        elif self.listener.tls and self._streams.server_tls is None:
            self._awaits_mark = True
        else:
            self._accept()
        early, self._early = self._early, []
        for act in early:
            act()

    def data_received(self, data: bytes) -> None:
        if self._awaits_mark:
            self._awaits_mark = False
            data = data[1:]
            if self.listener is None:
                self._hand(Secured())
            else:
                self._write(MARK)
                self._accept()
        if data:
            self._hand(Data(data))

    def eof_received(self) -> bool:
        self._saw_end = True
        self._hand(Ended())
        over_tls = self._transport is None or self._transport.get_extra_info("ssl_object") is not None
        return not (self.closed or over_tls)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._streams.dialled.pop(self._real, None)
        if not self._saw_end:
            self._hand(Ended() if exc is None else Gone("reset"))

    # -- the transport's part of StreamEnd

    def find_other(self) -> None:
        """The accepting end learns which end of ours dialled, if one did; by quiescence that one has its socket."""
        if self.listener is None or self.other is not None or self._transport is None:
            return
        near = self._streams.dialled.get(self._transport.get_extra_info("peername")[:2])
        if near is not None:
            self.source, self.other, near.other = near.source, near, self
            self._place = (1, *self.source)

    def _accept(self) -> None:
        self._streams.arrived(self, self._accepted)

    def _accepted(self) -> None:
        assert self.listener is not None
        self.receive = self.listener.accept(self, self.source)

    def _hand(self, arrival: TcpArrival) -> None:
        self._streams.arrived(self, self.arrive, arrival)

    def _carry(self, data: bytes) -> None:
        self._when_open(lambda: self._write(data))

    def _carry_end(self) -> None:
        self._when_open(self._write_end)

    def _carry_close(self) -> None:
        self._when_open(self._close)

    def _carry_reset(self) -> None:
        self._when_open(self._abort)

    def _shake(self, certificate: str, private_key: str) -> None:
        self._when_open(lambda: self._start_tls(certificate, private_key))

    def _when_open(self, act: Callable[[], None]) -> None:
        if self._transport is None:
            self._early.append(act)
        else:
            act()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _write_end(self) -> None:
        if self._transport is not None and self._transport.can_write_eof():
            with suppress(OSError):  # the other side has reset it, and nobody has noticed yet
                self._transport.write_eof()

    def _close(self) -> None:
        """FIN, and the socket is freed when the other side's has come, too."""
        if self._transport is None:
            return
        if self._saw_end or not self._transport.can_write_eof():
            self._transport.close()
        elif not self._finished:
            self._write_end()

    def _abort(self) -> None:
        if self._transport is not None:
            with suppress(OSError):
                self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
            self._transport.abort()

    def _start_tls(self, certificate: str, private_key: str) -> None:
        if self._streams.server_tls is None:
            self._awaits_mark = True
            self._write(MARK)
        else:
            self._streams.start(self._handshake(certificate, private_key))

    async def _handshake(self, certificate: str, private_key: str) -> None:
        context, transport, loop = client_context(certificate, private_key), self._transport, self._streams.clock.loop
        if isinstance(context, TlsFailure) or transport is None:
            self._hand(Gone("tls"))
            return
        patience_s = HANDSHAKE_S * (loop.speed or 1.0)
        try:
            secured = await loop.start_tls(transport, self, context, ssl_handshake_timeout=patience_s)
        except (OSError, asyncio.IncompleteReadError):
            self._hand(Gone("tls"))
            return
        if secured is None:
            self._hand(Gone("tls"))
            return
        self._transport = secured
        self._hand(Secured())
