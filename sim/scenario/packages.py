"""The packages of a scenario, built for the model they are for, and what faults make of stored objects.

Building is deterministic, so a package is built once a process, whoever asks.
"""

from __future__ import annotations

from functools import lru_cache

from sim.device.model import ModelSpec, load_model
from sim.errors import SpecError
from sim.pack.build import build_diff, build_full
from sim.pack.firmware import Firmware, synthesize
from sim.scenario.schema import Object, Scenario


def firmware(model: ModelSpec, version: str) -> Firmware:
    """The synthetic firmware of this version for the model's image partitions."""
    return synthesize(model.family, version, model.image_bytes)


@lru_cache(maxsize=64)
def build(model_name: str, method: str, base_version: str | None, target_version: str) -> bytes:
    """A signed package for the model's family."""
    model = load_model(model_name)
    target = firmware(model, target_version)
    if method == "full":
        return build_full(target, model.image_places, staging_bytes=model.staging.package_bytes)
    assert base_version is not None
    return build_diff(
        firmware(model, base_version), target, model.image_places, staging_bytes=model.staging.package_bytes
    )


def object_bytes(scenario: Scenario, stored: Object) -> bytes:
    """Content of one bucket key."""
    if stored.file is not None:
        return stored.file.read_bytes()
    if stored.text is not None:
        return stored.text.encode()
    assert stored.package is not None
    package = scenario.packages[stored.package]
    return build(_model_for(scenario, package.to_version), package.method, package.from_version, package.to_version)


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
