"""`modem`: who the module is. The firmware version is the string in the running image's header."""

from __future__ import annotations

from types import ModuleType

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime


def make(rt: ScriptRuntime) -> ModuleType:
    module = rt.module
    return namespace(
        "modem",
        getDevFwVersion=lambda: module.version,
        getDevImei=lambda: module.setting.identity.imei,
        getDevSN=lambda: module.setting.identity.serial,
        getDevModel=lambda: module.model.variant,
        getDevProductId=lambda: "Quectel",
    )
