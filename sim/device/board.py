"""What is wired to a module beside antenna and power: pins, analogue inputs, serial lines, chips on I2C.

Rules: this is the world outside, so it outlives resets and power cuts; what a program set up (watchers, buffers of
received bytes) is its life's and goes with it. Whoever plays the outside calls `set_pin`, `set_adc`, `feed_uart`;
programs read, and are told of changes by the watchers they left here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

BATTERY_MV = 3950
"""A full lithium cell, as `Power.getVbatt()` of the vendor's examples shows it."""

UART_BUFFER_BYTES = 16 * 1024
"""ESTIMATE: received bytes that wait to be read; more are lost, as without flow control. No public figure."""

PinWatcher = Callable[[int], None]
"""Gets the new level of a pin."""


@dataclass(slots=True)
class Uart:
    """One serial port. `received` waits for the program; `peer`, when set, gets what the program writes."""

    received: bytearray = field(default_factory=bytearray)
    peer: Callable[[bytes], None] | None = None
    on_data: Callable[[int], None] | None = None
    """The program's: called with the number of new bytes."""


class Board:
    """The surroundings of one device."""

    def __init__(self, trace: Callable[..., None]) -> None:
        self.battery_mv = BATTERY_MV
        self.i2c: dict[tuple[int, int], dict[int, bytes]] = {}
        """(bus, chip address) → register → content. A chip that is missing does not acknowledge."""
        self._trace = trace
        self._pins: dict[int, int] = {}
        self._adc_mv: dict[int, int] = {}
        self._uarts: dict[int, Uart] = {}
        self._watchers: dict[int, list[PinWatcher]] = {}

    # -- the outside

    def set_pin(self, pin: int, level: int) -> None:
        """Something outside drives a pin to 0 or 1."""
        if self.pin(pin) == level:
            return
        self._pins[pin] = level
        self._trace("pin", pin=pin, level=level, by="outside")
        for watcher in list(self._watchers.get(pin, ())):
            watcher(level)

    def set_adc(self, channel: int, millivolts: int) -> None:
        """A voltage on an analogue input."""
        self._adc_mv[channel] = millivolts

    def feed_uart(self, port: int, data: bytes) -> None:
        """Bytes arrive on a serial port; what does not fit is lost."""
        uart = self.uart(port)
        room = UART_BUFFER_BYTES - len(uart.received)
        uart.received += data[:room]
        self._trace("uart.in", port=port, bytes=len(data), lost=max(0, len(data) - room))
        if uart.on_data is not None:
            uart.on_data(len(data[:room]))

    # -- the program

    def pin(self, pin: int) -> int:
        """Level of a pin; 0 while nobody drives it."""
        return self._pins.get(pin, 0)

    def drive(self, pin: int, level: int) -> None:
        """The program drives a pin."""
        if self.pin(pin) != level:
            self._pins[pin] = level
            self._trace("pin", pin=pin, level=level, by="program")

    def watch_pin(self, pin: int, watcher: PinWatcher) -> None:
        """Call `watcher(level)` when something outside changes a pin."""
        self._watchers.setdefault(pin, []).append(watcher)

    def unwatch_pin(self, pin: int, watcher: PinWatcher) -> None:
        """Stop that; harmless when it was not watched."""
        if watcher in self._watchers.get(pin, ()):
            self._watchers[pin].remove(watcher)

    def adc_mv(self, channel: int) -> int:
        """Voltage on an analogue input, millivolts; 0 while nothing is wired to it."""
        return self._adc_mv.get(channel, 0)

    def uart(self, port: int) -> Uart:
        """A serial port, by its number."""
        return self._uarts.setdefault(port, Uart())

    def write_uart(self, port: int, data: bytes) -> None:
        """The program sends on a serial port."""
        self._trace("uart.out", port=port, bytes=len(data))
        peer = self.uart(port).peer
        if peer is not None:
            peer(data)

    def forget_program(self) -> None:
        """The program's life is over: nobody is told of anything, and bytes that waited are gone."""
        self._watchers.clear()
        for uart in self._uarts.values():
            uart.on_data = None
            uart.received.clear()
