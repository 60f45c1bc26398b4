"""A device's console for other programs: as a TCP port of this machine, or as a pseudo-terminal.

Bytes go through as they are. One terminal at a time; the console is the device's between two of them. It ends with
Ctrl-C, or when the cloud does. Blocking sockets and one selector; nothing of the emulator is imported.
"""

from __future__ import annotations

import os
import selectors
import socket
from collections.abc import Callable

from sim.errors import MachineError, SpecError
from sim.serve.bench_client import PIECE_BYTES, console
from sim.serve.data_dir import Running

LOOPBACK = "127.0.0.1"


def serve_tcp(running: Running, device: str, port: int, tell: Callable[[int], None]) -> None:
    """Serve terminals at a port, one after another; `tell` is given the port when it listens."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError as error:
            raise MachineError(f"port {port} cannot be had: {error.strerror}; choose one with --tcp") from None
        listener.listen()
        tell(listener.getsockname()[1])
        while True:
            terminal, _ = listener.accept()
            with terminal:
                try:
                    line = console(running, device)
                except SpecError as error:
                    terminal.sendall(f"{error}\r\n".encode())
                    continue
                with line.line:
                    _pass(_Socket(terminal), _Socket(line.line))


def serve_pty(running: Running, device: str, tell: Callable[[str], None]) -> None:
    """Serve a pseudo-terminal; `tell` is given its path when it can be opened."""
    try:
        import tty
    except ImportError:
        raise MachineError("a pseudo-terminal needs a POSIX system (Linux or macOS); use --tcp") from None
    ours, theirs = os.openpty()
    try:
        tty.setraw(theirs)
        line = console(running, device)
        with line.line:
            tell(os.ttyname(theirs))
            _pass(_Pty(ours), _Socket(line.line))
    finally:
        os.close(ours)
        os.close(theirs)  # open as long as ours, so that terminals may come and go


class _Socket:
    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def fileno(self) -> int:
        return self._sock.fileno()

    def read(self) -> bytes:
        try:
            return self._sock.recv(PIECE_BYTES)
        except ConnectionError:
            return b""

    def write(self, data: bytes) -> None:
        self._sock.sendall(data)


class _Pty:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def read(self) -> bytes:
        return os.read(self._descriptor, PIECE_BYTES)

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]


def _pass(one: _Socket | _Pty, other: _Socket | _Pty) -> None:
    """Carry bytes both ways until one side closes."""
    with selectors.DefaultSelector() as waiting:
        waiting.register(one, selectors.EVENT_READ, other)
        waiting.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in waiting.select():
                source, target = key.fileobj, key.data
                assert isinstance(source, _Socket | _Pty)
                data = source.read()
                if not data:
                    return
                try:
                    target.write(data)
                except ConnectionError:
                    return
