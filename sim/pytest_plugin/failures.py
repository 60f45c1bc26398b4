"""What a failed test shows besides its error: how to repeat it, how its devices are, and where more was kept."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import pytest

from sim.pytest_plugin.cuts import fail
from sim.pytest_plugin.places import COUNT, CUT, RIG, UNCUT

if TYPE_CHECKING:
    from sim.rig.rig import Rig

_OURS = str(Path(__file__).parents[1]) + os.sep
_PYTEST = ("_pytest.", "pluggy.")

DEVICES_TOLD = 5
NAME_CHARS = 150


def shorten(call: pytest.CallInfo[None]) -> None:
    """Of an error that is told to people, show the lines of the test, and not how it came about inside qpyota."""
    if call.excinfo is None or "sim.errors" not in sys.modules:
        return
    from sim.errors import QpyotaError

    if not isinstance(call.excinfo.value, QpyotaError):
        return
    before: TracebackType | None = None
    at: TracebackType | None = call.excinfo.tb
    while at is not None and not at.tb_frame.f_code.co_filename.startswith(_OURS):
        before, at = at, at.tb_next
    if at is None:
        return
    caller = before is not None and not before.tb_frame.f_globals.get("__name__", "").startswith(_PYTEST)
    (before if before is not None and caller else at).tb_next = None


def add_section(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Add the section `qpyota` to the report of a test that failed on a rig. A cut that never came is a failure."""
    if report.passed and call.when == "call" and (why := _why_uncut(item)):
        fail(report, why)
    rig = item.stash.get(RIG, None)
    if rig is None or call.when != "call" or COUNT in item.stash:
        return
    if report.passed and CUT in item.stash:
        _check_cut(item, rig, report)
    if report.failed:
        report.sections.append(("qpyota", "\n".join(_told(item, rig))))


def _why_uncut(item: pytest.Item) -> str:
    """Why a test that is for power cuts had none; empty for all others."""
    if UNCUT in item.stash:
        return item.stash[UNCUT]
    if CUT in item.stash or COUNT in item.stash or item.get_closest_marker("power_cut") is None:
        return ""
    return "no power was cut: the mark power_cut is for functions and methods of plain classes"


def _check_cut(item: pytest.Item, rig: Rig, report: pytest.TestReport) -> None:
    from sim.rig.cuts import happened

    if not happened(rig):
        cut = item.stash[CUT]
        why = f"power was never cut: the test ended before {cut.op} number {cut.nth}, which there was when they were "
        fail(report, why + "counted; does it differ from run to run?")


def _told(item: pytest.Item, rig: Rig) -> list[str]:
    from sim.rig.device import Device

    lines = [f"replay: {rig.replay}", f"the clock shows {rig.clock}"]
    if CUT in item.stash:
        cut = item.stash[CUT]
        lines.append(f"power was cut at {cut.op} number {cut.nth}, which was left torn as {cut.torn!r}")
    names = rig.call(lambda: list(rig.scene.devices))
    lines += [repr(Device(rig, name)) for name in names[:DEVICES_TOLD]]
    if len(names) > DEVICES_TOLD:
        lines.append(f"and {len(names) - DEVICES_TOLD} more devices")
    lines += rig.explanations()
    folder: Path | None = item.config.getoption("--qpy-artifacts")
    if folder is not None:
        lines.append(_kept(item, rig, folder))
    return lines


def _kept(item: pytest.Item, rig: Rig, folder: Path) -> str:
    from sim.errors import MachineError
    from sim.rig.artifacts import keep_rig

    mine = folder / folder_name(item.nodeid)
    try:
        keep_rig(rig, mine)
    except MachineError as error:
        return f"nothing was kept: {error}"
    return f"trace, flash and replay line: {mine}"


def folder_name(nodeid: str) -> str:
    """A name for a folder that tells which test it is of."""
    return re.sub(r"[^\w.@=-]+", "_", nodeid).strip("_")[-NAME_CHARS:]
