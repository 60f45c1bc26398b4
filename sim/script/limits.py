"""How much stack, heap and time a script may take, as far as that can be told without a heap of our own.

Stack: Python calls are counted against the thread's stack. Heap: what a single operation would allocate is refused
when it cannot fit, and what the script holds is measured, by the device's sizes, when allocations since the last
time could have filled the heap, or every `MEASURE_EVERY_MS` of device CPU. Time: work that runs inside one call of
CPython ticks like a loop. All of it depends on the script alone, so it strikes at the same instant in every run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from types import FrameType, ModuleType
from typing import Any

from sim.kernel.fibers import Fiber, current
from sim.script import dialect_rewrite as names
from sim.script.loader import TEXT_PATH, TYPED

HEAP_BYTES = 512 * 1024
"""Heap of the interpreter in the public QuecPython port."""

FREE_BYTES = 493_760
"""`gc.mem_free()` after boot as the vendor's memory page shows it."""

MAIN_STACK_BYTES = 64 * 1024
"""Stack of the main thread in the public QuecPython port; ESTIMATE that scheduled calls have as much."""

CALL_BYTES = 200
"""ESTIMATE: stack that one call of a Python function takes on a 32-bit core: VM frame, call frame, a few locals."""

STACK_MARGIN_BYTES = 1024
"""ESTIMATE: what is kept of a stack to raise the error in, as usual in MicroPython ports."""

MEASURE_EVERY_MS = 64
"""Device CPU between two measurements of what a busy script holds."""

SMALL_RANGE = 2000
"""Steps that a single call may take without a tick: as many as fit into a millisecond."""

_WORD_BYTES, _BLOCK_BYTES = 4, 16
_HELD = (list, tuple, dict, set, frozenset, str, bytes, bytearray, memoryview)
_VIEWS: tuple[type, ...] = (type({}.keys()), type({}.values()), type({}.items()))
INLINED = ("<listcomp>", "<setcomp>", "<dictcomp>")
"""Frames that only some Python versions have."""


class Limits:
    """The limits of one boot. `modules` gives the script modules that are loaded, `tick` takes CPU time."""

    def __init__(self, tick: Callable[[], bool], modules: Callable[[], Iterable[ModuleType]]) -> None:
        self._tick = tick
        self._modules = modules
        self._stacks: dict[Fiber, int] = {}
        self._left: dict[Fiber, int] = {}  # calls that may follow in a thread that does not run, without a look
        self._headroom = 0
        self._used_bytes = 0
        self._busy_ms = 0

    def builtins(self) -> dict[str, Any]:
        """What of the script's builtins keeps the limits, and what rewritten code calls."""
        return {
            names.ENTER: self._enter,
            names.FINITE: self._finite,
            names.POWER: self._power,
            names.REPEATED: self._repeated,
            names.SHIFTED: self._shifted,
            names.SIZED: self._sized,
            "pow": self._pow,
            **{fn.__name__: partial(self._drain, fn) for fn in (all, any, max, min, sorted, sum)},
        }

    # -- stack

    def give_stack(self, fiber: Fiber, size_bytes: int) -> None:
        """A thread with another stack than the main thread's. Its first call finds it empty."""
        self._stacks[fiber] = size_bytes
        self._left[fiber] = _calls(size_bytes)

    def forget(self, fiber: Fiber | None) -> None:
        """This thread has ended."""
        if fiber is not None:
            self._stacks.pop(fiber, None)
            self._left.pop(fiber, None)
        self._headroom = 0

    def switched(self, fiber: Fiber) -> None:
        """Another thread than this may run next: what is known of the stack is put by until this one is back."""
        if self._headroom:
            self._left[fiber] = self._headroom
            self._headroom = 0

    def _enter(self) -> bool:
        if self._headroom > 0:
            self._headroom -= 1
        else:
            self._look_at_stack(sys._getframe(1))
        return self._tick()

    def _look_at_stack(self, frame: FrameType | None) -> None:
        """So many calls may follow before the stack can be full: until then nobody needs to look."""
        fiber = current()
        left = 0 if fiber is None else self._left.pop(fiber, 0)
        if left > 0:
            self._headroom = left - 1
            return
        depth = 0
        while frame is not None:
            code = frame.f_code
            if _is_script(code.co_filename) and code.co_name not in INLINED:
                depth += 1
            frame = frame.f_back
        most = _calls(MAIN_STACK_BYTES if fiber is None else self._stacks.get(fiber, MAIN_STACK_BYTES))
        self._headroom = max(0, most - depth)
        if depth > most:
            raise RuntimeError("maximum recursion depth exceeded")

    # -- heap

    def busy_ms(self) -> None:
        """A millisecond of device CPU has passed; MemoryError when the script holds more than the heap."""
        self._busy_ms += 1
        if self._busy_ms >= MEASURE_EVERY_MS:
            self._busy_ms = 0
            self._used_bytes = self._held_bytes(sys._getframe(1))
            if self._used_bytes > FREE_BYTES:
                raise MemoryError("memory allocation failed")

    def _allocate(self, size_bytes: int) -> None:
        self._used_bytes += size_bytes
        if size_bytes <= FREE_BYTES and self._used_bytes > FREE_BYTES:
            self._used_bytes = self._held_bytes(sys._getframe(1)) + size_bytes
        if self._used_bytes > FREE_BYTES:
            self._used_bytes -= size_bytes
            raise MemoryError(f"memory allocation failed, allocating {size_bytes} bytes")

    def _held_bytes(self, frame: FrameType | None) -> int:
        """What this thread and the loaded modules hold, at most a little more than the heap."""
        roots: list[Any] = [vars(module) for module in self._modules()]
        while frame is not None:
            if _is_script(frame.f_code.co_filename):
                roots.append(frame.f_globals)
                if frame.f_locals is not frame.f_globals:
                    roots.append(dict(frame.f_locals))
            frame = frame.f_back
        waiting = list(roots)
        seen: set[int] = set()
        total = 0
        while waiting and total <= FREE_BYTES:
            value = waiting.pop()
            if id(value) not in seen:
                seen.add(id(value))
                total += _own_bytes(value)
                waiting += _parts(value)
        return total

    def _sized(self, size: Any) -> Any:
        """What `bytes` or `bytearray` is made of: a number of zeros, or items."""
        if isinstance(size, int):
            self._allocate(size)
        return self._ticking(size, FREE_BYTES) if _is_lazy(size) else size

    def _repeated(self, left: Any, right: Any) -> Any:
        items, times = (left, right) if isinstance(right, int) else (right, left)
        if isinstance(times, int) and isinstance(items, str | bytes | bytearray | list | tuple):
            each = _WORD_BYTES if isinstance(items, list | tuple) else 1
            self._allocate(each * len(items) * max(0, times))
        return left * right

    def _power(self, base: Any, exponent: Any) -> Any:
        if isinstance(base, int) and isinstance(exponent, int) and exponent > 0 and abs(base) > 1:
            _fits((abs(base).bit_length() - 1) * exponent)
        return base**exponent

    def _pow(self, base: Any, exponent: Any, modulus: Any = None) -> Any:
        return self._power(base, exponent) if modulus is None else pow(base, exponent, modulus)

    def _shifted(self, value: Any, places: Any) -> Any:
        if isinstance(value, int) and isinstance(places, int) and value:
            _fits(value.bit_length() + places)
        return value << places

    # -- time

    def _finite(self, items: Any) -> Any:
        """Items that are about to be kept."""
        if isinstance(items, range) and items and (items[-1] - items[0]) // items.step >= FREE_BYTES // _WORD_BYTES:
            raise MemoryError("memory allocation failed")
        return self._ticking(items, FREE_BYTES // _WORD_BYTES) if _is_lazy(items) else items

    def _drain(self, fn: Callable[..., Any], /, *values: Any, **words: Any) -> Any:
        """A builtin that takes all items of its first argument; with it alone, or with it and others for `sum`."""
        if values and (len(values) == 1 or fn is sum) and _is_lazy(values[0]):
            kept = FREE_BYTES // _WORD_BYTES if fn is sorted else None
            values = (self._ticking(values[0], kept), *values[1:])
        return fn(*values, **words)

    def _ticking(self, items: Any, kept: int | None) -> Iterator[Any]:
        for number, item in enumerate(items):
            if kept is not None and number > kept:
                raise MemoryError("memory allocation failed")
            self._tick()
            yield item


def _calls(stack_bytes: int) -> int:
    """How many calls of functions a stack has room for."""
    return (stack_bytes - STACK_MARGIN_BYTES) // CALL_BYTES


def _is_lazy(items: Any) -> bool:
    """Whether taking these items is work that a script's own loops do not see, and may have no end."""
    if isinstance(items, range):
        return len(items[: SMALL_RANGE + 1]) > SMALL_RANGE
    return not isinstance(items, _HELD + _VIEWS) and not hasattr(items, "keys") and hasattr(items, "__iter__")


def _fits(bits: int) -> None:
    if bits > FREE_BYTES * 8:
        raise MemoryError(f"memory allocation failed, allocating {bits // 8} bytes")


@cache
def _is_script(path: str) -> bool:
    return path[:5] in ("/usr/", "/bak/") or path == TEXT_PATH or path in TYPED


def _own_bytes(value: Any) -> int:
    """Heap that this object alone takes on a 32-bit device, its parts not counted."""
    match value:
        case str() | bytes() | bytearray():
            return _BLOCK_BYTES + len(value)
        case list() | tuple() | set() | frozenset():
            return _BLOCK_BYTES + _WORD_BYTES * len(value)
        case dict():
            return _BLOCK_BYTES + 2 * _WORD_BYTES * len(value)
        case bool() | None:
            return 0
        case int():
            return 0 if value.bit_length() < 31 else _BLOCK_BYTES + value.bit_length() // 8
        case float():
            return _BLOCK_BYTES
    return _BLOCK_BYTES if _of_script(value) else 0


def _parts(value: Any) -> Iterable[Any]:
    match value:
        case list() | tuple() | set() | frozenset():
            return value
        case dict():
            return [item for key, held in value.items() if key != "__builtins__" for item in (key, held)]
    return [vars(value)] if _of_script(value) else []


def _of_script(value: Any) -> bool:
    """Whether this is an instance of a class that the script wrote."""
    return hasattr(value, "__dict__") and type(value).__module__.partition(".")[0] not in ("sim", "builtins")
