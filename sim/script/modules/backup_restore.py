"""`backup_restore`: have files restored at boot when they are damaged. It alone may write to /bak."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

from sim.flash.mounts import Mounts
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime
from sim.update import backup

COPIED, MISSING, NOT_SET_UP, OFF, FAILED = 1, -1, -2, -3, -5


def make(rt: ScriptRuntime) -> ModuleType:
    def bak_file(file: str) -> int:
        """Keep a copy of a file; 1, or why not."""
        path = "/" + file.lstrip("/")
        return rt.flash(_state, rt.module.mounts, path, wanted=True) or rt.flash(_copy, rt.module.mounts, path)

    def bak_update(file: str, data: Any) -> int:
        """Make a file that is not there yet, with this content, and its copy; 0, or why not."""
        path = "/" + file.lstrip("/")
        if not isinstance(data, dict):
            return MISSING
        state = rt.flash(_state, rt.module.mounts, path, wanted=False)
        if state:
            return state
        rt.flash(rt.module.mounts.write, path, json.dumps(data).encode())
        copied = rt.flash(_copy, rt.module.mounts, path)
        return 0 if copied > 0 else copied

    def main() -> None:
        for line in rt.flash(backup.restore, rt.module.mounts):
            rt.builtins["print"](line)

    return namespace("backup_restore", bak_file=bak_file, bak_update=bak_update, main=main)


def _state(mounts: Mounts, path: str, *, wanted: bool) -> int:
    """Why nothing is to be done, 0 when all is well."""
    if mounts.exists(path) != wanted:
        return MISSING
    try:
        return 0 if backup.is_enabled(mounts) else OFF
    except (backup.NotSetUp, *backup.PROBLEMS):
        return NOT_SET_UP


def _copy(mounts: Mounts, path: str) -> int:
    """Put the copy of a file into /bak and list it: COPIED, or why not."""
    unlocked, place = mounts.unlocked(), "/bak" + path
    try:
        unlocked.makedirs(place.rpartition("/")[0])
        unlocked.write(place, mounts.read(path))
        backup.list_file(unlocked, path)
    except (OSError, ValueError, KeyError, TypeError):
        return FAILED
    return COPIED
