"""MQTT packets as bytes: the standard's own examples, round trips, any fragmentation, and garbage."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.net.codec import (
    MAX_PACKET_BYTES,
    CodecError,
    Connack,
    Connect,
    Decoder,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    encode,
)
from sim.ports import Will

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
filters = texts.filter(bool)
topics = filters.filter(lambda text: "+" not in text and "#" not in text)
ids = st.integers(1, 65535)
qos = st.integers(0, 2)
payloads = st.binary(max_size=300)


def _publish(topic: str, payload: bytes, qos: int, packet_id: int, retain: bool, dup: bool) -> Publish:
    return Publish(topic, payload, qos, packet_id if qos else 0, retain, dup and qos > 0)


def _connect(client_id: str, keepalive_s: int, user: str | None, password: bytes | None, will: Will | None) -> Connect:
    return Connect(client_id, not client_id, keepalive_s, user, None if user is None else password, will)


packets: st.SearchStrategy[Packet] = st.one_of(
    st.builds(_publish, topics, payloads, qos, ids, st.booleans(), st.booleans()),
    st.builds(
        _connect,
        texts,
        st.integers(0, 65535),
        st.none() | texts,
        st.none() | payloads,
        st.none() | st.builds(Will, topics, payloads, qos, st.booleans()),
    ),
    st.builds(Connack, st.integers(1, 5)),
    st.builds(Connack, st.just(0), st.booleans()),
    *(st.builds(kind, ids) for kind in (Puback, Pubrec, Pubrel, Pubcomp, Unsuback)),
    st.builds(Subscribe, ids, st.lists(st.tuples(filters, qos), min_size=1, max_size=5).map(tuple)),
    st.builds(Suback, ids, st.lists(st.sampled_from([0, 1, 2, 128]), min_size=1, max_size=5).map(tuple)),
    st.builds(Unsubscribe, ids, st.lists(filters, min_size=1, max_size=5).map(tuple)),
    *(st.just(packet) for packet in (Pingreq(), Pingresp(), Disconnect())),
)


def decode(data: bytes) -> list[Packet]:
    return list(Decoder().feed(data))


@pytest.mark.parametrize(
    ("packet", "data"),
    [
        (Connect("a", keepalive_s=60), "10 0d 0004 4d515454 04 02 003c 0001 61"),
        (
            Connect("a", False, 1, "u", b"p", Will("w", b"x", 1, True)),
            "10 19 0004 4d515454 04 ec 0001 0001 61 0001 77 0001 78 0001 75 0001 70",
        ),
        (Connack(5), "20 02 00 05"),
        (Connack(0, True), "20 02 01 00"),
        (Publish("a/b", b"hi"), "30 07 0003 612f62 6869"),
        (Publish("a/b", b"", 1, 10, True, True), "3b 07 0003 612f62 000a"),
        (Subscribe(10, (("a/b", 1), ("c/d", 2))), "82 0e 000a 0003 612f62 01 0003 632f64 02"),
        (Suback(10, (0, 2, 128)), "90 05 000a 00 02 80"),
        (Unsubscribe(10, ("a/b",)), "a2 07 000a 0003 612f62"),
        (Puback(10), "40 02 000a"),
        (Pubrec(10), "50 02 000a"),
        (Pubrel(10), "62 02 000a"),
        (Pubcomp(10), "70 02 000a"),
        (Unsuback(10), "b0 02 000a"),
        (Pingreq(), "c0 00"),
        (Pingresp(), "d0 00"),
        (Disconnect(), "e0 00"),
    ],
)
def test_the_bytes_of_each_packet(packet: Packet, data: str) -> None:
    assert encode(packet) == bytes.fromhex(data)
    assert decode(bytes.fromhex(data)) == [packet]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ("00 00", "packet type 0"),
        ("f0 00", "packet type 15"),
        ("c1 00", "flags"),
        ("80 06 0001 0001 61 00", "flags"),
        ("c0 01 00", "after the end"),
        ("40 02 0000", "packet id 0"),
        ("40 01 00", "ends inside"),
        ("30 01 00", "ends inside"),
        ("30 02 0000", "empty"),
        ("30 03 0001 2b", "wildcards"),
        ("30 03 0001 00", "U+0000"),
        ("30 03 0001 ff", "UTF-8"),
        ("30 05 0003 eda080", "UTF-8"),
        ("36 05 0001 61 0001", "QoS"),
        ("38 03 0001 61", "DUP"),
        ("32 05 0001 61 0000", "packet id 0"),
        ("82 02 0001", "without a filter"),
        ("82 06 0001 0001 61 03", "QoS 3"),
        ("82 05 0001 0000 00", "empty filter"),
        ("90 02 0001", "unknown codes"),
        ("90 03 0001 03", "unknown codes"),
        ("a2 02 0001", "without a filter"),
        ("20 02 02 00", "CONNACK"),
        ("20 02 00 06", "CONNACK"),
        ("20 02 01 05", "CONNACK"),
        ("10 0c 0004 4d515455 04 02 0000 0000", "not MQTT"),
        ("10 0c 0004 4d515454 05 02 0000 0000", "not MQTT"),
        ("10 0c 0004 4d515454 04 03 0000 0000", "reserved"),
        ("10 0c 0004 4d515454 04 42 0000 0000", "without a user"),
        ("10 0c 0004 4d515454 04 0a 0000 0000", "will flags"),
        ("10 0c 0004 4d515454 04 00 0000 0000", "no client id"),
        ("10 12 0004 4d515454 04 1e 0000 0000 0001 61 0001 61", "will QoS"),
        ("30 80 80 80 80 01", "four bytes"),
        ("30 81 80 08", "the limit is"),
    ],
)
def test_what_the_standard_forbids_is_refused(data: str, fault: str) -> None:
    with pytest.raises(CodecError, match=fault.replace("+", r"\+")):
        decode(bytes.fromhex(data))


@pytest.mark.parametrize(
    "packet",
    [
        Publish("x" * 65_536, b""),
        Publish("\ud800", b""),
        Publish("a", b"", 1, 0),
        Publish("a", b"", 1, 65_536),
        Subscribe(0, (("a", 0),)),
        Connect("a", keepalive_s=65_536),
        Connect("a", keepalive_s=-1),
        Connect("a", will=Will("a", bytes(65_536))),
    ],
)
def test_what_mqtt_cannot_represent_is_refused(packet: Packet) -> None:
    with pytest.raises(CodecError):
        encode(packet)


@given(packets)
def test_every_packet_survives_the_wire(packet: Packet) -> None:
    assert decode(encode(packet)) == [packet]


@given(st.lists(packets, max_size=8), st.data())
def test_fragmentation_does_not_matter(sent: list[Packet], data: st.DataObject) -> None:
    stream = b"".join(map(encode, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    decoder, received = Decoder(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        received += decoder.feed(stream[start:end])
    assert received == sent


@given(packets)
def test_byte_by_byte(packet: Packet) -> None:
    decoder, received = Decoder(), []
    for byte in encode(packet):
        received += decoder.feed(bytes((byte,)))
    assert received == [packet]


@given(st.binary(max_size=200))
def test_garbage_gives_packets_or_a_codec_error_and_nothing_else(data: bytes) -> None:
    decoder = Decoder()
    try:
        received = list(decoder.feed(data))
    except CodecError:
        assert list(decoder.feed(encode(Pingreq()))) == []
    else:
        assert b"".join(map(encode, received)) == data[: sum(len(encode(p)) for p in received)]


@given(packets, st.data())
def test_a_flipped_bit_never_escapes_as_another_error(packet: Packet, data: st.DataObject) -> None:
    damaged = bytearray(encode(packet))
    bit = data.draw(st.integers(0, len(damaged) * 8 - 1))
    damaged[bit // 8] ^= 1 << bit % 8
    with contextlib.suppress(CodecError):
        decode(bytes(damaged))


def test_packets_before_a_bad_one_are_delivered_and_none_after_it() -> None:
    decoder = Decoder()
    stream = decoder.feed(encode(Puback(1)) + b"\x00\x00" + encode(Puback(2)))
    assert next(stream) == Puback(1)
    with pytest.raises(CodecError):
        next(stream)
    assert list(decoder.feed(encode(Puback(3)))) == []


def test_the_limit_counts_what_follows_the_header() -> None:
    largest = Publish("a", bytes(MAX_PACKET_BYTES - 3))
    assert decode(encode(largest)) == [largest]
    with pytest.raises(CodecError, match="the limit is"):
        decode(encode(Publish("a", bytes(MAX_PACKET_BYTES - 2)))[:4])
    assert list(Decoder(10).feed(encode(Publish("a", bytes(7))))) == [Publish("a", bytes(7))]


def test_a_large_packet_in_small_pieces_takes_linear_time() -> None:
    data, decoder, received = encode(Publish("a", bytes(MAX_PACKET_BYTES - 3))), Decoder(), []
    for start in range(0, len(data), 16):
        received += decoder.feed(data[start : start + 16])
    assert len(received) == 1
