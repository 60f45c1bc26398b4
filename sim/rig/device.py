"""A device in the hands of a program: its power, its console, its files, its flash, its records."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from sim.device.module import Module
from sim.device.peek import installed_version
from sim.errors import SpecError
from sim.rig.files import Files
from sim.rig.flash import Flash
from sim.rig.power import Power
from sim.rig.prompt import execute
from sim.rig.words import duration_us
from sim.trace import Record

if TYPE_CHECKING:
    from sim.rig.rig import Rig

T = TypeVar("T")

LINES_TOLD = 5
"""Printed lines that an error shows."""


class Device:
    """`name`, on a rig. What it is like is asked anew each time; several handles on one device are alike, but that each
    hears for itself what was printed."""

    def __init__(self, rig: Rig, name: str) -> None:
        self._rig = rig
        self.name = name
        self._heard = 0
        self.power = Power(rig, name)
        self.fs = Files(rig, name)
        self.flash = Flash(rig, name)

    @property
    def model(self) -> str:
        """Its variant, e.g. EG915U."""
        return self._module.model.variant

    @property
    def state(self) -> str:
        """off, bootloader, starting, running, resetting, mini, bricked."""
        return self._ask(lambda module: module.state)

    @property
    def phase(self) -> str:
        """Where an update stands; idle when there is none."""
        return self._ask(lambda module: module.phase)

    @property
    def firmware(self) -> str | None:
        """The version that all of its images carry; None when they carry no whole firmware."""
        return self._ask(installed_version)

    @property
    def boots(self) -> int:
        """How often its firmware has started."""
        return self._ask(lambda module: module.boots)

    @property
    def bricked(self) -> bool:
        """Whether it has no bootable image and no way to get one."""
        return self._ask(lambda module: module.bricked)

    @property
    def boots_ok(self) -> bool:
        """Whether its firmware runs, with all images of one version."""
        return self._ask(lambda module: module.state == "running" and installed_version(module) is not None)

    @property
    def events(self) -> list[Record]:
        """Its records, oldest first; `kind`, `at_us` and `data` of each."""
        return self._rig.call(lambda: [record for record in self._rig.scene.records if record.track == self.name])

    @property
    def output(self) -> str:
        """What its script has printed, tracebacks included, since it was made."""
        return self._rig.call(lambda: self._rig.scene.printed(self.name))

    def boot(self, timeout: str = "5m") -> None:
        """Have it run: switch it on if it is off, and let time pass until its firmware has started."""
        self._rig.call(self._switch_on)
        if not self._rig.pass_time(duration_us(timeout), lambda: self._module.state == "running"):
            raise self._rig.unmet(f"{self.name} has not booted within {timeout}: it is {self.state}")

    def expect(self, pattern: str, timeout: str = "5m") -> re.Match[str]:
        """Let time pass until what it prints, from the end of the last match on, holds this regular expression."""
        wanted = re.compile(pattern)

        def found() -> re.Match[str] | None:
            return wanted.search(self._rig.scene.printed(self.name), self._heard)

        if not self._rig.pass_time(duration_us(timeout), lambda: found() is not None):
            raise self._rig.unmet(f"{self.name} has not printed {pattern!r} within {timeout}; {self._last_lines()}")
        match = self._rig.call(found)
        assert match is not None
        self._heard = match.end()
        return match

    def exec(self, code: str, timeout: str = "1m") -> str:
        """Run code at its prompt, as mpremote does: a main.py that runs is interrupted. What it printed; Unmet with the
        device's traceback when it fails."""
        self.boot()
        return execute(self._rig, self.name, code, timeout)

    def reset(self) -> None:
        """Pull its RESET pin."""
        if self.state == "off":
            raise SpecError(f"{self.name} is off; .power.on() gives it power")
        self._rig.call(self._module.reset, "RESET pin")

    def run_until_idle(self, limit: str) -> None:
        """Let time pass until it has nothing left to do: no job, no update, no power that comes back. Unmet after
        `limit`. A bricked device has nothing left to do."""
        self._rig.rest(limit, lambda: [self.name], self.name)

    def __repr__(self) -> str:
        return f"<{self.model} {self.name}: {self.state}, firmware {self.firmware}, {self.boots} boots>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return self.flash.bundle(repr(self))

    @property
    def _module(self) -> Module:
        return self._rig.scene.devices[self.name]

    def _ask(self, question: Callable[[Module], T]) -> T:
        return self._rig.call(partial(question, self._module))

    def _switch_on(self) -> None:
        if self._module.state == "off":
            self._module.power_on()

    def _last_lines(self) -> str:
        lines = [line for line in self.output[self._heard :].splitlines() if line][-LINES_TOLD:]
        state = f"it is {self.state}, phase {self.phase}"
        return state + (f", and its last lines are {lines}" if lines else ", and it has printed nothing since")
