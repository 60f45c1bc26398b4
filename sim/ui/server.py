"""The dashboard's server: films, tapes and orders over HTTP, and one WebSocket for what grows (docs/film.md).

Rules: it runs in a loop and a process of its own and never waits for a simulation. A client that reads slowly gets
what it missed at once, states merged, entries whole.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from sim.errors import MachineError, QpyotaError
from sim.film.film import Film
from sim.serve.options import reachable
from sim.ui import job_routes, routes
from sim.ui.door import Door, dress, new_token
from sim.ui.live import Live
from sim.ui.stage import NotPossible, Stage

STATIC = Path(__file__).parent / "static"
LOOPBACK = "127.0.0.1"
FIRST_PORT, LAST_PORT = 7880, 7899
"""Where a free port is looked for when the user names none."""
RATE_PER_S, RATE_MAX_PER_S = 10.0, 10.0
"""Messages to a client, by the wall."""
BODY_MAX_BYTES = 1 << 20


class Dashboard:
    """Open it, `url` says where it is, close it. `rooms` add pages of their own."""

    def __init__(
        self,
        stage: Stage,
        host: str = LOOPBACK,
        port: int | None = None,
        token: str = "",
        rooms: Sequence[Callable[[web.Application], None]] = (),
    ) -> None:
        self.stage = stage
        self._rooms = rooms
        self._host, self._port = host, port
        self._token = token or new_token()
        self._clients: set[Client] = set()
        self._runner: web.AppRunner | None = None
        self.url = ""
        self.live: Live | None = None
        """The served cloud, if this is one."""
        stage.news = self._news

    async def open(self) -> None:
        """Listen. MachineError when there is no port to be had."""
        hosts = (self._host, "localhost", LOOPBACK) if self._host in (LOOPBACK, "localhost", "::1") else ()
        app = web.Application(middlewares=[Door(self._token, hosts).watch], client_max_size=BODY_MAX_BYTES)
        app.on_response_prepare.append(dress)
        app[routes.STAGE] = self.stage
        app.router.add_get("/", _page)
        app.router.add_static("/static/", STATIC)
        routes.add_to(app)
        job_routes.add_to(app)
        if self.live is not None:
            app[job_routes.LIVE] = self.live
            self.live.told = self._tell_clock
        app.router.add_get("/ws", self._socket)
        for room in self._rooms:
            room(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        port = await self._listen(self._runner)
        host = reachable(self._host)
        name = f"[{host}]" if ":" in host else host
        self.url = f"http://{name}:{port}/?t={self._token}"

    async def close(self) -> None:
        """Hang up on everybody and end every run."""
        for client in list(self._clients):
            await client.close()
        if self._runner is not None:
            await self._runner.cleanup()
        await self.stage.close()

    async def _listen(self, runner: web.AppRunner) -> int:
        ports = range(FIRST_PORT, LAST_PORT + 1) if self._port is None else [self._port]
        for port in ports:
            site = web.TCPSite(runner, self._host, port)
            try:
                await site.start()
            except OSError as error:
                if self._port is None and port != LAST_PORT:
                    continue
                raise MachineError(
                    f"the dashboard cannot listen on {self._host}:{port}: {error.strerror}; choose another --ui-port"
                ) from None
            assert runner.addresses
            return int(runner.addresses[0][1])
        raise AssertionError("no port was tried")

    def _news(self) -> None:
        for client in self._clients:
            client.wake()

    def _tell_clock(self, clock: dict[str, Any]) -> None:
        for client in self._clients:
            client.clock = clock
            client.wake()

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=30.0, max_msg_size=BODY_MAX_BYTES)
        await socket.prepare(request)
        client = Client(socket, self.stage, self.live)
        self._clients.add(client)
        try:
            await client.serve()
        finally:
            self._clients.discard(client)
        return socket


class Client:
    """One page: which film it follows, and how much of it it has."""

    def __init__(self, socket: web.WebSocketResponse, stage: Stage, live: Live | None) -> None:
        self._socket = socket
        self._stage = stage
        self._live = live
        self.clock = {} if live is None else live.clock
        self._film: Film | None = None
        self._groups = 0
        self._ended = False
        self._period_s = 1 / RATE_PER_S
        self._told = ""
        self._woken = asyncio.Event()
        self._orders: dict[str, Callable[[Any], Awaitable[None]]] = {
            "follow": self._follow,
            "rate": self._rate,
            "film": self._also,
            "clock": self._hold,
        }

    def wake(self) -> None:
        """There is something new."""
        self._woken.set()

    async def close(self) -> None:
        await self._socket.close(message=b"the dashboard ends")

    async def serve(self) -> None:
        """Until it goes."""
        telling = asyncio.ensure_future(self._tell())
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    await self._obey(message.data)
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _obey(self, text: str) -> None:
        try:
            order = json.loads(text)
            if not isinstance(order, dict) or not order:
                raise ValueError
            known = [name for name in self._orders if name in order]
            if not known:
                await self._say({"error": f"this dashboard knows no {next(iter(order))!r}"})
            for name in known:
                await self._orders[name](order)
        except QpyotaError as error:
            await self._say({"error": str(error)})
        except (ValueError, KeyError, TypeError):
            await self._say({"error": f"this is no order: {text[:100]}"})

    async def _follow(self, order: dict[str, Any]) -> None:
        number, from_n = int(order["follow"]), int(order.get("from", 1))
        film = self._stage.begun(number)
        self._film, self._ended = film, False
        self._groups = sum(1 for group in film.groups if group.n < from_n)
        self._told = ""
        self._woken.set()

    async def _also(self, order: dict[str, Any]) -> None:
        number = self._stage.also_filmed(int(order.get("of", 1)), int(order["film"]))
        await self._say({"filmed": number})

    async def _hold(self, order: dict[str, Any]) -> None:
        if self._live is None:
            raise NotPossible("a run goes at its own speed; pause, step and speed are the page's own, over its film")
        await self._live.hold(order)

    async def _rate(self, order: dict[str, Any]) -> None:
        self._period_s = 1 / min(RATE_MAX_PER_S, max(0.1, float(order["rate"])))

    async def _tell(self) -> None:
        """Send what is new, and no more often than the rate."""
        while not self._socket.closed:
            await self._woken.wait()
            self._woken.clear()
            await self._tell_films()
            await self._tell_film()
            await asyncio.sleep(self._period_s)

    async def _tell_films(self) -> None:
        listed = json.dumps({"films": self._stage.listed()})
        if listed != self._told:
            self._told = listed
            await self._socket.send_str(listed)
        if self.clock:
            clock, self.clock = self.clock, {}
            await self._say({"clock": clock})

    async def _tell_film(self) -> None:
        film = self._film
        if film is None:
            return
        data = film.since(self._groups)
        self._groups = len(film.groups)
        if film.result is not None and not self._ended:
            self._ended = True
            data += film.end.packed()
        if data:
            await self._socket.send_bytes(data)

    async def _say(self, value: dict[str, Any]) -> None:
        await self._socket.send_str(json.dumps(value))


async def _page(_: web.Request) -> web.StreamResponse:
    page = STATIC / "index.html"
    if not page.is_file():
        return web.Response(text="this qpyota has no page; its films are under /api/films\n")
    return web.FileResponse(page)
