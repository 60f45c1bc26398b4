"""`ussl`: TLS over a connected socket. The server is not checked, as the module does not without a CA.

On a plain transport nothing is encrypted, and the script cannot tell.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime
from sim.script.sockets import ScriptSocket


def make(rt: ScriptRuntime) -> ModuleType:
    def wrap_socket(
        sock: ScriptSocket, server_side: bool = False, key: Any = None, cert: Any = None, **_options: Any
    ) -> ScriptSocket:
        """The same connection, with the handshake done; OSError when it fails."""
        if server_side:
            raise NotImplementedError("server_side")
        sock.secure(_pem(cert), _pem(key))
        return sock

    return namespace("ussl", wrap_socket=wrap_socket)


def _pem(value: Any) -> str:
    if value is None:
        return ""
    return value.decode() if isinstance(value, bytes | bytearray) else str(value)
