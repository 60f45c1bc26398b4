"""Faults of a scenario: hooks on one device each, which act once, and faults of the artifact server.

A power cut at a flash operation is armed the moment before that operation, so the part tears it exactly there;
whatever happens at a time or at a point of a phase takes effect between operations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sim.cloud import artifact_faults as server
from sim.cloud.artifact_faults import ArtifactFault
from sim.device.module import Module
from sim.flash.nor import Torn
from sim.kernel.clock import Clock
from sim.kernel.seeds import draws, key
from sim.scenario.schema import Scenario
from sim.scenario.schema_faults import (
    ConnectionReset,
    HttpStatus,
    IgnoredRange,
    LinkLoss,
    PowerCut,
    RateLimited,
    Redirected,
    ServerFault,
    Stalled,
    Truncated,
    WrongLength,
)
from sim.units import US_PER_S

DRAW_STEPS = 1_000_000
"""A share is taken to a millionth."""


class DeviceFault:
    """One fault on one device. `done` when it happened; with a `share`, nobody says that it must."""

    kind: str

    def __init__(self, clock: Clock, module: Module, spec: PowerCut | LinkLoss) -> None:
        self._clock = clock
        self._module = module
        self._when = spec.when
        self.must_happen = spec.share is None
        self.done = False

    def __str__(self) -> str:
        when = self._when.model_dump(by_alias=True, exclude_none=True)
        said = ", ".join(f"{name}: {value}" for name, value in when.items())
        return f"{self.kind} of {self._module.name} when {{{said}}}"

    def arm(self) -> None:
        """Start to watch."""
        if self._when.at_us is not None:
            self._clock.after(self._when.at_us, self._happen)
        else:
            self._module.watch_phases(self._on_phase)

    def _on_phase(self, phase: str, progress: float) -> None:
        if not self.done and phase == self._when.phase and progress >= (self._when.progress or 0.0):
            self.done = True
            self._clock.after(0, self._act)

    def _happen(self) -> None:
        self.done = True
        self._act()

    def _act(self) -> None:
        raise NotImplementedError


class LinkLossFault(DeviceFault):
    """No network for a while."""

    kind = "link_loss"

    def __init__(self, clock: Clock, module: Module, spec: LinkLoss) -> None:
        super().__init__(clock, module, spec)
        self._for_us = spec.for_us

    def _act(self) -> None:
        self._module.radio.lose_signal(self._for_us)


class PowerCutFault(DeviceFault):
    """Power goes, and comes back after a while."""

    kind = "power_cut"

    def __init__(self, clock: Clock, module: Module, spec: PowerCut, number: int) -> None:
        super().__init__(clock, module, spec)
        self._spec = spec
        self._torn_seed = key(module.setting.seed, module.name, f"fault {number}")
        self._seen = 0

    def arm(self) -> None:
        if self._when.op is not None:
            self._module.watch_ops(self._on_op)
        else:
            super().arm()

    def _on_op(self, op: str, _address: int) -> None:
        if self.done or op != self._when.op or self._when.phase not in (None, self._module.phase):
            return
        self._seen += 1
        if self._seen == self._when.nth:
            self.done = True
            self._module.power_returns_us = self._spec.off_for_us
            self._module.nor.arm_cut(0, Torn(self._spec.torn), self._torn_seed)

    def _act(self) -> None:
        self._module.power_returns_us = self._spec.off_for_us
        self._module.power_cut()


def device_faults(scenario: Scenario, clock: Clock, devices: dict[str, Module], seed: int) -> Iterator[DeviceFault]:
    """The faults of a scenario that act on devices, one for each device they name."""
    for number, fault in enumerate(scenario.faults):
        if (cut := fault.power_cut) is not None:
            for name in struck(scenario.things(cut.device), cut.share, number, seed):
                yield PowerCutFault(clock, devices[name], cut, number)
        if (loss := fault.link_loss) is not None:
            for name in struck(scenario.things(loss.device), loss.share, number, seed):
                yield LinkLossFault(clock, devices[name], loss)


def struck(names: Sequence[str], share: float | None, number: int, seed: int) -> list[str]:
    """Those of the devices that fault `number` strikes. One device more, or another fault, changes nobody's draw."""
    if share is None:
        return list(names)
    below = round(share * DRAW_STEPS)
    return [name for name in names if draws(seed, name, f"share of fault {number}").randrange(DRAW_STEPS) < below]


def server_faults(scenario: Scenario, start_s: int) -> Iterator[ArtifactFault]:
    """The faults of a scenario that act on answers of the artifact server. `start_s`: when the run begins, epoch."""
    for fault in scenario.faults:
        for name in type(fault).model_fields:
            spec = getattr(fault, name)
            if isinstance(spec, ServerFault):
                from_s = start_s + -(-spec.from_us // US_PER_S)
                yield ArtifactFault(name, (spec.bucket, spec.key), _spoil(spec), spec.times, from_s)


def _spoil(spec: ServerFault) -> server.Spoil:
    match spec:
        case RateLimited():
            return server.rate_limited(spec.rate_bytes_per_s)
        case Stalled():
            return server.stalled(spec.after_bytes, spec.for_us)
        case Truncated():
            return server.cut(spec.after_bytes, reset=False)
        case ConnectionReset():
            return server.cut(spec.after_bytes, reset=True)
        case WrongLength():
            return server.wrong_length(spec.says_bytes)
        case IgnoredRange():
            return server.ignored_range
        case HttpStatus():
            return server.refused(spec.status)
        case Redirected():
            return server.redirected(spec.status, spec.to)
    raise AssertionError(f"{type(spec).__name__} is made into nothing")
