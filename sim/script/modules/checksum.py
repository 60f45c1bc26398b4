"""`checksum` and `file_crc32`: which files are restored at boot when they are damaged, and what they should be."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime
from sim.update import backup


def make(rt: ScriptRuntime) -> ModuleType:
    def retrieve(file_name: str) -> Any:
        """The CRC-32 that is noted for a file; None when it is not listed."""
        wanted = "/" + file_name.lstrip("/")
        try:
            entries = rt.flash(backup.read_checksums, rt.module.mounts)
        except backup.NotSetUp as error:
            raise OSError(str(error)) from None
        return next((entry["crc32"] for entry in entries if entry["name"].lower() == wanted.lower()), None)

    return namespace(
        "checksum",
        retrieve=retrieve,
        update=lambda file_name: rt.flash(backup.update_checksum, rt.module.mounts, file_name),
        bulk_update=lambda names=(): rt.flash(backup.update_checksums, rt.module.mounts, names),
    )
