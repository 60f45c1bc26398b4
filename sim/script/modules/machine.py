"""`machine`: what is wired to the module. Each kind of peripheral is one file beside this."""

from __future__ import annotations

from types import ModuleType

from sim.script.modules.peripherals import buses, clocks, pins, uart
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime


def make(rt: ScriptRuntime) -> ModuleType:
    return namespace(
        "machine",
        Pin=pins.pin(rt),
        ExtInt=pins.ext_int(rt),
        UART=uart.uart(rt),
        Timer=clocks.timer(rt),
        WDT=clocks.wdt(rt),
        RTC=clocks.rtc(rt),
        I2C=buses.i2c(rt),
        SPI=buses.spi(rt),
    )
