"""`machine.Timer`, `machine.WDT`, `machine.RTC`: what counts time beside the program."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from typing import Any

from sim.device.module import WATCHDOG
from sim.kernel.clock import Timer as ClockTimer
from sim.script.modules.utime import civil
from sim.script.runtime import ScriptRuntime

TIMERS = 4


def timer(rt: ScriptRuntime) -> type:
    class Timer:
        ONE_SHOT, PERIODIC = 0, 1

        def __init__(self, number: int) -> None:
            if number not in range(TIMERS):
                raise ValueError("invalid timer")
            self._due: ClockTimer | None = None

        def start(self, *, period: int, mode: int = PERIODIC, callback: Callable[[Any], object] | None = None) -> int:
            """`period` in milliseconds."""
            rt.me()
            if period <= 0 or not callable(callback):
                return -1
            self.stop()
            self._arm(int(period), mode == self.PERIODIC, callback)
            return 0

        def stop(self) -> int:
            rt.me()
            if self._due is not None:
                self._due.cancel()
                self._due = None
            return 0

        def _arm(self, period_ms: int, again: bool, callback: Callable[[Any], object]) -> None:
            def due() -> None:
                if again:
                    self._arm(period_ms, again, callback)
                rt.callback(callback, self)

            self._due = rt.module.life.after(period_ms * 1000, due)

    for number in range(TIMERS):
        setattr(Timer, f"Timer{number}", number)
    return Timer


def wdt(rt: ScriptRuntime) -> type:
    class WDT:
        """Resets the module when it was not fed for `period` seconds."""

        def __init__(self, period: int) -> None:
            rt.me()
            if period <= 0:
                raise ValueError("invalid period")
            self._period_us = int(period) * 1_000_000
            self._due: ClockTimer | None = None
            self.feed()

        def feed(self) -> int:
            self.stop()
            self._due = rt.module.life.after(self._period_us, rt.module.reset, WATCHDOG)
            return 0

        def stop(self) -> int:
            rt.me()
            if self._due is not None:
                self._due.cancel()
                self._due = None
            return 0

    return WDT


def rtc(rt: ScriptRuntime) -> type:
    class RTC:
        """Date and time as (year, month, day, weekday, hour, minute, second, microsecond); it counts from the network's
        time until a program sets it."""

        _alarm_s: int | None = None
        _callback: Callable[[Any], object] | None = None

        def datetime(self, parts: tuple[int, ...] | None = None) -> tuple[int, ...] | int:
            return self._now() if parts is None else self.init(parts)

        def init(self, parts: tuple[int, ...]) -> int:
            rt.me()
            if len(parts) != 8:
                return -1
            rt.module.board.rtc_offset_s = _epoch_s(parts) - rt.clock.epoch_s
            return 0

        def set_alarm(self, parts: tuple[int, ...]) -> int:
            rt.me()
            if len(parts) != 8:
                return -1
            RTC._alarm_s = _epoch_s(parts)
            return 0

        def register_callback(self, callback: Callable[[Any], object]) -> int:
            RTC._callback = callback
            return 0 if callable(callback) else -1

        def enable_alarm(self, on: int) -> int:
            """At the alarm the callback is called; a module that was switched off comes on."""
            rt.me()
            if not on:
                rt.module.set_alarm(None)
                return 0
            if RTC._alarm_s is None:
                return -1
            left_s = RTC._alarm_s - rt.module.board.rtc_offset_s - rt.clock.epoch_s
            if left_s <= 0:
                return -1
            rt.module.set_alarm(left_s * 1_000_000, self._rings)
            return 0

        def _rings(self) -> None:
            if RTC._callback is not None:
                rt.callback(RTC._callback, None)

        def _now(self) -> tuple[int, ...]:
            rt.me()
            year, month, day, hour, minute, second, weekday, _ = civil(rt.clock.epoch_s + rt.module.board.rtc_offset_s)
            return (year, month, day, weekday, hour, minute, second, rt.now_us % 1_000_000)

    return RTC


def _epoch_s(parts: tuple[int, ...]) -> int:
    year, month, day, _, hour, minute, second, _ = parts
    return calendar.timegm((year, month, day, hour, minute, second, 0, 0, 0))
