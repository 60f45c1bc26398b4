"""`machine.I2C` and `machine.SPI`, and both by plain pins. Chips on I2C are registers with bytes; on SPI nothing
answers but zeros. The bus of an I2C by pins has the number of its clock pin.
"""

from __future__ import annotations

from typing import Any

from sim.script.runtime import ScriptRuntime


def i2c(rt: ScriptRuntime) -> type:
    class I2C:
        I2C0, I2C1, I2C2 = 0, 1, 2
        STANDARD_MODE, FAST_MODE = 0, 1

        def __init__(self, bus: int, mode: int = 0) -> None:
            self._bus = bus

        def write(self, chip: int, register: Any, register_bytes: int, data: Any, size: int) -> int:
            """0, or -1 when no chip acknowledges."""
            rt.me()
            registers = rt.module.board.i2c.get((self._bus, chip))
            if registers is None:
                return -1
            registers[_number(register, register_bytes)] = bytes(data[:size])
            return 0

        def read(
            self, chip: int, register: Any, register_bytes: int, into: bytearray, size: int, delay_ms: int = 0
        ) -> int:
            """0 with the bytes in `into`, or -1."""
            rt.sleep_us(max(0, delay_ms) * 1000)
            registers = rt.module.board.i2c.get((self._bus, chip))
            if registers is None:
                return -1
            content = registers.get(_number(register, register_bytes), b"")
            into[:size] = content[:size].ljust(size, b"\0")
            return 0

    return I2C


def i2c_by_pins(rt: ScriptRuntime) -> type:
    class I2C_simulation(i2c(rt)):  # type: ignore[misc]  # noqa: N801 - the device's name
        def __init__(self, clock_pin: int, _data_pin: int, _hz: int = 0) -> None:
            super().__init__(clock_pin)

    return I2C_simulation


def soft_spi(rt: ScriptRuntime) -> type:
    class SoftSPI(spi(rt)):  # type: ignore[misc]
        WIRE_3, WIRE_4, LOW = 3, 4, 0

        def __init__(self, **_pins: Any) -> None:
            super().__init__(0)

    return SoftSPI


def spi(rt: ScriptRuntime) -> type:
    class SPI:
        def __init__(self, port: int, mode: int = 0, clock: int = 0, *_group: Any) -> None:
            if port not in (0, 1, 2) or mode not in range(4):
                raise ValueError("invalid SPI")

        def write(self, data: Any, size: int) -> int:
            rt.me()
            return 0

        def read(self, into: bytearray, size: int) -> int:
            rt.me()
            into[:size] = bytes(size)
            return 0

        def write_read(self, into: bytearray, data: Any, size: int) -> int:
            return self.read(into, size)

    return SPI


def _number(register: Any, size: int) -> int:
    return int.from_bytes(bytes(register)[:size], "big")
