"""Devices of one fleet entry, with their factory content: firmware, the script folder in /usr, the backup in /bak."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sim.boot.bootloader import Trust
from sim.device.agent import Agent
from sim.device.catalogue import load_model
from sim.device.module import Module
from sim.device.setting import Kind, Program
from sim.device.storage import TEMP_POINT
from sim.errors import SpecError
from sim.flash.filesystem import build_volume
from sim.flash.nor import NorSnapshot
from sim.kernel.clock import Clock
from sim.net.alias import AliasNetwork
from sim.scenario.packages import firmware
from sim.scenario.part import WHOLE, Part
from sim.scenario.places import Places
from sim.scenario.result import RunOptions
from sim.scenario.schema import Fleet
from sim.scenario.schema_stubs import stubs_of
from sim.scenario.stage import Wired
from sim.script.runtime import ScriptProfile
from sim.script.runtimes import runtime_class
from sim.trace import Trace
from sim.units import format_size


@dataclass(frozen=True, slots=True)
class Ground:
    """What devices stand on; `seed` is the root of their random streams and serial numbers."""

    clock: Clock
    trace: Trace
    wiring: Wired
    seed: int
    trust: Trust
    places: Places


def make_devices(entry: Fleet, ground: Ground, options: RunOptions, part: Part = WHOLE) -> dict[str, Module]:
    """The entry's devices by name, switched off. SpecError for an unknown model or files that do not fit."""
    model = load_model(entry.model)
    files = {"/usr": _files_of(entry.script), "/bak": _files_of(entry.backup)}
    generation = options.generation or entry.generation or model.generation
    profile = ScriptProfile(generation, options.umqtt or entry.umqtt, stubs=stubs_of(entry.stubs))
    network = ground.wiring.network
    if entry.alias is not None:
        network = AliasNetwork(network, entry.alias)

    runtime = runtime_class("greenlet" if entry.agent is not None else options.runtime or entry.runtime)

    def program(module: Module) -> Program:
        return Agent(module) if entry.agent is not None else runtime(module, profile)

    wiring, factory = ground.wiring, None
    firmware_as = None if entry.agent is not None else generation
    kind = Kind(model, ground.trust, ground.seed, wiring.identity, wiring.authority, firmware_as, program)
    devices: dict[str, Module] = {}
    for name in filter(part.has, entry.devices()):
        radio = ground.places.radio(ground.places.place(entry, name), model.radio)
        module = devices[name] = Module(ground.clock, ground.trace.track(name), network, kind)
        module.radio.spec = radio
        if factory is None:
            factory = _factory(module, entry, files)
        module.nor.restore(factory)
        ground.places.settle(entry, module)
    return devices


def _factory(module: Module, entry: Fleet, files: dict[str, dict[str, bytes]]) -> NorSnapshot:
    """The flash that the factory gives every device of an entry, made on the first of them."""
    regions, name = module.regions, module.name
    for partition, image in firmware(module.model, entry.firmware).images.items():
        regions.boot_layout.firmware[partition].load(0, image)
    for point, region in regions.volumes.items():
        region.load(0, _volume(region.size_bytes, files.get(point, {}), f"{name}: {point}"))
    if regions.temp is not None and module.model.has_temp(entry.firmware):
        regions.temp.load(0, _volume(regions.temp.size_bytes, {}, f"{name}: {TEMP_POINT}"))
    return module.nor.snapshot()


def _volume(size_bytes: int, files: dict[str, bytes], what: str) -> bytes:
    try:
        return build_volume(size_bytes, files)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        have = sum(map(len, files.values()))
        raise SpecError(
            f"{what} holds {format_size(size_bytes)}, less than its files need ({format_size(have)} in {len(files)} "
            "files, each in whole blocks of 4 KiB); take some out of the folder"
        ) from None


def _files_of(folder: Path | None) -> dict[str, bytes]:
    """Files of a folder by their path on its volume."""
    if folder is None:
        return {}
    return {"/" + str(path.relative_to(folder)): path.read_bytes() for path in _files(folder)}


def _files(folder: Path) -> Iterable[Path]:
    skipped = ("__pycache__",)
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return (path for path in found if not any(part in skipped for part in path.parts))
