"""`usocket.socket` of one boot: blocking calls of a script over a link whose arrivals come when they come.

Errors are OSErrors with the device's numbers. A call waits as long as `settimeout` says, without one until something
happens; a lost network and a radio that is switched off are something that happens, so no call waits for ever on a
connection that is no more. Names and meanings: QuecPython's usocket page.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable
from typing import Any

from sim.device.link import DNS_ROUND_TRIPS
from sim.device.tcp_link import TcpLink, TcpPort, UdpLink
from sim.kernel.fibers import Signal
from sim.ports import Address, Data, Ended, Gone, Opened, Secured, TcpArrival
from sim.script.authorities import takes
from sim.script.runtime import ScriptRuntime

STREAM, DATAGRAM = 1, 2
ERRORS = {
    "refused": errno.ECONNREFUSED,
    "reset": errno.ECONNRESET,
    "timeout": errno.ETIMEDOUT,
    "aborted": errno.ECONNABORTED,
    "tls": -0x7200,
}
"""What the end of a connection is called; mbedTLS's "invalid record" when a handshake comes to nothing."""

UNTRUSTED = -0x2700
"""mbedTLS's "certificate verification failed"."""

CONNECT_US = 75_000_000
"""ESTIMATE: how long a connection attempt takes without a time-out of its own; BSD stacks give up after 75 s."""

BACKLOG = 5
DATAGRAM_BYTES = 65_507
"""Most that an IPv4 packet takes besides its headers."""

DATAGRAMS = 32
"""ESTIMATE: datagrams that wait to be read; more are lost. lwIP builds keep 6 to 64."""

CLOSED, LISTEN, SYN_SENT, ESTABLISHED, CLOSE_WAIT = 0, 1, 2, 4, 7
"""Values of `getsocketsta()`; a closed socket answers -1."""


class ScriptSocket:
    """`_rt` is set by the module of this boot."""

    _rt: ScriptRuntime

    def __init__(self, af: int = 2, kind: int = STREAM, proto: int = 6, /) -> None:
        if kind not in (STREAM, DATAGRAM):
            raise OSError(errno.EINVAL)
        self._stream = kind == STREAM
        self._changed = Signal(self._rt.clock)
        self._timeout_us: int | None = None
        self._bound: Address | None = None
        self._remote: Address | None = None
        self._link: TcpLink | None = None
        self._port: TcpPort | None = None
        self._udp: UdpLink | None = None
        self._received = bytearray()
        self._datagrams: deque[tuple[bytes, Address]] = deque()
        self._pending: deque[tuple[ScriptSocket, Address]] = deque()
        self._state = CLOSED
        self._secured = False
        self._error = 0
        self._open = True

    # -- set-up

    def bind(self, address: Any) -> None:
        """Address and port, ("", 0) for the device's own and any."""
        self._check()
        if self._bound is not None:
            raise OSError(errno.EINVAL)
        self._bound = Address(self._rt.module.radio.address, int(address[1]) or self._rt.module.radio.own_port())
        if not self._stream:
            self._open_udp()

    def listen(self, backlog: int = BACKLOG) -> None:
        self._check()
        if not self._stream or self._bound is None or self._link is not None or self._port is not None:
            raise OSError(errno.EINVAL)
        limit = max(1, int(backlog))

        def accept(link: TcpLink, source: Address) -> Callable[[TcpArrival], None]:
            made = type(self)()
            made._link, made._remote, made._state = link, source, ESTABLISHED
            if len(self._pending) < limit:
                self._pending.append((made, source))
                self._changed.notify_all()
            else:
                self._rt.clock.after(0, link.close)
            return made._arrive

        self._port = self._rt.module.radio.listen(self._bound.port, accept, self._port_closed)
        if self._port is None:
            raise OSError(errno.EADDRINUSE)
        self._state = LISTEN

    def accept(self) -> tuple[ScriptSocket, str, int]:
        """(connection, address, port) of the next client."""
        self._check()
        if self._state != LISTEN and not self._pending:
            raise OSError(self._error or errno.EINVAL)
        self._wait(lambda: bool(self._pending) or self._error, self._timeout_us)
        if not self._pending:
            raise OSError(self._error)
        made, source = self._pending.popleft()
        return made, source.ip, source.port

    def connect(self, address: Any) -> None:
        """As `getaddrinfo` gives it; a name is looked up first."""
        self._check()
        to = self._address(address)
        self._remote = to
        if not self._stream:
            return
        if self._state in (SYN_SENT, ESTABLISHED):
            raise OSError(errno.EALREADY if self._state == SYN_SENT else errno.EISCONN)
        radio = self._rt.module.radio
        if not radio.attached:
            raise OSError(errno.EHOSTUNREACH)
        source = self._bound or Address(radio.address, radio.own_port())
        self._link, self._state, self._error = radio.tcp(self._arrive), SYN_SENT, 0
        self._link.connect(source, to)
        if self._timeout_us == 0:
            raise OSError(errno.EINPROGRESS)
        try:
            self._wait(lambda: self._state != SYN_SENT, self._timeout_us or CONNECT_US)
        except OSError:
            self._drop()
            raise
        if self._error:
            raise OSError(self._error)

    def secure(self, certificate: str, private_key: str, ca: str = "") -> None:
        """TLS, for `ussl.wrap_socket`; the name is not the device's. With a `ca` the server is checked."""
        self._check()
        if self._link is None or self._state != ESTABLISHED:
            raise OSError(errno.ENOTCONN)
        self._link.secure(certificate, private_key)
        self._wait(lambda: self._secured or self._state != ESTABLISHED or self._error, self._timeout_us or CONNECT_US)
        if not self._secured:
            raise OSError(self._error or errno.ECONNRESET)
        if ca and not takes(ca, self._rt.module.identity.authority()):
            self.close()
            raise OSError(UNTRUSTED)

    # -- stream

    def recv(self, bufsize: int) -> bytes:
        """At least one byte, or b"" when the other side has ended."""
        self._check()
        if not self._stream:
            return self.recvfrom(bufsize)[0]
        if self._link is None and not self._received and not self._error:
            raise OSError(errno.ENOTCONN)
        self._wait(self._readable, self._timeout_us)
        return self._take(bufsize)

    def read(self, size: int = -1) -> bytes | None:
        """So many bytes, or all until the end; None when there is nothing and the socket does not block."""
        found = bytearray()
        while size < 0 or len(found) < size:
            try:
                piece = self.recv(size - len(found) if size >= 0 else 1 << 30)
            except OSError as error:
                if error.args == (errno.EAGAIN,):
                    return bytes(found) or None
                raise
            if not piece:
                break
            found += piece
        return bytes(found)

    def readinto(self, buf: Any, nbytes: int = -1) -> int | None:
        size = len(buf) if nbytes < 0 else min(nbytes, len(buf))
        found = self.read(size)
        if found is None:
            return None
        buf[: len(found)] = found
        return len(found)

    def readline(self) -> bytes | None:
        """Up to and with the next newline, or what is left before the end."""
        line = bytearray()
        while not line.endswith(b"\n"):
            piece = self.read(1)
            if piece is None:
                return bytes(line) or None
            if not piece:
                break
            line += piece
        return bytes(line)

    def send(self, data: Any) -> int:
        """As much as the stack takes now, at least one byte; the number."""
        self._check()
        if not self._stream:
            if self._remote is None:
                raise OSError(errno.ENOTCONN)
            return self.sendto(data, self._remote)
        payload = _bytes(data)
        link = self._connected()
        if payload:
            self._wait(lambda: link.room_bytes > 0 or self._error, self._timeout_us)
            link = self._connected()
        piece = payload[: link.room_bytes]
        if piece:
            link.send(piece, self._changed.notify_all)
        return len(piece)

    def write(self, data: Any) -> int:
        """All of it, unless the socket does not block."""
        payload = _bytes(data)
        sent = 0
        while sent < len(payload):
            try:
                sent += self.send(payload[sent:])
            except OSError as error:
                if sent and error.args == (errno.EAGAIN,):
                    break
                raise
        return sent

    def sendall(self, data: Any) -> None:
        self.write(data)

    def makefile(self, _mode: str = "rb", _buffering: int = 0) -> ScriptSocket:
        return self

    # -- datagrams

    def sendto(self, data: Any, address: Any) -> int:
        self._check()
        payload = _bytes(data)
        if self._stream:
            return self.send(payload)
        to = self._address(address)
        if len(payload) > DATAGRAM_BYTES:
            raise OSError(errno.EMSGSIZE)
        if not self._rt.module.radio.attached:
            raise OSError(errno.EHOSTUNREACH)
        self._open_udp().send(to, payload)
        return len(payload)

    def recvfrom(self, bufsize: int) -> tuple[bytes, tuple[str, int]]:
        """What does not fit into `bufsize` is lost."""
        self._check()
        if self._stream:
            remote = self._remote or Address("0.0.0.0", 0)
            return self.recv(bufsize), (remote.ip, remote.port)
        self._open_udp()
        self._wait(lambda: bool(self._datagrams), self._timeout_us)
        data, source = self._datagrams.popleft()
        return data[:bufsize], (source.ip, source.port)

    # -- the rest

    def settimeout(self, value: float | None) -> None:
        """Seconds; 0 does not block, None blocks without end."""
        if value is not None and value < 0:
            raise ValueError("timeout must not be negative")
        self._timeout_us = None if value is None else int(value * 1_000_000)

    def setblocking(self, flag: Any) -> None:
        self._timeout_us = None if flag else 0

    def setsockopt(self, _level: int, _option: int, _value: Any) -> None:
        """Taken, and without effect: keep-alive packets and re-use of addresses are not modelled."""
        self._check()

    def getsocketsta(self) -> int:
        self._rt.me()
        return self._state if self._open else -1

    def close(self) -> None:
        """Further calls are EBADF; to close again is nothing."""
        self._rt.me()
        if not self._open:
            return
        self._open = False
        self._drop()
        while self._pending:
            self._pending.popleft()[0]._drop()
        if self._port is not None:
            self._port.close()
        if self._udp is not None:
            self._udp.end()
        self._changed.notify_all()

    def __enter__(self) -> ScriptSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- inside

    def _check(self) -> None:
        self._rt.me()
        if not self._open:
            raise OSError(errno.EBADF)

    def _connected(self) -> TcpLink:
        if self._error:
            raise OSError(self._error)
        if self._link is None or self._state not in (ESTABLISHED, CLOSE_WAIT):
            raise OSError(errno.ENOTCONN)
        return self._link

    def _wait(self, ready: Callable[[], object], timeout_us: int | None) -> None:
        until_us = None if timeout_us is None else self._rt.now_us + timeout_us
        while not ready():
            if timeout_us == 0:
                raise OSError(errno.EAGAIN)
            left_us = None if until_us is None else until_us - self._rt.now_us
            if left_us is not None and left_us <= 0:
                raise OSError(errno.ETIMEDOUT)
            self._rt.wait(self._changed, left_us)
            if not self._open:  # by another thread
                raise OSError(errno.EBADF)

    def _readable(self) -> bool:
        return bool(self._received or self._error or self._state in (CLOSE_WAIT, CLOSED))

    def _take(self, count: int) -> bytes:
        if not self._received and self._error:
            raise OSError(self._error)
        taken = bytes(self._received[:count])
        del self._received[: len(taken)]
        if taken and self._link is not None:
            self._link.read(len(taken))
        return taken

    def _drop(self) -> None:
        link, self._link, self._state = self._link, None, CLOSED
        if link is not None and link.alive:
            link.close()

    def _port_closed(self) -> None:
        self._error, self._state = self._error or errno.ECONNABORTED, CLOSED
        self._changed.notify_all()

    def _open_udp(self) -> UdpLink:
        if self._udp is None or not self._udp.alive:
            radio = self._rt.module.radio
            self._bound = self._bound or Address(radio.address, radio.own_port())
            self._udp = radio.udp(self._take_datagram)
            if not self._udp.bind(self._bound):
                self._udp = None
                raise OSError(errno.EADDRINUSE)
        return self._udp

    def _address(self, address: Any) -> Address:
        host, port = str(address[0]), int(address[1])
        found = look_up(self._rt, host)
        if found is None or not 0 < port < 65_536:
            raise OSError(errno.EINVAL)
        return Address(found, port)

    # -- native side

    def _arrive(self, arrival: TcpArrival) -> None:
        match arrival:
            case Data(data=data):
                self._received += data
            case Opened():
                self._state = ESTABLISHED
            case Secured():
                self._secured = True
            case Ended():
                self._state = CLOSE_WAIT
            case Gone(reason=reason):
                self._state, self._error, self._link = CLOSED, ERRORS[reason], None
        self._changed.notify_all()

    def _take_datagram(self, source: Address, data: bytes) -> None:
        if len(self._datagrams) < DATAGRAMS:
            self._datagrams.append((data, source))
            self._changed.notify_all()


def look_up(rt: ScriptRuntime, host: str) -> str | None:
    """The address behind a name, after the time that name resolution takes; None when there is none."""
    radio = rt.module.radio
    streams = radio.network.streams
    if host and streams.resolve(host) == host:  # an address
        return host
    if not rt.run(radio.wait_attached()):
        return None
    rt.sleep_us(radio.spec.rtt_us * DNS_ROUND_TRIPS)
    return streams.resolve(host)


def _bytes(data: Any) -> bytes:
    return data.encode() if isinstance(data, str) else bytes(data)
