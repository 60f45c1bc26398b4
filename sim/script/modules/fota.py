"""`fota`: the type itself stands under the module's name, so `import fota; fota()`. One object per device.

`httpDownload` blocks on some families and returns at once on others; success is followed by a reset of its own. With
`url2` it asks for a minimal upgrade, of which no callback hears. What the family cannot do is refused at once, with -1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim.kernel.clock import Story
from sim.script.runtime import ScriptRuntime
from sim.update.failures import n_series_code
from sim.update.firmware import stage_verified
from sim.update.methods import Method, choose, staged_kinds
from sim.update.site import UpdateFailed

IN_PROGRESS, FLAG_SET, FAILED = 1, 2, -1
"""First element of the list a callback gets; the second is percent, or the error code after FAILED."""

SECTOR_BYTES = 4096


def make(rt: ScriptRuntime) -> type:
    traits = rt.module.model.fota

    class fota:  # noqa: N801 - the device's name
        _only: Any = None

        def __new__(cls, **_options: Any) -> fota:
            if cls._only is None:
                cls._only = super().__new__(cls)
            return cls._only  # type: ignore[no-any-return]

        def __init__(self, *, reset_disable: int = 0, key: str = "", cert: str = "", root_cert: str = "") -> None:
            self._keep_running = bool(reset_disable) and traits.reset_disable
            self._busy = False
            self._written = 0
            self._tail = b""

        def httpDownload(  # noqa: N802
            self, *, url1: str = "", url2: str | None = None, callback: Callable[[Any], object] | None = None
        ) -> int:
            rt.me()
            if not isinstance(url1, str):
                raise TypeError("can't convert to str")
            if self._busy:
                return -1
            urls = [url1] if url2 is None else [url1, url2]
            try:
                method = choose(rt.module, urls)
            except UpdateFailed as failure:
                rt.trace("fota.failed", code=failure.code, reason=failure.reason)
                return -1
            self._busy = True
            story = self._update(method, urls, callback if method.calls_back else None)
            if traits.blocking:
                return int(rt.run(story))
            rt.module.life.spawn(story)
            return 0

        def write(self, data: Any, total_size: int) -> int:
            """Stage a package piece by piece from a local source."""
            area = rt.module.layout.package
            if total_size > area.size_bytes or self._written + len(self._tail) + len(data) > total_size:
                return -1
            self._tail += bytes(data)
            whole = len(self._tail) // SECTOR_BYTES * SECTOR_BYTES
            if whole:
                rt.flash(area.rewrite, self._written, self._tail[:whole])
                self._written, self._tail = self._written + whole, self._tail[whole:]
            return 0

        def flush(self) -> int:
            if self._tail:
                rt.flash(rt.module.layout.package.rewrite, self._written, self._tail)
                self._written, self._tail = self._written + len(self._tail), b""
            return 0

        def verify(self) -> int:
            """Verify what was written and set the flag; the script restarts the device itself."""
            size, self._written = self._written, 0
            try:
                rt.run(stage_verified(rt.module, size, staged_kinds(rt.module)))
            except UpdateFailed:
                return -1
            return 0

        def _update(self, method: Method, urls: list[str], callback: Callable[[Any], object] | None) -> Story:
            def tell(status: int, progress: int) -> None:
                if callback is not None:
                    rt.callback(callback, [status, progress])

            try:
                yield from method.begin(rt.module, urls, lambda percent: tell(IN_PROGRESS, percent))
            except UpdateFailed as failure:
                rt.trace("fota.failed", code=failure.code, reason=failure.reason)
                rt.module.enter_phase("idle")
                tell(FAILED, failure.code if traits.blocking else n_series_code(failure))
                return -1
            finally:
                self._busy = False
            tell(FLAG_SET, 100)
            if not self._keep_running:
                rt.module.life.after(traits.reset_delay_us, rt.module.reset, "fota")
            return 0

    return fota
