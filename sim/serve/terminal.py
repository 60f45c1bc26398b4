"""A person's terminal at a device's console: keys go there as they are, except the one that leaves."""

from __future__ import annotations

import os
import selectors
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sim.serve.bench_client import CTRL_B, PIECE_BYTES, Console

LEAVE = (0x1D, 0x18)
"""Ctrl-] and Ctrl-X, as in mpremote and telnet."""

QUIET_S = 1.0
"""So long a device may be silent after the input has ended before the conversation is over."""


def converse(console: Console) -> None:
    """Until somebody leaves or the cloud ends. When the input ends, until the device has been quiet for a while."""
    keys, screen = sys.stdin.fileno(), sys.stdout.fileno()
    console.send(CTRL_B)
    with _raw(keys), selectors.DefaultSelector() as waiting:
        waiting.register(keys, selectors.EVENT_READ)
        waiting.register(console.line, selectors.EVENT_READ)
        patience_s: float | None = None
        while ready := waiting.select(patience_s):
            for key, _ in ready:
                if key.fileobj is console.line:
                    os.write(screen, console.receive())
                    continue
                typed = os.read(keys, PIECE_BYTES)
                left = next((at for at, byte in enumerate(typed) if byte in LEAVE), None)
                console.send(typed[:left])
                if left is not None:
                    os.write(screen, b"\r\n")
                    return
                if not typed:
                    waiting.unregister(keys)
                    patience_s = QUIET_S
        os.write(screen, b"\n")


@contextmanager
def _raw(keys: int) -> Iterator[None]:
    if not os.isatty(keys):
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(keys)
    tty.setraw(keys)
    try:
        yield
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)
