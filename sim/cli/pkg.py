"""`qpyota pkg`: upgrade packages and firmware images as files.

OLD, NEW and VERSION are version strings of a known model, whose images are then synthetic, or folders that
`qpyota pkg firmware` wrote.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli.exits import Exit
from sim.cli.output import json_option, mark, print_json
from sim.cli.sources import firmware_of, model_of_family, read_bytes, write_bytes
from sim.errors import MachineError, PackageError
from sim.units import format_size

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from sim.pack.verify import VerifiedPack

output_option = click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="Where to write.")
key_option = click.option("--key", type=click.Path(path_type=Path), help="Ed25519 PEM.  [default: development key]")


@click.group()
def pkg() -> None:
    """Build, inspect and verify upgrade packages."""


@pkg.group()
def build() -> None:
    """Build a package."""


@build.command()
@click.argument("old")
@click.argument("new")
@output_option
@key_option
@json_option
def diff(old: str, new: str, output: Path, key: Path | None, as_json: bool) -> Exit:
    """Build a differential package that turns OLD into NEW."""
    from sim.pack.build import build_diff

    _, base = firmware_of(old)
    model, target = firmware_of(new)
    room = model.staging.package_bytes
    package = build_diff(base, target, model.image_places, key=_signing_key(key), staging_bytes=room)
    return _written(package, output, as_json)


@build.command()
@click.argument("new")
@output_option
@key_option
@json_option
def full(new: str, output: Path, key: Path | None, as_json: bool) -> Exit:
    """Build a full package that writes NEW over whatever is there."""
    from sim.pack.build import build_full

    model, target = firmware_of(new)
    if "full" not in model.methods:
        click.echo(f"note: family {model.family} does not offer full upgrades", err=True)
    room = model.staging.package_bytes
    package = build_full(target, model.image_places, key=_signing_key(key), staging_bytes=room)
    return _written(package, output, as_json)


@pkg.command()
@click.argument("version")
@output_option
@json_option
def firmware(version: str, output: Path, as_json: bool) -> Exit:
    """Write the synthetic images of VERSION into a folder, one file a partition."""
    from sim.pack.firmware import save_firmware

    model, made = firmware_of(version)
    try:
        save_firmware(made, output)
    except OSError as error:
        raise MachineError(f"{output} cannot be written: {error.strerror}") from None
    sizes = {partition: len(image) for partition, image in made.images.items()}
    if as_json:
        print_json({"folder": str(output), "family": model.family, "version": made.version, "images": sizes})
    else:
        shown = ", ".join(f"{partition} {format_size(size)}" for partition, size in sizes.items())
        click.echo(f"{output}: {made.version} of family {model.family}: {shown}")
    return Exit.PASSED


@pkg.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def info(file: Path, as_json: bool) -> Exit:
    """Print what a package says of itself, without checking that it is authentic."""
    from sim.pack.inspect import describe

    try:
        facts = describe(read_bytes(file))
    except PackageError as error:
        raise PackageError(error.code, f"{file}: {error}") from None
    if as_json:
        print_json(facts)
        return Exit.PASSED
    for name in ("kind", "family", "base_version", "target_version", "package_sha256"):
        click.echo(f"{name.replace('_', ' '):15} {facts[name] or '-'}")
    blocks = f"{facts['blocks']} of {format_size(facts['block_bytes'])}, {facts['codec']}"
    click.echo(f"{'size':15} {format_size(facts['size_bytes'])} ({facts['size_bytes']} bytes)")
    click.echo(f"{'blocks':15} {blocks}")
    click.echo(f"{'signature':15} {facts['signature']['algorithm']}, key {facts['signature']['key_id']}")
    for target in facts["targets"]:
        size, room = format_size(target["new_bytes"]), format_size(target["partition_bytes"])
        where = f"0x{target['offset']:06x}, {size} of {room}, {target['changed_sectors']} sectors change"
        click.echo(f"{'partition':15} {target['partition']} at {where}")
    return Exit.PASSED


@pkg.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--base", help="What runs on the device.  [default: the package's own base version]")
@key_option
@json_option
def verify(file: Path, base: str | None, key: Path | None, as_json: bool) -> Exit:
    """Check a package as a device does: whole, authentic, and made for the firmware that runs."""
    try:
        identity = _verified(read_bytes(file), base, key).manifest.identity
    except PackageError as error:
        _say(as_json, {"verified": False, "code": int(error.code), "reason": str(error)})
        return Exit.FAILED
    _say(as_json, {"verified": True, "base": identity.base_version or None, "target": identity.target_version})
    return Exit.PASSED


def _say(as_json: bool, verdict: dict[str, Any]) -> None:
    if as_json:
        print_json(verdict)
    elif verdict["verified"]:
        click.echo(f"{mark(True)} {verdict['base'] or 'anything'} -> {verdict['target']}")
    else:
        click.echo(f"{mark(False)} code {verdict['code']}: {verdict['reason']}")


def _verified(package: bytes, base: str | None, key: Path | None) -> VerifiedPack:
    """The package, staged in the flash of a device that runs `base`, and verified there."""
    from sim.boot.bootloader import Trust
    from sim.flash.nor import Nor
    from sim.pack.codes import PackageCode
    from sim.pack.container import parse
    from sim.pack.signing import DEVELOPMENT_PUBLIC_KEY, load_public_key
    from sim.pack.verify import verify as verify_staged

    manifest = parse(package)
    head, identity = manifest.head, manifest.identity
    runs = base or identity.base_version
    model, running = firmware_of(runs) if runs else (model_of_family(identity.family), None)
    layout = model.regions(Nor(model.part)).boot_layout
    if len(package) > layout.package.size_bytes:
        room = f"the staging area has {layout.package.size_bytes} B"
        raise PackageError(PackageCode.NO_SPACE, f"the package has {len(package)} B, {room}")
    layout.package.load(0, package)
    for partition, image in running.images.items() if running else ():
        layout.firmware[partition].load(0, image)
    trust = Trust(load_public_key(read_bytes(key)) if key else DEVELOPMENT_PUBLIC_KEY)
    recipient = layout.recipient(running.version if running else None, frozenset({head.kind}), trust)
    return verify_staged(layout.package.read, len(package), recipient)


def _signing_key(path: Path | None) -> Ed25519PrivateKey:
    from sim.pack.signing import DEVELOPMENT_KEY, load_private_key

    return load_private_key(read_bytes(path)) if path else DEVELOPMENT_KEY


def _written(package: bytes, output: Path, as_json: bool) -> Exit:
    from sim.pack.container import parse

    write_bytes(output, package)
    identity = parse(package).identity
    base = identity.base_version or None
    if as_json:
        facts = {"file": str(output), "size_bytes": len(package), "base": base, "target": identity.target_version}
        print_json(facts)
    else:
        click.echo(f"{output}: {base or 'anything'} -> {identity.target_version}, {format_size(len(package))}")
    return Exit.PASSED
