"""`checkNet`: wait until the network is there. (3, 1) is ready; at the end of patience, the stage that was missing.

Stage 1 is the card, stage 2 the registration (2021: at home only), stage 3 a data call. In 2021 a card that cannot
become ready ends the wait at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim.script.namespace import FirmwareModule
from sim.script.runtime import ScriptRuntime

POLL_US = 100_000
SHORTEST_S, LONGEST_S = 1, 3600
SIM_STAGE, NET_STAGE, CALL_STAGE = 1, 2, 3
SIM_READY = 1
SIM_MAY_COME = (18, 20, 21)
"""Initialising, invalid, unknown."""

HOME, ROAMING = 1, 5
PROFILES = range(1, 9)
RULE = "=" * 50


def _missing(rt: ScriptRuntime, info: Callable[[int, int], Any]) -> tuple[int, int] | None:
    """The stage that is not there yet, and its state."""
    status, state = rt.module.sim.status, rt.module.radio.state
    if status != SIM_READY:
        return SIM_STAGE, status
    if state not in ((HOME,) if _is_old(rt) else (HOME, ROAMING)):
        return NET_STAGE, state
    return None if any(_is_up(info(profile, 2)) for profile in PROFILES) else (CALL_STAGE, 0)


def _wait(rt: ScriptRuntime, info: Callable[[int, int], Any], timeout_s: int) -> tuple[int, int]:
    rt.me()
    if not SHORTEST_S <= timeout_s <= LONGEST_S:
        raise OSError("timeout_s should be in [1, 3600]s!")
    radio, start_us, until_us = rt.module.radio, rt.now_us, rt.now_us + timeout_s * 1_000_000
    while (stage := _missing(rt, info)) is not None:
        hopeless = _is_old(rt) and stage[0] == SIM_STAGE and stage[1] not in SIM_MAY_COME
        if hopeless or rt.now_us >= until_us:
            return stage
        if stage[0] == SIM_STAGE or radio.attached:
            rt.sleep_us(POLL_US)
        else:
            rt.wait(radio.on_attach, until_us - rt.now_us)
            rt.sleep_us(-(rt.now_us - start_us) % POLL_US)
    return CALL_STAGE, 1


class CheckNetwork:
    """`CheckNetwork(project_name, project_version)`."""

    _rt: ScriptRuntime

    def __init__(self, project_name: str, project_version: str) -> None:
        self.PROJECT_NAME = project_name
        self.PROJECT_VERSION = project_version
        self.FIRMWARE_VERSION = self._rt.module.version
        self.POWERON_REASON = self._rt.module.power_on_reason
        self._info = self._rt.imports.import_name("dataCall").getInfo

    def poweron_print_once(self) -> None:
        """Six lines; seven in 2021, which tells the reason of the start too."""
        old = _is_old(self._rt)
        told = ["PROJECT_NAME", "PROJECT_VERSION", "FIRMWARE_VERSION", *(["POWERON_REASON"] if old else [])]
        lines = [(name, getattr(self, name)) for name in told]
        lines.append(("SIM_CARD_STATUS", self._rt.module.sim.status))
        for text in (RULE, *(f"{name:<17}: {value}" for name, value in lines), RULE):
            self._rt.builtins["print"](text)

    def wait_network_connected(self, timeout_s: int = 60) -> tuple[int, int]:
        return _wait(self._rt, self._info, timeout_s)


class _CheckNet(FirmwareModule, classes={"CheckNetwork": CheckNetwork}):
    __slots__ = ("_info",)

    def __init__(self, rt: ScriptRuntime) -> None:
        super().__init__("checkNet", rt)
        self._info = rt.imports.import_name("dataCall").getInfo

    def waitNetworkReady(self, timeout_s: int = 60) -> tuple[int, int]:  # noqa: N802 - the device's name
        return _wait(self._rt, self._info, timeout_s)

    wait_network_connected = waitNetworkReady


def make(rt: ScriptRuntime) -> _CheckNet:
    return _CheckNet(rt)


def _is_old(rt: ScriptRuntime) -> bool:
    return rt.profile.generation == "G21"


def _is_up(info: Any) -> bool:
    return bool(info != -1 and (info[2][0] == 1 or info[3][0] == 1))
