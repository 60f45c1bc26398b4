"""A package told in plain values, for `qpyota pkg info` and for people who debug one."""

from __future__ import annotations

from typing import Any

from sim.pack.container import Manifest, parse

_KEY_ID_DIGITS = 16


def describe(package: bytes) -> dict[str, Any]:
    """What a package is, in JSON values; sizes in bytes, digests in hex. PackageError (505) when it is malformed."""
    manifest = parse(package)
    head, identity = manifest.head, manifest.identity
    return {
        "kind": head.kind.name.lower(),
        "codec": head.codec.name.lower(),
        "family": identity.family,
        "base_version": identity.base_version or None,
        "target_version": identity.target_version,
        "size_bytes": manifest.size_bytes,
        "block_bytes": head.block_bytes,
        "blocks": head.blocks,
        "scratch_sectors": head.scratch_sectors,
        "targets": [_target(manifest, number) for number in range(len(head.targets))],
        "base_sha256": identity.base_sha256.hex() or None,
        "new_sha256": identity.new_sha256.hex(),
        "partner_sha256": identity.partner_sha256.hex() or None,
        "outline_sha256": manifest.outline_sha256.hex(),
        "package_sha256": manifest.package_sha256.hex(),
        "signature": {"algorithm": "ed25519", "key_id": manifest.key_hash.hex()[:_KEY_ID_DIGITS]},
    }


def _target(manifest: Manifest, number: int) -> dict[str, Any]:
    target = manifest.head.targets[number]
    steps = [entry for entry in manifest.index if entry.target == number]
    return {
        "partition": target.partition,
        "offset": target.offset,
        "partition_bytes": target.partition_bytes,
        "old_bytes": target.old_bytes or None,
        "old_crc32": f"{target.old_crc32:08x}" if target.old_bytes else None,
        "new_bytes": target.new_bytes,
        "new_crc32": f"{target.new_crc32:08x}",
        "steps": [
            {"first_sector": step.first_sector, "sectors": step.sectors, "size_bytes": step.size_bytes}
            for step in steps
        ],
        "changed_sectors": sum(entry.sectors for entry in steps),
        "compressed_bytes": sum(entry.size_bytes for entry in steps),
    }
