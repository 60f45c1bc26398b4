"""`usocket`: sockets and name look-up. Values of the constants are lwIP's, and the port's own 7 and 8."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime
from sim.script.sockets import DATAGRAM, STREAM, ScriptSocket, look_up

AF_INET, AF_INET6 = 2, 10
SOCK_RAW = 3
IPPROTO_TCP, IPPROTO_UDP, IPPROTO_TCP_SER, TCP_CUSTOMIZE_PORT = 6, 17, 7, 8
SOL_SOCKET, SO_REUSEADDR, TCP_KEEPALIVE = 0xFFF, 4, 2


def make(rt: ScriptRuntime) -> ModuleType:
    class socket(ScriptSocket):  # noqa: N801 - its name on the device
        _rt = rt

    def getaddrinfo(host: Any, port: Any, *_hints: Any) -> list[tuple[Any, ...]]:
        """[(family, type, proto, name, (address, port))]; an empty list for a name that does not resolve."""
        rt.me()
        found = look_up(rt, str(host))
        return [] if found is None else [(AF_INET, STREAM, 0, host, (found, int(port)))]

    return namespace(
        "usocket",
        socket=socket,
        getaddrinfo=getaddrinfo,
        AF_INET=AF_INET,
        AF_INET6=AF_INET6,
        SOCK_STREAM=STREAM,
        SOCK_DGRAM=DATAGRAM,
        SOCK_RAW=SOCK_RAW,
        IPPROTO_TCP=IPPROTO_TCP,
        IPPROTO_UDP=IPPROTO_UDP,
        IPPROTO_TCP_SER=IPPROTO_TCP_SER,
        TCP_CUSTOMIZE_PORT=TCP_CUSTOMIZE_PORT,
        SOL_SOCKET=SOL_SOCKET,
        SO_REUSEADDR=SO_REUSEADDR,
        TCP_KEEPALIVE=TCP_KEEPALIVE,
    )
