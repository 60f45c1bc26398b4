"""What is looked at of a student's work: the lab's own starter with the student's values and files in their places.

Rules: whatever the lab does not leave to the student is the lab's own, however the work folder looks. Only plain
files are taken, of a bounded size and number, no links; and no path of the scenario leads out of the sheet."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.errors import SpecError
from sim.learn.library import Shelf
from sim.learn.schema import SCENARIO, Lab
from sim.scenario.document import Place
from sim.scenario.loader import load_plain, scenario_of
from sim.scenario.schema import Scenario
from sim.scenario.settings import Setting, applied

FILE_BYTES_MOST = 256 * 1024
FILES_MOST = 64
_GONE = object()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A scenario to run, also as plain `data`, and `notes` of what was changed beside what is the student's."""

    scenario: Scenario
    notes: tuple[str, ...]
    data: dict[str, Any]


def starter_sheet(lab: Shelf) -> Sheet:
    """The starter as it is."""
    return Sheet(lab.scenario, (), lab.data)


def make_sheet(lab: Shelf, work: Path, into: Path) -> Sheet:
    """The sheet of a work folder, its files put into an empty folder. SpecError tells what cannot be used of it."""
    shutil.copytree(lab.starter, into, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    notes = list(_take_files(lab, work, into))
    data = deepcopy(lab.data)
    if lab.spec.yours.keys:
        theirs = _read_theirs(work)
        for place in _places(lab):
            _take_value(data, theirs, place)
        notes += [
            f"{SCENARIO}: {way} is not yours to change in this lab; its own was used"
            for way in _other_changes(data, theirs)
        ]
    scenario = scenario_of(data, (into / SCENARIO).resolve())
    _stay_inside(scenario, into.resolve())
    return Sheet(scenario, tuple(notes), data)


def with_goals(lab: Lab, data: dict[str, Any]) -> dict[str, Any]:
    """A scenario's plain data with the goals as all that it expects, so that its verdict is theirs."""
    limits: dict[str, list[str]] = {}
    for goal in lab.goals:
        if goal.metric is not None:
            limits.setdefault(goal.metric, []).append(str(goal.limit))
    expects = [goal.expect for goal in lab.goals if goal.expect is not None]
    return data | {"expect": expects, "thresholds": limits}


def _read_theirs(work: Path) -> dict[str, Any]:
    """The plain data of the student's scenario; SpecError, with places in their own file, when it is not one."""
    file = work / SCENARIO
    if file.is_symlink() or not file.is_file():
        raise SpecError(f"there is no {SCENARIO} in {work}")
    if file.stat().st_size > FILE_BYTES_MOST:
        raise SpecError(f"{file} has more than {FILE_BYTES_MOST} bytes")
    return load_plain(file)[0]


def _places(lab: Shelf) -> list[Place]:
    return [place for way in lab.spec.yours.keys for place in applied(lab.data, [Setting(way, "~")])[1]]


def _take_value(data: Any, theirs: Any, place: Place) -> None:
    """Put the student's value at `place`, or nothing if they have none there."""
    *way, last = place
    for step in way:
        if not _has(theirs, step):
            raise SpecError(f"{SCENARIO}: {'.'.join(map(str, place[:-1]))} is gone; the lab needs it to be there")
        data, theirs = data[step], theirs[step]
    if _has(theirs, last):
        data[last] = deepcopy(theirs[last])
    elif isinstance(data, dict):
        data.pop(last, None)
    else:
        raise SpecError(f"{SCENARIO}: {'.'.join(map(str, place))} is gone; the lab needs it to be there")


def _has(box: Any, step: str | int) -> bool:
    if isinstance(box, dict):
        return step in box
    return isinstance(box, list) and isinstance(step, int) and step < len(box)


def _other_changes(data: Any, theirs: Any) -> Iterator[str]:
    """Ways to what differs. Lists are compared as a whole, unless they are equally long."""
    if isinstance(data, dict) and isinstance(theirs, dict):
        for key in [*data, *(key for key in theirs if key not in data)]:
            for way in _other_changes(data.get(key, _GONE), theirs.get(key, _GONE)):
                yield f"{key}.{way}" if way else key
    elif isinstance(data, list) and isinstance(theirs, list) and len(data) == len(theirs):
        for index, (one, other) in enumerate(zip(data, theirs, strict=True)):
            for way in _other_changes(one, other):
                yield f"{index}.{way}" if way else str(index)
    elif data is _GONE or theirs is _GONE or json.dumps(data) != json.dumps(theirs):
        yield ""


def _take_files(lab: Shelf, work: Path, into: Path) -> Iterator[str]:
    """Copy the student's files over the starter's; yields what is missing."""
    taken = 0
    for name in lab.spec.yours.files:
        found = list(_plain_files(work, name))
        taken += len(found)
        if not found:
            raise SpecError(f"there is no {name} in {work}")
        if taken > FILES_MOST:
            raise SpecError(f"{work}: more than {FILES_MOST} files")
        if name.endswith("/"):
            shutil.rmtree(into / name)
        for file in found:
            target = into / file.relative_to(work)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    for file in sorted(lab.starter.rglob("*")):
        name = file.relative_to(lab.starter).as_posix()
        own = work / name
        if file.is_file() and own.is_file() and not _is_theirs(lab, name) and own.read_bytes() != file.read_bytes():
            yield f"{name} is not yours to change in this lab; its own was used"


def _is_theirs(lab: Shelf, name: str) -> bool:
    """Whether a file is the student's; of the scenario, single values may be, and are told apart elsewhere."""
    if name == SCENARIO:
        return bool(lab.spec.yours.keys)
    return any(name == one or (one.endswith("/") and name.startswith(one)) for one in lab.spec.yours.files)


def _plain_files(work: Path, name: str) -> Iterator[Path]:
    """The file of that name, or all in that folder; links lead elsewhere and are passed over, what is too large is
    told."""
    root = work / name
    candidates = sorted(root.rglob("*")) if name.endswith("/") else [root]
    for file in candidates:
        parents = [parent for parent in file.parents if work in parent.parents]
        if "__pycache__" in file.parts or any(one.is_symlink() for one in (file, *parents)) or not file.is_file():
            continue
        if file.stat().st_size > FILE_BYTES_MOST:
            raise SpecError(f"{file} has more than {FILE_BYTES_MOST} bytes")
        yield file


def _stay_inside(scenario: Scenario, folder: Path) -> None:
    """SpecError when a path of the scenario leads out of the folder, or the scenario out of this machine."""
    paths = [path for entry in scenario.fleet for path in (entry.script, entry.backup)]
    paths += [package.wrapped for package in scenario.packages.values()]
    paths += [stored.file for bucket in scenario.cloud.buckets.values() for stored in bucket.values()]
    for path in paths:
        if path is not None and not path.is_relative_to(folder):
            raise SpecError(f"{SCENARIO}: {path} is outside the lab")
    if scenario.cloud.broker is not None or scenario.cloud.aws is not None:
        raise SpecError(f"{SCENARIO}: a lab has the embedded cloud, no other")
