"""`_thread`: threads and locks. Ids are small integers; a thread that fails prints and ends alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim.kernel.fibers import Signal
from sim.script.namespace import FirmwareModule
from sim.script.runtime import ScriptRuntime

STACK_DEFAULT_BYTES = 8448
STACK_MINIMUM_BYTES = 8192
HEAP_BYTES = 2_199_424
"""`_thread.get_heap_size()` at rest, as the vendor's memory page shows it. Stacks of threads are taken from it."""


def system_heap_free(rt: ScriptRuntime) -> int:
    """What stacks have left of the system's heap; all of it where no thread was ever started."""
    loaded = rt.imports.modules.get("_thread")
    return HEAP_BYTES if loaded is None else int(loaded._heap_free())


class Lock:
    """`allocate_lock()`."""

    _rt: ScriptRuntime

    def __init__(self) -> None:
        self._held = False
        self._free = Signal(self._rt.clock)

    def acquire(self, waitflag: int = 1, timeout: float = -1) -> bool:
        self._rt.me()
        while self._held:
            if not waitflag:
                return False
            if not self._rt.wait(self._free, None if timeout < 0 else int(timeout * 1_000_000)):
                return False
        self._held = True
        return True

    def release(self) -> None:
        if not self._held:
            raise RuntimeError
        self._held = False
        self._free.notify()

    def locked(self) -> bool:
        return self._held

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_exc: object) -> None:
        self.release()


class Semaphore:
    """`allocate_semphore(count)`."""

    _rt: ScriptRuntime

    def __init__(self, count: int) -> None:
        self._most = self._left = count
        self._free = Signal(self._rt.clock)

    def acquire(self) -> bool:
        self._rt.me()
        while self._left == 0:
            self._rt.wait(self._free)
        self._left -= 1
        return True

    def release(self) -> None:
        if self._left < self._most:
            self._left += 1
            self._free.notify()

    def getCnt(self) -> tuple[int, int]:  # noqa: N802 - the device's name
        return self._most, self._left


class _Thread(FirmwareModule, classes={"allocate_lock": Lock, "allocate_semphore": Semaphore}):
    __slots__ = ("_stack_bytes", "_stacks")

    def __init__(self, rt: ScriptRuntime) -> None:
        super().__init__("_thread", rt)
        self._stack_bytes = STACK_DEFAULT_BYTES
        self._stacks: dict[int, int] = {}

    def start_new_thread(self, function: Callable[..., object], args: Any, kwargs: dict[str, Any] | None = None) -> int:
        self._rt.me()
        if not isinstance(args, tuple):
            raise TypeError("object not a tuple")
        if self._stack_bytes > self._heap_free():
            raise OSError("can't create thread")
        number = self._rt.spawn(lambda *a: function(*a, **(kwargs or {})), args, stack_bytes=self._stack_bytes)
        self._stacks[number] = self._stack_bytes
        return number

    def stop_thread(self, number: int) -> None:
        self._rt.stop_thread(number or self._rt.thread_id())

    def threadIsRunning(self, number: int) -> bool:  # noqa: N802 - the device's name
        return number in self._rt.threads

    def get_ident(self) -> int:
        return self._rt.thread_id()

    def stack_size(self, size: int = 0) -> int:
        previous = self._stack_bytes
        self._stack_bytes = max(size, STACK_MINIMUM_BYTES) if size else STACK_DEFAULT_BYTES
        return previous

    def get_heap_size(self) -> int:
        return self._heap_free()

    def _heap_free(self) -> int:
        for number in [number for number in self._stacks if number not in self._rt.threads]:
            del self._stacks[number]
        return HEAP_BYTES - sum(self._stacks.values())

    def delete_lock(self, lock: Any) -> None:
        """It is gone with its last name."""

    def delete_semphore(self, semaphore: Any) -> None:
        """Likewise."""


def make(rt: ScriptRuntime) -> _Thread:
    return _Thread(rt)
