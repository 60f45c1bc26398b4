"""`_thread`: threads and locks. Ids are small integers; a thread that fails prints and ends alone."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from sim.kernel.fibers import Signal
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

STACK_DEFAULT_BYTES = 8448
STACK_MINIMUM_BYTES = 8192
HEAP_BYTES = 2_199_424
"""`_thread.get_heap_size()` at rest, as the vendor's memory page shows it. Stacks of threads are taken from it."""


def system_heap_free(rt: ScriptRuntime) -> int:
    """What stacks have left of the system's heap; all of it where no thread was ever started."""
    loaded = rt.imports.modules.get("_thread")
    return HEAP_BYTES if loaded is None else int(loaded.get_heap_size())


def make(rt: ScriptRuntime) -> ModuleType:
    stack = {"size": STACK_DEFAULT_BYTES}
    stacks: dict[int, int] = {}

    class Lock:
        def __init__(self) -> None:
            self._held = False
            self._free = Signal(rt.clock)

        def acquire(self, waitflag: int = 1, timeout: float = -1) -> bool:
            rt.me()
            while self._held:
                if not waitflag:
                    return False
                if not rt.wait(self._free, None if timeout < 0 else int(timeout * 1_000_000)):
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
        def __init__(self, count: int) -> None:
            self._most = self._left = count
            self._free = Signal(rt.clock)

        def acquire(self) -> bool:
            rt.me()
            while self._left == 0:
                rt.wait(self._free)
            self._left -= 1
            return True

        def release(self) -> None:
            if self._left < self._most:
                self._left += 1
                self._free.notify()

        def getCnt(self) -> tuple[int, int]:  # noqa: N802 - the device's name
            return self._most, self._left

    def heap_free() -> int:
        for number in [number for number in stacks if number not in rt.threads]:
            del stacks[number]
        return HEAP_BYTES - sum(stacks.values())

    def start_new_thread(function: Callable[..., object], args: Any, kwargs: dict[str, Any] | None = None) -> int:
        rt.me()
        if not isinstance(args, tuple):
            raise TypeError("object not a tuple")
        if stack["size"] > heap_free():
            raise OSError("can't create thread")
        number = rt.spawn(lambda *a: function(*a, **(kwargs or {})), args, stack_bytes=stack["size"])
        stacks[number] = stack["size"]
        return number

    def stop_thread(number: int) -> None:
        rt.stop_thread(number or rt.thread_id())

    def stack_size(size: int = 0) -> int:
        previous, stack["size"] = stack["size"], max(size, STACK_MINIMUM_BYTES) if size else STACK_DEFAULT_BYTES
        return previous

    return namespace(
        "_thread",
        start_new_thread=start_new_thread,
        stop_thread=stop_thread,
        threadIsRunning=lambda number: number in rt.threads,
        get_ident=rt.thread_id,
        stack_size=stack_size,
        allocate_lock=Lock,
        delete_lock=lambda lock: None,
        allocate_semphore=Semaphore,
        delete_semphore=lambda semaphore: None,
        get_heap_size=heap_free,
    )
