"""Listening sockets of the cloud, and a clear word when a port is taken."""

from __future__ import annotations

import errno
import os
import socket

from sim.errors import MachineError

BACKLOG = 1024
"""Connections the kernel may hold for us; asyncio's 100 makes a fleet that starts at once wait a second."""


class PortError(MachineError):
    """A port that cannot be had; `option` is what chooses another one."""

    def __init__(self, problem: str, option: str = "--port") -> None:
        self.problem = problem
        super().__init__(f"{problem}; choose another one with {option}")


def listening_socket(host: str, port: int) -> socket.socket:
    """Bind and listen; port 0 lets the system choose. PortError when this address cannot be had."""
    try:
        return _listen(host, port)
    except OSError as exc:
        what = f"port {port} is taken" if exc.errno == errno.EADDRINUSE else f"port {port} cannot be used"
        raise PortError(f"{what} on {host} ({exc.strerror})") from exc


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )[0]
    # The protocol is named because asyncio switches Nagle's delay off only where it is: else 40 ms an answer.
    sock = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock
