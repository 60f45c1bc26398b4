"""What a served cloud keeps is read again by the version that wrote it: whoever changes what its classes hold raises
FORMAT, and runs this file to note what they hold now: `python tests/cloud/test_kept_attributes.py`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from store_rig import Kept, kept

from sim.cloud.api.router import Plane
from sim.cloud.store.database import FORMAT
from sim.jobs.targets import Arns

NOTED = Path(__file__).with_suffix(".json")


def lived_in(rig: Kept) -> Kept:
    """A cloud with some of everything."""
    rig.begin()
    told = [
        rig.iot("POST", "/things/t", {}),
        rig.iot("POST", "/things/u", {}),
        rig.iot("POST", "/thing-groups/g", {}),
        rig.iot("PUT", "/thing-groups/addThingToThingGroup", {"thingName": "t", "thingGroupName": "g"}),
        rig.iot("PUT", "/jobs/j", {"targets": [Arns().thing("t")], "document": '{"a": 1}'}),
        rig.iot(
            "PUT",
            "/jobs/k",
            {
                "targets": [Arns().group("g")],
                "targetSelection": "CONTINUOUS",
                "document": '{"a": 1}',
                "jobExecutionsRolloutConfig": {"maximumPerMinute": 5},
                "timeoutConfig": {"inProgressTimeoutInMinutes": 5},
            },
        ),
        rig.rest(Plane.S3, "PUT", "/bucket"),
        rig.rest(Plane.S3, "PUT", "/bucket/k", b"data"),
    ]
    assert [answer.status for answer in told] == [200] * len(told)
    rig.device("t", "j/update", {"status": "IN_PROGRESS", "statusDetails": {"step": "one"}})
    rig.pass_time(61)
    return rig


def held(value: object, seen: dict[int, object]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each of our classes among what is kept, with the names of what one of its objects holds."""
    if id(value) in seen or isinstance(value, str | bytes | int | float | type(None)):
        return
    seen[id(value)] = value
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from held(key, seen)
            yield from held(inner, seen)
    elif type(value).__module__.startswith("sim.") and not callable(value):
        names = holds(value)
        yield f"{type(value).__module__}.{type(value).__qualname__}", tuple(sorted(names))
        yield from held(names, seen)
    if isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from held(inner, seen)


def holds(value: object) -> dict[str, object]:
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    state: Any = value.__reduce_ex__(5)[2]
    parts = state if isinstance(state, tuple) else (state,)
    return {name: inner for part in parts if isinstance(part, dict) for name, inner in part.items()}


def classes(folder: Path) -> dict[str, list[str]]:
    with kept(folder) as rig:
        found = sorted(set(held(lived_in(rig).account.state(), {})))
    return {name: sorted({it for other, names in found if other == name for it in names}) for name, _ in found}


def test_classes_that_are_kept_hold_what_they_held_when_the_format_was_last_raised(tmp_path: Path) -> None:
    noted = json.loads(NOTED.read_text())
    assert classes(tmp_path) == noted["classes"], (
        "raise FORMAT in sim/cloud/store/database.py, then note it (see above)"
    )
    assert noted["format"] == FORMAT


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        text = json.dumps({"format": FORMAT, "classes": classes(Path(scratch))}, indent=1)
    NOTED.write_text(text + "\n")
