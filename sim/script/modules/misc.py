"""`misc`: power, analogue inputs, PWM, USB. A restart is immediate: nothing after it runs, and open files keep their
old content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim.script.modules import inert
from sim.script.namespace import FirmwareModule, without
from sim.script.runtime import ScriptRuntime

KEY_HELD_US = 500_000
"""The shortest press that models tell which only tell the release; the vendor's page of misc.PowerKey."""

CHANNELS = 4
"""ADC0 to ADC3 and PWM0 to PWM3, the most that any of these modules has."""


class Power:
    """Power, and why it is on."""

    _rt: ScriptRuntime

    @classmethod
    def powerRestart(cls) -> None:  # noqa: N802 - the device's name
        cls._rt.reset("powerRestart")

    @classmethod
    def powerDown(cls) -> None:  # noqa: N802
        me = cls._rt.me()
        cls._rt.module.life.after(0, cls._rt.module.power_down)
        me.park()

    @classmethod
    def powerOnReason(cls) -> int:  # noqa: N802
        return cls._rt.module.power_on_reason

    @classmethod
    def getVbatt(cls) -> int:  # noqa: N802
        return cls._rt.module.board.battery_mv

    @classmethod
    def powerDownReason(cls) -> int:  # noqa: N802
        return cls._rt.module.power_down_reason


def _power_key(rt: ScriptRuntime) -> type:
    class PowerKey:
        def powerKeyEventRegister(self, callback: Callable[[int], object]) -> int:  # noqa: N802 - the device's name
            """`callback(1)` when the key is pressed, `callback(0)` when it is released.

            Some models are silent about the press, and about a key that was released too soon.
            """
            rt.me()
            if not callable(callback):
                return -1
            tells_press = rt.module.model.power_key_press
            pressed = {"at_us": rt.now_us}

            def moved(down: int) -> None:
                if down:
                    pressed["at_us"] = rt.now_us
                held_us = rt.now_us - pressed["at_us"]
                if tells_press or (not down and held_us >= KEY_HELD_US):
                    rt.callback(callback, down)

            rt.module.board.on_key = moved
            return 0

    return PowerKey


def _adc(rt: ScriptRuntime) -> type:
    class ADC:
        def open(self) -> int:
            return 0

        def read(self, channel: int) -> int:
            """Millivolts, or -1 for a channel that is not there."""
            rt.me()
            return rt.module.board.adc_mv(channel) if channel in range(CHANNELS) else -1

        def close(self) -> int:
            return 0

    return _numbered(ADC, "ADC", CHANNELS)


def _pwm(rt: ScriptRuntime) -> type:
    class PWM:
        ABOVE_MS, ABOVE_1US, ABOVE_10US, ABOVE_BELOW_US = range(4)

        def __init__(self, channel: int, *shape: Any) -> None:
            if channel not in range(CHANNELS):
                raise ValueError("invalid PWM channel")
            self._channel = channel
            self._shape = list(shape)

        def open(self, *shape: Any) -> int:
            rt.me()
            rt.trace("pwm", channel=self._channel, on=True, shape=list(shape) or self._shape)
            return 0

        def close(self) -> int:
            rt.me()
            rt.trace("pwm", channel=self._channel, on=False, shape=[])
            return 0

    return _numbered(PWM, "PWM", CHANNELS)


def _usb(rt: ScriptRuntime) -> type:
    class USB:
        def getStatus(self) -> int:  # noqa: N802 - the device's name
            """1 with a cable, 0 without."""
            rt.me()
            return int(rt.module.board.usb)

        def setCallback(self, callback: Callable[[int], object]) -> int:  # noqa: N802
            """`callback(1)` when a cable comes, `callback(0)` when it goes."""
            rt.me()
            if not callable(callback):
                return -1
            rt.module.board.on_usb = lambda plugged: rt.callback(callback, plugged)
            return 0

    return USB


def _numbered(kind: type, name: str, count: int) -> type:
    """The class with its channels as NAME0, NAME1, …"""
    for number in range(count):
        setattr(kind, f"{name}{number}", number)
    return kind


_OTHERS = {"PowerKey": _power_key, "ADC": _adc, "PWM": _pwm, "PWM_V2": _pwm, "USB": _usb} | inert.makers("misc")


class _Misc(FirmwareModule, classes={"Power": Power, **_OTHERS}):
    """The module."""


class _Silent(FirmwareModule, classes={"Power": without(Power, "powerDownReason"), **_OTHERS}):
    """Of families that do not tell why they were off."""


def make(rt: ScriptRuntime) -> FirmwareModule:
    return (_Misc if rt.module.model.has_power_down_reason else _Silent)("misc", rt)
