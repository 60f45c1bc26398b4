"""The package file: a MCUboot image whose enlarged header carries our `QFOT` block.

The byte layout is told in docs/package-format.md.
This file turns a manifest and compressed blocks into bytes and back. It knows the layout and refuses every byte
that breaks it with a PackageError; it decides nothing about devices, versions or keys (verify.py does). The reader
works through a `read(offset, length)` function, so that a package can stay in flash.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sim.errors import PackageError
from sim.pack.codes import PackageCode
from sim.pack.signing import key_hash

Read = Callable[[int, int], bytes]
"""`read(offset, length)`: exactly `length` bytes; offsets count from the start of the package."""

HEADER_BYTES = 0x800
SECTOR_BYTES = 4096
LARGEST_BLOCK_SECTORS = 256
LARGEST_TARGETS = 16  # the index has four bits for the target
LARGEST_TARGET_SECTORS = 4096  # and twelve for the sector
LARGEST_PACKAGE_BYTES = 64 * 1024 * 1024

_MCUBOOT = struct.Struct("<IIHHIIBBHII")
_MCUBOOT_MAGIC = 0x96F3_B83D
_QFOT = struct.Struct("<4sHBBIIII")
_QFOT_FORMAT = 1
_TARGET = struct.Struct("<12sIIIIII")
_ENTRY = struct.Struct("<IHHI")
_TLV = struct.Struct("<HH")
_PROTECTED_MAGIC, _TLV_MAGIC = 0x6908, 0x6907
_KEY_HASH, _SHA256, _ED25519 = 0x01, 0x10, 0x24
_FAMILY, _TARGET_VERSION, _BASE_VERSION, _BASE_SHA256, _NEW_SHA256 = 0xA0, 0xA1, 0xA2, 0xA3, 0xA4
_PARTNER_SHA256, _SCRATCH_SECTORS = 0xA5, 0xA7
_LARGEST_TLV_BYTES = 64
_LARGEST_TLV_AREA_BYTES = 1024


class Kind(IntEnum):
    """What a package does. Each but the halves of a minimal upgrade rewrites every image of the device."""

    FULL = 1
    DIFF_STAGED = 2
    DIFF_INPLACE = 3
    MINI_SYSTEM = 4
    """First half of a minimal upgrade: the mini system, as a differential."""
    BIG_SYSTEM = 5
    """Second half: every block of the images that the mini system writes while it downloads."""

    @property
    def differential(self) -> bool:
        """Whether it needs the base images."""
        return self in (Kind.DIFF_STAGED, Kind.DIFF_INPLACE, Kind.MINI_SYSTEM)

    @property
    def title(self) -> str:
        """The kind in words."""
        return _TITLES[self]


_TITLES = {
    Kind.FULL: "full",
    Kind.DIFF_STAGED: "differential (64 KiB blocks)",
    Kind.DIFF_INPLACE: "differential (small blocks)",
    Kind.MINI_SYSTEM: "minimal (.mini_1)",
    Kind.BIG_SYSTEM: "minimal (.mini_2)",
}


class Codec(IntEnum):
    """How blocks are compressed; 0 (none), 2 (deflate) and 3 (bz2) are kept."""

    LZMA = 1


@dataclass(frozen=True, slots=True)
class Target:
    """One partition a package rewrites. `old_*` are zero in a full package; CRCs cover `*_bytes` from its start."""

    partition: str
    offset: int
    partition_bytes: int
    old_bytes: int
    old_crc32: int
    new_bytes: int
    new_crc32: int


@dataclass(frozen=True, slots=True)
class BlockEntry:
    """One step: `sectors` of target number `target` from `first_sector` on, made from the compressed block at
    `offset` (from the package's start), `size_bytes` long."""

    target: int
    first_sector: int
    sectors: int
    offset: int
    size_bytes: int
    crc32: int


@dataclass(frozen=True, slots=True)
class Head:
    """What the first 2 KiB say."""

    kind: Kind
    codec: Codec
    block_bytes: int
    blocks: int
    targets: tuple[Target, ...]
    body_bytes: int
    protected_bytes: int

    @property
    def index_bytes(self) -> int:
        """Size of the index, which follows the header."""
        return self.blocks * _ENTRY.size

    @property
    def scratch_sectors(self) -> int:
        """Room that applying needs: a differential block is put together elsewhere before it replaces the old one."""
        return self.block_bytes // SECTOR_BYTES if self.kind.differential else 0


@dataclass(frozen=True, slots=True)
class Identity:
    """The signed names of a package; `base_*` are empty unless it is differential. `partner_sha256` is what the first
    half of a minimal upgrade says of the second: its `Manifest.outline_sha256`."""

    family: str
    target_version: str
    base_version: str
    base_sha256: bytes
    new_sha256: bytes
    partner_sha256: bytes = b""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A package without its blocks: everything needed to check it and to find a block. `outline_sha256` covers just
    that (header, index, protected footer), so that a package can be known before its blocks arrive."""

    head: Head
    identity: Identity
    index: tuple[BlockEntry, ...]
    outline_sha256: bytes
    package_sha256: bytes
    key_hash: bytes
    signature: bytes
    size_bytes: int

    @property
    def differential(self) -> bool:
        """Whether it needs the base images."""
        return self.head.kind.differential

    @property
    def signed_bytes(self) -> int:
        """How many bytes from the start the SHA-256 covers."""
        return HEADER_BYTES + self.head.body_bytes + self.head.protected_bytes


def corrupt(message: str) -> PackageError:
    """The refusal of a package whose bytes make no sense."""
    return PackageError(PackageCode.CORRUPT, f"package: {message}")


# -- writing


def write_package(
    head: Head, identity: Identity, steps: Sequence[tuple[BlockEntry, bytes]], key: Ed25519PrivateKey
) -> bytes:
    """The package of `steps`, each with its compressed block. Offsets, sizes and CRCs of the entries and the
    lengths of the head are filled in here."""
    index, at = [], HEADER_BYTES + _ENTRY.size * len(steps)
    for entry, block in steps:
        place = entry.target << 12 | entry.first_sector
        index.append(_ENTRY.pack(at, entry.sectors, place, zlib.crc32(block)))
        at += len(block)
    body = b"".join(index) + b"".join(block for _, block in steps)
    protected = _write_tlvs(_PROTECTED_MAGIC, _identity_tlvs(head, identity))
    qfot = _write_qfot(head, len(steps))
    envelope = _MCUBOOT.pack(_MCUBOOT_MAGIC, 0, HEADER_BYTES, len(protected), len(body), 0, 0, 0, 0, 0, 0)
    signed = (envelope + qfot).ljust(HEADER_BYTES, b"\0") + body + protected
    digest = sha256(signed).digest()
    proof = [(_SHA256, digest), (_KEY_HASH, key_hash(key.public_key())), (_ED25519, key.sign(digest))]
    return signed + _write_tlvs(_TLV_MAGIC, proof)


def _write_qfot(head: Head, blocks: int) -> bytes:
    fields = (b"QFOT", _QFOT_FORMAT, head.kind, head.codec, head.block_bytes, blocks, len(head.targets))
    targets = b"".join(
        _TARGET.pack(
            t.partition.encode("ascii").ljust(12, b"\0"),
            *(t.offset, t.partition_bytes, t.old_bytes, t.old_crc32, t.new_bytes, t.new_crc32),
        )
        for t in head.targets
    )
    start = _QFOT.pack(*fields, 0)[:-4]
    return start + struct.pack("<I", zlib.crc32(start + targets)) + targets


def _identity_tlvs(head: Head, identity: Identity) -> list[tuple[int, bytes]]:
    tlvs = [(_FAMILY, identity.family.encode("ascii")), (_TARGET_VERSION, identity.target_version.encode("ascii"))]
    if identity.base_version:
        tlvs += [(_BASE_VERSION, identity.base_version.encode("ascii")), (_BASE_SHA256, identity.base_sha256)]
    if identity.partner_sha256:
        tlvs += [(_PARTNER_SHA256, identity.partner_sha256)]
    return [*tlvs, (_NEW_SHA256, identity.new_sha256), (_SCRATCH_SECTORS, struct.pack("<I", head.scratch_sectors))]


def _write_tlvs(magic: int, tlvs: list[tuple[int, bytes]]) -> bytes:
    content = b"".join(_TLV.pack(kind, len(value)) + value for kind, value in tlvs)
    return _TLV.pack(magic, _TLV.size + len(content)) + content


# -- reading


def parse(package: bytes) -> Manifest:
    """The manifest of a whole package in memory. PackageError (505) for everything malformed."""

    def read(offset: int, length: int) -> bytes:
        return package[offset : offset + length]

    return read_manifest(read, len(package))


def read_manifest(read: Read, size_bytes: int) -> Manifest:
    """The manifest of the package behind `read`. Checks structure and the header CRC, no block, hash or signature."""
    if not HEADER_BYTES < size_bytes <= LARGEST_PACKAGE_BYTES:
        raise corrupt(f"{size_bytes} B is no package size")
    header = read(0, HEADER_BYTES)
    head = parse_header(header)
    protected_at = HEADER_BYTES + head.body_bytes
    tail_at = protected_at + head.protected_bytes
    if tail_at >= size_bytes:
        raise corrupt(f"cut short: {size_bytes} B of more than {tail_at} B")
    index = read(HEADER_BYTES, head.index_bytes)
    entries = _parse_index(head, index)
    protected = read(protected_at, head.protected_bytes)
    identity = _parse_identity(head, _parse_tlvs(_PROTECTED_MAGIC, protected))
    if size_bytes - tail_at > _LARGEST_TLV_AREA_BYTES:
        raise corrupt("bytes after its end")
    proof = _parse_tlvs(_TLV_MAGIC, read(tail_at, size_bytes - tail_at))
    digest, keyed, signature = _take(proof, {_SHA256: 32, _KEY_HASH: 32, _ED25519: 64})
    outline = sha256(header + index + protected).digest()
    return Manifest(head, identity, entries, outline, digest, keyed, signature, size_bytes)


def parse_header(data: bytes) -> Head:
    """What the first 2 KiB of a package say: enough to refuse most wrong packages before the rest arrives."""
    if len(data) < HEADER_BYTES:
        raise corrupt(f"cut short within its {HEADER_BYTES} B header")
    magic, load, header_bytes, protected_bytes, body_bytes, *zeros = _MCUBOOT.unpack_from(data)
    if magic != _MCUBOOT_MAGIC:
        raise corrupt("wrong magic; this is no upgrade package (a raw firmware image?)")
    if header_bytes != HEADER_BYTES or load or any(zeros):
        raise corrupt("envelope header has unknown fields")
    if protected_bytes > _LARGEST_TLV_AREA_BYTES:
        raise corrupt("protected area too long")
    name, form, kind, codec, block_bytes, blocks, targets, crc32 = _QFOT.unpack_from(data, _MCUBOOT.size)
    if name != b"QFOT" or form != _QFOT_FORMAT:
        raise corrupt("no QFOT block of format 1")
    at = _MCUBOOT.size + _QFOT.size
    end = at + targets * _TARGET.size
    if not 1 <= targets <= LARGEST_TARGETS or end > HEADER_BYTES:
        raise corrupt(f"{targets} targets")
    if zlib.crc32(data[_MCUBOOT.size : at - 4] + data[at:end]) != crc32 or any(data[end:HEADER_BYTES]):
        raise corrupt("header CRC-32 differs")
    if kind not in set(Kind) or codec not in set(Codec):
        raise corrupt(f"unknown kind {kind} or codec {codec}")
    if block_bytes % SECTOR_BYTES or not 1 <= block_bytes // SECTOR_BYTES <= LARGEST_BLOCK_SECTORS:
        raise corrupt(f"block size {block_bytes} B")
    if blocks > LARGEST_TARGETS * LARGEST_TARGET_SECTORS or blocks * _ENTRY.size > body_bytes:
        raise corrupt(f"no room for the index of {blocks} blocks")
    found = tuple(_parse_target(data, at + i * _TARGET.size) for i in range(targets))
    if len({t.partition for t in found}) != targets:
        raise corrupt("a partition is named twice")
    return Head(Kind(kind), Codec(codec), block_bytes, blocks, found, body_bytes, protected_bytes)


def _parse_target(data: bytes, at: int) -> Target:
    name, offset, partition_bytes, old_bytes, old_crc32, new_bytes, new_crc32 = _TARGET.unpack_from(data, at)
    partition = _text(name.rstrip(b"\0"))
    if offset % SECTOR_BYTES or partition_bytes % SECTOR_BYTES:
        raise corrupt(f"{partition} does not lie on sectors")
    if partition_bytes > LARGEST_TARGET_SECTORS * SECTOR_BYTES:
        raise corrupt(f"{partition} is larger than the index can address")
    if not 0 < new_bytes <= partition_bytes or old_bytes > partition_bytes:
        raise corrupt(f"an image does not fit {partition}")
    return Target(partition, offset, partition_bytes, old_bytes, old_crc32, new_bytes, new_crc32)


def _parse_index(head: Head, data: bytes) -> tuple[BlockEntry, ...]:
    rows = list(_ENTRY.iter_unpack(data))
    at, end_of_body = HEADER_BYTES + len(data), HEADER_BYTES + head.body_bytes
    index: list[BlockEntry] = []
    written: set[tuple[int, int]] = set()
    for number, (offset, sectors, place, crc32) in enumerate(rows, start=1):
        end = rows[number][0] if number < len(rows) else end_of_body
        target, first = place >> 12, place & 0xFFF
        if offset != at or end <= at:
            raise corrupt("blocks do not follow one another")
        if target >= len(head.targets) or not 1 <= sectors <= head.block_bytes // SECTOR_BYTES:
            raise corrupt("a block has no target or no size")
        if (first + sectors - 1) * SECTOR_BYTES >= head.targets[target].new_bytes:
            raise corrupt("a block lies outside its image")
        covered = {(target, sector) for sector in range(first, first + sectors)}
        if written & covered:
            raise corrupt("two blocks write one sector")
        written |= covered
        index.append(BlockEntry(target, first, sectors, offset, end - offset, crc32))
        at = end
    if at != end_of_body:
        raise corrupt("bytes that no block owns")
    return tuple(index)


def _parse_identity(head: Head, tlvs: dict[int, bytes]) -> Identity:
    lengths: dict[int, int | None] = {_FAMILY: None, _TARGET_VERSION: None, _NEW_SHA256: 32, _SCRATCH_SECTORS: 4}
    if head.kind.differential:
        lengths |= {_BASE_VERSION: None, _BASE_SHA256: 32}
    elif any(target.old_bytes or target.old_crc32 for target in head.targets):
        raise corrupt("a full package with a base")
    if head.kind is Kind.MINI_SYSTEM:
        lengths |= {_PARTNER_SHA256: 32}
    family, version, new_sha256, scratch, *base = _take(tlvs, lengths)
    if int.from_bytes(scratch, "little") != head.scratch_sectors:
        raise corrupt("asks for another room than its blocks need")
    return Identity(
        family=_text(family),
        target_version=_text(version),
        base_version=_text(base[0]) if base else "",
        base_sha256=base[1] if base else b"",
        new_sha256=new_sha256,
        partner_sha256=tlvs.get(_PARTNER_SHA256, b""),
    )


def _parse_tlvs(magic: int, data: bytes) -> dict[int, bytes]:
    if len(data) < _TLV.size or _TLV.unpack_from(data) != (magic, len(data)):
        raise corrupt("footer area is malformed")
    tlvs: dict[int, bytes] = {}
    at = _TLV.size
    while at < len(data):
        if at + _TLV.size > len(data):
            raise corrupt("footer entry is cut")
        kind, length = _TLV.unpack_from(data, at)
        at += _TLV.size
        if kind in tlvs or length > _LARGEST_TLV_BYTES or at + length > len(data):
            raise corrupt("footer entry is doubled or too long")
        tlvs[kind] = data[at : at + length]
        at += length
    return tlvs


def _take(tlvs: dict[int, bytes], lengths: dict[int, int | None]) -> list[bytes]:
    """The values of exactly these entries, each of its length (None: any)."""
    if set(tlvs) != set(lengths):
        raise corrupt("footer entries are missing or unknown")
    if any(length is not None and len(tlvs[kind]) != length for kind, length in lengths.items()):
        raise corrupt("footer entry has a wrong length")
    return [tlvs[kind] for kind in lengths]


def _text(data: bytes) -> str:
    if not data or not data.isascii() or not data.decode("ascii").isprintable():
        raise corrupt("a name is not printable ASCII")
    return data.decode("ascii")
