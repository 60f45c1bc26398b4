"""`qpyota pkg`: upgrade packages and firmware images as files; building them is in pkg_build.py.

OLD, NEW and VERSION are version strings of a known model, whose images are then synthetic, or folders that
`qpyota pkg firmware` wrote.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli.exits import Exit
from sim.cli.output import json_option, mark, print_json
from sim.cli.pkg_build import build, key_option, model_option, output_option, wrap
from sim.cli.sources import firmware_of, model_of_family, read_bytes
from sim.errors import MachineError, PackageError, SpecError
from sim.units import format_duration, format_size

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from sim.pack.container import Manifest
    from sim.pack.verify import VerifiedPack

NOTE_SUFFIXES = (".yaml", ".yml")


@click.group()
def pkg() -> None:
    """Build, inspect, verify and apply upgrade packages."""


pkg.add_command(build)
pkg.add_command(wrap)


@pkg.command()
@click.argument("version")
@model_option
@output_option
@json_option
def firmware(version: str, model: str | None, output: Path, as_json: bool) -> Exit:
    """Write the synthetic images of VERSION into a folder, one file a partition."""
    from sim.pack.firmware import save_firmware

    spec, made = firmware_of(version, model)
    try:
        save_firmware(made, output)
    except OSError as error:
        raise MachineError(f"{output} cannot be written: {error.strerror}") from None
    sizes = {partition: len(image) for partition, image in made.images.items()}
    if as_json:
        print_json({"folder": str(output), "family": spec.family, "version": made.version, "images": sizes})
    else:
        shown = ", ".join(f"{partition} {format_size(size)}" for partition, size in sizes.items())
        click.echo(f"{output}: {made.version} of family {spec.family}: {shown}")
    return Exit.PASSED


@pkg.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def info(file: Path, as_json: bool) -> Exit:
    """Print what a package, or a note of `pkg wrap`, says, without checking that it is authentic."""
    from sim.pack.inspect import describe

    if file.suffix in NOTE_SUFFIXES:
        return _told_by_note(file, as_json)
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
    if facts["partner_sha256"]:
        click.echo(f"{'second half':15} {facts['partner_sha256']}")
    for target in facts["targets"]:
        size, room = format_size(target["new_bytes"]), format_size(target["partition_bytes"])
        where = f"0x{target['offset']:06x}, {size} of {room}, {target['changed_sectors']} sectors change"
        click.echo(f"{'partition':15} {target['partition']} at {where}")
    return Exit.PASSED


def _told_by_note(file: Path, as_json: bool) -> Exit:
    from dataclasses import asdict

    from sim.pack.opaque import load_note

    facts = asdict(load_note(file)[0])
    if as_json:
        print_json(facts)
    else:
        for name, value in facts.items():
            click.echo(f"{name.replace('_', ' '):15} {value or '-'}")
    return Exit.PASSED


@pkg.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path), required=False)
@click.option("--base", help="What runs on the device.  [default: the package's own base version]")
@model_option
@key_option
@json_option
def verify(
    file: Path, second: Path | None, base: str | None, model: str | None, key: Path | None, as_json: bool
) -> Exit:
    """Check a package as a device does: whole, authentic, made for the firmware that runs; SECOND: its other half."""
    try:
        manifest = _verified(read_bytes(file), base, model, key).manifest
        if second is not None:
            _check_pair(manifest, _verified(read_bytes(second), base, model, key).manifest)
    except PackageError as error:
        _say(as_json, {"verified": False, "code": int(error.code), "reason": str(error)})
        return Exit.FAILED
    identity = manifest.identity
    _say(as_json, {"verified": True, "base": identity.base_version or None, "target": identity.target_version})
    return Exit.PASSED


@pkg.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path), required=False)
@click.option("--image", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True,
              help="Folder with the firmware that runs, as `pkg firmware` writes it.")  # fmt: skip
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Folder for the firmware that results.")
@model_option
@key_option
@json_option
def apply(
    file: Path,
    second: Path | None,
    image: Path,
    output: Path | None,
    model: str | None,
    key: Path | None,
    as_json: bool,
) -> Exit:
    """Apply a package to a firmware folder, as a device would: FILE a package or a note of `pkg wrap`."""
    from dataclasses import asdict

    from sim.boot.bootloader import Trust
    from sim.flash.nor import Nor
    from sim.pack.firmware import read_firmware, save_firmware
    from sim.update.dry_run import DryRun

    spec, running = firmware_of(str(image), model)
    layout = spec.regions(Nor(spec.part)).boot_layout
    if set(running.images) != set(layout.firmware):
        have, want = ", ".join(sorted(running.images)), ", ".join(sorted(layout.firmware))
        raise SpecError(f"{image} has the images {have}; {spec.variant} has {want}")
    for partition, data in running.images.items():
        layout.firmware[partition].load(0, data)
    packages, stand_ins = _packages([file] if second is None else [file, second])
    done = DryRun(layout, Trust(_public_key(key), stand_ins), packages).apply()
    applied = done.version is not None and not done.code
    if output is not None and done.version is not None:
        save_firmware(read_firmware(layout.firmware, spec.family, done.version), output)
    if as_json:
        print_json({"applied": applied, **asdict(done), "folder": str(output) if output else None})
    elif applied:
        took = f"{done.restarts} restarts, {done.flash_ops} flash operations, {format_duration(done.time_us)}"
        click.echo(f"{mark(True)} {running.version} -> {done.version}: {took}")
    else:
        click.echo(f"{mark(False)} code {done.code}: {done.reason}; {done.version or 'nothing'} runs")
    return Exit.PASSED if applied else Exit.FAILED


def _packages(files: list[Path]) -> tuple[list[bytes], dict[bytes, bytes]]:
    """The bytes that a device gets, and the stand-ins of those that are told by a note."""
    from sim.pack.opaque import load_note
    from sim.scenario.packages import stand_in

    packages, stand_ins = [], {}
    for file in files:
        data = read_bytes(file)
        if file.suffix in NOTE_SUFFIXES:
            note, data = load_note(file)
            stand_ins[bytes.fromhex(note.sha256)] = stand_in(note)
        packages.append(data)
    return packages, stand_ins


def _say(as_json: bool, verdict: dict[str, Any]) -> None:
    if as_json:
        print_json(verdict)
    elif verdict["verified"]:
        click.echo(f"{mark(True)} {verdict['base'] or 'anything'} -> {verdict['target']}")
    else:
        click.echo(f"{mark(False)} code {verdict['code']}: {verdict['reason']}")


def _verified(package: bytes, base: str | None, variant: str | None, key: Path | None) -> VerifiedPack:
    """The package, verified against the flash of a device that runs `base`."""
    from sim.boot.bootloader import Trust
    from sim.device.catalogue import load_model
    from sim.flash.nor import Nor
    from sim.pack.codes import PackageCode
    from sim.pack.container import Kind, parse
    from sim.pack.verify import verify as verify_staged

    manifest = parse(package)
    kind, identity = manifest.head.kind, manifest.identity
    runs = base or identity.base_version
    if runs:
        model, running = firmware_of(runs, variant)
    else:
        model, running = load_model(variant) if variant else model_of_family(identity.family), None
    layout = model.regions(Nor(model.part)).boot_layout
    excess = len(package) - layout.package.size_bytes
    if excess > 0 and kind is not Kind.BIG_SYSTEM:  # that one is streamed
        raise PackageError(PackageCode.NO_SPACE, f"the package exceeds the staging area by {excess} B")
    for partition, image in running.images.items() if running else ():
        layout.firmware[partition].load(0, image)
    version = running.version if running else None
    recipient = layout.recipient(version, frozenset({kind}), Trust(_public_key(key)))
    return verify_staged(lambda offset, length: package[offset : offset + length], len(package), recipient)


def _check_pair(first: Manifest, second: Manifest) -> None:
    from sim.pack.container import corrupt

    if first.identity.partner_sha256 != second.outline_sha256:
        raise corrupt("the two are not halves of one upgrade")


def _public_key(path: Path | None) -> Ed25519PublicKey:
    from sim.pack.signing import DEVELOPMENT_PUBLIC_KEY, load_public_key

    return load_public_key(read_bytes(path)) if path else DEVELOPMENT_PUBLIC_KEY
