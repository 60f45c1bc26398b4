"""The embedded broker: amqtt on sockets, made AWS-like. What it decides is in sim.mqtt.switchboard.

amqtt brings the listener, the life cycle and the packet classes. Its client loop is replaced: it answers `$`
topics by dropping the client's loop, never drops a silent client, loses messages while others subscribe,
touches a session before it has authenticated the newcomer, and takes packets of any size.

Rules: one task per connection, one packet after the other; what a client gets is written at once and in
order, with no task or time in between, so that the broker also runs on simulation time.

Private API of amqtt 0.12.1 used here: Broker._start_listeners, ._session_monitor, ._broadcast_loop,
._broadcast_shutdown_waiter, ._servers, broker.Server; sim.cloud.packets uses packet_class and from_stream.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from typing import Any

from amqtt.broker import Broker, Server
from amqtt.mqtt.connack import ConnackPacket
from amqtt.mqtt.connect import ConnectPacket
from amqtt.mqtt.pingresp import PingRespPacket
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.publish import PublishPacket
from amqtt.mqtt.suback import SubackPacket
from amqtt.mqtt.unsuback import UnsubackPacket

from sim.cloud.listen import BACKLOG, listening_socket
from sim.cloud.packets import MalformedError, decode, frames
from sim.errors import MachineError
from sim.kernel.clock import EPOCH_S
from sim.mqtt.mailbox import Delivery
from sim.mqtt.presence import Ended
from sim.mqtt.rules import AWS, BrokerRules
from sim.mqtt.switchboard import Accepted, Admit, Greeting, OnRequest, Switchboard
from sim.ports import Will

AMQTT_VERSION = "0.12.1"

OUTBOX_LIMIT_BYTES = 4 * 1024 * 1024
"""Bytes that may wait for a client that does not read; then its connection is cut."""

CONNECT_PATIENCE_S = 30.0
"""ESTIMATE: how long a new connection may stay without CONNECT; brokers use 10 to 60 s."""

READ_BYTES = 64 * 1024
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

    def reply(self, connection: str, topic: str, payload: bytes) -> None:
        """To that very connection, subscribed or not, one copy, QoS 0; dropped when the connection is gone."""
        self._board.reply(connection, topic, payload)

    def acknowledge(self, connection: str, packet_id: int) -> None:
        """PUBACK of a QoS 1 request to the Jobs service."""
        self._board.acknowledge(connection, packet_id)

    def publish(self, topic: str, payload: bytes, qos: int = 0) -> None:
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
        self._clients: dict[_Client, asyncio.Task[Any]] = {}

    async def stop(self) -> None:
        self._servers["default"].instance.close()
        while self._clients:
            for client in self._clients:
                client.cut(Ended.BY_SERVER)
            await asyncio.wait(self._clients.values())
        await self.shutdown()

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        task = asyncio.current_task()
        assert task is not None, listener_name
        client = _Client(self._board, self._rules, reader, writer)
        self._clients[client] = task
        try:
            await client.serve()
        finally:
            del self._clients[client]

    async def _start_listeners(self) -> None:
        patience_s = None if self._tls is None else CONNECT_PATIENCE_S
        server = await asyncio.start_server(
            self._accepted, sock=self._sock, ssl=self._tls, backlog=BACKLOG, ssl_handshake_timeout=patience_s
        )
        self._servers["default"] = _Listener("default", server)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.stream_connected(reader, writer, "default")

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


class _Client:
    """One accepted connection: a Line of the switchboard over a stream."""

    def __init__(
        self, board: Switchboard, rules: BrokerRules, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._board = board
        self._rules = rules
        self._reader = reader
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._connection = ""  # named by the switchboard, empty before CONNECT
        self._why = Ended.LOST
        self._closing = False  # by us; what the client still sends is not read
        self._patience_s = CONNECT_PATIENCE_S
        self._heard_s = self._loop.time()
        self._timer = self._loop.call_later(self._patience_s, self._check_silence)

    async def serve(self) -> None:
        """Until the connection ends, whoever ends it."""
        try:
            await self._read()
        except MalformedError:
            self._why = Ended.CLIENT_ERROR
        except OSError:  # ssl.SSLError is one
            pass
        finally:
            self._over()
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()

    def cut(self, why: Ended) -> None:
        """End the connection now, without sending what waits."""
        self._closing = True
        self._why = why
        self._over()
        self._writer.transport.abort()

    # -- Line

    def deliver(self, delivery: Delivery) -> None:
        self._write(
            PublishPacket.build(
                delivery.topic,
                delivery.payload,
                delivery.packet_id or None,
                delivery.dup,
                delivery.qos,
                delivery.retain,
            )
        )

    def puback(self, packet_id: int) -> None:
        self._write(PubackPacket.build(packet_id))

    def suback(self, packet_id: int, codes: Sequence[int]) -> None:
        self._write(SubackPacket.build(packet_id, list(codes)))

    def close(self) -> None:
        self._closing = True
        self._timer.cancel()
        self._writer.close()

    # -- packets

    async def _read(self) -> None:
        buffer = bytearray()
        while data := await self._reader.read(READ_BYTES):
            buffer += data
            for frame in frames(buffer, self._rules.packet_limit_bytes):
                packet = await decode(frame)
                if self._closing:
                    return
                self._heard_s = self._loop.time()
                self._handle(packet)
                if self._why is Ended.BY_CLIENT:
                    return

    def _handle(self, packet: Any) -> None:
        kind = type(packet).__name__
        if not self._connection:
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
        greeting = _greeting(packet, self._writer.get_extra_info("ssl_object"))
        outcome = self._board.connect(greeting, self)
        if not isinstance(outcome, Accepted):
            self._refuse(outcome)
            return
        self._connection = outcome.connection
        self._timer.cancel()
        self._patience_s = self._rules.patience_us(packet.keep_alive) / 1_000_000
        if self._patience_s:
            self._timer = self._loop.call_later(self._patience_s, self._check_silence)
        self._write(ConnackPacket.build(int(outcome.session_present), 0))
        self._board.resume(self._connection)

    def _refuse(self, code: int) -> None:
        self._write(ConnackPacket.build(0, code))
        self.close()

    def _publish(self, packet: PublishPacket) -> None:
        payload, packet_id = bytes(packet.data or b""), packet.packet_id or 0
        self._board.publish(self._connection, packet.topic_name, payload, packet.qos, packet.retain_flag, packet_id)

    def _puback(self, packet: PubackPacket) -> None:
        self._board.ack(self._connection, packet.packet_id)

    def _subscribe(self, packet: Any) -> None:
        self._board.subscribe(self._connection, packet.variable_header.packet_id, packet.payload.topics)

    def _unsubscribe(self, packet: Any) -> None:
        self._board.unsubscribe(self._connection, packet.payload.topics)
        self._write(UnsubackPacket.build(packet.variable_header.packet_id))

    def _ping(self, _packet: Any) -> None:
        self._write(PingRespPacket.build())

    def _disconnect(self, _packet: Any) -> None:
        self._why = Ended.BY_CLIENT

    # -- the socket

    def _write(self, packet: Any) -> None:
        if self._writer.is_closing():
            return
        self._writer.write(packet.to_bytes())
        if self._writer.transport.get_write_buffer_size() > OUTBOX_LIMIT_BYTES:
            self._closing = True
            self._why = Ended.CLIENT_ERROR
            self._writer.transport.abort()

    def _check_silence(self) -> None:
        due_s = self._heard_s + self._patience_s if self._connection else self._heard_s + CONNECT_PATIENCE_S
        if self._loop.time() < due_s - 5e-7:  # simulation time counts whole microseconds
            self._timer = self._loop.call_at(due_s, self._check_silence)
        else:
            self.cut(Ended.SILENT)

    def _over(self) -> None:
        self._timer.cancel()
        if self._connection:
            self._board.gone(self._connection, self._why)


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
