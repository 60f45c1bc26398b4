"""The workbench of a served cloud as commands see it: one order, one answer; or a console to type at.

Light to import: a command starts in a tenth of a second. What the bench refuses is a SpecError with its words.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

from sim.errors import MachineError, SpecError
from sim.serve.data_dir import Running

PATIENCE_S = 320.0
"""A little more than the bench waits for a device to boot."""
PIECE_BYTES = 65536
CTRL_A, CTRL_B, CTRL_C, CTRL_D = b"\x01", b"\x02", b"\x03", b"\x04"
RAW_PROMPT = b"raw REPL; CTRL-B to exit\r\n>"


class RawPrompt:
    """MicroPython's prompt for programs, over a line that `send` and `receive` know. Ctrl-C of the user goes to the
    device while code runs there."""

    def __init__(self, rest: bytes = b"") -> None:
        self._waiting = bytearray(rest)

    def send(self, keys: bytes) -> None:
        """Type."""
        raise NotImplementedError

    def receive(self) -> bytes:
        """What was printed; blocks until there is something."""
        raise NotImplementedError

    def run(self, source: bytes, show: Callable[[bytes], object], *, fresh: bool) -> str:
        """Run code at the raw prompt, after a soft reset if it is to be `fresh`; the traceback, empty for none.

        A main.py that still runs is interrupted first, as by Ctrl-C.
        """
        self.send(b"\r" + CTRL_C + b"\r" + CTRL_A)
        self.until(RAW_PROMPT)
        if fresh:
            self.send(CTRL_D)
            self.until(RAW_PROMPT)
        self.send(source + CTRL_D)
        self.until(b"OK")
        self._until_shown(CTRL_D, show)
        error = self.until(CTRL_D)
        self.until(b">")
        return error[:-1].decode("utf-8", "replace")

    def until(self, mark: bytes) -> bytes:
        """Everything up to and with `mark`."""
        found = bytearray()
        while mark not in found:
            found += self.receive()
        end = found.index(mark) + len(mark)
        self._waiting[:0] = found[end:]
        return bytes(found[:end])

    def _until_shown(self, mark: bytes, show: Callable[[bytes], object]) -> None:
        while True:
            try:
                data = self.receive()
            except KeyboardInterrupt:
                self.send(CTRL_C)
                continue
            text, found, rest = data.partition(mark)
            show(text)
            if found:
                self._waiting[:0] = rest
                return


class Console(RawPrompt):
    """The console of one device of a served cloud."""

    def __init__(self, line: socket.socket, rest: bytes) -> None:
        super().__init__(rest)
        self.line = line

    @property
    def has_more(self) -> bool:
        """Whether something that was printed waits in here."""
        return bool(self._waiting)

    def leave(self) -> None:
        """Back to the friendly prompt."""
        self.send(b"\r" + CTRL_B)
        self.line.close()

    def send(self, keys: bytes) -> None:
        """Type."""
        self.line.sendall(keys)

    def receive(self) -> bytes:
        """What was printed; blocks until there is something."""
        if self._waiting:
            data, self._waiting = bytes(self._waiting), bytearray()
            return data
        data = self.line.recv(PIECE_BYTES)
        if not data:
            raise MachineError("the cloud has closed the console: it ended")
        return data


def order(running: Running, what: str, **members: Any) -> dict[str, Any]:
    """Give one order; its answer."""
    line, answer, _ = _ask(running, {"do": what, **members})
    line.close()
    return answer


def console(running: Running, device: str) -> Console:
    """The console of a device, once it has booted."""
    line, _, rest = _ask(running, {"do": "console", "device": device})
    line.settimeout(None)
    return Console(line, rest)


def _ask(running: Running, asked: dict[str, Any]) -> tuple[socket.socket, dict[str, Any], bytes]:
    try:
        line = socket.create_connection(("127.0.0.1", running.bench_port), PATIENCE_S)
    except OSError as error:
        raise MachineError(f"the cloud's workbench does not answer: {error}") from None
    try:
        line.sendall(json.dumps({"token": running.bench_token, **asked}).encode() + b"\n")
        received = b""
        while b"\n" not in received:
            data = line.recv(PIECE_BYTES)
            if not data:
                raise MachineError("the cloud has ended while it was asked")
            received += data
    except OSError as error:
        line.close()
        raise MachineError(f"the cloud's workbench does not answer: {error}") from None
    except BaseException:
        line.close()
        raise
    text, _, rest = received.partition(b"\n")
    answer: dict[str, Any] = json.loads(text)
    if "error" in answer:
        line.close()
        raise SpecError(answer["error"])
    return line, answer, rest
