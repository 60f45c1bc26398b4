"""`machine.Pin` and `machine.ExtInt`: levels of pins, and calls when something outside changes one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim.script.runtime import ScriptRuntime

PINS = 48
"""GPIO1 to GPIO47: the highest number in the vendor's pin tables."""

RISING, FALLING, BOTH = 0, 1, 2


def pin(rt: ScriptRuntime) -> type:
    class Pin:
        IN, OUT = 0, 1
        PULL_DISABLE, PULL_PU, PULL_PD = 0, 1, 2

        def __init__(self, number: int, direction: int = 0, pull: int = 0, level: int = 0) -> None:
            rt.me()
            _check(number)
            self._number = number
            self._direction = direction
            if direction == self.OUT:
                rt.module.board.drive(number, int(bool(level)))

        def read(self) -> int:
            rt.me()
            return rt.module.board.pin(self._number)

        def write(self, level: int) -> int:
            rt.me()
            if self._direction != self.OUT:
                return -1
            rt.module.board.drive(self._number, int(bool(level)))
            return 0

        def set_dir(self, direction: int) -> int:
            if direction not in (self.IN, self.OUT):
                return -1
            self._direction = direction
            return 0

        def get_dir(self) -> int:
            return self._direction

    return _numbered(Pin)


def ext_int(rt: ScriptRuntime) -> type:
    class ExtInt:
        IRQ_RISING, IRQ_FALLING, IRQ_RISING_FALLING = RISING, FALLING, BOTH
        PULL_DISABLE, PULL_PU, PULL_PD = 0, 1, 2

        def __init__(self, number: int, mode: int, pull: int, callback: Callable[[Any], object], *_filter: Any) -> None:
            rt.me()
            _check(number)
            if mode not in (RISING, FALLING, BOTH) or not callable(callback):
                raise ValueError("invalid mode or callback")
            self._number = number
            self._mode = mode
            self._callback = callback
            self._counts = [0, 0]

        def enable(self) -> int:
            self.disable()
            rt.module.board.watch_pin(self._number, self._changed)
            return 0

        def disable(self) -> int:
            rt.me()
            rt.module.board.unwatch_pin(self._number, self._changed)
            return 0

        def line(self) -> int:
            return self._number

        def read_level(self) -> int:
            rt.me()
            return rt.module.board.pin(self._number)

        def read_count(self, reset: int = 0) -> list[int]:
            """Rising and falling edges so far."""
            rt.me()
            counts = list(self._counts)
            if reset:
                self._counts = [0, 0]
            return counts

        def count_reset(self) -> int:
            self._counts = [0, 0]
            return 0

        def _changed(self, level: int) -> None:
            edge = RISING if level else FALLING
            if self._mode in (edge, BOTH):
                self._counts[edge] += 1
                rt.callback(self._callback, [self._number, edge])

    return _numbered(ExtInt)


def _numbered(kind: type) -> type:
    """The class with the pins as GPIO1, GPIO2, …"""
    for number in range(1, PINS):
        setattr(kind, f"GPIO{number}", number)
    return kind


def _check(number: int) -> None:
    if number not in range(1, PINS):
        raise ValueError("invalid pin")
