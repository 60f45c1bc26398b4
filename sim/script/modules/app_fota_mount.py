"""`app_fota_mount`: the volume that some builds keep for staged files. One object per boot; 2021 did not have it.

`can_mount` stays true after `umount_disk`, so `fota_dir` goes on naming a folder that is not there.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime


def make(rt: ScriptRuntime) -> ModuleType:
    if rt.profile.generation == "G21":
        raise ImportError("no module named 'app_fota_mount'")

    class AppFotaPkgMount:
        _only: Any = None

        def __new__(cls) -> AppFotaPkgMount:
            if cls._only is None:
                cls._only = super().__new__(cls)
            return cls._only  # type: ignore[no-any-return]

        @property
        def mount_state(self) -> bool:
            return rt.module.staging_mounted

        @property
        def can_mount(self) -> bool:
            return bool(rt.module.staging_prefix)

        @property
        def fota_dir(self) -> str:
            return rt.module.staging_prefix

        def mount_disk(self) -> None:
            """Fails silently on a build without such a volume."""
            rt.flash(rt.module.mount_staging)

        def umount_disk(self) -> None:
            rt.flash(rt.module.leave_staging)

        def get_fota_file_name(self, path: str) -> str:
            return self.fota_dir + path

    return namespace("app_fota_mount", AppFotaPkgMount=AppFotaPkgMount)
