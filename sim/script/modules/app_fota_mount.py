"""`app_fota_mount`: the volume that some builds keep for staged files. One object per boot; 2021 did not have it.

`can_mount` stays true after `umount_disk`, so `fota_dir` goes on naming a folder that is not there.
"""

from __future__ import annotations

from typing import Any

from sim.script.namespace import FirmwareModule
from sim.script.runtime import ScriptRuntime


class AppFotaPkgMount:
    """The volume, one object per boot."""

    _rt: ScriptRuntime
    _only: Any = None

    def __new__(cls) -> AppFotaPkgMount:
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only  # type: ignore[no-any-return]

    @property
    def mount_state(self) -> bool:
        return self._rt.module.staging_mounted

    @property
    def can_mount(self) -> bool:
        return bool(self._rt.module.staging_prefix)

    @property
    def fota_dir(self) -> str:
        return self._rt.module.staging_prefix

    def mount_disk(self) -> None:
        """Fails silently on a build without such a volume."""
        self._rt.flash(self._rt.module.mount_staging)

    def umount_disk(self) -> None:
        self._rt.flash(self._rt.module.leave_staging)

    def get_fota_file_name(self, path: str) -> str:
        return self.fota_dir + path


class _AppFotaMount(FirmwareModule, classes={"AppFotaPkgMount": AppFotaPkgMount}):
    """The module."""


def make(rt: ScriptRuntime) -> _AppFotaMount:
    if rt.profile.generation == "G21":
        raise ImportError("no module named 'app_fota_mount'")
    return _AppFotaMount("app_fota_mount", rt)
