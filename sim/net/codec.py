"""MQTT 3.1.1 as values: packets to bytes and bytes to packets, no I/O.

Rules: `encode` takes what the wire can represent and judges nothing else (a topic with a wildcard is the
receiver's business); `Decoder` accepts any fragmentation and refuses whatever the standard forbids, with
CodecError. Packets before the bad one are still delivered; after it the decoder gives nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sim.ports import Hello, Will
from sim.records import record

MAX_REMAINING_BYTES = 268_435_455
"""What four length bytes can say: MQTT 3.1.1 §2.2.3."""

MAX_PACKET_BYTES = 128 * 1024
"""Default limit on the part after the fixed header; AWS IoT Core refuses larger publishes."""

MAX_STRING_BYTES = 65_535
MAX_KEEPALIVE_S = 0xFFFF


class CodecError(ValueError):
    """Bytes that are no MQTT 3.1.1 packet, or a packet that MQTT cannot represent."""


@record
class Connect:
    client_id: str
    clean: bool = True
    keepalive_s: int = 0
    user: str | None = None
    password: bytes | None = None
    will: Will | None = None


@dataclass(frozen=True, slots=True)
class Connack:
    code: int
    session_present: bool = False


@record
class Publish:
    topic: str
    payload: bytes
    qos: int = 0
    packet_id: int = 0  # 0 exactly when qos is 0
    retain: bool = False
    dup: bool = False


@dataclass(frozen=True, slots=True)
class Puback:
    packet_id: int


@dataclass(frozen=True, slots=True)
class Pubrec:
    packet_id: int


@dataclass(frozen=True, slots=True)
class Pubrel:
    packet_id: int


@dataclass(frozen=True, slots=True)
class Pubcomp:
    packet_id: int


@record
class Subscribe:
    packet_id: int
    filters: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Suback:
    packet_id: int
    codes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    packet_id: int
    filters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unsuback:
    packet_id: int


@dataclass(frozen=True, slots=True)
class Pingreq:
    pass


@dataclass(frozen=True, slots=True)
class Pingresp:
    pass


@dataclass(frozen=True, slots=True)
class Disconnect:
    pass


_Acked = Puback | Pubrec | Pubrel | Pubcomp | Unsuback
Packet = Connect | Connack | Publish | _Acked | Subscribe | Suback | Unsubscribe | Pingreq | Pingresp | Disconnect

_ACKS: dict[type, int] = {Puback: 0x40, Pubrec: 0x50, Pubrel: 0x62, Pubcomp: 0x70, Unsuback: 0xB0}
_BARE: dict[type, bytes] = {Pingreq: b"\xc0\x00", Pingresp: b"\xd0\x00", Disconnect: b"\xe0\x00"}


def connect_packet(hello: Hello) -> Connect:
    """The CONNECT a client of this description sends."""
    password = None if hello.password is None else hello.password.encode(errors="surrogatepass")
    user = "" if hello.user is None and password is not None else hello.user
    return Connect(hello.client_id, hello.clean, hello.keepalive_s, user, password, hello.will)


def encode(packet: Packet) -> bytes:
    """The packet's bytes; CodecError when a field does not fit its place."""
    if isinstance(packet, Publish):
        return _encode_publish(packet)
    if (bare := _BARE.get(type(packet))) is not None:
        return bare
    if isinstance(packet, _Acked):
        return bytes((_ACKS[type(packet)], 2)) + _id(packet.packet_id)
    if isinstance(packet, Connect):
        return _frame(0x10, _connect_body(packet))
    if isinstance(packet, Connack):
        return bytes((0x20, 2, packet.session_present, packet.code))
    if isinstance(packet, Subscribe):
        items = (_text(name) + bytes((qos,)) for name, qos in packet.filters)
        return _frame(0x82, _id(packet.packet_id) + b"".join(items))
    if isinstance(packet, Suback):
        return _frame(0x90, _id(packet.packet_id) + bytes(packet.codes))
    assert isinstance(packet, Unsubscribe)
    return _frame(0xA2, _id(packet.packet_id) + b"".join(map(_text, packet.filters)))


def _encode_publish(packet: Publish) -> bytes:
    head = _text(packet.topic)
    if packet.qos:
        head += _id(packet.packet_id)
    return _frame(0x30 | packet.dup << 3 | packet.qos << 1 | packet.retain, head + packet.payload)


def _connect_body(packet: Connect) -> bytes:
    if not 0 <= packet.keepalive_s <= MAX_KEEPALIVE_S:
        raise CodecError(f"a keepalive of {packet.keepalive_s} s; MQTT allows {MAX_KEEPALIVE_S}")
    flags = packet.clean << 1
    tail = _text(packet.client_id)
    if packet.will is not None:
        flags |= 4 | packet.will.qos << 3 | packet.will.retain << 5
        tail += _text(packet.will.topic) + _binary(packet.will.payload)
    if packet.user is not None:
        flags |= 0x80
        tail += _text(packet.user)
    if packet.password is not None:
        flags |= 0x40
        tail += _binary(packet.password)
    return b"\x00\x04MQTT\x04" + bytes((flags,)) + packet.keepalive_s.to_bytes(2, "big") + tail


def _frame(first: int, body: bytes) -> bytes:
    left = len(body)
    if left > MAX_REMAINING_BYTES:
        raise CodecError(f"a packet of {left} bytes; MQTT allows {MAX_REMAINING_BYTES}")
    head = bytearray((first,))
    while left > 127:
        head.append(left & 127 | 128)
        left >>= 7
    head.append(left)
    return bytes(head) + body


def _text(text: str) -> bytes:
    try:
        return _binary(text.encode())
    except UnicodeEncodeError as exc:
        raise CodecError("text that UTF-8 cannot represent") from exc


def _binary(data: bytes) -> bytes:
    if len(data) > MAX_STRING_BYTES:
        raise CodecError(f"a string of {len(data)} bytes; MQTT allows {MAX_STRING_BYTES}")
    return len(data).to_bytes(2, "big") + data


def _id(packet_id: int) -> bytes:
    if not 0 < packet_id <= 0xFFFF:
        raise CodecError(f"packet id {packet_id} is not 1–65535")
    return packet_id.to_bytes(2, "big")


class _Body:
    """What follows a fixed header, read from the front."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        start = self._at
        self._at += count
        if self._at > len(self._data):
            raise CodecError("a packet that ends inside a field")
        return self._data[start : self._at]

    def byte(self) -> int:
        return self.take(1)[0]

    def word(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def packet_id(self) -> int:
        packet_id = self.word()
        _require(packet_id != 0, "packet id 0")
        return packet_id

    def binary(self) -> bytes:
        return self.take(self.word())

    def text(self) -> str:
        try:
            text = self.binary().decode()
        except UnicodeDecodeError as exc:
            raise CodecError("text that is not UTF-8") from exc
        _require("\0" not in text, "U+0000 in a text")
        return text

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)

    @property
    def more(self) -> bool:
        return self._at < len(self._data)


def _require(condition: bool, fault: str) -> None:
    if not condition:
        raise CodecError(fault)


def _decode_connect(_: int, body: _Body) -> Connect:
    _require(body.binary() == b"MQTT" and body.byte() == 4, "not MQTT 3.1.1")
    flags = body.byte()
    _require(not flags & 1, "the reserved flag of CONNECT is set")
    _require(bool(flags & 0x80) or not flags & 0x40, "a password without a user")
    keepalive_s, client_id, will = body.word(), body.text(), None
    _require(bool(client_id) or bool(flags & 2), "no client id for a lasting session")
    if flags & 4:
        qos = flags >> 3 & 3
        _require(qos < 3, "will QoS 3")
        will = Will(_topic(body), body.binary(), qos, bool(flags & 0x20))
    else:
        _require(not flags & 0x38, "will flags without a will")
    user = body.text() if flags & 0x80 else None
    password = body.binary() if flags & 0x40 else None
    return Connect(client_id, bool(flags & 2), keepalive_s, user, password, will)


def _decode_connack(_: int, body: _Body) -> Connack:
    flags, code = body.byte(), body.byte()
    _require(flags < 2 and code < 6 and not (flags and code), "CONNACK with unknown flags or code")
    return Connack(code, bool(flags))


def _decode_publish(flags: int, body: _Body) -> Publish:
    qos, dup = flags >> 1 & 3, bool(flags & 8)
    _require(qos < 3 and (qos > 0 or not dup), "PUBLISH with impossible QoS or DUP")
    topic = _topic(body)
    packet_id = body.packet_id() if qos else 0
    return Publish(topic, body.rest(), qos, packet_id, bool(flags & 1), dup)


def _topic(body: _Body) -> str:
    topic = body.text()
    _require(bool(topic) and "+" not in topic and "#" not in topic, "a topic that is empty or has wildcards")
    return topic


def _decode_subscribe(_: int, body: _Body) -> Subscribe:
    packet_id, filters = body.packet_id(), []
    while body.more:
        name, qos = body.text(), body.byte()
        _require(bool(name) and qos < 3, "SUBSCRIBE with an empty filter or QoS 3")
        filters.append((name, qos))
    _require(bool(filters), "SUBSCRIBE without a filter")
    return Subscribe(packet_id, tuple(filters))


def _decode_suback(_: int, body: _Body) -> Suback:
    packet_id, codes = body.packet_id(), body.rest()
    _require(bool(codes) and all(code in (0, 1, 2, 0x80) for code in codes), "SUBACK with unknown codes")
    return Suback(packet_id, tuple(codes))


def _decode_unsubscribe(_: int, body: _Body) -> Unsubscribe:
    packet_id, filters = body.packet_id(), []
    while body.more:
        filters.append(body.text())
    _require(bool(filters) and all(filters), "UNSUBSCRIBE without a filter")
    return Unsubscribe(packet_id, tuple(filters))


_DECODERS: dict[int, Callable[[int, _Body], Packet]] = {
    1: _decode_connect,
    2: _decode_connack,
    3: _decode_publish,
    4: lambda _, body: Puback(body.packet_id()),
    5: lambda _, body: Pubrec(body.packet_id()),
    6: lambda _, body: Pubrel(body.packet_id()),
    7: lambda _, body: Pubcomp(body.packet_id()),
    8: _decode_subscribe,
    9: _decode_suback,
    10: _decode_unsubscribe,
    11: lambda _, body: Unsuback(body.packet_id()),
    12: lambda _, __: Pingreq(),
    13: lambda _, __: Pingresp(),
    14: lambda _, __: Disconnect(),
}
_FLAGS = {6: 2, 8: 2, 10: 2}
"""Low bits of the first byte that MQTT fixes; 0 for the rest, free for PUBLISH."""


class Decoder:
    """Packets from a stream of bytes that may be cut anywhere."""

    __slots__ = ("_buffer", "_dead", "_max_packet_bytes")

    def __init__(self, max_packet_bytes: int = MAX_PACKET_BYTES) -> None:
        self._buffer = bytearray()
        self._dead = False
        self._max_packet_bytes = min(max_packet_bytes, MAX_REMAINING_BYTES)

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Take `data` and yield each packet that is whole now. Iterate to the end; raises CodecError."""
        self._buffer += data
        while not self._dead and (header := self._header()) is not None:
            start, end = header
            if len(self._buffer) < end:
                return
            first, body = self._buffer[0], _Body(bytes(self._buffer[start:end]))
            del self._buffer[:end]
            self._dead = True  # until the packet proves well-formed
            kind = first >> 4
            _require(kind in _DECODERS, f"packet type {kind}")
            _require(kind == 3 or first & 15 == _FLAGS.get(kind, 0), f"flags {first & 15} on packet type {kind}")
            packet = _DECODERS[kind](first & 15, body)
            _require(not body.more, "bytes after the end of a packet")
            self._dead = False
            yield packet

    def _header(self) -> tuple[int, int] | None:
        """Where the body of the first packet starts and ends; None while its length is not there yet."""
        length = 0
        for index, byte in enumerate(self._buffer[1:5]):
            length |= (byte & 127) << 7 * index
            if byte < 128:
                if length > self._max_packet_bytes:
                    self._dead = True
                    raise CodecError(f"a packet of {length} bytes; the limit is {self._max_packet_bytes}")
                return index + 2, index + 2 + length
        if len(self._buffer) >= 5:
            self._dead = True
            raise CodecError("a length of more than four bytes")
        return None
