"""TCP and UDP of one device: what is sent and received spends its time on the air, in order, at the link's rate.

Rules: timing comes from the radio alone, not from how a transport cuts the stream. What has arrived and was not read
fills the receive window; the rest waits on the other side of the air. Whatever ends a connection is told to its owner
as one `Gone` or `Ended`: a lost network after a while (`timeout`), a radio that is switched off at once (`aborted`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from sim.device.link import TCP_ROUND_TRIPS, TLS_ROUND_TRIPS, Link
from sim.kernel.gather import Gather
from sim.ports import Address, Data, Gone, Listener, TcpArrival, TcpChannel, UdpPort

if TYPE_CHECKING:
    from sim.device.radio import Radio

SEND_BUFFER_BYTES = 16 * 1024
"""ESTIMATE: what the module's stack takes from a program before it is on the air; lwIP builds have 8 to 32 KiB."""

WINDOW_BYTES = 64 * 1024
"""ESTIMATE: what may be under way to the program or wait for it to read; the largest window without scaling."""

SEGMENT_BYTES = 4 * 1024
"""Bytes that cross the air as one piece of the model."""

LOST_US = 60_000_000
"""ESTIMATE: how long a stack sends again into a network that is gone before it gives a connection up; lwIP's twelve
retransmissions take one to several minutes."""


class TcpLink(Link):
    """One end of a TCP connection on a device. `receive` is told what came, after the time it took."""

    def __init__(self, radio: Radio, receive: Callable[[TcpArrival], None]) -> None:
        super().__init__(radio)
        self._receive = receive
        self._channel: TcpChannel | None = None
        self._gather = Gather(radio.clock, self._arrived)
        self._waiting: deque[TcpArrival] = deque()
        self._unread_bytes = 0
        self._unsent_bytes = 0
        self._up_free_us = self._down_free_us = 0
        self.tls = False

    def connect(self, source: Address, to: Address) -> None:
        """SYN; Opened or Gone arrives."""
        self.radio.track.tell("tcp.connect", to=to.ip, port=to.port)

        def open_it() -> None:
            self._channel = self.radio.network.streams.connect(self.radio.track.name, source, to, self._gather)

        self.up(0, open_it, extra_us=self.round_trips_us(TCP_ROUND_TRIPS) // 2)

    def accepted(self, channel: TcpChannel) -> Callable[[TcpArrival], None]:
        """The other side dialled: this is the device's end, and who takes its arrivals."""
        self._channel = channel
        return self._gather

    def secure(self, certificate: str, private_key: str) -> None:
        """TLS handshake; Secured or Gone arrives."""
        self.tls = True
        self.up(0, self._call, "secure", certificate, private_key, extra_us=self.round_trips_us(TLS_ROUND_TRIPS) // 2)

    @property
    def room_bytes(self) -> int:
        """How much the stack takes now."""
        return max(0, SEND_BUFFER_BYTES - self._unsent_bytes)

    def send(self, data: bytes, on_sent: Callable[[], object]) -> None:
        """Bytes to the other side, at most `room_bytes`; `on_sent` is called when they have left."""
        self._unsent_bytes += len(data)
        lag_us = max(0, self._up_free_us - self.radio.clock.now_us)
        self.up(len(data), self._sent, data, on_sent, extra_us=lag_us)
        self._up_free_us = self.radio.clock.now_us + lag_us + len(data) * 1_000_000 // self.radio.spec.up_bytes_per_s

    def read(self, count: int) -> None:
        """The program has taken so many bytes: as many more may come."""
        self._unread_bytes -= count
        self._pump()

    def close(self) -> None:
        """FIN, behind what was sent. Nothing more is received."""
        self._receive = _nobody
        self._gather.drop()
        self._waiting.clear()
        self.up(0, self._finish, "close")

    def abort(self) -> None:
        self.close()

    def vanish(self) -> None:
        super().vanish()
        self._gather.drop()
        self._waiting.clear()
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.vanish()
        receive, self._receive = self._receive, _nobody
        receive(Gone("aborted"))

    def lose(self) -> None:
        """The signal is gone: nothing comes or goes any more, and after a while the stack gives up."""
        if self.alive:
            receive, self._receive = self._receive, _nobody
            self.vanish()
            self._receive = receive
            self.radio.clock.after(LOST_US, self._run, self._vanished, self._give_up, ())

    def _give_up(self) -> None:
        receive, self._receive = self._receive, _nobody
        self.end()
        self.radio.track.tell("tcp.gone", reason="timeout")
        receive(Gone("timeout"))

    def _sent(self, data: bytes, on_sent: Callable[[], object]) -> None:
        self._unsent_bytes -= len(data)
        self._call("send", data)
        on_sent()

    def _call(self, what: str, *args: object) -> None:
        if self._channel is not None:
            getattr(self._channel, what)(*args)

    def _finish(self, call: str) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            getattr(channel, call)()
        self.end()

    # -- the way down

    def _arrived(self, arrival: TcpArrival) -> None:
        """Something reached the other side of the air."""
        if not self.alive:
            return
        if isinstance(arrival, Data):
            data = arrival.data
            self._waiting.extend(Data(data[at : at + SEGMENT_BYTES]) for at in range(0, len(data), SEGMENT_BYTES))
        else:
            self._waiting.append(arrival)
        self._pump()

    def _pump(self) -> None:
        """Put on the air what the window has room for."""
        while self._waiting and self.alive:
            arrival = self._waiting[0]
            size = len(arrival.data) if isinstance(arrival, Data) else 0
            if size and self._unread_bytes + size > WINDOW_BYTES:
                return
            self._waiting.popleft()
            self._unread_bytes += size
            extra_us = max(0, self._down_free_us - self.radio.clock.now_us)
            self._down_free_us = (
                self.radio.clock.now_us + extra_us + size * 1_000_000 // self.radio.spec.down_bytes_per_s
            )
            self.down(size, self._deliver, arrival, extra_us=extra_us)

    def _deliver(self, arrival: TcpArrival) -> None:
        if isinstance(arrival, Gone):
            self.radio.track.tell("tcp.gone", reason=arrival.reason)
            receive, self._receive, self._channel = self._receive, _nobody, None
            self.end()
            receive(arrival)
        else:
            self._receive(arrival)


class UdpLink(Link):
    """A bound UDP port of a device. What does not get through is lost, and nobody is told."""

    def __init__(self, radio: Radio, take: Callable[[Address, bytes], None]) -> None:
        super().__init__(radio)
        self._take = take
        self._port: UdpPort | None = None

    def bind(self, at: Address) -> bool:
        """False when the address is taken."""
        self._port = self.radio.network.streams.udp(self.radio.track.name, at, self._arrived)
        return self._port is not None

    def send(self, to: Address, data: bytes) -> None:
        """One datagram."""
        if self.alive and self.radio.attached:
            self.up(len(data), self._send, to, data)

    def vanish(self) -> None:
        super().vanish()
        port, self._port = self._port, None
        if port is not None:
            port.close()

    def _send(self, to: Address, data: bytes) -> None:
        if self._port is not None:
            self._port.send(to, data)

    def _arrived(self, source: Address, data: bytes) -> None:
        if self.alive and self.radio.attached:
            self.down(len(data), self._take, source, data)


TakeLink = Callable[[TcpLink, Address], Callable[[TcpArrival], None]]
"""Given a device's end of a new connection and where it comes from: who takes its arrivals."""


class TcpPort:
    """A port on which a device listens; closed for the world while the device is not attached."""

    def __init__(self, radio: Radio, at: Address, accept: TakeLink, on_close: Callable[[], object]) -> None:
        self._radio = radio
        self._at = at
        self._accept = accept
        self._on_close = on_close
        self._listener: Listener | None = None
        self.open = True

    def listen(self) -> bool:
        """Be there for the world, once attached; False when the address is taken."""
        if not self._radio.attached:
            return True
        if self.open and self._listener is None:
            self._listener = self._radio.network.streams.listen(self._radio.track.name, self._at, self._accepted)
        return self._listener is not None

    def pause(self) -> None:
        """Not attached."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()

    def close(self) -> None:
        """For good; its owner is told."""
        self.open = False
        self.pause()
        self._radio.forget_port(self)
        self._on_close()

    def _accepted(self, channel: TcpChannel, source: Address) -> Callable[[TcpArrival], None]:
        link = TcpLink(self._radio, _nobody)
        arrived = link.accepted(channel)
        receive = self._accept(link, source)
        link._receive = receive
        return arrived


def _nobody(_arrival: TcpArrival) -> None:
    pass
