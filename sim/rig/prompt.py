"""Code at a device's prompt: the raw one, as mpremote uses it, with virtual time passing while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.errors import SpecError
from sim.rig.words import duration_us
from sim.serve.bench_client import CTRL_B, CTRL_C, RawPrompt

if TYPE_CHECKING:
    from sim.rig.rig import Rig

BOOTED_US = 1_000_000
"""A device that has just booted has its prompt by then."""


class Line(RawPrompt):
    """The console of a device, from `open` to `close`. Unmet when nothing comes for `timeout`."""

    def __init__(self, rig: Rig, name: str, timeout: str) -> None:
        super().__init__()
        self._rig = rig
        self._module = rig.scene.devices[name]
        self._timeout = timeout
        self._until_us = rig.clock.now_us + duration_us(timeout)
        self._printed = bytearray()

    def open(self) -> None:
        """Connect; SpecError when the device has no prompt."""
        console = self._module.console
        if not self._rig.pass_time(BOOTED_US, lambda: console.on_input is not None, often=True):
            raise SpecError(
                f"{self._module.name} runs the built-in application, which has no prompt; make it with a script, "
                "or with agent=None"
            )
        console.peer = self._printed.extend

    def close(self) -> None:
        """Back to the friendly prompt, and away."""
        self._module.console.peer = None

    def send(self, keys: bytes) -> None:
        self._rig.call(self._module.console.type_in, keys)

    def receive(self) -> bytes:
        if self._waiting:
            data, self._waiting = bytes(self._waiting), bytearray()
            return data
        left_us = max(0, self._until_us - self._rig.clock.now_us)
        if not self._rig.pass_time(left_us, lambda: bool(self._printed), often=True):
            self.send(CTRL_C)
            raise self._rig.unmet(f"{self._module.name} did not come to the end of the code within {self._timeout}")
        data = bytes(self._printed)
        self._printed.clear()
        return data


def execute(rig: Rig, name: str, code: str, timeout: str) -> str:
    """What the code printed, with the line ends of text."""
    line = Line(rig, name, timeout)
    line.open()
    shown = bytearray()
    try:
        error = line.run(code.encode(), shown.extend, fresh=False)
        line.send(b"\r" + CTRL_B)
    finally:
        rig.call(line.close)
    if error:
        raise rig.unmet(f"{name}: the code failed:\n{error.strip()}")
    return shown.decode("utf-8", "replace").replace("\r\n", "\n")
