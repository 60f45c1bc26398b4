"""A device's power."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sim.errors import SpecError
from sim.rig.words import duration_us

if TYPE_CHECKING:
    from sim.rig.rig import Rig


class Power:
    """Of one device."""

    def __init__(self, rig: Rig, name: str) -> None:
        self._rig = rig
        self._name = name

    def cut(self, at: str | Mapping[str, Any] | None = None, off_for: str | None = "10s", torn: str = "prefix") -> None:
        """Take its power away, and give it back `off_for` later (None: not before `on`).

        `at`: now, at a time of the clock (`90s`), or at a moment as scenarios say it:
        `{"op": "flash.program", "phase": "apply", "nth": 37}`. There, `torn` is what the flash operation leaves behind.
        """
        if at is None:
            self._rig.call(self._cut_now, None if off_for is None else duration_us(off_for))
            return
        when = {"at": at} if isinstance(at, str) else dict(at)
        keys = {"device": self._name, "when": when, "torn": torn, "off_for": off_for}
        if off_for is None:
            raise SpecError("a cut that is still to come needs off_for, the time after which power is back")
        self._rig.call(self._rig.scene.add_fault, "power_cut", keys)

    def on(self) -> None:
        """Give it power, if it has none."""
        self._rig.call(self._switch_on)

    def _cut_now(self, off_for_us: int | None) -> None:
        module = self._rig.scene.devices[self._name]
        module.power_returns_us = off_for_us
        module.power_cut()

    def _switch_on(self) -> None:
        module = self._rig.scene.devices[self._name]
        if module.state == "off":
            module.power_on()
