"""`dataCall`: the data connection, which the firmware opens by itself when the module is registered."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from sim.device.radio import NO_CONTEXT
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

PROFILES = range(1, 9)
NO_ADDRESS = "0.0.0.0"
NAME_SERVERS = ("10.0.0.53", "10.0.1.53")
V4, V6, BOTH = 0, 1, 2
CONTEXT_VALUES = 5
NO_CONTEXT_SET = (0, "", "", "", 0)


def make(rt: ScriptRuntime) -> ModuleType:
    radio = rt.module.radio
    address = rt.module.sim.card.address
    contexts: dict[int, tuple[Any, ...]] = {}
    servers = {"now": NAME_SERVERS}

    def info(profile: int, kind: int) -> tuple[Any, ...] | int:
        """(profile, kind, [state, reconnect, address, DNS, DNS]), for both kinds two lists; -1 for a bad profile."""
        rt.me()
        if profile not in PROFILES or kind not in (V4, V6, BOTH):
            return -1
        up = radio.attached and profile == 1
        v4 = [1, 0, address, *servers["now"]] if up else [0, 0, NO_ADDRESS, NO_ADDRESS, NO_ADDRESS]
        v6 = [0, 0, "::", "::", "::"]
        lists = {V4: (v4,), V6: (v6,), BOTH: (v4, v6)}
        return (profile, kind, *lists[kind])

    def set_callback(callback: Callable[[Any], object]) -> int:
        """`callback((profile, state, …))` when the connection comes (1) or goes (0)."""
        rt.me()
        if not callable(callback):
            return -1
        radio.on_change = lambda up: rt.callback(callback, (1, int(up), 0))
        return 0

    def set_context(profile: int, *settings: Any) -> int:
        """IP type, APN, user, password, authentication."""
        rt.me()
        if profile not in PROFILES or len(settings) != CONTEXT_VALUES:
            return -1
        contexts[profile] = settings
        return 0

    def set_name_servers(profile: int, card: int, first: str, second: str) -> int:
        rt.me()
        if profile not in PROFILES or card != 0:
            return -1
        servers["now"] = (first, second)
        return 0

    def activate(profile: int) -> int:
        rt.me()
        radio.free(NO_CONTEXT)
        return 0 if profile in PROFILES else -1

    def deactivate(profile: int) -> int:
        """End the data connection; the module stays registered."""
        rt.me()
        if profile == 1 and radio.attached:
            radio.hinder(NO_CONTEXT)
        return 0 if profile in PROFILES else -1

    def accepted(profile: int, *_settings: Any) -> int:
        return 0 if profile in PROFILES else -1

    return namespace(
        "dataCall",
        getInfo=info,
        setCallback=set_callback,
        start=accepted,
        setApn=accepted,
        setPDPContext=set_context,
        getPDPContext=lambda profile: contexts.get(profile, NO_CONTEXT_SET) if profile in PROFILES else -1,
        setDNSServer=set_name_servers,
        setAutoConnect=accepted,
        setAutoActivate=accepted,
        activate=activate,
        deactivate=deactivate,
    )
