"""A scenario's plain data taken apart: the same scenario with fewer devices, faults, jobs and steps, in less time.

Nothing runs here. What named a device that is gone goes with it: faults, steps and peers of it, its place among the
targets of a job, and a job that nobody is left for. A group that loses a member becomes named entries of that group, so
that every device keeps its name, and with it its random streams. A fault for a share of a group becomes one for each
device that it strikes, because the draw hangs on the fault's number, which changes when an earlier one goes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.scenario.faults import struck
from sim.scenario.schema import Scenario
from sim.scenario.schema_faults import When
from sim.scenario.triggers import Drawn

Data = dict[str, Any]

PARTS = ("devices", "faults", "jobs", "steps")
"""What can be left out, in the order in which it is tried."""

STRUCK = "100%"
"""Share of a fault that strikes its one device, and as any share may find that its moment never comes."""

_PATH_KEYS = ("script", "backup", "file", "wrapped", "ca", "certificate", "private_key")


@dataclass(frozen=True, slots=True)
class Kept:
    """What is left: names of devices; indexes of faults, jobs and steps; seconds, None for the scenario's own."""

    devices: tuple[str, ...]
    faults: tuple[int, ...]
    jobs: tuple[int, ...]
    steps: tuple[int, ...]
    duration_s: int | None = None


def taken_apart(data: Data, scenario: Scenario, seed: int, judged_by: Data) -> Data:
    """The same with this seed and its faults one by one, `judged_by` an expect or a threshold and nothing else."""
    dropped = ("expect", "thresholds", "whatif", "report")
    whole = {key: value for key, value in data.items() if key not in dropped} | {"seed": seed} | judged_by
    if "faults" in data:
        faults = list(enumerate(data["faults"]))
        whole["faults"] = [one for number, fault in faults for one in _one_by_one(fault, number, scenario, seed)]
    return whole


def _one_by_one(fault: Data, number: int, scenario: Scenario, seed: int) -> list[Data]:
    ((kind, body),) = fault.items()
    spec = scenario.faults[number].on_devices
    if spec is None or (spec.share is None and not (spec.when and spec.when.nth and len(set(spec.when.nth)) > 1)):
        return [fault]
    alone = {key: value for key, value in body.items() if key not in ("share", "together")}
    drawn = {} if spec.share is None else {"share": STRUCK}
    return [
        {kind: alone | {"device": name, "when": _when(body["when"], spec.when, name, Drawn(seed, number))} | drawn}
        for name in struck(scenario, number, seed)
    ]


def _when(written: Data, when: When | None, name: str, drawn: Drawn) -> Data:
    """The moment as it was drawn for this device."""
    if when is None or when.nth is None:
        return written
    return written | {"nth": drawn.between(name, *when.nth, "nth")}


def everything(data: Data, scenario: Scenario) -> Kept:
    """All parts of what was taken apart."""
    names = tuple(name for entry in scenario.fleet for name in entry.devices())
    faults, jobs, steps = (tuple(range(len(data.get(key, ())))) for key in ("faults", "jobs", "steps"))
    return Kept(names, faults, jobs, steps)


def put_together(data: Data, scenario: Scenario, kept: Kept) -> Data:
    """What is left of the data."""
    devices = frozenset(kept.devices)
    whole = {key: value for key, value in data.items() if key not in ("fleet", "faults", "jobs", "steps", "peers")}
    whole["fleet"] = [
        one
        for entry, spec in zip(data["fleet"], scenario.fleet, strict=True)
        for one in _members(entry, spec.devices(), devices)
    ]
    known = devices | {entry["group"] for entry in whole["fleet"] if "group" in entry}
    jobs = [_for_known(data["jobs"][index], known) for index in kept.jobs]
    lists = {
        "jobs": [job for job in jobs if job["targets"]],
        "faults": [data["faults"][index] for index in effective(data, kept.faults, known)],
        "steps": [step for index in kept.steps if (step := data["steps"][index]).get("device") in known],
        "peers": [peer for peer in data.get("peers", ()) if peer.get("device") in known],
    }
    whole |= {key: found for key, found in lists.items() if found}
    if kept.duration_s is not None:
        whole["duration"] = f"{kept.duration_s}s"
    return {key: whole[key] for key in (*data, "duration") if key in whole}


def effective(data: Data, faults: Collection[int], known: Collection[str]) -> tuple[int, ...]:
    """Those of the faults that have somebody left to strike."""
    bodies = {index: next(iter(data["faults"][index].values())) for index in faults}
    return tuple(index for index, body in bodies.items() if body.get("device", "") in known or "device" not in body)


def names_left(scenario: Scenario, kept: Kept) -> frozenset[str]:
    """Devices and groups that are left."""
    devices = frozenset(kept.devices)
    return devices | {e.group for e in scenario.fleet if e.group and not devices.isdisjoint(e.devices())}


def _members(entry: Data, names: tuple[str, ...], devices: frozenset[str]) -> list[Data]:
    left = [name for name in names if name in devices]
    if len(left) == len(names):
        return [entry]
    alone = {key: value for key, value in entry.items() if key not in ("name", "count")}
    return [{"name": name} | alone for name in left]


def _for_known(job: Data, known: Collection[str]) -> Data:
    """The job for those of its targets who are left; `targets` is empty when nobody is."""
    found = job | {"targets": [target for target in job["targets"] if target in known]}
    if "steps" in job:
        steps = [_step_for_known(step, known) for step in job["steps"]]
        found["steps"] = [step for step in steps if step is not None]
    return found


def _step_for_known(step: Data, known: Collection[str]) -> Data | None:
    if "associate" not in step:
        return step
    targets = [target for target in step["associate"]["targets"] if target in known]
    return step | {"associate": step["associate"] | {"targets": targets}} if targets else None


def moved(data: Any, old: Path, new: Path, key: str = "") -> Any:
    """The data for a file in another folder: what is a path beside the `old` one becomes one from the `new` one."""
    if isinstance(data, Mapping):
        return {name: moved(value, old, new, name) for name, value in data.items()}
    if isinstance(data, list):
        return [moved(value, old, new) for value in data]
    if key in _PATH_KEYS and isinstance(data, str) and (found := (old / data).resolve()).exists():
        return _relative(found, new.resolve()).as_posix()
    return data


def _relative(path: Path, folder: Path) -> Path:
    """`path` as seen from `folder`, upwards where it must be."""
    common = next(parent for parent in (folder, *folder.parents) if path.is_relative_to(parent))
    ups = len(folder.parts) - len(common.parts)
    return Path(*[".."] * ups, path.relative_to(common))
