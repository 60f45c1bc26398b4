"""The script runtime of one boot: threads, import table, console, and the narrow system calls under all modules.

Every module a script imports is made per boot on top of: `now_us, sleep_us, wait, spawn, callback, run, flash,
reset`. A thread that lost power may never act again, whatever it catches. Scripts are not sandboxed against
malice: this is a model of a device, not a security boundary.
"""

from __future__ import annotations

import builtins
import errno
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any, Literal, ParamSpec, TypeVar

from sim.device.model_file import Generation
from sim.device.module import Module
from sim.errors import Defect, FlashError
from sim.kernel.clock import Story
from sim.kernel.fibers import Fiber, Gate, Signal, current
from sim.kernel.power import PowerLoss
from sim.script import dialect_names
from sim.script.collected import Collected, keep_quiet
from sim.script.dialect_names import as_device
from sim.script.dialect_rewrite import TICK
from sim.script.imports import ImportTable
from sim.script.limits import INLINED, MAIN_STACK_BYTES, Limits
from sim.script.loader import DISPLAY, compile_script, compile_typed
from sim.script.stubs import Stubs
from sim.script.terminal import Terminal, device_traceback

UmqttProfile = Literal["current", "2021", "upstream"]
DictOrder = Literal["insertion", "scrambled"]
MQTT_CLIENTS: Mapping[Generation, UmqttProfile] = {"G21": "2021", "G25": "current", "UNI": "current"}
P = ParamSpec("P")
T = TypeVar("T")

TICKS_PER_MS = 2000
"""Loop heads and function entries in a millisecond of device CPU; ESTIMATE for MicroPython on 600 MHz ARM."""

HANG_US = 5_000_000
"""Device CPU a thread may use without a blocking call before it is parked as hung."""

CALLBACK_QUEUE_LIMIT = 64
"""Depth of the firmware's scheduler queue (QuecPython port, MICROPY_SCHEDULER_DEPTH); later calls are dropped."""

MAIN = "/usr/main.py"
SCHEDULER = "scheduler"
"""Name of the thread that makes the calls which the firmware schedules."""

_BUILTINS = """
abs all any bin bool bytearray bytes callable chr classmethod complex delattr dict dir divmod enumerate eval exec
filter float frozenset getattr globals hasattr hash hex id int isinstance issubclass iter len list locals map max
memoryview min next object oct ord pow property range repr reversed round set setattr slice sorted staticmethod str
sum super tuple type zip __build_class__ ArithmeticError AssertionError AttributeError BaseException EOFError
Exception GeneratorExit ImportError IndentationError IndexError KeyError KeyboardInterrupt LookupError MemoryError
NameError NotImplementedError OSError OverflowError RuntimeError StopIteration SyntaxError SystemExit TypeError
UnicodeError ValueError ZeroDivisionError StopAsyncIteration TimeoutError NotImplemented Ellipsis
"""
_SHARED_BUILTINS = {name: getattr(builtins, name) for name in _BUILTINS.split()}


DEFECTS = (AssertionError, FlashError)
"""What a call of ours never raises on purpose, whatever a script gave it."""


@dataclass(frozen=True, slots=True)
class ScriptProfile:
    """What differs between firmware generations as scripts see it."""

    generation: Generation = "G25"
    umqtt: UmqttProfile | None = None
    """Another MQTT client than the generation's own."""
    dict_order: DictOrder = "insertion"
    """Order of keys that `ujson` writes; a device's own order is neither, see ADR 0073."""
    stubs: Stubs = field(default_factory=dict, hash=False)
    """Answers of modules that are not emulated."""

    @property
    def mqtt_client(self) -> UmqttProfile:
        """Which MQTT client the script gets."""
        return self.umqtt or MQTT_CLIENTS[self.generation]


class ScriptRuntime:
    """Runs /usr/main.py of one device until the device's life ends."""

    def __init__(self, module: Module, profile: ScriptProfile) -> None:
        keep_quiet()
        self.module = module
        self.profile = profile
        self.clock = module.clock
        self.threads: dict[int, Fiber] = {}
        self.at_end: list[Callable[[], None]] = []
        """What modules have to do when the boot is over, outside of every thread."""
        self.imports = ImportTable(self)
        self.limits = Limits(self._tick, self.imports.script_modules)
        self._next_id = 1
        self._scheduler_number = 0  # known from the start on; the thread is there from its first call on
        self._dead = False
        self._ticks = 0
        self._busy_us = 0
        self._callbacks: list[tuple[Callable[[Any], object], Any]] = []
        self._callback_due = Signal(module.clock)
        self._never = Signal(module.clock)
        self.terminal = Terminal(self)
        self.gate = Gate(module.clock)
        self.builtins: dict[str, Any] = {
            **_SHARED_BUILTINS,
            **dialect_names.BUILTINS,
            **self.limits.builtins(),
            "__import__": self.imports.import_name,
            "print": self._print,
            "open": self._open,
            "execfile": lambda path: self.run_file(path, "__main__"),
            TICK: self._tick,
            DISPLAY: self.terminal.display,
        }
        self._main_names: dict[str, Any] = {"__name__": "__main__", "__builtins__": self.builtins}

    # -- life

    def start(self) -> None:
        """The main thread begins at this instant."""
        self.terminal.open()
        self.spawn(self.terminal.main, (MAIN,), "main")
        self._scheduler_number = self._new_number()

    def kill(self) -> None:
        """Power is gone."""
        self._dead = True
        scripts = self.imports.script_modules()  # one whose import does not end leaves the table when it is killed
        for fiber in list(self.threads.values()):
            fiber.kill()
        self.threads.clear()
        self._callbacks.clear()
        for end in self.at_end:
            end()
        if current() is None:
            self._forget(scripts)
        else:
            self.clock.after(0, self._forget, scripts)  # after the threads, which end in this instant, too

    def _forget(self, scripts: list[ModuleType]) -> None:
        """Functions and their modules hold one another, and so do the parts of this runtime: let go here, they need no
        collector."""
        for module in (*scripts, *self.imports.modules.values()):
            if isinstance(module, ModuleType):
                vars(module).clear()
        self._main_names.clear()
        self.imports.modules.clear()
        self.builtins.clear()
        self.at_end.clear()
        del self.limits, self.imports, self.terminal, self._callback_due, self._never

    @property
    def runs(self) -> bool:
        """Whether a thread of the script is alive; the scheduler alone does not count."""
        return any(fiber.name != SCHEDULER for fiber in self.threads.values())

    # -- system calls

    @property
    def now_us(self) -> int:
        return self.clock.now_us

    def me(self) -> Fiber:
        """The calling thread, which must still be alive."""
        fiber = self._calling()
        fiber.check()
        self._busy_us = 0
        self.limits.switched(fiber)
        return fiber

    def _calling(self) -> Fiber:
        """The thread that calls; Collected where it is none of this boot's: only Python's collector gets there."""
        fiber = current()
        if fiber is None or fiber.gate is not self.gate:
            raise Collected
        return fiber

    def sleep_us(self, delay_us: int) -> None:
        """Block the calling thread."""
        self.me().sleep(max(0, delay_us))

    def wait(self, signal: Signal, timeout_us: int | None = None) -> bool:
        """Block until notified (True) or until the time is over (False)."""
        return self.me().wait(signal, timeout_us)

    def run(self, story: Story) -> Any:
        """Block while a story of the device runs; its value, or its exception."""
        try:
            return self.me().run(story)
        except (AttributeError, NameError, TypeError, *DEFECTS) as error:
            raise self._defect(error) from error

    def run_alone(self, story: Story) -> Any:
        """As `run`, but with the interpreter's lock kept: no other thread goes on, no callback is made."""
        self.me()
        self.gate.hold()
        try:
            return self.run(story)
        finally:
            self.gate.open()

    def spawn(
        self,
        fn: Callable[..., object],
        args: tuple[Any, ...],
        name: str = "",
        stack_bytes: int = MAIN_STACK_BYTES,
        number: int = 0,
    ) -> int:
        """Start a thread; its id, a new one unless `number` is given."""
        number = number or self._new_number()
        name = name or f"thread {number}"
        ended = partial(self._thread_ended, number, name)
        self.threads[number] = Fiber(self.clock, partial(fn, *args), ended, name, self.gate)
        if stack_bytes != MAIN_STACK_BYTES:
            self.limits.give_stack(self.threads[number], stack_bytes)
        return number

    def _new_number(self) -> int:
        number, self._next_id = self._next_id, self._next_id + 1
        return number

    def stop_thread(self, number: int) -> None:
        """End a thread; unknown ids are ignored."""
        fiber = self.threads.pop(number, None)
        self.limits.forget(fiber)
        if fiber is not None:
            fiber.kill()
            if fiber is current():
                fiber.check()

    def thread_id(self) -> int:
        """Id of the calling thread."""
        fiber = self.me()
        return next((number for number, other in self.threads.items() if other is fiber), 0)

    def callback(self, fn: Callable[[Any], object], argument: Any) -> bool:
        """Have `fn(argument)` called on the scheduler thread; False when the queue is full, and it is dropped."""
        if self._dead or len(self._callbacks) >= CALLBACK_QUEUE_LIMIT:
            return False
        self._callbacks.append((fn, argument))
        if self._scheduler_number in self.threads:
            self._callback_due.notify()
        else:
            self.spawn(self._scheduler, (), SCHEDULER, number=self._scheduler_number)
        return True

    def flash(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a file-system function: its OSError becomes the device's, its flash time passes."""
        me = self.me()
        try:
            return fn(*args, **kwargs)
        except OSError as error:
            raise OSError(error.errno or errno.EIO) from None
        except DEFECTS as error:
            raise self._defect(error) from error
        finally:
            used_us = self.module.take_flash_time_us()
            if used_us and not me.dead:
                me.sleep(used_us)

    def reset(self, reason: str) -> None:
        """Reset the device; the calling thread does not go on."""
        me = self.me()
        self.module.life.after(0, self.module.reset, reason)
        me.park()

    def trace(self, kind: str, **data: Any) -> None:
        """Record something this script did."""
        self.module.trace(kind, **data)

    def new_module(self, name: str) -> ModuleType:
        """An empty module of the script."""
        return ModuleType(name)

    def run_file(self, path: str, name: str, into: ModuleType | None = None) -> None:
        """Execute a script file in a fresh namespace or as a module; OSError when it is missing."""
        self._execute(path, name, {} if into is None else vars(into))

    def run_main(self, path: str) -> None:
        """Execute main.py where the prompt will be."""
        self._execute(path, "__main__", self._main_names)

    def run_typed(self, path: str, source: bytes) -> None:
        """Execute what somebody typed."""
        exec(compile_typed(path, source), self._main_names)

    def _execute(self, path: str, name: str, names: dict[str, Any]) -> None:
        source = self.flash(self.module.mounts.read, path)
        names.update({"__name__": name, "__file__": path, "__builtins__": self.builtins})
        exec(compile_script(path, source), names)

    def _defect(self, error: BaseException) -> Defect:
        """End the run at this instant, whatever the script catches."""

        def stop_the_run() -> None:
            raise error

        self.clock.after(0, stop_the_run)
        return Defect()

    def soft_reset(self) -> None:
        """Start the interpreter again; the calling thread does not go on."""
        me = self.me()
        self.module.life.after(0, self.module.soft_reset)
        me.park()

    # -- threads of the runtime

    def _scheduler(self) -> None:
        while True:
            while self._callbacks:
                fn, argument = self._callbacks.pop(0)
                try:
                    fn(argument)
                except Exception as error:  # noqa: BLE001 - the scheduler prints and goes on
                    self.report(error, "callback")
            self.wait(self._callback_due)

    def _thread_ended(self, number: int, name: str, error: BaseException | None) -> None:
        fiber = self.threads.pop(number, None)
        if not self._dead:
            self.limits.forget(fiber)
        if isinstance(error, PowerLoss):
            if fiber is not None and not fiber.dead and not self._dead:
                self.module.life.power_lost()
        elif isinstance(error, SystemExit):
            self.trace("exit", thread=name)
        elif error is not None and not self._dead and not isinstance(error, Defect):
            self.report(error, name)

    def report(self, error: BaseException, thread: str) -> None:
        """Print a traceback on the console, device frames only."""
        error = as_device(error)
        frames = self._own_frames(error)
        where = [f"{f.filename}:{f.lineno} in {f.name}" for f in frames if self._is_device_path(f.filename)]
        self.trace("traceback", thread=thread, error=type(error).__name__, text=str(error), where=where)
        self.terminal.show(error, frames)

    def told(self, error: BaseException) -> str:
        """What a console shows of an error."""
        error = as_device(error)
        return device_traceback(error, self._own_frames(error))

    def _own_frames(self, error: BaseException) -> list[traceback.FrameSummary]:
        return [frame for frame in self.frames(error) if frame.name not in INLINED]

    def frames(self, error: BaseException) -> list[traceback.FrameSummary]:
        """Where an error comes from, outermost call first."""
        return list(traceback.extract_tb(error.__traceback__))

    def _is_device_path(self, path: str) -> bool:
        return path.startswith(("/usr/", "/bak/"))

    # -- builtins

    def _tick(self) -> bool:
        self._ticks += 1
        if self._ticks % TICKS_PER_MS == 0:
            fiber = self._calling()
            fiber.check()
            self._busy_us += 1000
            self.limits.switched(fiber)
            self.limits.busy_ms()
            if self._busy_us >= HANG_US:
                self._busy_us = 0
                self.trace("hung", thread=fiber.name)
                while True:
                    fiber.wait(self._never)
            busy_us = self._busy_us
            fiber.sleep(1000)
            self._busy_us = busy_us
        return True

    def _print(self, *values: Any, sep: str = " ", end: str = "\n", file: Any = None, **extra: Any) -> None:
        self.me()
        if extra:
            raise TypeError("extra keyword arguments given")
        text = sep.join(map(str, values))
        if file is not None:
            file.write(text + end)
        else:
            self.trace("print", text=text + ("" if end == "\n" else end))
            self.terminal.write(text + end)

    def _open(self, path: str, mode: str = "r", **_options: Any) -> Any:
        from sim.script.files import ScriptFile

        return ScriptFile(self, path, mode)
