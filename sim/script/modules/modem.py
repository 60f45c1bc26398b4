"""`modem`: who the module is. The firmware version is the string in the running image's header."""

from __future__ import annotations

from sim.script.namespace import FirmwareModule
from sim.script.runtime import ScriptRuntime


class _Modem(FirmwareModule):
    def getDevFwVersion(self) -> str:  # noqa: N802 - the device's names
        return self._rt.module.version

    def getDevImei(self) -> str:  # noqa: N802
        return self._rt.module.identity.imei

    def getDevSN(self) -> str:  # noqa: N802
        return self._rt.module.identity.serial

    def getDevModel(self) -> str:  # noqa: N802
        return self._rt.module.model.variant

    def getDevProductId(self) -> str:  # noqa: N802
        return "Quectel"


def make(rt: ScriptRuntime) -> _Modem:
    return _Modem("modem", rt)
