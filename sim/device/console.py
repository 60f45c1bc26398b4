"""The serial line of the interpreter: what it prints and what somebody types, as a terminal on the USB port has it.

Rules: the line itself outlives resets and power cuts, as the cable does; what was typed waits in the module and is
lost with the module's power. Bytes come in through `type_in`, in the simulation's turn, and leave through `peer`; an
interpreter that runs a program has `on_break` set and is told of Ctrl-C at once, whatever waits before it.
"""

from __future__ import annotations

from collections.abc import Callable

BREAK = 0x03
"""Ctrl-C."""

BUFFER_BYTES = 1024 * 1024
"""ESTIMATE: typed bytes that may wait; USB holds the sender back when the device does not read, so few are lost."""


class Console:
    """One line. `peer` gets what the device prints, as bytes; None while no terminal is connected."""

    def __init__(self, trace: Callable[..., None]) -> None:
        self.received = bytearray()
        self.peer: Callable[[bytes], None] | None = None
        self.on_input: Callable[[], None] | None = None
        """The interpreter's: something waits to be read. None while there is no interpreter."""
        self.on_break: Callable[[], None] | None = None
        self.raw = False
        """Whether the prompt is the raw one, for programs; survives a soft reset, as on the device."""
        self._trace = trace

    def type_in(self, data: bytes) -> None:
        """Somebody types. Without an interpreter, and beyond the buffer, nobody hears it."""
        self._trace("console.in", text=data.decode("utf-8", "backslashreplace"))
        if self.on_input is None:
            return
        for byte in data:
            if byte == BREAK and self.on_break is not None:
                self.on_break()
            elif len(self.received) < BUFFER_BYTES:
                self.received.append(byte)
        self.on_input()

    def write(self, text: str) -> None:
        """The device prints; line ends become those of a terminal."""
        if self.peer is not None:
            self.peer(text.replace("\n", "\r\n").encode("utf-8", "backslashreplace"))

    def forget_program(self, *, keep_line: bool) -> None:
        """The interpreter is gone. `keep_line`: for a moment only, so that what was typed and the mode stay."""
        self.on_input = (lambda: None) if keep_line else None
        self.on_break = None
        if not keep_line:
            self.received.clear()
            self.raw = False
