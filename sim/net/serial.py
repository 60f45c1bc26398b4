"""Serial lines that lead out of this process: a pseudo terminal, or a TCP port on loopback. For paced runs.

The network phase only buffers. At quiescence what came in enters the simulation, by device and port. What goes out is
written at once; a line that nobody reads loses what does not fit, as a wire does.
"""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sim.errors import MachineError
from sim.kernel.clock import Clock

LOOPBACK = "127.0.0.1"
READ_BYTES = 4096
WAITING_BYTES = 64 * 1024
"""Bytes towards a TCP client that does not read; later ones are lost."""

LineName = tuple[str, int]
"""Device and port."""

Feed = Callable[[bytes], object]


class SerialLines:
    """The lines of one run. Each has a way out, `send`, and leads what comes in to its `feed` in the simulation."""

    def __init__(self, clock: Clock) -> None:
        self.addresses: dict[LineName, str] = {}
        """Where each line can be reached: a path, or tcp://HOST:PORT."""
        self._clock = clock
        self._received: dict[LineName, bytearray] = {}
        self._feeds: dict[LineName, Feed] = {}
        self._close: list[Callable[[], None]] = []
        clock.loop.on_quiet.append(self._hand_over)

    def open_pty(self, name: LineName, feed: Feed) -> Feed:
        """A pseudo terminal: how to send to whoever opens it. MachineError when there is none."""
        try:
            master, slave = os.openpty()
        except OSError as error:
            raise MachineError(f"no pseudo terminal for port {name[1]} of {name[0]}: {error.strerror}") from None
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._feeds[name] = feed
        loop = self._clock.loop
        loop.add_reader(master, self._read, name, master)

        def close() -> None:
            loop.remove_reader(master)
            os.close(master)
            os.close(slave)

        def send(data: bytes) -> None:
            with suppress(BlockingIOError):  # nobody reads, and the terminal is full
                os.write(master, data)

        self._close.append(close)
        self.addresses[name] = os.ttyname(slave)
        return send

    def open_tcp(self, name: LineName, port: int, feed: Feed) -> Feed:
        """A TCP port: how to send to the client that came last. MachineError when it is taken."""
        self._feeds[name] = feed
        line = _TcpLine(lambda data: self._arrived(name, data))
        loop = self._clock.loop
        try:
            server = loop.run_until_complete(loop.create_server(lambda: line.client(), LOOPBACK, port))
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise MachineError(f"port {name[1]} of {name[0]} cannot be had at {LOOPBACK}:{port}: {reason}") from None

        def close() -> None:
            server.close()
            line.close()

        self._close.append(close)
        self.addresses[name] = f"tcp://{LOOPBACK}:{port}"
        return line.send

    def close(self) -> None:
        """Close every line; harmless twice."""
        while self._close:
            self._close.pop()()

    def _read(self, name: LineName, master: int) -> None:
        try:
            self._arrived(name, os.read(master, READ_BYTES))
        except (BlockingIOError, InterruptedError):
            return

    def _arrived(self, name: LineName, data: bytes) -> None:
        self._received.setdefault(name, bytearray()).extend(data)

    def _hand_over(self) -> None:
        if self._received:
            received, self._received = self._received, {}
            for name in sorted(received):
                self._clock.handover(self._feeds[name], bytes(received[name]))


class _TcpLine:
    """The clients of one TCP port; the last that came has the line."""

    def __init__(self, arrived: Callable[[bytes], None]) -> None:
        self._arrived = arrived
        self._transport: asyncio.Transport | None = None

    def client(self) -> asyncio.Protocol:
        """What takes a new client."""
        return _Client(self, self._arrived)

    def send(self, data: bytes) -> None:
        """To the client, if there is one that reads."""
        if self._transport is not None and self._transport.get_write_buffer_size() < WAITING_BYTES:
            self._transport.write(data)

    def took(self, transport: asyncio.Transport) -> None:
        """A client came."""
        self.close()
        self._transport = transport

    def lost(self, transport: asyncio.Transport | None) -> None:
        """A client went."""
        if self._transport is transport:
            self._transport = None

    def close(self) -> None:
        """Send the client away."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None


class _Client(asyncio.Protocol):
    def __init__(self, line: _TcpLine, arrived: Callable[[bytes], None]) -> None:
        self._line = line
        self._arrived = arrived
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._line.took(transport)

    def data_received(self, data: bytes) -> None:
        self._arrived(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self._line.lost(self._transport)
