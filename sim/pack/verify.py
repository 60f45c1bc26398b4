"""Whether a staged package may be applied to this device: the only way to a VerifiedPack. Writes nothing.

The checks run in the order in which a module can make them, cheapest first, and the first that fails answers:
structure and header CRC (505), family and partition layout (552), base version (507), base images (553 by CRC-32,
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
from sim.pack.codes import PackageCode
from sim.pack.container import BlockEntry, Manifest, Read, corrupt, read_manifest
from sim.pack.signing import key_hash, signed_by

_CHUNK_BYTES = 64 * 1024
_SEAL = object()


class VerifiedPack:
    """A package that passed every check. Its blocks are read from where it was staged."""

    __slots__ = ("_read", "manifest")

    def __init__(self, manifest: Manifest, read: Read, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("a VerifiedPack comes from verify() only")
        self.manifest = manifest
        self._read = read

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes of the staged package from `offset` on."""
        return self._read(offset, length)

    def block(self, entry: BlockEntry) -> bytes:
        """The compressed bytes of one block; PackageError 505 when the flash no longer holds what was verified."""
        data = self._read(entry.offset, entry.size_bytes)
        if zlib.crc32(data) != entry.crc32:
            raise corrupt("a block changed after it was verified")
        return data


def verify(
    read: Read,
    size_bytes: int,
    *,
    family: str,
    running_version: str | None,
    images: Mapping[str, Region],
    public_key: Ed25519PublicKey,
) -> VerifiedPack:
    """Check the staged package of `size_bytes` against this device and return it, or raise PackageError.

    `images` are the partitions that hold firmware; `running_version` is what they carry, None when they carry no
    whole firmware (only a full package can help then).
    """
    manifest = read_manifest(read, size_bytes)
    _check_device(manifest, family, images)
    if manifest.differential:
        _check_base(manifest, running_version, images)
    _check_content(manifest, read, public_key)
    return VerifiedPack(manifest, read, _SEAL)


def verify_resumed(
    read: Read,
    size_bytes: int,
    *,
    family: str,
    images: Mapping[str, Region],
    public_key: Ed25519PublicKey,
) -> VerifiedPack:
    """As `verify`, for an update that has begun to write: its base is partly gone and was checked before."""
    manifest = read_manifest(read, size_bytes)
    _check_device(manifest, family, images)
    _check_content(manifest, read, public_key)
    return VerifiedPack(manifest, read, _SEAL)


def measure(images: Mapping[str, Region], lengths: Mapping[str, int]) -> tuple[dict[str, int], bytes]:
    """What is in flash: CRC-32 of the first `lengths[name]` bytes per partition, and the SHA-256 of them all in
    the order of `lengths`."""
    crcs, whole = {}, sha256()
    for name, length in lengths.items():
        crc32 = 0
        for at in range(0, length, _CHUNK_BYTES):
            chunk = images[name].read(at, min(_CHUNK_BYTES, length - at))
            crc32 = zlib.crc32(chunk, crc32)
            whole.update(chunk)
        crcs[name] = crc32
    return crcs, whole.digest()


def _check_device(manifest: Manifest, family: str, images: Mapping[str, Region]) -> None:
    if manifest.identity.family != family:
        text = f"package is for family {manifest.identity.family}, not {family}"
        raise PackageError(PackageCode.FAMILY_MISMATCH, text)
    theirs = {target.partition: (target.offset, target.partition_bytes) for target in manifest.head.targets}
    ours = {name: (region.start, region.size_bytes) for name, region in images.items()}
    if theirs != ours:
        raise PackageError(PackageCode.FAMILY_MISMATCH, "package is for another partition layout")


def _check_base(manifest: Manifest, running_version: str | None, images: Mapping[str, Region]) -> None:
    base_version = manifest.identity.base_version
    if base_version != running_version:
        text = f"package is for version {base_version}, but {running_version or 'no whole firmware'} is installed"
        raise PackageError(PackageCode.VERSION_MISMATCH, text)
    crcs, digest = measure(images, {target.partition: target.old_bytes for target in manifest.head.targets})
    for target in manifest.head.targets:
        if crcs[target.partition] != target.old_crc32:
            text = f"image {target.partition} is not the one the package was made from"
            raise PackageError(PackageCode.BASE_MISMATCH, text)
    if digest != manifest.identity.base_sha256:
        text = "the base images are not those the package was made from"
        raise PackageError(PackageCode.SOURCE_MISMATCH, text)


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
