"""What can be done to a run besides the faults of the scenario language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, StrictInt

from sim.device.module import Module
from sim.errors import SpecError
from sim.scenario.values import Spec
from sim.scenario.world import World


class PowerOn(Spec):
    """Power comes (back) now."""


class FlipBit(Spec):
    """A cell of flash changes its mind, as by radiation: `bit` 0 to 7 of the byte at `address`."""

    address: Annotated[StrictInt, Field(ge=0)]
    bit: Annotated[StrictInt, Field(ge=0, le=7)] = 0


def power_on(module: Module) -> None:
    """Nothing happens to a module that is on."""
    if module.state == "off":
        module.power_on()


def flip_bit(module: Module, flip: FlipBit) -> None:
    """Outside the emulated world: no operation, no wear, no time."""
    nor = module.nor
    if flip.address >= nor.size_bytes:
        raise SpecError(f"flip_bit: {module.name} has {nor.size_bytes} bytes of flash, counted from 0")
    (byte,) = nor.image(flip.address, 1)
    nor.load(flip.address, bytes([byte ^ 1 << flip.bit]))


def create_job(world: World, job_id: str, given: Mapping[str, Any]) -> None:
    """CreateJob; `targets` are names of devices or groups, or their ARNs. JobError as the cloud says."""
    members = {name: value for name, value in given.items() if name != "jobId"}
    targets = members.get("targets")
    if not isinstance(targets, list) or not all(isinstance(target, str) for target in targets):
        raise SpecError("'targets' is a list of devices or groups")
    named = [target for target in targets if not target.startswith("arn:")]
    members["targets"] = [target for target in targets if target.startswith("arn:")] + world.arns(named)
    world.account.order("create", job_id, members)
