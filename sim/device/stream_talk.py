"""A TCP connection as stories see it: open it, say something, wait for what comes. For clients inside the firmware.

How it goes wrong is one word: `dns`, `dns_timeout`, `refused`, `reset`, `timeout`, `aborted`, or `closed` when the
other side ended before it should. After that the connection is of no more use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import simpy

from sim.device.link import DNS_ROUND_TRIPS
from sim.device.tcp_link import TcpLink
from sim.errors import QpyotaError
from sim.kernel.clock import Story
from sim.ports import Address, Data, Ended, Gone, Opened, TcpArrival, is_address

if TYPE_CHECKING:
    from sim.device.radio import Radio

PATIENCE_US = 20_000_000
"""As the vendor's sockets: how long the other side may be silent."""

LINE_LIMIT_BYTES = 4096


class TalkFailed(QpyotaError):  # noqa: N818 - an outcome of the emulated world, not a defect
    """The connection came to nothing; `reason` is a word of this file's top."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class StreamTalk:
    """One connection; every story of it may raise TalkFailed."""

    def __init__(self, radio: Radio) -> None:
        self._radio = radio
        self._link = TcpLink(radio, self._arrive)
        self._buffer = bytearray()
        self._opened = self._ended = False
        self._gone = ""
        self._change: simpy.Event | None = None

    def open(self, host: str, port: int) -> Story:
        """Story: connected. Its value is the address behind the name."""
        radio = self._radio
        if not (yield from radio.wait_attached()):
            raise TalkFailed("dns_timeout" if radio.on else "dns")
        if not is_address(host):
            yield self._link.round_trips_us(DNS_ROUND_TRIPS)
        ip = radio.network.streams.resolve(host)
        if ip is None:
            raise TalkFailed("dns")
        self._link.connect(Address(radio.address, radio.own_port()), Address(ip, port))
        while not self._opened:
            yield from self._more()
        return ip

    def say(self, line: str) -> None:
        """A line of text, CR and LF added."""
        data = f"{line}\r\n".encode()
        self._link.send(data, lambda: None)

    def line(self) -> Story:
        """Story whose value is the next line, without its end."""
        while b"\n" not in self._buffer:
            if len(self._buffer) > LINE_LIMIT_BYTES:
                raise TalkFailed("closed")
            yield from self._more()
        line, _, rest = bytes(self._buffer).partition(b"\n")
        self._buffer[:] = rest
        self._link.read(len(line) + 1)
        return line.decode("latin-1").rstrip("\r")

    def take(self, limit: int) -> Story:
        """Story whose value is so many bytes, fewer only before the end of all; they make room for as many."""
        while len(self._buffer) < limit and not self._ended:
            yield from self._more()
        taken = bytes(self._buffer[:limit])
        del self._buffer[: len(taken)]
        if self._link.alive:
            self._link.read(len(taken))
        return taken

    def close(self) -> None:
        """FIN."""
        if self._link.alive:
            self._link.close()

    def _more(self) -> Story:
        """Wait for something to happen."""
        if self._gone or self._ended:
            raise TalkFailed(self._gone or "closed")
        clock = self._radio.clock
        change = self._change = clock.env.event()
        timer = clock.after(PATIENCE_US, self._tell, change, "timeout")
        why = yield change
        timer.cancel()
        if why:
            raise TalkFailed(why)

    def _arrive(self, arrival: TcpArrival) -> None:
        match arrival:
            case Opened():
                self._opened = True
            case Data(data=data):
                self._buffer += data
            case Ended():
                self._ended = True
            case Gone(reason=reason):
                self._gone = reason
        if self._change is not None:
            self._tell(self._change, self._gone)

    def _tell(self, change: simpy.Event, why: str) -> None:
        self._change = None
        if not change.triggered:
            change.succeed(why)
