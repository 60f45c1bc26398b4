"""The package's bytes are where the document says, and every structure that breaks the rules is refused with 505."""

from __future__ import annotations

import struct
import zlib
from hashlib import sha256

import pytest
from pack_samples import FAMILY, LAYOUT, NEW, OLD, diff, firmware, full, resealed

from sim.errors import PackageError
from sim.pack.codes import PackageCode
from sim.pack.container import HEADER_BYTES, Codec, Kind, parse, parse_header
from sim.pack.signing import DEVELOPMENT_PUBLIC_KEY, key_hash, signed_by

QFOT, TARGETS, INDEX = 32, 56, 0x800


def patched(package: bytes, at: int, layout: str, *values: int | bytes) -> bytes:
    data = bytearray(package)
    struct.pack_into(layout, data, at, *values)
    return bytes(data)


# -- structure that makes no sense, though every checksum and the signature fit


@pytest.mark.parametrize(
    ("at", "layout", "value"),
    [
        pytest.param(0, "<I", 0x96F3B83C, id="magic"),
        pytest.param(4, "<I", 1, id="load address"),
        pytest.param(8, "<H", 0x400, id="header size"),
        pytest.param(10, "<H", 0, id="no protected area"),
        pytest.param(10, "<H", 0xFFFF, id="endless protected area"),
        pytest.param(12, "<I", 0xFFFFFFFF, id="endless body"),
        pytest.param(12, "<I", 0, id="no body"),
        pytest.param(16, "<I", 0x20, id="flags"),
        pytest.param(20, "<B", 1, id="envelope version"),
        pytest.param(28, "<I", 1, id="padding"),
        pytest.param(QFOT, "<I", 0, id="block magic"),
        pytest.param(QFOT + 4, "<H", 2, id="format"),
        pytest.param(QFOT + 6, "<B", 0, id="kind 0"),
        pytest.param(QFOT + 6, "<B", 4, id="kind kept for later"),
        pytest.param(QFOT + 7, "<B", 0, id="codec 0"),
        pytest.param(QFOT + 7, "<B", 2, id="codec kept for later"),
        pytest.param(QFOT + 8, "<I", 0, id="blocks of no size"),
        pytest.param(QFOT + 8, "<I", 4097, id="blocks of odd size"),
        pytest.param(QFOT + 8, "<I", 1 << 21, id="huge blocks"),
        pytest.param(QFOT + 8, "<I", 4096, id="blocks smaller than the index says"),
        pytest.param(QFOT + 12, "<I", 0, id="no blocks, but bytes"),
        pytest.param(QFOT + 12, "<I", 3, id="fewer blocks"),
        pytest.param(QFOT + 12, "<I", 0x7FFFFFFF, id="endless index"),
        pytest.param(QFOT + 16, "<I", 0, id="no targets"),
        pytest.param(QFOT + 16, "<I", 1, id="fewer targets"),
        pytest.param(QFOT + 16, "<I", 3, id="more targets"),
        pytest.param(QFOT + 16, "<I", 0xFFFFFFFF, id="endless targets"),
        pytest.param(TARGETS, "<12s", b"", id="nameless partition"),
        pytest.param(TARGETS, "<12s", b"A\nB", id="unprintable partition"),
        pytest.param(TARGETS, "<12s", b"APPIMG", id="partition named twice"),
        pytest.param(TARGETS + 12, "<I", 0x1001, id="offset within a sector"),
        pytest.param(TARGETS + 16, "<I", 0x10001, id="odd partition size"),
        pytest.param(TARGETS + 16, "<I", 0xFFFFF000, id="huge partition"),
        pytest.param(TARGETS + 20, "<I", 0xFFFFFFFF, id="old image larger than its partition"),
        pytest.param(TARGETS + 28, "<I", 0, id="empty new image"),
        pytest.param(TARGETS + 28, "<I", 0x10001, id="new image larger than its partition"),
        pytest.param(TARGETS + 28, "<I", 0x1000, id="blocks beyond the new image"),
        pytest.param(200, "<B", 1, id="byte after the targets"),
        pytest.param(INDEX, "<I", 0x800, id="first block over the index"),
        pytest.param(INDEX + 12, "<I", 0xFFFFFFFF, id="block beyond the package"),
        pytest.param(INDEX + 4, "<H", 0, id="block of no sectors"),
        pytest.param(INDEX + 4, "<H", 5, id="block too large"),
        pytest.param(INDEX + 6, "<H", 0x2000, id="target that is not there"),
        pytest.param(INDEX + 6, "<H", 0x0FFF, id="sector beyond the image"),
        pytest.param(INDEX + 6, "<H", 0x0005, id="two blocks over one sector"),
    ],
)
def test_senseless_structure_is_refused_whoever_signed_it(at, layout, value):
    with pytest.raises(PackageError) as refusal:
        parse(resealed(patched(diff(), at, layout, value)))
    assert refusal.value.code == PackageCode.CORRUPT


@pytest.mark.parametrize("package", [b"", bytes(2048), bytes(4096), b"\xff" * 9000])
def test_what_is_no_package_is_refused(package):
    with pytest.raises(PackageError) as refusal:
        parse(package)
    assert refusal.value.code == PackageCode.CORRUPT


def test_a_raw_firmware_image_is_refused_and_the_text_says_what_it_may_be():
    with pytest.raises(PackageError, match="raw firmware image"):
        parse(firmware(OLD).images["APP"])


def test_bytes_after_the_end_are_refused():
    for tail in (b"\0", bytes(2000)):
        with pytest.raises(PackageError):
            parse(diff() + tail)


def footer_entries(package: bytes) -> int:
    """Where the entries of the protected area start."""
    return 0x800 + struct.unpack_from("<I", package, 12)[0] + 4


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, 0xA9),  # an entry nobody knows, and the family missing
        (0, 0xA1),  # doubled
        (2, 0xFFFF),  # endless
        (2, 0),  # shorter: what follows is no entry
    ],
)
def test_a_footer_with_wrong_entries_is_refused(at, value):
    start = footer_entries(diff())
    with pytest.raises(PackageError) as refusal:
        parse(resealed(patched(diff(), start + at, "<H", value)))
    assert refusal.value.code == PackageCode.CORRUPT


def test_a_differential_package_needs_a_base_and_a_full_one_must_have_none():
    for package, kind in ((full(), Kind.DIFF_INPLACE), (diff(), Kind.FULL)):
        with pytest.raises(PackageError):
            parse(resealed(patched(package, QFOT + 6, "<B", kind)))
    with pytest.raises(PackageError, match="with a base"):
        parse(resealed(patched(full(), TARGETS + 20, "<I", 10)))


# -- the layout, read with nothing but the document


def test_the_bytes_are_where_the_document_says():
    package, old, new = diff(), firmware(OLD).images, firmware(NEW).images
    magic, load, header, protected, body, flags = struct.unpack_from("<IIHHII", package)
    assert (magic, load, header, flags) == (0x96F3B83D, 0, 0x800, 0)
    name, form, kind, codec, block, blocks, targets, crc = struct.unpack_from("<4sHBBIIII", package, 0x20)
    assert (name, form, kind, codec, block, targets) == (b"QFOT", 1, 3, 1, 4 * 4096, 2)
    assert crc == zlib.crc32(package[0x20 : 0x20 + 20] + package[0x20 + 24 : 0x20 + 24 + 72])
    for number, partition in enumerate(("APP", "APPIMG")):
        row = struct.unpack_from("<12sIIIIII", package, 0x20 + 24 + 36 * number)
        before, after = old[partition], new[partition]
        sizes = (len(before), zlib.crc32(before), len(after), zlib.crc32(after))
        assert row == (partition.encode().ljust(12, b"\0"), *LAYOUT[partition], *sizes)
    at = 0x800 + 12 * blocks
    for number in range(blocks):
        offset, sectors, place, crc = struct.unpack_from("<IHHI", package, 0x800 + 12 * number)
        following = 0x800 + body if number == blocks - 1 else struct.unpack_from("<I", package, 0x80C + 12 * number)[0]
        assert offset == at
        assert crc == zlib.crc32(package[offset:following])
        assert place >> 12 in (0, 1)
        assert sectors <= 4
        at = following
    tlvs, at = {}, 0x800 + body
    assert struct.unpack_from("<HH", package, at) == (0x6908, protected)
    tlvs |= entries(package, at + 4, at + protected)
    tail = at + protected
    assert struct.unpack_from("<HH", package, tail) == (0x6907, len(package) - tail)
    tlvs |= entries(package, tail + 4, len(package))
    digest = sha256(package[:tail]).digest()
    assert tlvs[0xA0] == FAMILY.encode()
    assert (tlvs[0xA1], tlvs[0xA2]) == (NEW.encode(), OLD.encode())
    assert tlvs[0xA3] == sha256(old["APP"] + old["APPIMG"]).digest()
    assert tlvs[0xA4] == sha256(new["APP"] + new["APPIMG"]).digest()
    assert tlvs[0xA7] == struct.pack("<I", 4)
    assert tlvs[0x10] == digest
    assert tlvs[0x01] == key_hash(DEVELOPMENT_PUBLIC_KEY)
    assert signed_by(DEVELOPMENT_PUBLIC_KEY, tlvs[0x24], digest)


def entries(data: bytes, at: int, end: int) -> dict[int, bytes]:
    found = {}
    while at < end:
        kind, length = struct.unpack_from("<HH", data, at)
        found[kind] = data[at + 4 : at + 4 + length]
        at += 4 + length
    assert at == end
    return found


def test_the_first_two_kib_tell_what_a_package_is():
    head = parse_header(diff()[:HEADER_BYTES])
    assert (head.kind, head.codec, head.block_bytes) == (Kind.DIFF_INPLACE, Codec.LZMA, 4 * 4096)
    assert [target.partition for target in head.targets] == ["APP", "APPIMG"]
    assert head.scratch_sectors == 4
    assert parse_header(full()[:HEADER_BYTES]).scratch_sectors == 0
    with pytest.raises(PackageError, match="2048 B header"):
        parse_header(diff()[: HEADER_BYTES - 1])
