"""`dataCall`: the data connection, which the firmware opens by itself when the module is registered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim.device.radio import NO_CONTEXT
from sim.script.namespace import FirmwareModule
from sim.script.runtime import ScriptRuntime

PROFILES = range(1, 9)
NO_ADDRESS = "0.0.0.0"
NAME_SERVERS = ("10.0.0.53", "10.0.1.53")
V4, V6, BOTH = 0, 1, 2
CONTEXT_VALUES = 5
NO_CONTEXT_SET = (0, "", "", "", 0)


class _DataCall(FirmwareModule):
    __slots__ = ("_contexts", "_servers")

    def __init__(self, rt: ScriptRuntime) -> None:
        super().__init__("dataCall", rt)
        self._contexts: dict[int, tuple[Any, ...]] = {}
        self._servers = NAME_SERVERS

    def getInfo(self, profile: int, kind: int) -> tuple[Any, ...] | int:  # noqa: N802 - the device's names
        """(profile, kind, [state, reconnect, address, DNS, DNS]), for both kinds two lists; -1 for a bad profile."""
        self._rt.me()
        if profile not in PROFILES or kind not in (V4, V6, BOTH):
            return -1
        module = self._rt.module
        up = module.radio.attached and profile == 1
        v4 = [1, 0, module.sim.card.address, *self._servers] if up else [0, 0, NO_ADDRESS, NO_ADDRESS, NO_ADDRESS]
        v6 = [0, 0, "::", "::", "::"]
        lists = {V4: (v4,), V6: (v6,), BOTH: (v4, v6)}
        return (profile, kind, *lists[kind])

    def setCallback(self, callback: Callable[[Any], object]) -> int:  # noqa: N802
        """`callback((profile, state, …))` when the connection comes (1) or goes (0)."""
        rt = self._rt
        rt.me()
        if not callable(callback):
            return -1
        rt.module.radio.on_change = lambda up: rt.callback(callback, (1, int(up), 0))
        return 0

    def setPDPContext(self, profile: int, *settings: Any) -> int:  # noqa: N802
        """IP type, APN, user, password, authentication."""
        self._rt.me()
        if profile not in PROFILES or len(settings) != CONTEXT_VALUES:
            return -1
        self._contexts[profile] = settings
        return 0

    def getPDPContext(self, profile: int) -> tuple[Any, ...] | int:  # noqa: N802
        return self._contexts.get(profile, NO_CONTEXT_SET) if profile in PROFILES else -1

    def setDNSServer(self, profile: int, card: int, first: str, second: str) -> int:  # noqa: N802
        self._rt.me()
        if profile not in PROFILES or card != 0:
            return -1
        self._servers = (first, second)
        return 0

    def activate(self, profile: int) -> int:
        self._rt.me()
        self._rt.module.radio.free(NO_CONTEXT)
        return 0 if profile in PROFILES else -1

    def deactivate(self, profile: int) -> int:
        """End the data connection; the module stays registered."""
        self._rt.me()
        if profile == 1 and self._rt.module.radio.attached:
            self._rt.module.radio.hinder(NO_CONTEXT)
        return 0 if profile in PROFILES else -1

    def start(self, profile: int, *_settings: Any) -> int:
        """The firmware does it by itself."""
        return 0 if profile in PROFILES else -1

    setApn = setAutoConnect = setAutoActivate = start  # noqa: N815


def make(rt: ScriptRuntime) -> _DataCall:
    return _DataCall(rt)
