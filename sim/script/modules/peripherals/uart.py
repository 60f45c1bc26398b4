"""`machine.UART`: a serial port. Bytes take the time of their bits, both ways; what has come waits until it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim.device.board import BITS_PER_BYTE
from sim.script.runtime import ScriptRuntime

PORTS = 5
"""UART0 to UART4: the most that any of these modules has."""


def uart(rt: ScriptRuntime) -> type:
    class UART:
        def __init__(self, port: int, baud: int = 115200, *_frame: Any) -> None:
            rt.me()
            if port not in range(PORTS) or baud <= 0:
                raise ValueError("invalid UART")
            self._port = port
            self._baud = baud
            self._line = rt.module.board.uart(port)
            self._line.is_open, self._line.baud = True, baud

        def any(self) -> int:
            rt.me()
            return len(self._line.received)

        def read(self, size: int) -> bytes:
            """What is there, at most `size` bytes."""
            rt.me()
            data = bytes(self._line.received[:size])
            del self._line.received[: len(data)]
            return data

        def write(self, data: Any) -> int:
            raw = data.encode() if isinstance(data, str) else bytes(data)
            rt.sleep_us(len(raw) * BITS_PER_BYTE * 1_000_000 // self._baud)
            rt.module.board.write_uart(self._port, raw)
            return len(raw)

        def set_callback(self, callback: Callable[[Any], object]) -> int:
            """`callback([state, port, bytes])` whenever bytes came in; state 0 is success."""
            rt.me()
            self._line.on_data = lambda count: rt.callback(callback, [0, self._port, count])
            return 0

        def control_485(self, pin: int, level: int) -> int:
            return 0

        def close(self) -> int:
            rt.me()
            self._line.on_data = None
            self._line.is_open = False
            self._line.received.clear()
            return 0

    for port in range(PORTS):
        setattr(UART, f"UART{port}", port)
    return UART
