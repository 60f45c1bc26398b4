"""Many devices at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sim.errors import SpecError
from sim.rig.device import Device
from sim.rig.words import entry_keys

if TYPE_CHECKING:
    from sim.rig.rig import Rig


class Fleet:
    """The devices that were added here, in that order; `fleet[NAME]` is one of them."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._names: list[str] = []
        self.targets: list[str] = []
        """Thing groups that jobs may be for, one an `add`."""

    def add(self, count: int, group: str = "", **keys: Any) -> list[str]:
        """Add devices called `GROUP-00001` and on; their names. `keys` as of `Rig.device`."""
        group = group or ("fleet" if not self.targets else f"fleet-{len(self.targets) + 1}")
        given = entry_keys({"group": group, "count": count, **keys})
        entry = self._rig.call(self._rig.scene.add_devices, given, self._rig.folder)
        self.targets.append(group)
        self._names += entry.devices()
        return list(entry.devices())

    @property
    def bricked(self) -> int:
        """How many are bricked."""
        return self._rig.call(lambda: sum(self._rig.scene.devices[name].bricked for name in self._names))

    @property
    def arns(self) -> list[str]:
        """The groups as AWS calls them: targets for CreateJob."""
        return self._rig.call(lambda: [self._rig.scene.account.jobs.arns.group(group) for group in self.targets])

    def run_until_idle(self, limit: str) -> None:
        """Let time pass until nothing is left to do for any of them. Unmet after `limit`."""
        self._rig.rest(limit, lambda: self._names, f"the fleet of {len(self)}")

    def __getitem__(self, name: str) -> Device:
        if name not in self._names:
            raise SpecError(
                f"the fleet has no device {name!r}; its first is {next(iter(self._names), 'still to come')}"
            )
        return Device(self._rig, name)

    def __iter__(self) -> Iterator[Device]:
        return (Device(self._rig, name) for name in list(self._names))

    def __repr__(self) -> str:
        return f"<fleet of {len(self)}: {', '.join(self.targets)}>"

    def __len__(self) -> int:
        return len(self._names)
