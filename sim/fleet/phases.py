"""In which phase of an upgrade a device is, told from its records: the one rule behind durations and time lines."""

from __future__ import annotations

from typing import Any

PHASE_KINDS = ("phase", "reset", "power.cut", "boot", "bricked")
"""Kinds of records that may begin a phase."""


def phase_after(kind: str, data: dict[str, Any], phase: str) -> str | None:
    """The phase that begins with a record ("": none does, the one before ends); None when it changes nothing.

    Between those that the device tells there are `reboot` and `off`, and from the boot to the end `confirm`.
    """
    match kind:
        case "phase":
            return "" if data["phase"] == "idle" else str(data["phase"])
        case "reset":
            return "reboot"
        case "power.cut":
            return "off"
        case "boot":
            return "confirm" if phase else None
        case "bricked":
            return ""
    return None
