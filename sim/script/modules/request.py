"""`request`: HTTP for scripts, over the same sockets that they have. Which firmware's is the generation's affair."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from sim.script.files import ScriptFile
from sim.script.http_client import MANNERS, Ask, Response, send
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime
from sim.script.sockets import ScriptSocket

METHODS = ("get", "post", "put", "head", "patch", "delete")


def make(rt: ScriptRuntime) -> ModuleType:
    manners = MANNERS[rt.profile.generation]

    class Socket(ScriptSocket):
        _rt = rt

    def request(
        method: str, url: str, data: Any = None, json: Any = None, files: Any = None, headers: Any = None,
        decode: bool = True, sizeof: int | None = None, timeout: float | None = None, **more: Any,
    ) -> Response:  # fmt: skip
        """Send, and read as far as the headers; the body is read by whoever goes through it."""
        sock = Socket()
        patience_s = manners.timeout_s if timeout is None else timeout
        sock.settimeout(patience_s)
        params, version = more.get("ssl_params") or {}, more.get("version", 0)
        ask = Ask(method, url, data, json, files, dict(headers or {}), version, params)
        send(sock, ask, manners, lambda path: ScriptFile(rt, path, "rb"))
        response = Response(sock, manners, sizeof or manners.size_bytes, decode)
        response.begin(method == "HEAD")
        return response

    def named(method: str) -> Callable[..., Response]:
        return lambda url, *values, **words: request(method.upper(), url, *values, **words)

    return namespace("request", Response=Response, request=request, **{name: named(name) for name in METHODS})
