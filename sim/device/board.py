"""What is around a module beside its antenna: pins, voltages, serial lines, chips on I2C, supply, sky, power key.

Rules: this is the world outside, so it outlives resets and power cuts; what a program set up (watchers, buffers of
received bytes) is its life's and goes with it. Whoever plays the outside calls `set_…`, `feed_uart`, `press_key`;
programs read, and are told of changes by the watchers they left here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sim.device.battery import Supply
from sim.device.track import Fix, Track
from sim.kernel.clock import Clock

UART_BUFFER_BYTES = 16 * 1024
"""ESTIMATE: received bytes that wait to be read; more are lost, as without flow control. No public figure."""

BITS_PER_BYTE = 10
"""On a serial line: start bit, eight data bits, stop bit."""

FIFO_BYTES = 64
"""ESTIMATE: received bytes are handed on when so many have come, or when the line falls silent; such UARTs hold 16 to
128."""

PinWatcher = Callable[[int], None]
"""Gets the new level of a pin."""


@dataclass(slots=True)
class Uart:
    """One serial port. `received` waits for the program; `peer`, when set, gets what the program writes."""

    received: bytearray = field(default_factory=bytearray)
    peer: Callable[[bytes], object] | None = None
    baud: int = 0
    """As the program set it."""
    busy_until_us: int = 0
    """When the last of what is on the line will have come."""
    is_open: bool = False
    """Whether a program listens; what comes when nobody does is lost."""
    on_data: Callable[[int], object] | None = None
    """The program's: called with the number of new bytes."""


class Board:
    """The surroundings of one device."""

    def __init__(self, trace: Callable[..., None], clock: Clock) -> None:
        self._supply = Supply()
        self.flat = False
        """Whether the supply is empty, or was and is not good enough yet."""
        self.owes_start = False
        """Whether the module would run, had it a supply."""
        self.on_supply: Callable[[], object] | None = None
        """The module's: told when its supply is another one."""
        self.track = Track(())
        self.usb = False
        self.i2c: dict[tuple[int, int], dict[int, bytes]] = {}
        """(bus, chip address) → register → content. A chip that is missing does not acknowledge."""
        self.rtc_offset_s = 0
        """The real-time clock's time, less the world's; it is kept as long as there is power."""
        self.on_key: Callable[[int], object] | None = None
        """The program's: told when the power key is pressed (1) and released (0)."""
        self.on_usb: Callable[[int], object] | None = None
        """The program's: told when a cable comes (1) and goes (0)."""
        self._trace = trace
        self._clock = clock
        self._pins: dict[int, int] = {}
        self._adc_mv: dict[int, int] = {}
        self._uarts: dict[int, Uart] = {}
        self._watchers: dict[int, list[PinWatcher]] = {}

    # -- the outside

    @property
    def supply(self) -> Supply:
        """What the module is fed from."""
        return self._supply

    @supply.setter
    def supply(self, supply: Supply) -> None:
        self._supply = supply
        if self.on_supply is not None:
            self.on_supply()

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

    def set_usb(self, plugged: bool) -> None:
        """A cable comes or goes."""
        changed, self.usb = self.usb != plugged, plugged
        if changed and self.on_usb is not None:
            self.on_usb(int(plugged))

    def press_key(self, down: bool) -> None:
        """The power key of a module that is on."""
        if self.on_key is not None:
            self.on_key(int(down))

    def feed_uart(self, port: int, data: bytes) -> None:
        """Somebody sends on a serial line: the bytes come at the line's rate, behind what is on it already."""
        uart = self.uart(port)
        if not uart.is_open:
            self.arrive_uart(port, data)
            return
        now_us = self._clock.now_us
        uart.busy_until_us = max(now_us, uart.busy_until_us)
        for at in range(0, len(data), FIFO_BYTES):
            piece = data[at : at + FIFO_BYTES]
            uart.busy_until_us += len(piece) * BITS_PER_BYTE * 1_000_000 // uart.baud
            self._clock.after(uart.busy_until_us - now_us, self.arrive_uart, port, piece)

    def arrive_uart(self, port: int, data: bytes) -> None:
        """Bytes have come on a serial port; what does not fit, or finds nobody who listens, is lost."""
        uart = self.uart(port)
        room = UART_BUFFER_BYTES - len(uart.received) if uart.is_open else 0
        uart.received += data[:room]
        self._trace("uart.in", port=port, bytes=len(data), lost=max(0, len(data) - room))
        if uart.on_data is not None and room:
            uart.on_data(len(data[:room]))

    def lose_power(self) -> None:
        """Supply and backup supply are gone."""
        self.rtc_offset_s = 0

    # -- the program

    @property
    def battery_mv(self) -> int:
        """Voltage of the supply."""
        return self.supply.millivolts(self._clock.now_us)

    @property
    def fix(self) -> Fix | None:
        """Where the device is, if a receiver can know it."""
        return self.track.fix(self._clock.now_us)

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
        self.on_key = self.on_usb = None
        for uart in self._uarts.values():
            uart.is_open = False
            uart.on_data = None
            uart.received.clear()
