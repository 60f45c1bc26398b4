"""`checkNet`: wait until the network is there. (3, 1) is ready; at the end of patience, the stage that was missing.

Stage 1 is the card, stage 2 the registration (2021: at home only), stage 3 a data call. In 2021 a card that cannot
become ready ends the wait at once.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
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


def make(rt: ScriptRuntime) -> ModuleType:
    old = rt.profile.generation == "G21"
    radio = rt.module.radio
    info = rt.imports.import_name("dataCall").getInfo

    def missing() -> tuple[int, int] | None:
        """The stage that is not there yet, and its state."""
        if rt.module.sim.status != SIM_READY:
            return SIM_STAGE, rt.module.sim.status
        if radio.state not in ((HOME,) if old else (HOME, ROAMING)):
            return NET_STAGE, radio.state
        return None if any(_is_up(info(profile, 2)) for profile in PROFILES) else (CALL_STAGE, 0)

    def wait(timeout_s: int = 60) -> tuple[int, int]:
        rt.me()
        if not SHORTEST_S <= timeout_s <= LONGEST_S:
            raise OSError("timeout_s should be in [1, 3600]s!")
        start_us, until_us = rt.now_us, rt.now_us + timeout_s * 1_000_000
        while (stage := missing()) is not None:
            hopeless = old and stage[0] == SIM_STAGE and stage[1] not in SIM_MAY_COME
            if hopeless or rt.now_us >= until_us:
                return stage
            if stage[0] == SIM_STAGE or radio.attached:
                rt.sleep_us(POLL_US)
            else:
                rt.wait(radio.on_attach, until_us - rt.now_us)
                rt.sleep_us(-(rt.now_us - start_us) % POLL_US)
        return CALL_STAGE, 1

    class CheckNetwork:
        def __init__(self, project_name: str, project_version: str) -> None:
            self.PROJECT_NAME = project_name
            self.PROJECT_VERSION = project_version
            self.FIRMWARE_VERSION = rt.module.version
            self.POWERON_REASON = rt.module.power_on_reason

        def poweron_print_once(self) -> None:
            """Six lines; seven in 2021, which tells the reason of the start too."""
            told = ["PROJECT_NAME", "PROJECT_VERSION", "FIRMWARE_VERSION", *(["POWERON_REASON"] if old else [])]
            lines = [(name, getattr(self, name)) for name in told]
            lines.append(("SIM_CARD_STATUS", rt.module.sim.status))
            for text in (RULE, *(f"{name:<17}: {value}" for name, value in lines), RULE):
                rt.builtins["print"](text)

        def wait_network_connected(self, timeout_s: int = 60) -> tuple[int, int]:
            return wait(timeout_s)

    return namespace(
        "checkNet",
        waitNetworkReady=wait,
        wait_network_connected=wait,
        CheckNetwork=CheckNetwork,
    )


def _is_up(info: Any) -> bool:
    return bool(info != -1 and (info[2][0] == 1 or info[3][0] == 1))
