"""Faults of a scenario, as hooks on one device each. A fault acts once.

A power cut at a flash operation is armed the moment before that operation, so the part tears it exactly there;
one at a time or at a point of a phase takes effect between operations.
"""

from __future__ import annotations

from sim.device.module import Module
from sim.flash.nor import Torn
from sim.kernel.clock import Clock
from sim.kernel.seeds import key
from sim.scenario.schema import PowerCut


class PowerCutFault:
    """One `power_cut` on one device. `done` when it happened."""

    def __init__(self, clock: Clock, module: Module, spec: PowerCut, number: int) -> None:
        self._clock = clock
        self._module = module
        self._spec = spec
        self._torn_seed = key(module.setting.seed, module.name, f"fault {number}")
        self._seen = 0
        self.done = False

    def __str__(self) -> str:
        when = self._spec.when.model_dump(by_alias=True, exclude_none=True)
        said = ", ".join(f"{name}: {value}" for name, value in when.items())
        return f"power_cut of {self._module.name} when {{{said}}}"

    def arm(self) -> None:
        """Start to watch."""
        when = self._spec.when
        if when.at_us is not None:
            self._clock.after(when.at_us, self._cut)
        elif when.op is not None:
            self._module.watch_ops(self._on_op)
        else:
            self._module.watch_phases(self._on_phase)

    def _on_op(self, op: str, _address: int) -> None:
        when = self._spec.when
        if self.done or op != when.op or when.phase not in (None, self._module.phase):
            return
        self._seen += 1
        if self._seen == when.nth:
            self.done = True
            self._module.power_returns_us = self._spec.off_for_us
            self._module.nor.arm_cut(0, Torn(self._spec.torn), self._torn_seed)

    def _on_phase(self, phase: str, progress: float) -> None:
        when = self._spec.when
        if not self.done and phase == when.phase and progress >= (when.progress or 0.0):
            self._cut()

    def _cut(self) -> None:
        if self.done:
            return
        self.done = True
        self._module.power_returns_us = self._spec.off_for_us
        self._clock.after(0, self._module.power_cut)
