"""`file_crc32`: CRC-32 of a file in hex, None when there is no such file."""

from __future__ import annotations

from types import ModuleType

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime
from sim.update.backup import crc32_of


def make(rt: ScriptRuntime) -> ModuleType:
    def calc(path: str) -> str | None:
        try:
            return rt.flash(crc32_of, rt.module.mounts, path)
        except OSError:
            return None

    return namespace("file_crc32", calc=calc)
