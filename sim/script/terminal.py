"""What the interpreter has to do with its console: keys, Ctrl-C, tracebacks, and running what somebody typed.

main.py runs first, the prompt after it, both on the main thread and in one namespace. Ctrl-C raises KeyboardInterrupt
in that thread: out of a sleep or a wait at once, in a busy loop within a millisecond, out of a call into the firmware
when it returns. Other threads are not disturbed.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sim.errors import Defect
from sim.kernel.fibers import Signal
from sim.kernel.power import PowerLoss
from sim.script.loader import TEXT_PATH, TYPED
from sim.script.repl import Repl

if TYPE_CHECKING:
    from sim.script.runtime import ScriptRuntime

MAIN_THREAD = 1
"""Id of the main thread, the prompt's too."""


class Terminal:
    """The console of one boot of the interpreter."""

    def __init__(self, runtime: ScriptRuntime) -> None:
        self._runtime = runtime
        self._console = runtime.module.console
        self._typed = Signal(runtime.clock)
        self.write = self._console.write

    @property
    def raw(self) -> bool:
        """Whether the prompt is the one for programs."""
        return self._console.raw

    @raw.setter
    def raw(self, raw: bool) -> None:
        self._console.raw = raw

    @property
    def variant(self) -> str:
        """What the module calls itself."""
        return self._runtime.module.model.variant

    def open(self) -> None:
        """From now on somebody listens to what is typed."""
        self._console.on_input = self._on_input

    def main(self, path: str) -> None:
        """The main thread: main.py, then the prompt when somebody is there. At a raw prompt main.py does not run."""
        if not self.raw:
            if self._runtime.module.mounts.exists(path):
                self._run(lambda: self._runtime.run_main(path), self._leave)
            else:
                self._runtime.trace("console", text=f"no {path}")
        if self._console.peer is not None or self._console.received:
            Repl(self).run()

    def read_key(self) -> int:
        """The next byte that was typed; blocks."""
        received = self._console.received
        while not received:
            self._runtime.wait(self._typed)
        key = received[0]
        del received[0]
        return key

    def run(self, source: bytes, path: str, before_error: Callable[[], object] = lambda: None) -> None:
        """Run what was typed at the prompt. `before_error` comes between its output and a traceback."""
        self._run(lambda: self._runtime.run_typed(path, source), self.soft_reset, before_error)

    def soft_reset(self) -> None:
        """Start the interpreter again; nothing after it runs."""
        self._runtime.soft_reset()

    def display(self, value: Any) -> None:
        """Show the value of an expression at the friendly prompt."""
        if value is not None:
            self._runtime.builtins["_"] = value
            self._runtime.builtins["print"](repr(value))

    def show(self, error: BaseException, frames: Sequence[traceback.FrameSummary]) -> None:
        """Print a traceback."""
        self.write(device_traceback(error, frames))

    def _run(
        self, work: Callable[[], object], leave: Callable[[], None], before_error: Callable[[], object] = lambda: None
    ) -> None:
        error: BaseException | None = None
        with self._interruptible():
            try:
                work()
            except (PowerLoss, Defect):
                raise
            except SystemExit:
                leave()
            except BaseException as caught:  # noqa: BLE001 - printed, and the prompt comes
                error = caught
        before_error()
        if error is not None:
            self._runtime.report(error, "main")

    def _leave(self) -> None:
        self._runtime.trace("exit", thread="main")

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Ctrl-C reaches the main thread inside."""
        me = self._runtime.me()
        self._console.on_break = lambda: me.interrupt(KeyboardInterrupt())
        try:
            yield
        finally:
            if not me.dead:
                self._console.on_break = None
                me.calm()

    def _on_input(self) -> None:
        """Somebody typed. When the main thread has ended, its place is the prompt's."""
        if MAIN_THREAD in self._runtime.threads:
            self._typed.notify_all()
        else:
            self._runtime.spawn(Repl(self).run, (), "main", number=MAIN_THREAD)


def device_traceback(error: BaseException, frames: Sequence[traceback.FrameSummary]) -> str:
    """A traceback without what is not the device's."""
    return traceback_text(error, [frame for frame in frames if _is_shown(frame.filename)])


def traceback_text(error: BaseException, frames: Sequence[traceback.FrameSummary]) -> str:
    """A traceback in MicroPython's words."""
    lines = ["Traceback (most recent call last):"]
    lines += [f'  File "{frame.filename.strip()}", line {frame.lineno}, in {frame.name}' for frame in frames]
    text = str(error)
    if isinstance(error, SyntaxError):
        text = error.msg
        lines.append(f'  File "{(error.filename or TEXT_PATH).strip()}", line {error.lineno}')
    return "\n".join([*lines, f"{type(error).__name__}: {text}", ""])


def _is_shown(path: str) -> bool:
    return path.startswith(("/usr/", "/bak/")) or path == TEXT_PATH or path in TYPED
