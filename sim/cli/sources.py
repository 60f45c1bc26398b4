"""Files and firmware that a command line names, with errors that say what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import MachineError, SpecError

if TYPE_CHECKING:
    from sim.device.model import ModelSpec
    from sim.pack.firmware import Firmware


def read_bytes(path: Path) -> bytes:
    """Content of a file that the user named."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SpecError(f"{path}: {error.strerror}") from None


def write_bytes(path: Path, data: bytes) -> None:
    """Write a result, making the folders above it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise MachineError(f"{path} cannot be written: {error.strerror}") from None


def model_of_version(version: str) -> ModelSpec:
    """The model that a version string belongs to."""
    from sim.device.catalogue import known_models, load_model

    variants = [row.variant for row in known_models()]
    found = [spec for spec in map(load_model, variants) if spec.owns_version(version)]
    if not found:
        raise SpecError(
            f"{version!r} is neither a firmware folder nor a version of a known model; known: {', '.join(variants)}"
        )
    return found[0]


def model_of_family(family: str) -> ModelSpec:
    """Any model of a family; they share layout and packages."""
    from sim.device.catalogue import known_models, load_model

    rows = known_models()
    for row in rows:
        if row.family == family:
            return load_model(row.variant)
    known = ", ".join(dict.fromkeys(row.family for row in rows))
    raise SpecError(f"family {family!r} is not known; known: {known}")


def firmware_of(name: str, variant: str | None = None) -> tuple[ModelSpec, Firmware]:
    """The firmware that `name` means: a folder with images, or a version, whose images are synthetic.

    The model is `variant`, or else the one that the folder or the version belongs to.
    """
    from sim.device.catalogue import load_model
    from sim.pack.firmware import load_firmware, synthesize

    model = load_model(variant) if variant else None
    if Path(name).is_dir():
        firmware = load_firmware(Path(name))
        model = model or model_of_family(firmware.family)
        if firmware.family != model.family:
            raise SpecError(f"{name} holds firmware of family {firmware.family}; {model.variant} is {model.family}")
        return model, firmware
    model = model or model_of_version(name)
    return model, synthesize(model.family, name, model.image_bytes)
