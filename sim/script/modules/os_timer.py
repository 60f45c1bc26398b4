"""`osTimer`: the type itself stands under the module's name. A timer calls back on the scheduler thread.

`start` gives 0; a timer that was deleted answers -1 to everything. Starting one that runs begins it anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim.kernel.clock import Timer
from sim.script.runtime import ScriptRuntime


def make(rt: ScriptRuntime) -> type:
    class osTimer:  # noqa: N801 - the device's name
        def __init__(self) -> None:
            self._timer: Timer | None = None
            self._deleted = False

        def start(self, period_ms: int, cyclic: int, callback: Callable[[Any], object]) -> int:
            rt.me()
            if self._deleted or period_ms <= 0 or not callable(callback):
                return -1
            self._cancel()
            self._arm(int(period_ms), bool(cyclic), callback)
            return 0

        def stop(self) -> int:
            rt.me()
            self._cancel()
            return -1 if self._deleted else 0

        def delete_timer(self) -> int:
            rt.me()
            self._cancel()
            deleted, self._deleted = self._deleted, True
            return -1 if deleted else 0

        def _arm(self, period_ms: int, cyclic: bool, callback: Callable[[Any], object]) -> None:
            def due() -> None:
                if cyclic:
                    self._arm(period_ms, cyclic, callback)
                rt.callback(callback, None)

            self._timer = rt.module.life.after(period_ms * 1000, due)

        def _cancel(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return osTimer
