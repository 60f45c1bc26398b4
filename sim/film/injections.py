"""What people do to a run that is over: at an entry of its film, or at a time, and from there it goes another way.

A run is made again from its seed with an injection log; up to the injection it is the same run, to the entry. Written
as `{"n": 812, "device": "meter", "what": "power_cut", "off_for": "5s"}`: `n` an entry of this film, or `t` in
microseconds; the rest in the words of the scenario language. Rules: a power cut or a brown-out at an entry that is a
flash operation of that device tears this very operation; everything else happens right after the entry, once whatever
the entry is part of is over. What is done leaves a record `injected`, and the run goes on for a while to show it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import ValidationError

from sim.cloud.account import job_track
from sim.device.module import Module
from sim.errors import QpyotaError, SpecError
from sim.film.acts import FlipBit, PowerOn, create_job, flip_bit, power_on
from sim.scenario import schema_faults
from sim.scenario.expect import suggest
from sim.scenario.fault_acts import ACTS, Struck
from sim.scenario.runner import end_if_finished
from sim.scenario.triggers import Drawn
from sim.scenario.values import Spec
from sim.scenario.world import World

FAULTS: dict[str, type[Spec]] = {
    "power_cut": schema_faults.PowerCut,
    "brown_out": schema_faults.BrownOut,
    "link_loss": schema_faults.LinkLoss,
    "broker_down": schema_faults.BrokerDown,
    "low_battery": schema_faults.LowBattery,
    "fs_full": schema_faults.FsFull,
    "bad_block": schema_faults.BadBlock,
    "corrupt_download": schema_faults.CorruptDownload,
    "truncate": schema_faults.Truncate,
    "stall": schema_faults.Stall,
    "throttled": schema_faults.Throttled,
    "clock_skew": schema_faults.ClockSkew,
}
"""Faults of the scenario language that may be injected."""
OTHERS: dict[str, type[Spec]] = {"power_on": PowerOn, "flip_bit": FlipBit}
"""What no scenario needs."""
DEVICE_KINDS = {**FAULTS, **OTHERS}
CREATE_JOB = "create_job"
TEARING = ("power_cut", "brown_out")
USUAL: dict[str, dict[str, Any]] = {
    "link_loss": {"for": "30s"},
    "broker_down": {"for": "30s"},
    "stall": {"for": "30s"},
    "throttled": {"rate": "1KiB/s"},
}
"""What stands in for members that are left out and must be there."""
PLACE = ("n", "t", "device", "what")
NOT_HERE = ("share", "together", "every", "times", "when", "at")
AFTERMATH_US = 60_000_000
"""Simulation time for which a run goes on at least, after an injection."""
FIRST_DRAW = 1_000_000
"""Numbers of injections as faults that draw: beyond those of any scenario."""
TEXT_MAX_CHARS = 40_000

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Injection:
    """`n` or `at_us` is when; `given` what was written, for replay lines; `body` the same, checked."""

    n: int | None
    at_us: int | None
    device: str
    what: str
    given: Json
    body: Spec | None

    def __str__(self) -> str:
        where = f"entry {self.n}" if self.n is not None else f"{(self.at_us or 0) / 1_000_000:g}s"
        return f"{self.what} of {self.device or 'the cloud'} at {where}"


def parse_injection(given: object) -> Injection:
    """From JSON, as text or value. SpecError says what is wrong with it."""
    if isinstance(given, str):
        try:
            given = json.loads(given) if len(given) <= TEXT_MAX_CHARS else None
        except ValueError:
            given = None
    if not isinstance(given, dict):
        raise SpecError('an injection is an object like {"n": 812, "device": "meter", "what": "power_cut"}')
    what, device = given.get("what"), given.get("device", "")
    kinds = [*DEVICE_KINDS, CREATE_JOB]
    if what not in kinds:
        raise SpecError(f"an injection has no 'what' {what!r}{suggest(str(what), kinds) or ': ' + ', '.join(kinds)}")
    n, at_us = _whole(given, "n"), _whole(given, "t")
    if (n is None) == (at_us is None):
        raise SpecError(f"{what}: give either 'n', an entry of the film, or 't', microseconds of simulation time")
    members = {name: value for name, value in given.items() if name not in PLACE}
    if what == CREATE_JOB:
        if not isinstance(members.get("jobId"), str):
            raise SpecError("create_job: a job needs its jobId")
        return Injection(n, at_us, "", what, dict(given), None)
    if not isinstance(device, str) or not device:
        raise SpecError(f"{what}: which device?")
    return Injection(n, at_us, device, what, dict(given), _body(what, device, members))


def _whole(given: Mapping[str, Any], name: str) -> int | None:
    value = given.get(name)
    if value is not None and (type(value) is not int or value < 0 or value >= 2**53):
        raise SpecError(f"an injection's {name!r} is a whole number that is not negative, not {value!r}")
    return value


def _body(what: str, device: str, members: Json) -> Spec:
    for name in members:
        if name in NOT_HERE:
            raise SpecError(f"{what}: an injection happens once, here, to one device; {name!r} has no place in it")
    kind = DEVICE_KINDS[what]
    place: Json = {}
    if "when" in kind.model_fields:
        place = {"device": device, "when": {"at": "0us"}}
    elif "at_us" in kind.model_fields:
        place = {"at": "0us"}
    try:
        return kind.model_validate({**USUAL.get(what, {}), **members, **place})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or what
        raise SpecError(f"{what}: {where}: {first['msg'].removeprefix('Value error, ')}") from None


class _Waiting:
    """An injection of a run: whether it happened, and what came of it is over."""

    def __init__(self, injection: Injection, number: int) -> None:
        self.injection = injection
        self.number = number
        self.begun = False
        self.done = False

    def __str__(self) -> str:
        return f"injection: {self.injection}"


class Injections:
    """The injections of one run, in their order; told by the camera that counts its entries."""

    def __init__(self, log: Sequence[Injection]) -> None:
        self.log = tuple(log)
        self._waiting = [_Waiting(injection, number) for number, injection in enumerate(log)]
        self._at: dict[int, list[_Waiting]] = {}
        for one in self._waiting:
            if one.injection.n is not None:
                self._at.setdefault(one.injection.n, []).append(one)

    def begin(self, world: World) -> None:
        """Look out for the moments. SpecError for a device that is not there."""
        self._world = world
        world.injections += self._waiting
        for one in self._waiting:
            device = one.injection.device
            if device and device not in world.devices:
                raise SpecError(f"{one}: there is no device {device!r}{suggest(device, world.devices)}")
            if one.injection.at_us is not None:
                world.clock.after(one.injection.at_us, self._act, one)
            elif one.injection.n == 0:
                world.clock.after(0, self._act, one)

    def before_op(self, n: int, module: Module) -> None:
        """Entry `n` is a flash operation of this device and about to be done."""
        for one in self._at.pop(n, ()):
            injection = one.injection
            if injection.what in TEARING and injection.device == module.name:
                self._act(one, tears=True)
            else:
                self._world.clock.after(0, self._act, one)

    def after_event(self, n: int) -> None:
        """Entry `n` is an event."""
        for one in self._at.pop(n, ()):
            self._world.clock.after(0, self._act, one)

    def _act(self, one: _Waiting, *, tears: bool = False) -> None:
        if one.begun:
            return
        one.begun = True
        world, injection = self._world, one.injection
        told = {name: value for name, value in injection.given.items() if name not in PLACE}
        world.clock.after(AFTERMATH_US, self._over, one)
        if injection.what == CREATE_JOB:
            job_id = str(told["jobId"])
            world.trace.emit(job_track(job_id), "injected", what=injection.what)
            try:
                create_job(world, job_id, told)
            except (QpyotaError, ValueError, KeyError, TypeError) as error:
                world.trace.emit(job_track(job_id), "order.refused", reason=str(error))
            return
        module = world.devices[injection.device]
        told = {name: value for name, value in told.items() if isinstance(value, str | int | float)}
        module.trace("injected", what=injection.what, tears=tears, **told)
        struck = Struck(module, Drawn(world.seed, FIRST_DRAW + one.number), _nothing, tears=tears)
        _act_of(injection)(struck)

    def _over(self, one: _Waiting) -> None:
        one.done = True
        end_if_finished(self._world)


def _act_of(injection: Injection) -> Callable[[Struck], None]:
    match injection.body:
        case PowerOn():
            return lambda struck: power_on(struck.module)
        case FlipBit() as flip:
            return lambda struck: flip_bit(struck.module, flip)
    return partial(_strike, injection)


def _strike(injection: Injection, struck: Struck) -> None:
    ACTS[injection.what](struck, injection.body)


def _nothing() -> None:
    pass
