"""HTTP in front of the cloud's sans-IO services: aiohttp around a pure `respond`, or around whoever hands over.

Rules: nothing is decided here. A request is told by its absolute URL, rebuilt from the Host header and the
target byte for byte, because signatures cover both; the scheme is https, whatever carries it. An answer has
exactly the headers that `respond` gave, so that it is the same on every transport. Reading an object changes nothing
and is answered at once; anything else goes to `dispatch`, when there is one, which answers in the simulation's turn.
No FileResponse: it sends past the event loop's byte counters, and simulation time would stand still.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from sim.cloud.api.router import reads_object
from sim.cloud.listen import BACKLOG, listening_socket
from sim.cloud.sending import drop_defaults, send
from sim.ports import HttpRequest, HttpResponse

Respond = Callable[[HttpRequest, int], HttpResponse]
"""(request, Unix time in whole seconds) → the answer. For HEAD it gives Content-Length and an empty body."""
Dispatch = Callable[[HttpRequest], Awaitable[HttpResponse]]
"""Takes a request and answers when the simulation has had its turn."""

CLOSE_PATIENCE_S = 1.0
"""How long `stop` waits for answers that are being sent."""
BODY_MAX_BYTES = 128 * 1024 * 1024
"""ESTIMATE: largest body of one request. Firmware packages are a few MB, and larger objects can come in parts."""


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether something is for the log: what a client sent amiss is told to the client, and to nobody else."""
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


_LOG = logging.getLogger("qpyota.rest")
_LOG.addFilter(_is_ours)


class RestServer:
    """`now_s` is the simulation's Unix time. Without `dispatch` everything is answered at once by `respond`."""

    def __init__(self, respond: Respond, now_s: Callable[[], int], dispatch: Dispatch | None = None) -> None:
        self._respond = respond
        self._now_s = now_s
        self._dispatch = dispatch
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> int:
        """Listen and return the port, which the system chooses when `port` is 0. MachineError when it is taken."""
        sock = listening_socket(host, port)
        app = web.Application(client_max_size=BODY_MAX_BYTES)
        app.router.add_route("*", "/{anything:.*}", self._handle)
        app.on_response_prepare.append(drop_defaults)
        self._runner = web.AppRunner(
            app, access_log=None, logger=_LOG, auto_decompress=False, shutdown_timeout=CLOSE_PATIENCE_S
        )
        await self._runner.setup()
        await web.SockSite(self._runner, sock, ssl_context=tls, backlog=BACKLOG).start()
        return int(sock.getsockname()[1])

    async def stop(self) -> None:
        """Close every connection and the listener."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            headers = {"x-amzn-ErrorType": "RequestEntityTooLargeException", "Content-Length": "0"}
            return await send(request, HttpResponse(413, headers, b""))
        except (web.RequestPayloadError, ConnectionError):  # it hung up, or sent chunks that are none
            headers = {"x-amzn-ErrorType": "IncompleteBody", "Content-Length": "0", "Connection": "close"}
            return await send(request, HttpResponse(400, headers, b""))
        host = request.headers.get("Host", "")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.raw_headers}
        url = f"https://{host}{request.raw_path}"
        asked = HttpRequest(request.method, url, headers, body, _certificate(request))
        if self._dispatch is None or reads_object(asked):
            return await send(request, self._respond(asked, self._now_s()))
        return await send(request, await self._dispatch(asked))


def _certificate(request: web.Request) -> bytes | None:
    """What the client showed in the TLS handshake, DER."""
    tls = None if request.transport is None else request.transport.get_extra_info("ssl_object")
    return None if tls is None else tls.getpeercert(binary_form=True)
