"""Lines between the hub of a sharded run and its shards: a WebSocket each, on which bytes go both ways, in order.

Rules: whoever dials shows the token of the run before anything else is said, and the version of qpyota, since only
equal ones give equal runs. A dialled line tells every second that its process lives, from a thread of its own; one that
is silent for longer than its reader allows is lost. What is said means nothing here.

Both ends live in a thread with an event loop and are used from threads without one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from errno import EADDRINUSE
from hmac import compare_digest
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import WSMsgType, web

from sim import __version__
from sim.errors import MachineError

PATH = "/shard"
BEAT_S = 1.0
"""Wall time between two signs of life."""

MESSAGE_BYTES = 1 << 30
"""The longest message: all windows of a run, for a shard that goes through them again."""

GONE_S = 30.0
"""A hub that does not answer pings for so long is gone."""

FIRST_PORT, LAST_PORT = 19_830, 20_030
"""Where a free port is looked for when the user names none."""

DIAL_EVERY_S = 0.5
CLOSE_S = 5.0
"""How long an end waits for what it has sent to leave."""

_BEAT, _VERSION, _INDEX = "beat", "Qpyota-Version", "Qpyota-Shard"

SHOWN = {_VERSION: __version__}
"""What whoever dials shows besides the token."""


class LineLost(Exception):  # noqa: N818 - a finding, not a defect
    """A line that brings nothing any more, and why."""


class Line:
    """One end. `index` is the shard that the other side asked to be; None: any."""

    def __init__(self, index: int | None = None) -> None:
        self.index = index
        self.closed = Event()
        self._inbox: SimpleQueue[bytes | None] = SimpleQueue()
        self._outbox: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    def send(self, data: bytes) -> None:
        """To the other side; what a lost line does not carry, `receive` tells."""
        self._post(data)

    def receive(self, silence_s: float | None = None) -> bytes:
        """What came next. LineLost when nothing comes any more, or not even a sign of life for so long."""
        while True:
            try:
                data = self._inbox.get(timeout=silence_s)
            except Empty:
                raise LineLost(f"it was silent for {silence_s:g} s") from None
            if data is None:
                self._inbox.put(None)
                raise LineLost("its connection ended")
            if data:
                return data

    def close(self) -> None:
        """End it, once what was sent has left, and let whoever reads it know."""
        self._inbox.put(None)
        self._post(None)

    def _post(self, data: bytes | None) -> None:
        with suppress(RuntimeError):  # the loop has ended, and the line with it
            self._loop.call_soon_threadsafe(self._outbox.put_nowait, data)

    # -- in the loop

    async def carry(self, socket: web.WebSocketResponse | aiohttp.ClientWebSocketResponse, *, beats: bool) -> None:
        """Until either side ends it."""
        tasks = [asyncio.create_task(self._read(socket)), asyncio.create_task(self._write(socket))]
        if beats:
            tasks.append(asyncio.create_task(_beat(socket)))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._inbox.put(None)
            with suppress(asyncio.TimeoutError, ConnectionError):
                await asyncio.wait_for(socket.close(), CLOSE_S)
            self.closed.set()

    async def _read(self, socket: web.WebSocketResponse | aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type == WSMsgType.BINARY:
                self._inbox.put(message.data)
            elif message.type == WSMsgType.TEXT:
                self._inbox.put(b"")

    async def _write(self, socket: web.WebSocketResponse | aiohttp.ClientWebSocketResponse) -> None:
        with suppress(ConnectionError, aiohttp.ClientError):
            while (data := await self._outbox.get()) is not None:
                await socket.send_bytes(data)


async def _beat(socket: web.WebSocketResponse | aiohttp.ClientWebSocketResponse) -> None:
    with suppress(ConnectionError, aiohttp.ClientError):
        while True:
            await asyncio.sleep(BEAT_S)
            await socket.send_str(_BEAT)


class Lines:
    """The hub's side: takes lines at `host`:`port` (0: any free one) and gives each to `take`, in a thread of its own.

    MachineError when the place is taken.
    """

    def __init__(self, host: str, port: int, token: str, take: Callable[[Line], None]) -> None:
        self._token = token
        self._take = take
        self._open: set[Line] = set()
        self._thread = _Thread("qpyota hub")
        try:
            self.port = self._thread.run(self._listen(host, port))
        except OSError as error:
            self._thread.end()
            raise MachineError(f"the hub cannot listen at {host}:{port}: {error.strerror}; see --hub") from None

    def close(self) -> None:
        """End every line, and take none."""
        self._thread.run(self._end())
        self._thread.end()

    async def _listen(self, host: str, port: int) -> int:
        app = web.Application()
        app.router.add_get(PATH, self._join)
        self._runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=CLOSE_S)
        await self._runner.setup()
        for candidate in [port] if port else range(FIRST_PORT, LAST_PORT):
            try:
                await web.TCPSite(self._runner, host, candidate).start()
                break
            except OSError as error:
                if port or error.errno != EADDRINUSE or candidate == LAST_PORT - 1:
                    await self._runner.cleanup()
                    raise
        return int(self._runner.addresses[0][1])

    async def _end(self) -> None:
        for line in list(self._open):
            line.close()
        await self._runner.cleanup()

    async def _join(self, request: web.Request) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not compare_digest(given.encode(), self._token.encode()):
            return web.Response(status=401, text="the token is not that of this run")
        version = request.headers.get(_VERSION, "")
        if version != __version__:
            return web.Response(status=409, text=f"the hub is qpyota {__version__}, this worker is {version or '?'}")
        index = request.headers.get(_INDEX, "")
        if index and not index.isdecimal():
            return web.Response(status=400, text=f"{index!r} is no number of a shard")
        socket = web.WebSocketResponse(max_msg_size=MESSAGE_BYTES, compress=False)
        await socket.prepare(request)
        line = Line(int(index) if index else None)
        self._open.add(line)
        self._take(line)
        try:
            await line.carry(socket, beats=False)
        finally:
            self._open.discard(line)
        return socket


def dial(url: str, token: str, index: int | None = None, patience_s: float = 0.0) -> Line:
    """A line to the hub at `url`; a hub that is not there is tried for `patience_s`. MachineError says why not."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise MachineError(f"{url!r} is no address of a hub, e.g. http://10.0.0.1:7801")
    thread = _Thread("qpyota shard")
    try:
        opened: Future[Line] = Future()
        thread.start(_dialled(url, token, index, patience_s, opened))
        return opened.result()
    except BaseException:
        thread.end()
        raise


async def _dialled(url: str, token: str, index: int | None, patience_s: float, opened: Future[Line]) -> None:
    """Connect, and carry the line until it ends; then the thread's loop ends, too."""
    headers = {"Authorization": f"Bearer {token}", **SHOWN}
    if index is not None:
        headers[_INDEX] = str(index)
    loop = asyncio.get_running_loop()
    until = loop.time() + patience_s
    async with aiohttp.ClientSession(headers=headers) as session:
        while True:
            try:
                socket = await session.ws_connect(
                    url.rstrip("/") + PATH, max_msg_size=MESSAGE_BYTES, compress=0, heartbeat=GONE_S
                )
                break
            except aiohttp.WSServerHandshakeError as error:
                reason = _REFUSED.get(error.status, f"{error.status} {error.message}")
                opened.set_exception(MachineError(f"the hub at {url} refuses this worker: {reason}"))
                return
            except (aiohttp.ClientError, OSError) as error:
                if loop.time() >= until:
                    opened.set_exception(MachineError(f"no hub answers at {url}: {error}"))
                    return
                await asyncio.sleep(DIAL_EVERY_S)
        line = Line(index)
        opened.set_result(line)
        await line.carry(socket, beats=True)


_REFUSED = {
    401: "the token is not that of this run; give it with --token or QPYOTA_TOKEN",
    409: f"it is another version of qpyota, and this is {__version__}",
}


class _Thread:
    """A thread with an event loop, until `end`."""

    def __init__(self, name: str) -> None:
        ready = Event()
        self._thread = Thread(target=lambda: asyncio.run(self._live(ready)), name=name, daemon=True)
        self._thread.start()
        ready.wait()

    def run(self, what: Coroutine[Any, Any, Any]) -> Any:
        """Do it there, and give its result here."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()

    def start(self, what: Coroutine[Any, Any, None]) -> None:
        """Have it done there, and end with it."""
        asyncio.run_coroutine_threadsafe(what, self._loop).add_done_callback(lambda _: self._stop())

    def end(self) -> None:
        """The loop ends, and the thread."""
        self._stop()
        self._thread.join(CLOSE_S)

    def _stop(self) -> None:
        with suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._over.set)

    async def _live(self, ready: Event) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        ready.set()
        await self._over.wait()
