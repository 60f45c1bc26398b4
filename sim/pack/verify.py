"""Whether a staged package may be applied to this device: the only way to a VerifiedPack. Writes nothing.

The checks run in the order in which a module can make them, cheapest first, and the first that fails answers:
structure, header CRC and kind (505), family and partition layout (552), base version (507), base images (553 by CRC-32,
510 by SHA-256), CRC of each block (505), SHA-256 of the whole (506), signature (505). Nothing read from the package
is acted on before the last of them has passed.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sim.errors import PackageError
from sim.flash.partition import Region
from sim.flash.remembered import remembered
from sim.pack.codes import PackageCode
from sim.pack.container import BlockEntry, Head, Kind, Manifest, Read, corrupt, read_manifest
from sim.pack.opaque import Staged, StandIns
from sim.pack.signing import key_hash, signed_by
from sim.records import record

_CHUNK_BYTES = 64 * 1024
_SEAL = object()


@record
class Recipient:
    """What a package is checked against. `images`: the partitions that a package for this device rewrites;
    `version`: what they carry, None when they carry no whole firmware (only a package without a base can help then);
    `kinds`: what this device can apply at all; `stand_ins`: see `sim.pack.opaque`."""

    family: str
    version: str | None
    images: Mapping[str, Region]
    kinds: frozenset[Kind]
    public_key: Ed25519PublicKey
    stand_ins: StandIns


class VerifiedPack:
    """A package that passed every check. Its blocks are read from where it was staged."""

    __slots__ = ("_content", "_read", "manifest", "size_bytes")

    def __init__(self, manifest: Manifest, staged: Staged, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("a VerifiedPack comes from verify() only")
        self.manifest = manifest
        self.size_bytes = staged.size_bytes
        self._read = staged.read
        self._content = staged.content

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes of the staged package from `offset` on."""
        return self._read(offset, length)

    def block(self, entry: BlockEntry) -> bytes:
        """The compressed bytes of one block; PackageError 505 when the flash no longer holds what was verified."""
        data = self._content(entry.offset, entry.size_bytes)
        if zlib.crc32(data) != entry.crc32:
            raise corrupt("a block changed after it was verified")
        return data


def verify(read: Read, size_bytes: int, recipient: Recipient) -> VerifiedPack:
    """Check the staged package of `size_bytes` for this recipient and return it, or raise PackageError."""
    staged = Staged(read, size_bytes, recipient.stand_ins)
    manifest = _checked(staged, recipient)
    if manifest.differential:
        _check_base(manifest, recipient)
    _check_content(manifest, staged.content, recipient.public_key)
    return VerifiedPack(manifest, staged, _SEAL)


def verify_resumed(read: Read, size_bytes: int, recipient: Recipient) -> VerifiedPack:
    """As `verify`, for an update that has begun to write: its base is partly gone and was checked before."""
    staged = Staged(read, size_bytes, recipient.stand_ins)
    manifest = _checked(staged, recipient)
    _check_content(manifest, staged.content, recipient.public_key)
    return VerifiedPack(manifest, staged, _SEAL)


def verify_area(area: Region, size_bytes: int, recipient: Recipient, *, resumed: bool = False) -> VerifiedPack:
    """As `verify` (or `verify_resumed`), for a package at the start of `area`: found once for all equal flashes."""
    check = verify_resumed if resumed else verify
    if recipient.stand_ins or size_bytes > area.size_bytes:
        return check(area.read, size_bytes, recipient)
    images = tuple([(name, region.stretch) for name, region in recipient.images.items()])
    signer = key_hash(recipient.public_key)
    base = () if resumed else tuple(recipient.images.values())  # a resumed update does not look at it
    version = None if resumed else recipient.version
    question = ("package", resumed, size_bytes, recipient.family, version, images, recipient.kinds, signer)
    stretches = ((area.start, size_bytes), *[region.stretch for region in base])
    manifest = remembered(area.nor, question, stretches, lambda: check(area.read, size_bytes, recipient).manifest)
    return VerifiedPack(manifest, Staged(area.read, size_bytes, recipient.stand_ins), _SEAL)


def check_kind(head: Head, kinds: frozenset[Kind]) -> None:
    """That a package is of a kind that is applied here; PackageError 505 when it is not."""
    if head.kind not in kinds:
        takes = " or ".join(kind.title for kind in sorted(kinds))
        raise corrupt(f"this is a {head.kind.title} package; what can be applied here is {takes}")


def check_head(head: Head, recipient: Recipient) -> None:
    """What the first 2 KiB of a package let a device refuse: its kind, its partitions, its base images."""
    check_kind(head, recipient.kinds)
    _check_layout(head, recipient)
    if head.kind.differential:
        _check_base_crcs(head, recipient)


def measure(images: Mapping[str, Region], lengths: Mapping[str, int]) -> tuple[Mapping[str, int], bytes]:
    """What is in flash: CRC-32 of the first `lengths[name]` bytes per partition, and the SHA-256 of them all in
    the order of `lengths`."""
    stretches = tuple([(images[name].start, length) for name, length in lengths.items()])
    nor = next(iter(images.values())).nor
    return remembered(nor, ("measure", tuple(lengths.items())), stretches, lambda: _measure(images, lengths))


def _measure(images: Mapping[str, Region], lengths: Mapping[str, int]) -> tuple[Mapping[str, int], bytes]:
    crcs, whole = {}, sha256()
    for name, length in lengths.items():
        crc32 = 0
        for at in range(0, length, _CHUNK_BYTES):
            chunk = images[name].read(at, min(_CHUNK_BYTES, length - at))
            crc32 = zlib.crc32(chunk, crc32)
            whole.update(chunk)
        crcs[name] = crc32
    return crcs, whole.digest()


def _checked(staged: Staged, recipient: Recipient) -> Manifest:
    manifest = read_manifest(staged.content, staged.content_bytes)
    check_kind(manifest.head, recipient.kinds)
    if manifest.identity.family != recipient.family:
        text = f"package is for family {manifest.identity.family}, not {recipient.family}"
        raise PackageError(PackageCode.FAMILY_MISMATCH, text)
    _check_layout(manifest.head, recipient)
    return manifest


def _check_layout(head: Head, recipient: Recipient) -> None:
    theirs = {target.partition: (target.offset, target.partition_bytes) for target in head.targets}
    ours = {name: (region.start, region.size_bytes) for name, region in recipient.images.items()}
    if theirs != ours:
        raise PackageError(PackageCode.FAMILY_MISMATCH, "package is for another partition layout")


def _check_base(manifest: Manifest, recipient: Recipient) -> None:
    base_version, version = manifest.identity.base_version, recipient.version
    if base_version != version:
        text = f"package is for version {base_version}, but {version or 'no whole firmware'} is installed"
        raise PackageError(PackageCode.VERSION_MISMATCH, text)
    if _check_base_crcs(manifest.head, recipient) != manifest.identity.base_sha256:
        text = "the base images are not those the package was made from"
        raise PackageError(PackageCode.SOURCE_MISMATCH, text)


def _check_base_crcs(head: Head, recipient: Recipient) -> bytes:
    """The SHA-256 of all base images, once the CRC-32 of each fits."""
    crcs, digest = measure(recipient.images, {target.partition: target.old_bytes for target in head.targets})
    for target in head.targets:
        if crcs[target.partition] != target.old_crc32:
            text = f"image {target.partition} is not the one the package was made from"
            raise PackageError(PackageCode.BASE_MISMATCH, text)
    return digest


def _check_content(manifest: Manifest, read: Read, public_key: Ed25519PublicKey) -> None:
    blocks_at = manifest.index[0].offset if manifest.index else manifest.signed_bytes
    whole = sha256(read(0, blocks_at))
    for number, entry in enumerate(manifest.index):
        data = read(entry.offset, entry.size_bytes)
        if zlib.crc32(data) != entry.crc32:
            raise corrupt(f"CRC-32 of block {number} differs")
        whole.update(data)
        blocks_at = entry.offset + entry.size_bytes
    whole.update(read(blocks_at, manifest.signed_bytes - blocks_at))
    if whole.digest() != manifest.package_sha256:
        raise PackageError(PackageCode.HASH, "package: SHA-256 differs")
    if manifest.key_hash != key_hash(public_key):
        raise corrupt("signed with a key that this device does not know")
    if not signed_by(public_key, manifest.signature, manifest.package_sha256):
        raise corrupt("signature does not fit")
