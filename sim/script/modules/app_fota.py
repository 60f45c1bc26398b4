"""`app_fota`: stage application files now, have them copied into place at the next boot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sim.script.modules import app_fota_download
from sim.script.namespace import FirmwareModule
from sim.script.runtime import ScriptRuntime
from sim.update.app_files import apply_staged
from sim.update.backup import update_checksum

EXTERNAL = frozenset({"ext_enable", "spi_port", "spi_clk", "dl_location"})


class new:  # noqa: N801 - the device's name
    _rt: ScriptRuntime

    def __init__(self, **chip: Any) -> None:
        """`chip`: an external flash, which the newest take files to. None is wired to these modules, so they go where
        they go without it."""
        generation = self._rt.profile.generation
        if unknown := sorted(set(chip) - (EXTERNAL if generation == "UNI" else set())):
            raise TypeError(f"unexpected keyword argument '{unknown[0]}'")
        if generation != "G21":
            self.app_fota_pkg_mount = self._rt.imports.import_name("app_fota_mount").AppFotaPkgMount()
        self._rt.flash(self._rt.module.mount_staging)

    def download(self, url: str, file_name: str, headers: dict[str, str] | None = None) -> int:
        return app_fota_download.download(self._rt, url, file_name, headers)

    def bulk_download(
        self, info: Sequence[dict[str, Any]] = (), headers: dict[str, str] | None = None
    ) -> list[dict[str, Any]] | None:
        """None when every file was staged, else the items that were refused."""
        return app_fota_download.bulk_download(self._rt, info, headers)

    def set_update_flag(self) -> None:
        app_fota_download.flag(self._rt)

    def update(self) -> int:
        """What the firmware does at boot."""
        mounts = self._rt.module.mounts
        return int(self._rt.run(apply_staged(self._rt.module, lambda name: update_checksum(mounts, name))))


class _AppFota(FirmwareModule, classes={"new": new}):
    """The module."""


def make(rt: ScriptRuntime) -> _AppFota:
    return _AppFota("app_fota", rt)
