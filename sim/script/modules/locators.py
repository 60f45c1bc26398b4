"""`cellLocator` and `wifilocator`: where the vendor's servers place the device, from cells or access points around it.

They know the scenario's `gnss` track, coarsely. Without one nobody knows where the device is.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

TOKEN_CHARS, HOST_CHARS = 16, 255
TIMEOUTS_S = range(1, 301)
CELL_ACCURACY_M, WIFI_ACCURACY_M = 550, 50
"""ESTIMATE: a town's cell, and a few access points."""
ROUND_TRIPS = 4
"""Name, connection, question, answer."""


def cell_locator(rt: ScriptRuntime) -> ModuleType:
    def get_location(server: str, port: int, token: str, timeout: int = 300, profile: int = 1) -> Any:
        """(longitude, latitude, accuracy in metres), or the vendor's number of an error."""
        rt.me()
        if len(server) > HOST_CHARS:
            return 2
        if len(token) != TOKEN_CHARS:
            return 3
        if timeout not in TIMEOUTS_S:
            return 4
        if not rt.module.radio.attached:
            return 5
        return _ask(rt, CELL_ACCURACY_M) or 6

    return namespace("cellLocator", getLocation=get_location)


def wifi_locator(rt: ScriptRuntime) -> ModuleType:
    class wifilocator:  # noqa: N801 - the device's name
        def __init__(self, token: str = "") -> None:
            self._token = token

        def getwifilocator(self) -> Any:
            """(longitude, latitude, accuracy in metres), or the vendor's number of an error."""
            rt.me()
            if not rt.module.radio.attached:
                return 1
            if len(self._token) != TOKEN_CHARS:
                return 2
            return _ask(rt, WIFI_ACCURACY_M) or 3

    return namespace("wifilocator", wifilocator=wifilocator)


def _ask(rt: ScriptRuntime, accuracy_m: int) -> tuple[float, float, int] | None:
    rt.sleep_us(ROUND_TRIPS * rt.module.radio.spec.rtt_us)
    fix = rt.module.board.fix
    return None if fix is None else (round(fix.longitude, 4), round(fix.latitude, 4), accuracy_m)
