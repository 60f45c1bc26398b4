"""`app_fota`: stage application files now, have them copied into place at the next boot."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from sim.script.modules import app_fota_download
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime
from sim.update.app_files import apply_staged
from sim.update.backup import update_checksum

EXTERNAL = frozenset({"ext_enable", "spi_port", "spi_clk", "dl_location"})


def make(rt: ScriptRuntime) -> ModuleType:
    generation = rt.profile.generation

    class new:  # noqa: N801 - the device's name
        def __init__(self, **chip: Any) -> None:
            """`chip`: an external flash, which the newest take files to. None is wired to these modules, so they go
            where they go without it."""
            if unknown := sorted(set(chip) - (EXTERNAL if generation == "UNI" else set())):
                raise TypeError(f"unexpected keyword argument '{unknown[0]}'")
            if generation != "G21":
                self.app_fota_pkg_mount = rt.imports.import_name("app_fota_mount").AppFotaPkgMount()
            rt.flash(rt.module.mount_staging)

        def download(self, url: str, file_name: str, headers: dict[str, str] | None = None) -> int:
            return app_fota_download.download(rt, url, file_name, headers)

        def bulk_download(
            self, info: Sequence[dict[str, Any]] = (), headers: dict[str, str] | None = None
        ) -> list[dict[str, Any]] | None:
            """None when every file was staged, else the items that were refused."""
            return app_fota_download.bulk_download(rt, info, headers)

        def set_update_flag(self) -> None:
            app_fota_download.flag(rt)

        def update(self) -> int:
            """What the firmware does at boot."""
            mounts = rt.module.mounts
            return int(rt.run(apply_staged(rt.module, lambda name: update_checksum(mounts, name))))

    return namespace("app_fota", new=new)
