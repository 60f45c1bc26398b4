"""What the interpreter does before main.py, in the order of the firmware's `_boot.py`.

Volumes, files restored from the backup, application files, settings. A device whose program is built in has no
interpreter: it mounts its volumes and takes application files, no more. What goes wrong is printed; the boot goes on.
Source: QuecPython/microPython (2021, G21) and QuecPython/micropython (2025, G25) on GitHub, _boot.py.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sim.device.model import ModelSpec, Regions
from sim.device.radio import NO_CONTEXT
from sim.device.storage import TEMP_POINT
from sim.flash.filesystem import FileSystem
from sim.flash.mounts import Mounts
from sim.flash.nor import Nor, Stretches
from sim.flash.partition import Region
from sim.flash.remembered import remembered
from sim.kernel.clock import Story
from sim.records import record
from sim.update.app_files import FLAG_FILE, apply_staged
from sim.update.backup import restore, update_checksum

if TYPE_CHECKING:
    from sim.device.module import Module

CONFIG_FILE = "/usr/system_config.json"
CONFIG = {"replFlag": 0}
"""What a new module writes there. `datacallFlag` 0 turns the data call at boot off; `replFlag` 1 asks for a password at
the prompt, which is not emulated."""

LOOKS = 64
"""Versions of models whose volumes are known; a fleet has a few."""

BOOT_ERROR = "error ocurs in boot step."
"""The firmware's words, as it spells them."""


def start_interpreter(module: Module) -> Story:
    """The steps. Volumes that could be mounted are the module's `mounts` from the first of them on."""
    if module.kind.generation is None and _nothing_to_do(module):
        yield from module.flash_time()
        return
    formats = module.kind.generation != "G21"
    whole = module.storage.mount(formats=formats)
    yield from module.flash_time()
    if module.kind.generation is None:
        yield from apply_staged(module)
        yield from module.flash_time()
        return
    if not formats and whole:
        module.say("mount.\n")
    if whole:
        yield from _restore(module)
        yield from apply_staged(module, lambda name: update_checksum(module.mounts, name))
        yield from module.flash_time()
    else:
        module.say(BOOT_ERROR + "\n")
        module.trace("boot.step_failed")
    yield from _settings(module)
    module.nor.seal()


def _nothing_to_do(module: Module) -> bool:
    """Whether all volumes are whole and no application files wait, which takes the time to find out. Then the volumes
    need not be mounted before somebody asks for a file: a fleet boots on equal flash again and again. A flash that is
    watched, or about to lose power, is mounted, and what is found on it is not remembered for others."""
    nor = module.nor
    if type(nor) is not Nor or nor.on_op is not None or nor.cut_armed:
        return False
    before_us = nor.busy_us
    look = _look(module.model, module.version)
    if remembered(nor, look.question, look.stretches, lambda: _is_idle(module)):
        module.storage.staging_prefix = look.prefix
        return True
    nor.busy_us = before_us
    return False


@record
class _Look:
    """What is asked of which stretches of flash, and the prefix of staged paths when nothing is staged."""

    question: Hashable
    stretches: Stretches
    prefix: str


@lru_cache(maxsize=LOOKS)
def _look(model: ModelSpec, version: str) -> _Look:
    volumes = _volumes(model.regions(Nor(model.part)), model, version)
    stretches = tuple([region.stretch for region in volumes.values()])
    return _Look(("nothing staged", *volumes), stretches, _prefix(volumes))


def _volumes(regions: Regions, model: ModelSpec, version: str) -> dict[str, Region]:
    """The volumes that are looked at before the program starts, by mount point."""
    if regions.temp is None or not model.has_temp(version):
        return regions.volumes
    return {**regions.volumes, TEMP_POINT: regions.temp}


def _prefix(points: Mapping[str, object]) -> str:
    """Of paths of staged application files."""
    return TEMP_POINT if TEMP_POINT in points else ""


def _is_idle(module: Module) -> bool:
    nor = module.nor
    trial = Nor(nor.part)
    trial.restore(nor.snapshot())
    volumes: dict[str, FileSystem] = {}
    try:
        for point, region in _volumes(module.model.regions(trial), module.model, module.version).items():
            volumes[point] = FileSystem(region)
            volumes[point].mount()
        idle = trial.ops == nor.ops and not Mounts(volumes).exists(_prefix(volumes) + FLAG_FILE)
    except OSError:
        return False
    finally:
        for volume in volumes.values():
            volume.abandon()
    nor.busy_us = trial.busy_us
    return idle


def _restore(module: Module) -> Story:
    """The reads are part of the model's boot time; what is written takes its own."""
    before = module.nor.ops
    told = restore(module.mounts)
    for line in told:
        module.say(line + "\n")
        if line.startswith("- restoring "):
            module.trace("backup.restored", file=line.removeprefix("- restoring "))
    yield from _pass_time(module, before)


def _settings(module: Module) -> Story:
    before = module.nor.ops
    config = _read_config(module)
    if config.get("datacallFlag", 1) == 0:
        module.radio.hinder(NO_CONTEXT)
    yield from _pass_time(module, before)


def _read_config(module: Module) -> dict[str, Any]:
    mounts = module.mounts
    try:
        if mounts.exists(CONFIG_FILE):
            config = json.loads(mounts.read(CONFIG_FILE))
            return config if isinstance(config, dict) else {}
        mounts.write(CONFIG_FILE, json.dumps(CONFIG).encode())
    except (OSError, ValueError) as error:
        kind = "OSError" if isinstance(error, OSError) else "ValueError"
        module.say(f"{kind}: {CONFIG_FILE}\n")
        module.trace("boot.settings_failed", error=kind)
    return {}


def _pass_time(module: Module, ops_before: int) -> Story:
    """Reads alone take no time of their own: the time to boot was measured with them."""
    if module.nor.ops == ops_before:
        module.take_flash_time_us()
    yield from module.flash_time()
