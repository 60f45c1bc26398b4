"""Sockets of this machine for the emulated world: where they are bound, and UDP over them.

Loopback delivers a datagram at once or never; those under way are counted, so that simulation time waits for them.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sim.errors import MachineError
from sim.ports import Address, TakeDatagram

if TYPE_CHECKING:
    from sim.net.wire_streams import WireStreams

LOOPBACK = "127.0.0.1"
FIRST_PORT, LAST_PORT = 30_000, 32_767
"""Where ports of the machine are taken from: below those that the system hands out by itself."""

OUTSIDE = Address("192.0.2.1", 0)
"""Where clients outside this process are said to come from."""


class DatagramPort(asyncio.DatagramProtocol):
    """A bound UDP port."""

    def __init__(self, streams: WireStreams, owner: str, at: Address, take: TakeDatagram) -> None:
        self._streams, self._owner, self._at, self._take = streams, owner, at, take
        self._transport: asyncio.BaseTransport | None = None
        self._closed = False
        self._due = 0  # datagrams of ours that are on their way to it
        self._sock: socket.socket

    def open(self) -> None:
        self._sock = bound_socket(socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        self._streams.bound[self._sock.getsockname()[:2]] = self._at
        self._streams.start(self._serve())

    async def _serve(self) -> None:
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=self._sock)
        if self._closed:
            self._transport.close()

    def rank(self) -> tuple[str, int, str, int]:
        """Its place in the order of arrivals."""
        return (self._owner, 2, *self._at)

    def find_other(self) -> None:
        """There is none."""

    def send(self, to: Address, data: bytes) -> None:
        found = self._streams.ports.find(to)
        if found is not None and not self._closed:
            with suppress(OSError):  # lost, as datagrams may be
                self._sock.sendto(data, found._sock.getsockname())
                found._expect(1)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self._due:
            self._expect(-1)
        self._streams.arrived(self, self._arrive, self._streams.bound.get(addr[:2], OUTSIDE), data)

    def _expect(self, more: int) -> None:
        self._due += more
        self._streams.clock.loop.in_flight.datagrams(more)

    def error_received(self, exc: Exception) -> None:
        """Nobody is there any more."""

    def _arrive(self, source: Address, data: bytes) -> None:
        if not self._closed:
            self._take(source, data)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._expect(-self._due)
            self._streams.ports.leave(self._at, self)
            self._streams.bound.pop(self._sock.getsockname()[:2], None)
            if self._transport is not None:
                self._transport.close()


def bound_socket(kind: socket.SocketKind) -> socket.socket:
    """A socket bound to the first free port of ours; MachineError when there is none."""
    for port in range(FIRST_PORT, LAST_PORT):
        sock = socket.socket(socket.AF_INET, kind)
        try:
            sock.bind((LOOPBACK, port))
        except OSError:
            sock.close()
            continue
        sock.setblocking(False)
        return sock
    raise MachineError(f"no free port between {FIRST_PORT} and {LAST_PORT} on this machine")
