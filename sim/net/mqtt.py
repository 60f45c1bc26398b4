"""A device's MQTT connection over a real socket: a protocol object, no task, no queue, no timer.

Rules: it sends CONNECT as soon as there is a transport, and after that only what its owner asks for; it
answers nothing by itself (PINGREQ and PUBACK are the owner's). `deliver` is called in the network phase and
may only buffer. Whichever way the other side ends the connection, the last arrival is one `Closed`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from socket import gaierror

from sim.net import codec
from sim.ports import Arrival, Closed, Connack, Hello, Message, Pingresp, Puback, Suback

RECEIVE_LIMIT_BYTES = 1024 * 1024
"""Largest packet taken from a broker: a job document with many signed URLs exceeds the 128 KiB of a publish."""

SEND_LIMIT_BYTES = 1024 * 1024
"""Bytes that may wait for a broker that does not read; then the connection is given up."""


class MqttConnection(asyncio.Protocol):
    """One connection; an MqttChannel towards its device. `hello` says who connects."""

    __slots__ = ("_decoder", "_deliver", "_early", "_ended", "_greeted", "_hello", "_transport")

    def __init__(self, hello: Hello, deliver: Callable[[Arrival], None]) -> None:
        self._hello: Hello | None = hello  # until it has been said
        self._deliver = deliver
        self._decoder = codec.Decoder(RECEIVE_LIMIT_BYTES)
        self._transport: asyncio.Transport | None = None
        self._early: tuple[bytes, ...] = ()  # asked for before there was a transport
        self._greeted = False
        self._ended: str | None = None  # how the owner or the other side ended it

    # -- MqttChannel

    def subscribe(self, packet_id: int, topic_filter: str, qos: int) -> None:
        self._send(codec.Subscribe(packet_id, ((topic_filter, qos),)))

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False, packet_id: int = 0) -> None:
        self._send(codec.Publish(topic, payload, qos, packet_id, retain))

    def ack(self, packet_id: int) -> None:
        self._send(codec.Puback(packet_id))

    def ping(self) -> None:
        self._send(codec.Pingreq())

    def rest(self, silence_us: int) -> bool:  # noqa: ARG002 - a real broker has to hear each ping
        return False

    def heard(self, at_us: int | None) -> None:
        """Never told: nothing rests here."""

    def disconnect(self) -> None:
        self._send(codec.Disconnect())
        if self._end("disconnect") and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._end("abort") and self._transport is not None:
            self._transport.abort()

    def vanish(self) -> None:
        self._end("vanish")

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """What was asked for so far goes out behind CONNECT, even if the owner has ended the connection since."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        hello, early = self._hello, self._early
        assert hello is not None
        self._hello, self._early = None, ()
        try:
            transport.write(b"".join([codec.encode(codec.connect_packet(hello)), *early]))
        except codec.CodecError:
            self._give_up()
        if self._ended == "disconnect":
            transport.close()
        elif self._ended == "abort":
            transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._ended is not None:
            return
        try:
            for packet in self._decoder.feed(data):
                self._arrived(packet)
        except codec.CodecError:
            self._give_up()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - how a socket died is chance
        transport, self._transport = self._transport, None
        over_tls = transport is not None and transport.get_extra_info("ssl_object") is not None
        # With TLS 1.3 a client learns only after its own handshake that its certificate was refused.
        self.fail("tls" if over_tls and not self._greeted else "closed")

    # -- network phase

    @property
    def socket(self) -> object | None:
        """The socket while the connection is open, for whoever names connections to people."""
        return None if self._transport is None else self._transport.get_extra_info("socket")

    def not_opened(self, error: OSError) -> None:
        """Dialling came to nothing."""
        gone = isinstance(error, ConnectionAbortedError | ConnectionResetError)
        self.fail("closed" if gone else "refused")

    def fail(self, reason: str) -> None:
        """The connection could not be opened or is gone: the owner gets `Closed(reason)`, once."""
        if self._ended is None:
            self._end("closed")
            self._deliver(Closed(reason))

    def _arrived(self, packet: codec.Packet) -> None:
        if self._ended is not None:
            return
        match packet:
            case codec.Publish(qos=0 | 1):
                self._deliver(Message(packet.topic, packet.payload, packet.qos, packet.packet_id))
            case codec.Connack(code=code) if not self._greeted:
                self._greeted = True
                self._deliver(Connack(code))
            case codec.Suback(packet_id=packet_id, codes=(code,)):
                self._deliver(Suback(packet_id, code))
            case codec.Puback(packet_id=packet_id):
                self._deliver(Puback(packet_id))
            case codec.Pingresp():
                self._deliver(Pingresp())
            case _:
                raise codec.CodecError(f"{type(packet).__name__} from a broker")

    def _send(self, packet: codec.Packet) -> None:
        if self._ended is not None:
            return
        try:
            data = codec.encode(packet)
        except codec.CodecError:  # no broker would keep a client that sent this
            self._give_up()
            return
        self._write(data)

    def _write(self, data: bytes) -> None:
        if self._transport is None:
            self._early += (data,)
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > SEND_LIMIT_BYTES:
            self._give_up()

    def _give_up(self) -> None:
        transport = self._transport
        self.fail("closed")
        if transport is not None:
            transport.abort()

    def _end(self, how: str) -> bool:
        """Nothing is asked or delivered any more. False when that was so already: the first end counts."""
        first = self._ended is None
        if first:
            self._ended = how
        return first


async def open_connection(
    connection: MqttConnection, host: str, port: int, tls: ssl.SSLContext | None = None, server_name: str = ""
) -> None:
    """Connect to the broker at this address; a failure arrives as Closed(refused | dns | tls).

    `server_name` goes out as SNI, and is checked when `tls` checks the server; empty: no SNI, as modules do without.
    """
    loop = asyncio.get_running_loop()
    server_hostname = None if tls is None else server_name
    try:
        await loop.create_connection(lambda: connection, host, port, ssl=tls, server_hostname=server_hostname)
    except gaierror:
        connection.fail("dns")
    except (ssl.SSLError, ConnectionAbortedError, ConnectionResetError):
        connection.fail("tls" if tls is not None else "closed")
    except OSError:
        connection.fail("refused")
