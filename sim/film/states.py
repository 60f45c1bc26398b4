"""The state in which a device is shown, told from its records alone: the one rule behind every grid of devices.

A device shows what it does now; when it does nothing it shows how its last execution ended, or that it runs.
"""

from __future__ import annotations

from typing import Any

from sim.device.module import Module

STATES = (
    ("off", "off"),
    ("booting", "booting"),
    ("running", "running"),
    ("waiting", "waiting"),
    ("downloading", "downloading"),
    ("verifying", "verifying"),
    ("applying", "applying"),
    ("minimal", "minimal system"),
    ("reporting", "reporting"),
    ("succeeded", "succeeded"),
    ("failed", "failed"),
    ("no_network", "no network"),
    ("bricked", "bricked"),
)
"""Name and what people read, in the order of their numbers."""
NUMBER = {name: number for number, (name, _) in enumerate(STATES)}

PHASES = {
    "download": "downloading",
    "app_download": "downloading",
    "verify": "verifying",
    "apply": "applying",
    "app_copy": "applying",
    "mini_download": "minimal",
    "stream": "minimal",
}
"""Phase of an update → state. `idle` is none."""
ENDED = {"SUCCEEDED": "succeeded", "FAILED": "failed", "REJECTED": "failed", "TIMED_OUT": "failed"}
"""Status of an execution that is over → state; one that was canceled or removed leaves none."""
OPEN = ("QUEUED", "IN_PROGRESS")
BACK = ("mqtt.connack", "mqtt.in", "http", "phase")
"""Kinds of records that a device without a network cannot have."""


AT_FIRST = {"off": "off", "running": "running", "mini": "minimal", "bricked": "bricked"}
"""State of a module → state; all others are on the way to the firmware."""


class DeviceState:
    """One device's; `name` is the state now."""

    __slots__ = ("_begun", "_last", "_lost", "name")

    def __init__(self) -> None:
        self.name = "off"
        self._last = "running"
        self._begun = False
        self._lost = ""

    @classmethod
    def of(cls, module: Module) -> DeviceState:
        """That of a device which may have been running for long."""
        state = cls()
        state.name = AT_FIRST.get(module.state, "booting")
        if state.name == "running" and module.phase != "idle":
            state.name = PHASES.get(module.phase, "running")
        return state

    def take(self, kind: str, data: dict[str, Any]) -> bool:
        """Take one of its records, or one about its execution; whether the state changed."""
        before = self.name
        if kind == "execution":
            self._execution(data)
        else:
            self.name = self._after(kind, data)
        return self.name != before

    def _execution(self, data: dict[str, Any]) -> None:
        status = data["new"]
        if status in OPEN:
            self._begun = status == "IN_PROGRESS"
            return
        self._begun = False
        self._last = ENDED.get(status, "running")
        if self.name in ("running", "reporting", "succeeded", "failed", "waiting", "downloading", "verifying"):
            self.name = self._last

    def _after(self, kind: str, data: dict[str, Any]) -> str:
        if self.name == "no_network" and kind in BACK:
            self.name = self._lost
        match kind:
            case "power.on" | "reset" | "soft_reset":
                return "booting"
            case "power.cut" | "power.down":
                return "off"
            case "boot":
                return "reporting" if self._begun else self._last
            case "mini.boot":
                return "minimal"
            case "bricked":
                return "bricked"
            case "link.lost" if self.name not in ("off", "booting", "bricked", "no_network"):
                self._lost = self.name
                return "no_network"
            case "phase":
                return self._phase(data["phase"])
        return self.name

    def _phase(self, phase: str) -> str:
        if phase != "idle":
            return PHASES.get(phase, self.name)
        return self._last if self.name in PHASES.values() and self.name != "minimal" else self.name
