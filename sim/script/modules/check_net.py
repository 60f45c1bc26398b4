"""`checkNet`: wait until the network is there. (3, 1) is ready; at the end of patience, the stage that was missing."""

from __future__ import annotations

from types import ModuleType

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

POLL_US = 100_000
READY = (3, 1)
NOT_REGISTERED = (2, 0)


def make(rt: ScriptRuntime) -> ModuleType:
    def wait_network_ready(timeout: int = 60) -> tuple[int, int]:
        if not 1 <= timeout <= 3600:
            raise OSError("timeout must be in the range 1 to 3600")
        radio = rt.module.radio
        if not radio.attached and not rt.wait(radio.on_attach, timeout * 1_000_000):
            return NOT_REGISTERED
        rt.sleep_us(POLL_US - rt.now_us % POLL_US)
        return READY

    class CheckNetwork:
        def __init__(self, project_name: str, project_version: str) -> None:
            self._lines = {
                "PROJECT_NAME": project_name,
                "PROJECT_VERSION": project_version,
                "FIRMWARE_VERSION": rt.module.version,
                "POWERON_REASON": rt.module.power_on_reason,
                "SIM_CARD_STATUS": 1,
            }

        def poweron_print_once(self) -> None:
            for name, value in self._lines.items():
                rt.trace("print", text=f"{name:<20}: {value}")

        def wait_network_connected(self, timeout_s: int = 60) -> tuple[int, int]:
            return wait_network_ready(timeout_s)

    return namespace(
        "checkNet",
        waitNetworkReady=wait_network_ready,
        wait_network_connected=wait_network_ready,
        CheckNetwork=CheckNetwork,
    )
