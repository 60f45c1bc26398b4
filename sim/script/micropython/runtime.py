"""The second runtime: the same scripts in a real MicroPython, one process a boot, above the same system calls.

Every thread of the script has its fiber here and a thread of the same number there. A call of a module stops the
thread there and runs the module's code in the fiber here, which may sleep, wait, or call back into the script. One
fiber runs at a time, so one script thread does. CPU time is not modelled: MicroPython counts no ticks.
"""

from __future__ import annotations

from traceback import FrameSummary
from typing import Any

from sim.device.module import Module
from sim.errors import Defect, MachineError
from sim.kernel.fibers import Fiber
from sim.kernel.power import PowerLoss
from sim.script.event_loop import CancelledError
from sim.script.loader import REPL_PATH, compile_script, compile_typed
from sim.script.micropython.bridge import Bridge, Packed, ScriptError
from sim.script.micropython.interpreter import Interpreter
from sim.script.runtime import HANG_US, ScriptProfile, ScriptRuntime


class MicroPythonRuntime(ScriptRuntime):
    """Runs /usr/main.py of one device in an interpreter of its own until the device's life ends."""

    def __init__(self, module: Module, profile: ScriptProfile) -> None:
        super().__init__(module, profile)
        self._bridge = Bridge(self, self.builtins)
        self._interpreter: Interpreter | None = None
        self._lanes: dict[Fiber, int] = {}
        self._lanes_made = 0

    # -- life

    def start(self) -> None:
        self._interpreter = Interpreter()
        super().start()

    def kill(self) -> None:
        super().kill()
        self._stop()

    def _stop(self) -> None:
        interpreter, self._interpreter = self._interpreter, None
        if interpreter is not None:
            interpreter.kill()

    def _thread_ended(self, number: int, name: str, error: BaseException | None) -> None:
        fiber = self.threads.get(number)
        lane = None if fiber is None else self._lanes.pop(fiber, None)
        super()._thread_ended(number, name, error)
        if lane is not None and self._interpreter is not None and not isinstance(error, PowerLoss | Defect):
            self._send(self._interpreter, lane, "end")

    # -- scripts

    def run_file(self, path: str, name: str, into: Any = None) -> None:
        self._run(path, name, None if into is None else self._bridge.pack(into))

    def run_main(self, path: str) -> None:
        self._run(path, "__main__", "main")

    def run_typed(self, path: str, source: bytes) -> None:
        compile_typed(path, source)
        self.converse("typed", path, source.decode(), path == REPL_PATH)

    def _run(self, path: str, name: str, where: Packed) -> None:
        source = self.flash(self.module.mounts.read, path)
        compile_script(path, source)  # what the device's compiler refuses is refused here, too
        self.converse("run", path, source.decode(), name, where)

    def new_module(self, name: str) -> Any:
        return self.converse("module", name)

    def frames(self, error: BaseException) -> list[FrameSummary]:
        return error.frames if isinstance(error, ScriptError) else super().frames(error)

    # -- the wire

    def converse(self, word: str, *what: Packed) -> Any:
        """Give the calling thread to the script until it has done this; what it gave, or its error."""
        fiber = self.me()
        interpreter = self._living(fiber)
        if fiber not in self._lanes:
            self._lanes_made += 1
            self._lanes[fiber] = self._lanes_made
        lane = self._lanes[fiber]
        self._send(interpreter, lane, word, *what)
        while True:
            match self._answer(fiber, lane):
                case "done", value:
                    return self._bridge.unpack(value)
                case "failed", value:
                    raise self._bridge.unpack(value)
                case asked, *about:
                    reply = self._reply(asked, about)
                    self._send(self._living(fiber), lane, *reply)

    def _reply(self, asked: str, about: list[Packed]) -> tuple[Packed, ...]:
        try:
            value, changed = self._do(asked, about)
        except (Exception, CancelledError, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001 - the script's to catch
            return "raise", self._bridge.pack(error)
        return "return", value, changed

    def _do(self, asked: str, about: list[Packed]) -> tuple[Packed, list[tuple[int, Packed]]]:
        """What the script wants of the host: packed, with what the host changed in what it was given."""
        bridge = self._bridge
        if asked == "describe":
            return bridge.describe(about[0]), []
        if asked == "get":
            return bridge.pack(getattr(bridge.thing(about[0]), about[1])), []
        if asked == "import":
            name, fromlist, level = about
            return bridge.pack(self.imports.import_name(name, fromlist=fromlist, level=level)), []
        *target, packed_values, packed_words = about
        values = [bridge.unpack(value) for value in packed_values]
        words = {name: bridge.unpack(value) for name, value in packed_words}
        given = [*values, *words.values()]
        before = bridge.contents(given)
        result = self._target(asked, target)(*values, **words)
        packed = bridge.handle(result) if asked == "new" else bridge.pack(result)
        return packed, bridge.changed(given, before)

    def _target(self, asked: str, target: list[Any]) -> Any:
        match asked, target:
            case "builtin", [name]:
                return self.builtins[name]
            case "method", [handle, name]:
                return getattr(self._bridge.thing(handle), name)
            case "call" | "new", [handle]:
                return self._bridge.thing(handle)
        raise self._defect(AssertionError(f"the script's side asked for {asked}"))

    def _send(self, interpreter: Interpreter, lane: int, word: str, *what: Packed) -> None:
        released, self._bridge.released = self._bridge.released, []
        try:
            interpreter.send([lane, released, word, *what])
        except MachineError as error:
            raise self._defect(error) from None

    def _answer(self, fiber: Fiber, lane: int) -> list[Packed]:
        try:
            message = self._living(fiber).receive()
        except MachineError as error:
            raise self._defect(error) from None
        if message is None:
            self._stop()
            fiber.sleep(HANG_US)
            self.trace("hung", thread=fiber.name)
            fiber.park()
        if message[0] != lane:
            raise self._defect(AssertionError("another thread of the script spoke out of turn"))
        return message[1:]

    def _living(self, fiber: Fiber) -> Interpreter:
        """The interpreter; where it was stopped, the thread never goes on."""
        if self._interpreter is None:
            fiber.park()
        return self._interpreter
