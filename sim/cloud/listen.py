"""Listening sockets of the cloud, and a clear word when a port is taken."""

from __future__ import annotations

import errno
import socket

from sim.errors import MachineError

BACKLOG = 1024
"""Connections the kernel may hold for us; asyncio's 100 makes a fleet that starts at once wait a second."""


def listening_socket(host: str, port: int) -> socket.socket:
    """Bind and listen; port 0 lets the system choose. MachineError when this address cannot be had."""
    try:
        return socket.create_server((host, port), backlog=BACKLOG)
    except OSError as exc:
        what = f"port {port} is taken" if exc.errno == errno.EADDRINUSE else f"port {port} cannot be used"
        raise MachineError(f"{what} on {host} ({exc.strerror}); choose another one with --port") from exc
