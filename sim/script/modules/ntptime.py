"""`ntptime`: the module's clock already shows the network's time, so setting it from a server only takes a while."""

from __future__ import annotations

from types import ModuleType

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

ROUND_TRIP_US = 300_000
"""ESTIMATE: name look-up and one exchange over LTE."""
DEFAULT_SERVER = "ntp.aliyun.com"


def make(rt: ScriptRuntime) -> ModuleType:
    server = {"host": DEFAULT_SERVER}

    def sethost(host: str) -> int:
        server["host"] = host
        return 0

    def settime(_timezone: int = 0, *_more: int) -> int:
        """0, or -1 without a network."""
        rt.sleep_us(ROUND_TRIP_US)
        return 0 if rt.module.radio.attached else -1

    return namespace("ntptime", host=DEFAULT_SERVER, sethost=sethost, settime=settime)
