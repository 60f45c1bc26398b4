"""`qpyota pkg build` and `wrap`: make packages for a model, or refuse with the reason and the missing bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli.exits import Exit
from sim.cli.output import json_option, print_json
from sim.cli.sources import firmware_of, read_bytes, write_bytes
from sim.errors import MachineError, PackageError, SpecError
from sim.units import format_size

if TYPE_CHECKING:
    from sim.device.model import ModelSpec
    from sim.pack.firmware import Firmware
    from sim.update.methods import Recipe

APP_JOB = "app_fota.json"
DOCUMENT_BYTES = 32_768
"""AWS IoT Jobs limit of a job document."""

URL_BYTES = 1_400
"""What a presigned URL has, about: so much of the device's state file goes to each file."""

output_option = click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="Where to write.")
key_option = click.option("--key", type=click.Path(path_type=Path), help="Ed25519 PEM.  [default: development key]")
model_option = click.option("--model", help="Orderable variant, e.g. EG915U.  [default: as the version says]")


@click.group()
def build() -> None:
    """Build a package."""


@build.command()
@click.argument("old")
@click.argument("new")
@model_option
@output_option
@key_option
@json_option
def diff(old: str, new: str, model: str | None, output: Path, key: Path | None, as_json: bool) -> Exit:
    """Build a differential package that turns OLD into NEW."""
    spec, target = firmware_of(new, model)
    base = firmware_of(old, spec.variant)[1]
    return _written(_make("differential", spec, base, target, key), [output], as_json)


@build.command()
@click.argument("new")
@model_option
@output_option
@key_option
@json_option
def full(new: str, model: str | None, output: Path, key: Path | None, as_json: bool) -> Exit:
    """Build a full package that writes NEW over whatever is there."""
    spec, target = firmware_of(new, model)
    return _written(_make("full", spec, None, target, key), [output], as_json)


@build.command()
@click.argument("old")
@click.argument("new")
@model_option
@output_option
@key_option
@json_option
def mini(old: str, new: str, model: str | None, output: Path, key: Path | None, as_json: bool) -> Exit:
    """Build the pair of a minimal upgrade: OUTPUT.mini_1 and OUTPUT.mini_2."""
    from sim.update.methods import MINI_SUFFIXES

    spec, target = firmware_of(new, model)
    base = firmware_of(old, spec.variant)[1]
    stem = output.with_suffix("") if output.suffix in MINI_SUFFIXES else output
    places = [stem.with_name(stem.name + suffix) for suffix in MINI_SUFFIXES]
    return _written(_make("minimal", spec, base, target, key), places, as_json)


@build.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--version", required=True, help="fileVersion in the job document.")
@click.option("--bucket-url", required=True, help="Where the files go, e.g. https://BUCKET.s3.us-west-2.amazonaws.com")
@model_option
@output_option
@json_option
def app(folder: Path, version: str, bucket_url: str, model: str | None, output: Path, as_json: bool) -> Exit:
    """Bundle the application files of FOLDER: a folder to upload, and the job document beside them."""
    files = {str(path.relative_to(folder).as_posix()): read_bytes(path) for path in _application_files(folder)}
    if not files:
        raise SpecError(f"{folder}: there are no files in it")
    host = bucket_url.rstrip("/")
    document = [
        {
            "operation": "app_fota",
            "files": [
                {
                    "fileName": f"/usr/{name}",
                    "fileVersion": version,
                    "fileSource": {"url": f"${{aws:iot:s3-presigned-url:{host}/{name}}}"},
                }
                for name in files
            ],
        }
    ]
    text = json.dumps(document, indent=2, ensure_ascii=False)
    _check_application(files, text, model)
    for name, data in files.items():
        write_bytes(output / name, data)
    write_bytes(output / APP_JOB, text.encode() + b"\n")
    size = sum(map(len, files.values()))
    if as_json:
        facts = {"folder": str(output), "document": APP_JOB, "files": list(files), "size_bytes": size}
        print_json(facts)
    else:
        click.echo(f"{output}: {len(files)} files, {format_size(size)}, and {APP_JOB}")
    return Exit.PASSED


@click.command()
@click.argument("vendor", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--method", type=click.Choice(["differential", "full"]), required=True, help="What the package is.")
@click.option("--from", "old", help="The version it upgrades (differential).")
@click.option("--to", "new", required=True, help="The version it leads to.")
@model_option
@output_option
@json_option
def wrap(vendor: Path, method: str, old: str | None, new: str, model: str | None, output: Path, as_json: bool) -> Exit:
    """Say what a vendor's own package VENDOR does, in a note that scenarios and `pkg apply` understand."""
    from dataclasses import asdict
    from hashlib import sha256
    from os.path import relpath

    from sim.pack.opaque import Note, save_note
    from sim.scenario.packages import stand_in

    if (method == "differential") != (old is not None):
        needs = "--from, the one version it works from" if method == "differential" else "no --from"
        raise SpecError(f"a {method} package needs {needs}")
    spec = firmware_of(new, model)[0]
    data = read_bytes(vendor)
    _check_method(spec, method)
    _check_room(len(data), spec)
    place = relpath(vendor.resolve(), output.resolve().parent)
    note = Note(place, sha256(data).hexdigest(), len(data), spec.variant, method, old or "", new)
    stand_in(note)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        save_note(note, output)
    except OSError as error:
        raise MachineError(f"{output} cannot be written: {error.strerror}") from None
    if as_json:
        print_json({"note": str(output), **asdict(note)})
    else:
        click.echo(f"{output}: {vendor} of {format_size(len(data))} is {old or 'anything'} -> {new}")
    return Exit.PASSED


def _make(method: str, spec: ModelSpec, base: Firmware | None, target: Firmware, key: Path | None) -> tuple[bytes, ...]:
    from sim.update.methods import METHODS

    _check_method(spec, method)
    return METHODS[method].make(base, target, _recipe(spec, key))


def _recipe(spec: ModelSpec, key: Path | None) -> Recipe:
    from dataclasses import replace

    from sim.pack.signing import load_private_key
    from sim.scenario.packages import recipe

    made = recipe(spec)
    return replace(made, key=load_private_key(read_bytes(key))) if key else made


def _check_method(spec: ModelSpec, method: str) -> None:
    if method not in spec.methods:
        has = " and ".join(sorted(spec.methods))
        raise SpecError(f"{spec.variant} (family {spec.family}) takes {has} upgrades only, no {method} ones")


def _check_room(size_bytes: int, spec: ModelSpec) -> None:
    from sim.pack.codes import PackageCode

    excess = size_bytes - spec.staging.package_bytes
    if excess > 0:
        text = f"the package of {size_bytes} B exceeds the staging area of {spec.variant} by {excess} B"
        raise PackageError(PackageCode.NO_SPACE, text)


def _application_files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return [path for path in found if "__pycache__" not in path.parts and path.name != APP_JOB]


def _check_application(files: dict[str, bytes], document: str, model: str | None) -> None:
    """That AWS takes the document, and that a device has room for the files twice: as they are, and staged."""
    from sim.device.catalogue import load_model
    from sim.update.app_files import STAT_LIMIT_BYTES

    excess = len(document) - DOCUMENT_BYTES
    if excess > 0:
        raise SpecError(f"the job document has {excess} characters more than AWS allows ({DOCUMENT_BYTES}): split it")
    state = sum(URL_BYTES + len(name) for name in files) - STAT_LIMIT_BYTES
    if state > 0:
        text = f"{len(files)} presigned URLs exceed the device's state file by about {state} B; use several jobs"
        click.echo(f"note: {text}", err=True)
    if model is not None:
        spec = load_model(model)
        block = spec.part.sector_bytes
        need = 2 * sum(-(-len(data) // block) * block for data in files.values())
        room = spec.partitions[spec.file_systems["/usr"]].size_bytes
        if need > room:
            raise SpecError(f"installed and staged, the files exceed /usr of {spec.variant} by {need - room} B")


def _written(packages: tuple[bytes, ...], places: list[Path], as_json: bool) -> Exit:
    from sim.pack.container import parse

    facts: list[dict[str, Any]] = []
    for place, package in zip(places, packages, strict=True):
        write_bytes(place, package)
        identity = parse(package).identity
        base, target = identity.base_version or None, identity.target_version
        facts.append({"file": str(place), "size_bytes": len(package), "base": base, "target": target})
    if as_json:
        print_json(facts[0] if len(facts) == 1 else {"packages": facts})
        return Exit.PASSED
    for fact in facts:
        base = fact["base"] or "anything"
        click.echo(f"{fact['file']}: {base} -> {fact['target']}, {format_size(fact['size_bytes'])}")
    return Exit.PASSED
