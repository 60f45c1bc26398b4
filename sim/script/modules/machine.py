"""`machine`: what is wired to the module. Each kind of peripheral is one file beside this."""

from __future__ import annotations

from collections.abc import Callable

from sim.script.modules import inert
from sim.script.modules.peripherals import buses, clocks, pins, uart
from sim.script.namespace import FirmwareModule
from sim.script.runtime import ScriptRuntime

MAKERS: dict[str, Callable[[ScriptRuntime], type]] = {
    "Pin": pins.pin,
    "ExtInt": pins.ext_int,
    "UART": uart.uart,
    "Timer": clocks.timer,
    "WDT": clocks.wdt,
    "RTC": clocks.rtc,
    "I2C": buses.i2c,
    "I2C_simulation": buses.i2c_by_pins,
    "SPI": buses.spi,
    "SoftSPI": buses.soft_spi,
}


class _Machine(FirmwareModule, classes=MAKERS | inert.makers("machine")):
    """The module."""


def make(rt: ScriptRuntime) -> _Machine:
    return _Machine("machine", rt)
