"""MQTT packets from clients, read by amqtt's classes and then held to the standard.

amqtt reads leniently: it takes bad UTF-8, missing fields and bytes left over. Rule: a packet that amqtt cannot
write back byte for byte was malformed, and so are the few things that would survive even that.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from typing import Any

from amqtt.adapters import BufferReader
from amqtt.errors import AMQTTError, CodecError, MQTTError, NoDataError
from amqtt.mqtt import packet_class
from amqtt.mqtt.connect import ConnectPacket
from amqtt.mqtt.packet import CONNECT, PUBLISH, PUBREL, SUBSCRIBE, UNSUBSCRIBE, MQTTFixedHeader

_FLAGS = {PUBREL: 2, SUBSCRIBE: 2, UNSUBSCRIBE: 2}
"""Low bits of the first byte that MQTT fixes; 0 for the rest."""


class MalformedError(Exception):
    """A client broke MQTT; its connection is closed."""


def frames(buffer: bytearray, limit_bytes: int) -> Iterator[bytes]:
    """Take the whole packets off the front of `buffer`, each with its header in shortest form.

    `limit_bytes`: what may follow a header.
    """
    while len(buffer) >= 2:
        length, at = 0, 1
        while True:
            if at > 4:
                raise MalformedError("a length of more than four bytes")
            if at == len(buffer):
                return
            length |= (buffer[at] & 127) << 7 * (at - 1)
            at += 1
            if buffer[at - 1] < 128:
                break
        if length > limit_bytes:
            raise MalformedError(f"a packet of {length} bytes")
        if len(buffer) < at + length:
            return
        header = MQTTFixedHeader(buffer[0] >> 4, buffer[0] & 15, length).to_bytes()
        frame = header + bytes(buffer[at : at + length])
        del buffer[: at + length]
        yield frame


def decode(frame: bytes) -> Any:
    """One packet by amqtt's classes, which read leniently: whatever they cannot write back was malformed."""
    kind, flags = frame[0] >> 4, frame[0] & 15
    if kind != PUBLISH and flags != _FLAGS.get(kind, 0):
        raise MalformedError(f"flags {flags} on packet type {kind}")
    try:
        packet = _at_once(packet_class(MQTTFixedHeader(kind)).from_stream(BufferReader(frame)))
        if kind == CONNECT:
            _check_connect(packet)
        same = packet.to_bytes() == frame
    except (AMQTTError, MQTTError, NoDataError, CodecError, ValueError, TypeError) as exc:
        raise MalformedError(str(exc)) from exc
    if not same or getattr(packet.variable_header, "packet_id", None) == 0 or (kind == PUBLISH and packet.qos == 3):
        raise MalformedError(f"packet type {kind}")
    return packet


def _at_once(reading: Coroutine[Any, Any, Any]) -> Any:
    """amqtt reads in coroutines; on bytes that are all there they never wait."""
    try:
        reading.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("amqtt waits for bytes that it has")


def _check_connect(packet: ConnectPacket) -> None:
    if packet.client_id_is_random:  # amqtt has put its own in the place of an empty one
        packet.payload.client_id = ""
    lacking = (
        (packet.will_flag and (packet.will_topic is None or packet.will_message is None))
        or (packet.username_flag and packet.username is None)
        or (packet.password_flag and (packet.password is None or not packet.username_flag))
    )
    if packet.proto_name != "MQTT" or packet.reserved_flag or lacking or packet.will_qos == 3:
        raise MalformedError("a CONNECT that contradicts itself")
