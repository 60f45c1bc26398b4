"""Where power may go during what a program does: the operations of a device, counted, and a cut at one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.errors import SpecError
from sim.scenario.expect import suggest
from sim.scenario.triggers import RECORDED_OPS
from sim.trace import Record

if TYPE_CHECKING:
    from sim.rig.device import Device
    from sim.rig.rig import Rig

OPS = ("flash.program", "flash.erase", *RECORDED_OPS)
"""Kinds of operations that can be counted, as `when` of a fault names them."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Power goes at operation `nth` of this kind, from 1; `torn` is what a flash operation leaves behind."""

    op: str
    nth: int
    torn: str = "prefix"
    off_for: str = "10s"


@dataclass(slots=True)
class Count:
    """How many operations of the kind `op` there were so far."""

    op: str
    points: int = 0


def check_op(op: str) -> None:
    """SpecError for a kind of operation that there is not."""
    if op not in OPS:
        raise SpecError(f"{op!r} is no operation{suggest(op, OPS)}; there are {', '.join(OPS)}")


def count(rig: Rig, device: Device, counted: Count) -> None:
    """Count the operations of a device from now on."""
    check_op(counted.op)

    def on_op(kind: str, _address: int) -> None:
        counted.points += kind == counted.op

    def on_record(record: Record) -> None:
        counted.points += record.track == device.name and record.kind == RECORDED_OPS[counted.op]

    def begin() -> None:
        if counted.op in RECORDED_OPS:
            rig.scene.trace.observe(on_record)
        else:
            rig.scene.devices[device.name].storage.watch_ops(on_op)

    rig.call(begin)


def arm(device: Device, cut: Cut) -> None:
    """Have power go at a point of what is still to come."""
    device.power.cut({"op": cut.op, "nth": cut.nth}, off_for=cut.off_for, torn=cut.torn)


def happened(rig: Rig) -> bool:
    """Whether every power cut that was armed has happened."""
    return rig.call(lambda: all(fault.done for fault in rig.scene.faults if fault.kind == "power_cut"))
