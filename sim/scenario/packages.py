"""The packages of a scenario, built for the model they are for, and what faults make of stored objects.

Building is deterministic, so a package is built once a process, whoever asks.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from sim.device.catalogue import load_model
from sim.device.model import ModelSpec
from sim.errors import SpecError
from sim.pack.firmware import Firmware, synthesize
from sim.pack.opaque import Note, StandIns, load_note
from sim.scenario.schema import Object, Scenario
from sim.update.methods import METHODS, MINI_SUFFIXES, Recipe


def firmware(model: ModelSpec, version: str) -> Firmware:
    """The synthetic firmware of this version for the model's image partitions."""
    return synthesize(model.family, version, model.image_bytes)


def recipe(model: ModelSpec) -> Recipe:
    """What the package maker must know of a model."""
    return Recipe(
        layout=model.image_places,
        mini=model.mini.image if model.mini is not None else "",
        block_sectors=model.apply.block_sectors,
        scratch_bytes=model.staging.scratch_bytes,
        staging_bytes=model.staging.package_bytes,
    )


@lru_cache(maxsize=64)
def build(model_name: str, method: str, base_version: str | None, target_version: str) -> tuple[bytes, ...]:
    """The signed packages for the model's family, one an address that the method takes."""
    model = load_model(model_name)
    base = firmware(model, base_version) if base_version is not None else None
    return METHODS[method].make(base, firmware(model, target_version), recipe(model))


def object_bytes(scenario: Scenario, stored: Object, key: str) -> bytes:
    """Content of one bucket key; of a pair of packages, the half that the key's suffix names."""
    if stored.file is not None:
        return stored.file.read_bytes()
    if stored.text is not None:
        return stored.text.encode()
    assert stored.package is not None
    package = scenario.packages[stored.package]
    if package.wrapped is not None:
        return load_note(package.wrapped)[1]
    model = _model_for(scenario, package.to_version)
    parts = build(model, package.method, package.from_version, package.to_version)
    if len(parts) == 1:
        return parts[0]
    for suffix, part in zip(MINI_SUFFIXES, parts, strict=True):
        if key.endswith(suffix):
            return part
    raise SpecError(
        f"package {stored.package!r} is a pair: the keys that hold it must end in {' and '.join(MINI_SUFFIXES)}, "
        f"but this one is {key!r}"
    )


def stand_ins(scenario: Scenario) -> StandIns:
    """What devices are told of the vendors' packages that the scenario names."""
    notes = [load_note(package.wrapped)[0] for package in scenario.packages.values() if package.wrapped is not None]
    return {bytes.fromhex(note.sha256): stand_in(note) for note in notes}


def stand_in(note: Note) -> bytes:
    """The package of our own that does what the note says."""
    model = load_model(note.model)
    base = firmware(model, note.base_version) if note.base_version else None
    # What is staged is the vendor's file; its stand-in may have any size.
    free = replace(recipe(model), staging_bytes=None)
    return METHODS[note.method].make(base, firmware(model, note.target_version), free)[0]


def flip_bit(data: bytes, offset: int | None) -> bytes:
    """`data` with its lowest bit at `offset` flipped; in the middle when none is given."""
    place = len(data) // 2 if offset is None else offset
    if place >= len(data):
        raise SpecError(f"corrupt_object: offset {place} is beyond the object's {len(data)} bytes")
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def _model_for(scenario: Scenario, version: str) -> str:
    """The fleet's model that this version belongs to; the first one when none says so."""
    for entry in scenario.fleet:
        if load_model(entry.model).owns_version(version):
            return entry.model
    return scenario.fleet[0].model
