"""The state of a device, folded from its records."""

from __future__ import annotations

from typing import Any

import pytest

from sim.film.states import NUMBER, STATES, DeviceState
from sim.scenario.schema_faults import Phase

Told = tuple[str, dict[str, Any]]
ON, BOOT, CUT = ("power.on", {}), ("boot", {"version": "A20", "boot": 1}), ("power.cut", {"phase": "idle"})


def phase(name: str) -> Told:
    return "phase", {"phase": name}


def execution(status: str) -> Told:
    return "execution", {"new": status}


def after(*told: Told) -> list[str]:
    state = DeviceState()
    shown = []
    for kind, data in told:
        if state.take(kind, data):
            shown.append(state.name)
    return shown


def test_an_upgrade_from_the_switch_to_the_end() -> None:
    told = after(
        ON, BOOT, execution("QUEUED"), execution("IN_PROGRESS"), phase("download"), phase("verify"), phase("idle"),
        ("reset", {"reason": "update staged"}), phase("apply"), ("reset", {"reason": "update applied"}), BOOT,
        execution("SUCCEEDED"),
    )  # fmt: skip
    assert told == [
        "booting", "running", "downloading", "verifying", "running", "booting", "applying", "booting", "reporting",
        "succeeded",
    ]  # fmt: skip


def test_how_it_ended_stays_over_a_restart() -> None:
    assert after(ON, BOOT, execution("IN_PROGRESS"), execution("FAILED"), ("reset", {}), BOOT)[-1] == "failed"
    assert after(ON, BOOT, execution("IN_PROGRESS"), execution("CANCELED"))[-1] == "running"


def test_a_device_without_a_network_is_what_it_was_once_it_hears_something() -> None:
    lost = ("link.lost", {})
    assert after(ON, BOOT, phase("download"), lost, ("http", {"bytes": 1})) == [
        "booting", "running", "downloading", "no_network", "downloading",
    ]  # fmt: skip
    assert after(ON, lost) == ["booting"], "it has no network yet"
    assert after(ON, BOOT, lost, lost, ("mqtt.connack", {"code": 0}))[-1] == "running"


@pytest.mark.parametrize("end", [CUT, ("power.down", {})])
def test_without_power_it_is_off_whatever_comes(end: Told) -> None:
    assert after(ON, BOOT, end, execution("SUCCEEDED"))[-1] == "off"


def test_bricked() -> None:
    assert after(ON, ("bricked", {"reason": "no image"})) == ["booting", "bricked"]


def test_every_phase_is_shown() -> None:
    for name in Phase.__args__:
        assert after(ON, BOOT, phase(name))[-1] in ("downloading", "verifying", "applying", "minimal"), name


def test_numbers_are_those_of_the_head() -> None:
    assert [name for name, _ in STATES] == sorted(NUMBER, key=NUMBER.__getitem__)
    assert list(NUMBER)[:3] == ["off", "booting", "running"]
