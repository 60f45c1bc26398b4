"""The flash of a served cloud's devices, kept in the cloud's database.

A device is stored as what differs from its factory content. It is saved together with each change of the account, in
the same transaction, so that no device is ever further back than what it told the cloud; and now and then in between.
Saved states lie between two events, as those that a power cut leaves do, and a device that comes back boots from one.
"""

from __future__ import annotations

from collections.abc import Mapping

from sim.cloud.store.database import Database, DeviceRow
from sim.device.module import Module
from sim.errors import SpecError
from sim.flash.changes import Sector, changed, digest, with_sectors
from sim.flash.nor import NorSnapshot


class Shelf:
    """Keeps the flash of `devices`, which hold their factory content and are off."""

    def __init__(self, database: Database, devices: Mapping[str, Module]) -> None:
        self._database = database
        self._devices = devices
        self._rows: dict[str, DeviceRow] = {}
        self._saved: dict[str, NorSnapshot] = {}
        self._kept = database.devices()
        self.factory: dict[str, NorSnapshot] = {}
        """The flash that each was made with."""
        for name, module in devices.items():
            self.put(name, module)

    def put(self, name: str, module: Module) -> None:
        """Keep this one of the devices from now on."""
        factory = self.factory[name] = module.nor.snapshot()
        row = DeviceRow(name, digest(factory), -1, 0, 0, "", "", 0.0, "")
        self._saved[name] = factory
        self._rows[name] = row
        if name in self._kept:
            self._bring_back(module, self._kept[name], row.factory)

    def drop(self, name: str) -> None:
        """Keep nothing of it any more."""
        for kept in (self.factory, self._saved, self._rows, self._kept):
            kept.pop(name, None)
        with self._database.together():
            self._database.forget_device(name)

    def save(self) -> None:
        """Write what has changed since the last time; to be called between two events."""
        for name in self._rows:
            module = self._devices[name]
            row = _row(module, self._rows[name].factory)
            if row == self._rows[name]:
                continue
            with self._database.together():
                if row.ops != self._rows[name].ops:
                    flash = module.nor.snapshot()
                    sectors = changed(self._saved[name], flash)
                    self._database.save_sectors(name, ((it.number, it.erases, it.content) for it in sectors))
                    self._saved[name] = flash
                self._database.save_device(row)
            self._rows[name] = row

    def _bring_back(self, module: Module, row: DeviceRow, factory: str) -> None:
        if row.factory != factory:
            raise SpecError(
                f"the factory content of {module.name} is not what it was when its flash was first kept "
                "(another model, firmware or script); take another --data, or undo the change"
            )
        sectors = (Sector(*it) for it in self._database.sectors(module.name))
        flash = with_sectors(self._saved[module.name], sectors, row.ops, row.busy_us)
        module.nor.restore(flash)
        module.boots = row.boots
        self._saved[module.name] = flash
        self._rows[module.name] = row


def _row(module: Module, factory: str) -> DeviceRow:
    nor = module.nor
    state = "off" if module.state == "resetting" else module.state
    flash = (factory, nor.ops, nor.busy_us)
    return DeviceRow(module.name, *flash, module.boots, state, module.phase, module.progress, module.version)
