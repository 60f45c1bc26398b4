"""How an answer leaves the HTTP server: at once, or in the manner that the answer asks for.

A manner is followed on the socket itself, in the loop's time: bytes are held back, and a connection really ends with a
FIN or an RST. An answer has exactly the headers it was given.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress

from aiohttp import web

from sim.manner import Manner
from sim.ports import HttpResponse

_DEFAULTS = ("Date", "Server", "Content-Type")
_NO_LINGER = struct.pack("ii", 1, 0)
"""SO_LINGER that turns a close into a reset."""


async def send(request: web.Request, answer: HttpResponse) -> web.StreamResponse:
    """Answer a request. What has a manner is sent when this returns, the rest is left to aiohttp."""
    if answer.manner is None:
        return _Whole(answer)
    response = _Piecemeal(answer)
    with suppress(ConnectionError):  # a client that has given up
        await response.prepare(request)
        await _follow(answer.manner, answer.body, response)
        if answer.manner.cut_at_bytes is not None:
            _end(request, reset=answer.manner.reset)
    return response


async def drop_defaults(_request: web.Request, response: web.StreamResponse) -> None:
    """aiohttp adds the wall clock's Date, its own Server and a Content-Type."""
    if isinstance(response, _Whole | _Piecemeal):
        for name in _DEFAULTS:
            if name.lower() not in response.given:
                response.headers.pop(name, None)


class _Whole(web.Response):
    def __init__(self, answer: HttpResponse) -> None:
        super().__init__(status=answer.status, headers=dict(answer.headers), body=answer.body)
        self.given = {name.lower() for name in answer.headers}


class _Piecemeal(web.StreamResponse):
    def __init__(self, answer: HttpResponse) -> None:
        super().__init__(status=answer.status, headers=dict(answer.headers))
        self.given = {name.lower() for name in answer.headers}


async def _follow(manner: Manner, body: bytes, response: web.StreamResponse) -> None:
    sent = 0
    for step in manner.steps(len(body)):
        if step.wait_us:
            await asyncio.sleep(step.wait_us / 1_000_000)
        await response.write(body[sent : step.until_bytes])
        sent = step.until_bytes


def _end(request: web.Request, *, reset: bool) -> None:
    transport = request.transport
    if transport is None:
        return
    if reset:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()
    else:
        transport.close()
