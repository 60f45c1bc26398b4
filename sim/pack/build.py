"""Makes upgrade packages from firmware images. Runs on the maker's side, never on a device.

A differential package rewrites only the blocks that change, each from a record that copies from the old image in
place (order.py says in what order); a full one carries every block; a minimal pair is a differential of the mini system
and every block of all other images. Every package is applied here once, in memory,
before it is handed out: a package that would not give the promised images is a defect and never leaves.
The bytes are the same for the same images, key and versions of liblzma and bsdiff4.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sim.errors import PackageError
from sim.pack.codes import PackageCode
from sim.pack.container import (
    LARGEST_BLOCK_SECTORS,
    LARGEST_TARGETS,
    SECTOR_BYTES,
    BlockEntry,
    Codec,
    Head,
    Identity,
    Kind,
    Target,
    parse,
    write_package,
)
from sim.pack.firmware import Firmware
from sim.pack.order import arrange, split
from sim.pack.patch import Piece, decode_block, encode_block, match
from sim.pack.signing import DEVELOPMENT_KEY

Layout = Mapping[str, tuple[int, int]]
"""Partition name → (flash offset, size in bytes)."""

STAGED_BLOCK_SECTORS = 16  # 64 KiB, the block size UNISOC's public tool writes ("lzmare2")
STREAMED_BLOCK_SECTORS = 16  # what a mini system asks for at once, and loses when power goes


@dataclass(frozen=True, slots=True)
class _Plan:
    """What kind of package, from what to what, where, and in blocks of which size."""

    kind: Kind
    old: Firmware | None
    new: Firmware
    layout: Layout
    block_sectors: int
    partner_sha256: bytes = b""


@dataclass(frozen=True, slots=True)
class _Step:
    """One block to be written: `sectors` of target number `target`, from the record `data`."""

    target: int
    first_sector: int
    sectors: int
    data: bytes


def build_diff(
    old: Firmware,
    new: Firmware,
    layout: Layout,
    *,
    block_sectors: int = STAGED_BLOCK_SECTORS,
    key: Ed25519PrivateKey = DEVELOPMENT_KEY,
    staging_bytes: int | None = None,
) -> bytes:
    """The package that turns `old` into `new` in place, signed with `key`.

    Raises PackageError: 552 when the two are not of one family or do not have the partitions of `layout`; 511, with
    the missing bytes, when an image exceeds its partition or the package exceeds `staging_bytes`.
    """
    kind = Kind.DIFF_STAGED if block_sectors == STAGED_BLOCK_SECTORS else Kind.DIFF_INPLACE
    plan = _Plan(kind, old, new, layout, block_sectors)
    _check(plan)
    return fitting(_package(plan, key), staging_bytes)


def build_full(
    new: Firmware,
    layout: Layout,
    *,
    block_sectors: int = STAGED_BLOCK_SECTORS,
    key: Ed25519PrivateKey = DEVELOPMENT_KEY,
    staging_bytes: int | None = None,
) -> bytes:
    """The package that writes all of `new` over whatever is there. Errors as `build_diff`."""
    plan = _Plan(Kind.FULL, None, new, layout, block_sectors)
    _check(plan)
    return fitting(_package(plan, key), staging_bytes)


def build_mini_pair(
    old: Firmware,
    new: Firmware,
    layout: Layout,
    mini: str,
    *,
    block_sectors: int = 1,
    key: Ed25519PrivateKey = DEVELOPMENT_KEY,
) -> tuple[bytes, bytes]:
    """The two packages of a minimal upgrade, `.mini_1` and `.mini_2`, signed with `key`.

    `mini` names the partition of the mini system. The first turns that, in blocks of `block_sectors`, and only the
    first is staged; the second carries every block of all other images. Errors as `build_diff`.
    """
    _check(_Plan(Kind.MINI_SYSTEM, old, new, layout, block_sectors))
    big_layout = {name: place for name, place in layout.items() if name != mini}
    streamed = _Plan(Kind.BIG_SYSTEM, None, new, big_layout, STREAMED_BLOCK_SECTORS)
    second = _package(streamed, key)
    partner = parse(second).outline_sha256
    turned = _Plan(Kind.MINI_SYSTEM, old, new, {mini: layout[mini]}, block_sectors, partner)
    return _package(turned, key), second


def fitting(package: bytes, staging_bytes: int | None) -> bytes:
    """`package`, if the staging area holds it; PackageError 511, with the missing bytes, if not."""
    if staging_bytes is not None and len(package) > staging_bytes:
        raise _no_space(f"the package of {len(package)} B", len(package) - staging_bytes, "the staging area")
    return package


def _check(plan: _Plan) -> None:
    """That the images are of one family and fit their partitions."""
    old, new = plan.old, plan.new
    if old is not None and old.family != new.family:
        raise PackageError(PackageCode.FAMILY_MISMATCH, f"{old.family} cannot be upgraded to {new.family}")
    for firmware in (old, new):
        if firmware is not None:
            _check_images(firmware, plan.layout)
    _check_block(plan.block_sectors)


def _package(plan: _Plan, key: Ed25519PrivateKey) -> bytes:
    steps: list[_Step] = []
    for number, partition in enumerate(sorted(plan.layout)):
        old, new = _image(plan.old, partition), plan.new.images[partition]
        made = (_diff_steps if plan.old else _full_steps)(number, old, new, plan.block_sectors)
        _prove(made, old, new)
        steps += made
    return _written(plan, steps, key)


def _image(firmware: Firmware | None, partition: str) -> bytes:
    return firmware.images[partition] if firmware else b""


def _diff_steps(target: int, old: bytes, new: bytes, block_sectors: int) -> list[_Step]:
    block_bytes = block_sectors * SECTOR_BYTES
    padded_old, padded = _padded(old), _padded(new)
    padding = Piece(len(padded) - len(new), None)
    blocks = split([*match(old, new), padding], block_bytes)
    written = [
        padded[at : at + block_bytes] != padded_old[at : at + block_bytes] for at in range(0, len(padded), block_bytes)
    ]
    steps = []
    for block, pieces in arrange(blocks, written, block_bytes):
        content = padded[block * block_bytes : (block + 1) * block_bytes]
        data = encode_block(content, old, pieces)
        steps.append(_Step(target, block * block_sectors, len(content) // SECTOR_BYTES, data))
    return steps


def _full_steps(target: int, _old: bytes, new: bytes, block_sectors: int) -> list[_Step]:
    padded, steps = _padded(new), []
    for at in range(0, len(padded), block_sectors * SECTOR_BYTES):
        content = padded[at : at + block_sectors * SECTOR_BYTES]
        data = encode_block(content, b"", [Piece(len(content), None)])
        steps.append(_Step(target, at // SECTOR_BYTES, len(content) // SECTOR_BYTES, data))
    return steps


def _prove(steps: list[_Step], old: bytes, new: bytes) -> None:
    """Apply the steps in place, as a device does."""
    flash = bytearray(_padded(old).ljust(len(_padded(new)), b"\xff"))
    for step in steps:
        size_bytes = step.sectors * SECTOR_BYTES
        content = decode_block(step.data, size_bytes, len(old), lambda at, length: bytes(flash[at : at + length]))
        start = step.first_sector * SECTOR_BYTES
        flash[start : start + size_bytes] = content
    assert flash[: len(new)] == new, "the package does not give the new image"


def _written(plan: _Plan, steps: list[_Step], key: Ed25519PrivateKey) -> bytes:
    old, new, partitions = plan.old, plan.new, sorted(plan.layout)
    head = Head(
        kind=plan.kind,
        codec=Codec.LZMA,
        block_bytes=plan.block_sectors * SECTOR_BYTES,
        blocks=len(steps),
        targets=tuple(_target(plan, partition) for partition in partitions),
        body_bytes=0,
        protected_bytes=0,
    )
    identity = Identity(
        family=new.family,
        target_version=new.version,
        base_version=old.version if old else "",
        base_sha256=_digest(old, partitions) if old else b"",
        new_sha256=_digest(new, partitions),
        partner_sha256=plan.partner_sha256,
    )
    entries = [(BlockEntry(s.target, s.first_sector, s.sectors, 0, len(s.data), 0), s.data) for s in steps]
    return write_package(head, identity, entries, key)


def _target(plan: _Plan, partition: str) -> Target:
    before, after = _image(plan.old, partition), plan.new.images[partition]
    place = plan.layout[partition]
    return Target(partition, *place, len(before), zlib.crc32(before), len(after), zlib.crc32(after))


def _digest(firmware: Firmware, partitions: list[str]) -> bytes:
    digest = sha256()
    for partition in partitions:
        digest.update(firmware.images[partition])
    return digest.digest()


def _check_images(firmware: Firmware, layout: Layout) -> None:
    if set(firmware.images) != set(layout) or not 1 <= len(layout) <= LARGEST_TARGETS:
        have, want = ", ".join(sorted(firmware.images)), ", ".join(sorted(layout))
        text = f"firmware {firmware.version} has the images {have}; the layout asks for {want}"
        raise PackageError(PackageCode.FAMILY_MISMATCH, text)
    for partition, image in sorted(firmware.images.items()):
        excess = len(image) - layout[partition][1]
        if excess > 0:
            raise _no_space(f"image {partition} of {len(image)} B", excess, "its partition")


def _check_block(block_sectors: int) -> None:
    if not 1 <= block_sectors <= LARGEST_BLOCK_SECTORS:
        raise PackageError(PackageCode.NO_SPACE, f"a block has 1 to {LARGEST_BLOCK_SECTORS} sectors")


def _no_space(what: str, excess_bytes: int, where: str) -> PackageError:
    return PackageError(PackageCode.NO_SPACE, f"{what} exceeds {where} by {excess_bytes} B")


def _padded(image: bytes) -> bytes:
    """Whole sectors, the rest erased."""
    return image + b"\xff" * (-len(image) % SECTOR_BYTES)
