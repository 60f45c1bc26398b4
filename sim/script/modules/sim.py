"""`sim`: the card. It is there and unlocked; a phone book and PIN handling are not emulated."""

from __future__ import annotations

from types import ModuleType

from sim.device.sim_card import READY, make_sim
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime


def make(rt: ScriptRuntime) -> ModuleType:
    card = make_sim(rt.module.setting.seed, rt.module.name)
    return namespace(
        "sim",
        getStatus=lambda: READY,
        getImsi=lambda: card.imsi,
        getIccid=lambda: card.iccid,
        getPhoneNumber=lambda: card.number,
    )
