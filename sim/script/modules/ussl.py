"""`ussl`: TLS over a connected socket. The server is checked when there is a CA (`ca` or `cadata`, PEM), else not.

On a plain transport nothing is encrypted, and the script cannot tell.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sim.script.authorities import ca_of
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime
from sim.script.sockets import ScriptSocket


def make(rt: ScriptRuntime) -> ModuleType:
    def wrap_socket(
        sock: ScriptSocket, server_side: bool = False, key: Any = None, cert: Any = None, **options: Any
    ) -> ScriptSocket:
        """The same connection, with the handshake done; OSError when it fails."""
        if server_side:
            raise NotImplementedError("server_side")
        sock.secure(_pem(cert), _pem(key), ca_of(options))
        return sock

    return namespace("ussl", wrap_socket=wrap_socket)


def _pem(value: Any) -> str:
    if value is None:
        return ""
    return value.decode() if isinstance(value, bytes | bytearray) else str(value)
