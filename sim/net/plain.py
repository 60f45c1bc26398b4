"""A plain TCP connection to a server outside, as lean as a fleet needs: no task, no queue, no lock.

asyncio's own transport keeps a dictionary, a deque and a copy of every address for each connection, and dials in a
task; this one keeps a socket. Public API of the loop only. Rules: every call is made in the loop's thread; the protocol
hears `connection_made` and then, once, `connection_lost`, or nothing when the dial failed and `on_failed` was told why.
Both ends in one process need asyncio's transport, whose bytes the clock counts; see sim.kernel.counted.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sim.errors import MachineError
from sim.ports import is_address

READ_BYTES = 64 * 1024
CONNECTIONS_PER_SOURCE = 20_000
"""Connections that start from one address of this machine; Linux has 28,232 ports for each unless told otherwise."""

SOURCES = 250
"""Addresses 127.0.0.1 to 127.0.0.250; after the last one the first is used again."""

IP_BIND_ADDRESS_NO_PORT = 24
"""Linux, <linux/in.h>: the port is chosen at connect(), so that one port serves connections to several places."""

_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL)


class PlainTransport(asyncio.Transport):
    """An open connection. Bytes that the kernel does not take at once wait in `_out`."""

    __slots__ = ("_closing", "_dialler", "_out", "_protocol", "_sock")

    def __init__(self, dialler: Dialler, sock: socket.socket, protocol: asyncio.Protocol) -> None:
        self._dialler = dialler
        self._sock = sock
        self._protocol = protocol
        self._out: bytearray | None = None
        self._closing = False
        dialler.open[sock.fileno()] = self
        dialler.loop.add_reader(sock.fileno(), self._readable)
        protocol.connection_made(self)

    def write(self, data: Any) -> None:
        if self._closing:
            return
        if self._out is not None:
            self._out += data
            return
        try:
            sent = self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.abort()
            return
        if sent < len(data):
            self._out = bytearray(data[sent:])
            self._dialler.loop.add_writer(self._sock.fileno(), self._writable)

    def get_write_buffer_size(self) -> int:
        return 0 if self._out is None else len(self._out)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._sock if name == "socket" else default

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """End once what waits has been sent."""
        if not self._closing:
            self._closing = True
            self._dialler.loop.remove_reader(self._sock.fileno())
            if self._out is None:
                self._end()

    def abort(self) -> None:
        """End now."""
        if self._sock.fileno() >= 0:
            self._closing = True
            self._dialler.loop.remove_reader(self._sock.fileno())
            self._dialler.loop.remove_writer(self._sock.fileno())
            self._end()

    def _readable(self) -> None:
        try:
            data = self._sock.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if data:
            self._protocol.data_received(data)
        else:
            self.abort()

    def _writable(self) -> None:
        assert self._out is not None
        try:
            sent = self._sock.send(self._out)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.abort()
            return
        del self._out[:sent]
        if not self._out:
            self._out = None
            self._dialler.loop.remove_writer(self._sock.fileno())
            if self._closing:
                self._end()

    def _end(self) -> None:
        del self._dialler.open[self._sock.fileno()]
        self._sock.close()
        self._dialler.loop.call_soon(self._protocol.connection_lost, None)


class Dialler:
    """Opens the plain connections of one run, and gives them the source addresses that they need."""

    def __init__(self, loop: asyncio.AbstractEventLoop, per_source: int = CONNECTIONS_PER_SOURCE) -> None:
        self.loop = loop
        self.open: dict[int, PlainTransport] = {}
        """Connections that live, by descriptor."""
        self._per_source = per_source
        self._dialled = 0
        self._pending: dict[int, socket.socket] = {}

    @staticmethod
    def takes(host: str) -> bool:
        """Whether the place is an IPv4 address; names are looked up by asyncio."""
        return is_address(host)

    def dial(self, protocol: asyncio.Protocol, address: tuple[str, int], on_failed: Callable[[OSError], None]) -> None:
        """Connect. MachineError when this machine has no descriptor or port left for it."""
        try:
            sock = self._socket(address[0])
        except OSError as error:
            raise _no_room(error) if error.errno in _NO_ROOM else error from None
        code = sock.connect_ex(address)
        if code in (errno.EINPROGRESS, errno.EWOULDBLOCK):
            self._pending[sock.fileno()] = sock
            self.loop.add_writer(sock.fileno(), self._connected, sock, protocol, on_failed)
        elif code:
            sock.close()
            failure = OSError(code, os.strerror(code))
            if code in _NO_ROOM:
                raise _no_room(failure)
            self.loop.call_soon(on_failed, failure)
        else:
            PlainTransport(self, sock, protocol)

    def close(self) -> None:
        """End every connection, and what is still being dialled."""
        for transport in list(self.open.values()):
            transport.abort()
        while self._pending:
            fd, sock = self._pending.popitem()
            self.loop.remove_writer(fd)
            sock.close()

    def _socket(self, host: str) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            source = self._source(host)
            if source is not None:
                sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
                sock.bind((source, 0))
        except OSError:
            sock.close()
            raise
        return sock

    def _source(self, host: str) -> str | None:
        """The first ones start wherever the system has it, which is enough for most; only Linux has more addresses."""
        self._dialled += 1
        number = (self._dialled - 1) // self._per_source % SOURCES
        if not number or not host.startswith("127.") or sys.platform != "linux":
            return None
        return f"127.0.0.{number + 1}"

    def _connected(self, sock: socket.socket, protocol: asyncio.Protocol, on_failed: Callable[[OSError], None]) -> None:
        del self._pending[sock.fileno()]
        self.loop.remove_writer(sock.fileno())
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            with suppress(OSError):
                sock.close()
            on_failed(OSError(code, os.strerror(code)))
        else:
            PlainTransport(self, sock, protocol)


def _no_room(error: OSError) -> MachineError:
    if error.errno == errno.EADDRNOTAVAIL:
        return MachineError("this machine has no free port left for another connection; wait a minute and try again")
    return MachineError("this machine allows no more open files; raise the limit with ulimit -n, or use fewer devices")
