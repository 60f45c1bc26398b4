"""The embedded broker: amqtt on sockets, made AWS-like. What it decides is in sim.mqtt.switchboard.

amqtt brings the listener, the life cycle and the packet classes. Its client loop is replaced: it answers `$`
topics by dropping the client's loop, never drops a silent client, loses messages while others subscribe,
touches a session before it has authenticated the newcomer, and takes packets of any size.

Rules: a protocol object per connection, no task, one packet after the other; what a client gets is written at once and
in order, with no time in between, so that the broker also runs on simulation time. A PINGREQ, which is nine tenths of
what an idle fleet sends, is answered without amqtt's classes.

Private API of amqtt 0.12.1 used here: Broker._start_listeners, ._session_monitor, ._broadcast_loop,
._broadcast_shutdown_waiter, ._servers, broker.Server; sim.cloud.packets uses packet_class and from_stream.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from amqtt.broker import Broker, Server
from amqtt.mqtt.connack import ConnackPacket
from amqtt.mqtt.connect import ConnectPacket
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.publish import PublishPacket
from amqtt.mqtt.suback import SubackPacket
from amqtt.mqtt.unsuback import UnsubackPacket

from sim.cloud.listen import BACKLOG, listening_socket
from sim.cloud.packets import MalformedError, decode, frames
from sim.errors import MachineError
from sim.kernel.clock import EPOCH_S
from sim.mqtt.presence import Ended
from sim.mqtt.rules import AWS, BrokerRules
from sim.mqtt.switchboard import Accepted, Admit, Greeting, Line, OnRequest, Payload, Session, Switchboard
from sim.ports import Message, Will

AMQTT_VERSION = "0.12.1"

OUTBOX_LIMIT_BYTES = 4 * 1024 * 1024
"""Bytes that may wait for a client that does not read; then its connection is cut."""

CONNECT_PATIENCE_S = 30.0
"""ESTIMATE: how long a new connection may stay without CONNECT; brokers use 10 to 60 s."""

PINGREQ, PINGRESP = b"\xc0\x00", b"\xd0\x00"
BAD_PROTOCOL = 1


class AwsBroker:
    """The broker as the cloud uses it. `on_request` is called in the network phase and may only buffer.

    `start_s`: Unix time when the loop's time is 0.
    """

    def __init__(
        self, on_request: OnRequest, *, admit: Admit, rules: BrokerRules = AWS, start_s: int = EPOCH_S
    ) -> None:
        installed = version("amqtt")
        if installed != AMQTT_VERSION:
            raise MachineError(
                f"the embedded broker needs amqtt {AMQTT_VERSION}, but {installed} is installed; "
                f"run: pip install amqtt=={AMQTT_VERSION}"
            )
        self._rules = rules
        self._start_us = start_s * 1_000_000
        self._board = Switchboard(on_request, admit, self._now_us, rules)
        self._brokers: list[_Broker] = []
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.WARNING)

    async def start(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> int:
        """Listen and return the port, which the system chooses when `port` is 0. MachineError when it is taken.

        May be called again, for another way to the same sessions.
        """
        self._loop = asyncio.get_running_loop()
        sock = listening_socket(host, port)
        broker = _Broker(self._board, self._rules, sock, tls)
        self._brokers.append(broker)
        await broker.start()
        return int(sock.getsockname()[1])

    async def stop(self) -> None:
        """Close every connection and the listener; nothing is left running."""
        while self._brokers:
            await self._brokers.pop().stop()

    def reply(self, connection: Line, topic: str, payload: bytes) -> None:
        """To that very connection, subscribed or not, one copy, QoS 0; dropped when the connection is gone."""
        self._board.reply(connection, topic, payload)

    def acknowledge(self, connection: Line, packet_id: int) -> None:
        """PUBACK of a QoS 1 request to the Jobs service."""
        self._board.acknowledge(connection, packet_id)

    def publish(self, topic: str, payload: Payload, qos: int = 0) -> None:
        """To ordinary subscribers."""
        self._board.announce(topic, payload, qos)

    def _now_us(self) -> int:
        return self._start_us + round(self._loop.time() * 1_000_000)


class _Broker(Broker):  # type: ignore[misc]  # amqtt is not typed for us
    def __init__(self, board: Switchboard, rules: BrokerRules, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        super().__init__({"listeners": {"default": {"type": "tcp"}}, "plugins": {}})
        self._board = board
        self._rules = rules
        self._sock = sock
        self._tls = tls
        self.clients: dict[_Client, None] = {}
        self._gone: asyncio.Future[None] | None = None  # done when the last client is, while stopping

    async def stop(self) -> None:
        self._servers["default"].instance.close()
        while self.clients:
            gone = self._gone = asyncio.get_running_loop().create_future()
            for client in list(self.clients):
                client.cut(Ended.BY_SERVER)
            await gone
        await self.shutdown()

    def left(self, client: _Client) -> None:
        """A connection is over and its socket closed."""
        del self.clients[client]
        if not self.clients and self._gone is not None and not self._gone.done():
            self._gone.set_result(None)

    async def _start_listeners(self) -> None:
        patience_s = None if self._tls is None else CONNECT_PATIENCE_S
        server = await asyncio.get_running_loop().create_server(
            lambda: _Client(self, self._board, self._rules),
            sock=self._sock,
            ssl=self._tls,
            backlog=BACKLOG,
            ssl_handshake_timeout=patience_s,
        )
        self._servers["default"] = _Listener("default", server)

    async def _session_monitor(self) -> None:
        """amqtt wakes every second to look for dead sessions; ours end when their connection does."""

    async def _broadcast_loop(self) -> None:
        await self._broadcast_shutdown_waiter  # messages are routed at once, there is no queue


class _Listener(Server):  # type: ignore[misc]  # amqtt is not typed for us
    async def close_instance(self) -> None:
        """Does not wait for clients that never finish their TLS handshake."""
        self.instance.close()
        if hasattr(self.instance, "abort_clients"):  # Python 3.13
            self.instance.abort_clients()


class _Client(asyncio.Protocol):
    """One accepted connection: a Line of the switchboard over a transport."""

    __slots__ = (
        "_board", "_broker", "_buffer", "_closing", "_heard_s", "_loop", "_patience_s", "_rules", "_timer",
        "_transport", "_why", "session",
    )  # fmt: skip
    _transport: asyncio.Transport
    _timer: asyncio.TimerHandle

    def __init__(self, broker: _Broker, board: Switchboard, rules: BrokerRules) -> None:
        self._broker = broker
        self._board = board
        self._rules = rules
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self.session: Session | None = None
        self._why = Ended.LOST
        self._closing = False  # by us; what the client still sends is not read
        self._patience_s = CONNECT_PATIENCE_S
        self._heard_s = self._loop.time()

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._broker.clients[self] = None
        self._heard_s = self._loop.time()
        self._timer = self._loop.call_later(self._patience_s, self._check_silence)

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        if data == PINGREQ and self.session is not None and not self._buffer:
            self._heard_s = self._loop.time()
            self._send(PINGRESP)
            return
        self._buffer += data
        try:
            for frame in frames(self._buffer, self._rules.packet_limit_bytes):
                packet = decode(frame)
                self._heard_s = self._loop.time()
                self._handle(packet)
                if self._closing:
                    return
        except MalformedError:
            self._why = Ended.CLIENT_ERROR
            self._finish()

    def eof_received(self) -> None:
        self._finish()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - how a socket died is chance
        self._closing = True
        self._over()
        self._broker.left(self)

    def cut(self, why: Ended) -> None:
        """End the connection now, without sending what waits."""
        self._closing = True
        self._why = why
        self._over()
        self._transport.abort()

    def _finish(self) -> None:
        """The client is done, or done with; what waits for it is still sent."""
        self._closing = True
        self._over()
        self._transport.close()

    # -- Line

    def deliver(self, message: Message, retain: bool, dup: bool) -> None:
        self._write(
            PublishPacket.build(message.topic, message.payload, message.packet_id or None, dup, message.qos, retain)
        )

    def puback(self, packet_id: int) -> None:
        self._write(PubackPacket.build(packet_id))

    def suback(self, packet_id: int, codes: Sequence[int]) -> None:
        self._write(SubackPacket.build(packet_id, list(codes)))

    def close(self) -> None:
        self._closing = True
        self._timer.cancel()
        self._transport.close()

    # -- packets

    def _handle(self, packet: Any) -> None:
        kind = type(packet).__name__
        if self.session is None:
            if not isinstance(packet, ConnectPacket):
                raise MalformedError("the first packet is not CONNECT")
            self._connect(packet)
            return
        handler = _HANDLERS.get(kind)
        if handler is None:
            raise MalformedError(f"{kind} from a client")
        handler(self, packet)

    def _connect(self, packet: ConnectPacket) -> None:
        if packet.proto_level != 4:
            self._refuse(BAD_PROTOCOL)
            return
        greeting = _greeting(packet, self._transport.get_extra_info("ssl_object"))
        outcome = self._board.connect(greeting, self)
        if not isinstance(outcome, Accepted):
            self._refuse(outcome)
            return
        self._timer.cancel()
        self._patience_s = self._rules.patience_us(packet.keep_alive) / 1_000_000
        if self._patience_s:
            self._timer = self._loop.call_later(self._patience_s, self._check_silence)
        self._write(ConnackPacket.build(int(outcome.session_present), 0))
        self._board.resume(self)

    def _refuse(self, code: int) -> None:
        self._write(ConnackPacket.build(0, code))
        self.close()

    def _publish(self, packet: PublishPacket) -> None:
        payload, packet_id = bytes(packet.data or b""), packet.packet_id or 0
        self._board.publish(self, packet.topic_name, payload, packet.qos, packet.retain_flag, packet_id)

    def _puback(self, packet: PubackPacket) -> None:
        self._board.ack(self, packet.packet_id)

    def _subscribe(self, packet: Any) -> None:
        self._board.subscribe(self, packet.variable_header.packet_id, packet.payload.topics)

    def _unsubscribe(self, packet: Any) -> None:
        self._board.unsubscribe(self, packet.payload.topics)
        self._write(UnsubackPacket.build(packet.variable_header.packet_id))

    def _ping(self, _packet: Any) -> None:
        self._send(PINGRESP)

    def _disconnect(self, _packet: Any) -> None:
        self._why = Ended.BY_CLIENT
        self._finish()

    # -- the socket

    def _write(self, packet: Any) -> None:
        self._send(packet.to_bytes())

    def _send(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > OUTBOX_LIMIT_BYTES:
            self._closing = True
            self._why = Ended.CLIENT_ERROR
            self._transport.abort()

    def _check_silence(self) -> None:
        due_s = self._heard_s + (CONNECT_PATIENCE_S if self.session is None else self._patience_s)
        if self._loop.time() < due_s - 5e-7:  # simulation time counts whole microseconds
            self._timer = self._loop.call_at(due_s, self._check_silence)
        else:
            self.cut(Ended.SILENT)

    def _over(self) -> None:
        self._timer.cancel()
        if self.session is not None:
            self._board.gone(self, self._why)


_HANDLERS: dict[str, Any] = {
    "PublishPacket": _Client._publish,
    "PubackPacket": _Client._puback,
    "SubscribePacket": _Client._subscribe,
    "UnsubscribePacket": _Client._unsubscribe,
    "PingReqPacket": _Client._ping,
    "DisconnectPacket": _Client._disconnect,
}


def _greeting(packet: ConnectPacket, tls: ssl.SSLObject | None) -> Greeting:
    will = None
    if packet.will_flag:
        will = Will(packet.will_topic, bytes(packet.will_message), packet.will_qos, packet.will_retain_flag)
    certificate = None if tls is None else tls.getpeercert(binary_form=True)
    client_id = "" if packet.client_id_is_random else packet.client_id
    return Greeting(client_id, packet.clean_session_flag, packet.username, packet.password, will, certificate)
