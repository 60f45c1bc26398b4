"""What is true of a device at one moment, and what the cloud says of it: the five questions of the whole-device sweep.

Does an approved image run? Is it the old or the new one, never a mix? Was the update not silently lost? Was there no
downgrade? And does the cloud's record tell the truth? The clean run says what old and new are: every state in which a
job of it ended is approved, and what changed while a job was in progress is that job's effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sim.device.module import Module
from sim.device.peek import installed_version
from sim.flash.filesystem import FileSystem
from sim.flash.nor import Nor
from sim.jobs.messages import PENDING
from sim.scenario.packages import firmware
from sim.sweep.flow import Judgement
from sim.sweep.result import Verdict

SUCCEEDED = "SUCCEEDED"
_PENDING = frozenset(status.value for status in PENDING)


@dataclass(frozen=True, slots=True)
class Facts:
    """`version` that all images carry, None when there is none or their bytes are not those of that version; `files`:
    absolute path → content."""

    version: str | None
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run left a device: its power state, its facts, versions in the order in which they booted, and job id →
    status."""

    state: str
    facts: Facts
    booted: tuple[str, ...]
    statuses: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Approved:
    """What a clean run came through: facts from the factory on, in order; and job id → facts before and after it."""

    facts: tuple[Facts, ...]
    effects: Mapping[str, tuple[Facts, Facts]]
    statuses: Mapping[str, str]


def look(module: Module) -> Facts:
    """The facts of a device, whatever state it is in."""
    version = installed_version(module)
    if version is not None:
        images = firmware(module.model, version).images
        regions = module.layout.firmware
        if any(regions[name].image(0, len(image)) != image for name, image in images.items()):
            version = None
    return Facts(version, _files(module))


def judge(approved: Approved, ending: Ending) -> Judgement:
    """The five questions."""
    facts = ending.facts
    if ending.state != "running":
        return Judgement(Verdict.BRICKED, f"the device is {ending.state}")
    versions = [known.version for known in approved.facts]
    if facts.version not in versions:
        return Judgement(Verdict.MIXED, f"runs {ending.booted[-1:]}, but the images are those of no version")
    changed = _changed_paths(approved)
    files = {path: facts.files.get(path) for path in changed}
    if files not in [{path: known.files.get(path) for path in changed} for known in approved.facts]:
        return Judgement(Verdict.MIXED, f"{', '.join(sorted(changed))} are neither the old nor the new ones")
    order = [versions.index(version) for version in ending.booted if version in versions]
    if order != sorted(order):
        return Judgement(Verdict.LOST, f"an older version ran after a newer one: {' then '.join(ending.booted)}")
    return _truth(approved, ending)


def _truth(approved: Approved, ending: Ending) -> Judgement:
    """What the cloud says of each job against what the device is."""
    for job, (before, after) in approved.effects.items():
        status = ending.statuses.get(job, "none")
        if status in _PENDING or status == "none":
            if approved.statuses[job] not in _PENDING:
                return Judgement(Verdict.LOST, f"{job} never ends: {status}")
            continue
        effect = _effect(approved, before, after)
        holds = [ending.facts.version if key == "" else ending.facts.files.get(key) for key in effect]
        there = holds == list(effect.values())
        if status == SUCCEEDED and approved.statuses[job] == SUCCEEDED and not there:
            return Judgement(Verdict.UNTRUE, f"{job} is SUCCEEDED, but what it brings is not there")
        if status != SUCCEEDED and effect and there:
            return Judgement(Verdict.UNTRUE, f"{job} is {status}, but what it brings is there")
    return Judgement(Verdict.RECOVERED)


def _effect(approved: Approved, before: Facts, after: Facts) -> dict[str, str | bytes | None]:
    """Path (empty: the version) → value after the job, where the job changed it for good. Notes that an application
    keeps while it works are no effect."""
    last = approved.facts[-1]
    found: dict[str, str | bytes | None] = {}
    if before.version != after.version == last.version:
        found[""] = after.version
    for path in sorted(_changed_paths(approved)):
        if before.files.get(path) != after.files.get(path) == last.files.get(path):
            found[path] = after.files.get(path)
    return found


def _changed_paths(approved: Approved) -> set[str]:
    first, last = approved.facts[0].files, approved.facts[-1].files
    return {path for path in first.keys() | last.keys() if first.get(path) != last.get(path)}


def _files(module: Module) -> dict[str, bytes]:
    """Every file of every volume, read from a copy of the flash."""
    copy = Nor(module.nor.part)
    copy.restore(module.nor.snapshot())
    found: dict[str, bytes] = {}
    for point, region in module.model.regions(copy).volumes.items():
        volume = FileSystem(region)
        try:
            volume.mount()
        except OSError:
            continue
        _walk(volume, point, "", found)
        volume.unmount()
    return found


def _walk(volume: FileSystem, point: str, folder: str, found: dict[str, bytes]) -> None:
    for name in volume.listdir(folder or "/"):
        path = f"{folder}/{name}"
        if volume.stat(path)[0]:
            _walk(volume, point, path, found)
        else:
            found[point + path] = volume.read(path)
