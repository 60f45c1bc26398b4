"""Devices that people made with `qpyota dev new`, beside those of a scenario, and how they are remembered.

What is kept is name, model and firmware; with them goes the factory content, and the shelf keeps how its flash differs.
Such a device is a thing of the account with a certificate and the policy of devices, as one of a scenario is.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from sim.cloud.account import Account
from sim.cloud.store.database import Database
from sim.device.catalogue import load_model
from sim.device.module import Module
from sim.errors import SpecError
from sim.scenario.fleet import Ground, make_devices
from sim.scenario.places import Places
from sim.scenario.result import RunOptions
from sim.scenario.schema import Fleet

MADE = "made"
"""Fact: the devices that people made, a JSON list."""


class Workshop:
    """All devices of a cloud: `devices` of a scenario, to which it adds those that people make."""

    def __init__(self, ground: Ground, account: Account, devices: dict[str, Module]) -> None:
        self._ground = ground
        self._account = account
        self.devices = devices
        self._made: list[dict[str, str]] = []

    @property
    def places(self) -> Places:
        """Where the devices are."""
        return self._ground.places

    @property
    def made(self) -> str:
        """What is to be kept of the devices that people made."""
        return json.dumps(self._made)

    def bring_back(self, database: Database) -> None:
        """Make again what was made before. Those that were never switched on become things only now."""
        for row in json.loads(database.fact(MADE) or "[]"):
            self.add(**row)

    def add(self, name: str, model: str, firmware: str) -> Module:
        """A new device, switched off. SpecError when name, model or firmware will not do."""
        if name in self.devices:
            raise SpecError(f"there is a device {name} already")
        row = checked(name, model, firmware)
        made = make_devices(Fleet.model_validate(row), self._ground, RunOptions())
        self._account.register(name)
        self.devices.update(made)
        self._made.append(row)
        return made[name]

    def drop(self, name: str) -> None:
        """Take away a device that somebody made, and its power before; its thing stays. SpecError for a scenario's."""
        row = next((row for row in self._made if row["name"] == name), None)
        if row is None:
            raise SpecError(f"{name} is a device of the scenario, which would make it again; only those of new can go")
        module = self.devices[name]
        module.power_cut()
        module.discard()
        self._made.remove(row)
        del self.devices[name]

    def start(self) -> None:
        """Switch on those that people made; the scenario's are the scenario's business."""
        for row in self._made:
            self._ground.clock.after(0, self.devices[row["name"]].power_on)

    def close(self) -> None:
        """Free what they hold."""
        for row in self._made:
            self.devices[row["name"]].discard()


def checked(name: str, model: str, firmware: str) -> dict[str, str]:
    """What is kept of a device. SpecError when name, model or firmware will not do."""
    spec = load_model(model)
    if not spec.owns_version(firmware):
        raise SpecError(f"{firmware!r} is no firmware of {model}; one would be {spec.example_version}")
    row = {"name": name, "model": model, "firmware": firmware}
    try:
        Fleet.model_validate(row)
    except ValidationError as error:
        raise SpecError(f"a device cannot be called {name!r}: {_why(error)}") from None
    return row


def remember(database: Database, row: dict[str, str]) -> None:
    """Keep a device that the next `up` is to make."""
    made: list[dict[str, Any]] = json.loads(database.fact(MADE) or "[]")
    if any(row["name"] == it["name"] for it in made) or row["name"] in database.devices():
        raise SpecError(f"there is a device {row['name']} already")
    with database.together():
        database.state_fact(MADE, json.dumps([*made, row]))


def _why(error: ValidationError) -> str:
    return error.errors()[0]["msg"]
