"""`write`, `flush` and `verify` of `fota`: a package that the program brings itself.

Pieces are staged sector by sector; `verify` sets the flag and leaves the restart to the program. Which families and
generations have it is data: where it is compiled out the names are missing, where it is refused they answer -1. There
is one staging area: while a download runs nothing is written, and a download ends what was being written.
"""

from __future__ import annotations

from typing import Any

from sim.script.runtime import ScriptRuntime
from sim.update.download import HTTP_BUSY, HTTP_NO_REQUEST
from sim.update.firmware import stage_verified
from sim.update.methods import staged_kinds
from sim.update.site import UpdateFailed

SECTOR_BYTES = 4096


def use_of(rt: ScriptRuntime) -> str:
    """What this firmware makes of it: `absent`, `refused` or more."""
    local = rt.module.model.fota.local
    return local.get(rt.profile.generation, local["G25"])


class Local:
    """What `fota` has of it, where the firmware has it at all."""

    _rt: ScriptRuntime
    _busy = False
    _local: LocalPackage | None = None

    def write(self, data: Any = None, total_size: Any = None) -> int:
        """Both are needed, else -1."""
        self._rt.me()
        if total_size is None or self._refuses:
            return -1
        if not isinstance(total_size, int):
            raise TypeError("can't convert to int")
        if self._busy:
            return self._package().refuse(HTTP_BUSY, "a download is running")
        if isinstance(data, str):
            data = data.encode()
        return self._package().write(bytes(memoryview(data)), total_size)

    def flush(self) -> int:
        self._rt.me()
        return -1 if self._refuses else self._package().flush()

    def verify(self) -> int:
        self._rt.me()
        return -1 if self._refuses else self._package().verify()

    @property
    def _refuses(self) -> bool:
        return use_of(self._rt) == "refused"

    def _package(self) -> LocalPackage:
        if self._local is None:
            self._local = LocalPackage(self._rt)
        return self._local


class LocalPackage:
    """What was written so far: whole sectors on flash, the rest in RAM."""

    def __init__(self, rt: ScriptRuntime) -> None:
        self._rt = rt
        self.forget()

    def forget(self) -> None:
        """Something else is staged now."""
        self._written, self._tail, self._begun = 0, b"", False

    def refuse(self, code: int, reason: str) -> int:
        self._rt.trace("fota.failed", code=code, reason=reason)
        return -1

    def write(self, data: bytes, total_size: int) -> int:
        area = self._rt.module.layout.package
        if total_size > area.size_bytes or self._written + len(self._tail) + len(data) > total_size:
            return -1
        self._begun = True
        self._tail += data
        whole = len(self._tail) // SECTOR_BYTES * SECTOR_BYTES
        if whole:
            self._rt.flash(area.rewrite, self._written, self._tail[:whole])
            self._written, self._tail = self._written + whole, self._tail[whole:]
        return 0

    def flush(self) -> int:
        if not self._begun:
            return self.refuse(HTTP_NO_REQUEST, "no package is being written")
        if self._tail:
            self._rt.flash(self._rt.module.layout.package.rewrite, self._written, self._tail)
            self._written, self._tail = self._written + len(self._tail), b""
        return 0

    def verify(self) -> int:
        if not self._begun:
            return self.refuse(HTTP_NO_REQUEST, "no package is being written")
        size = self._written
        self.forget()
        try:
            self._rt.run(stage_verified(self._rt.module, size, staged_kinds(self._rt.module)))
        except UpdateFailed as failure:
            return self.refuse(failure.code, failure.reason)
        return 0
