"""Where the workbench's commands come in: JSON lines over TCP on loopback, for whoever has the cloud's token.

A connection sends one order as a line, and gets one line back: the answer, or `{"error": ...}`. Orders about what only
a booted device has wait until it has booted. After the answer to `console` the connection is the console's line, bytes
both ways, until one side closes it. Rules: the network phase only buffers; orders and keys take their turn in the
simulation, in the order in which they came; what a device prints leaves after its flash was kept.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable
from typing import Any

from sim.cloud.listen import listening_socket
from sim.device.module import Module
from sim.errors import QpyotaError
from sim.kernel.clock import Clock
from sim.serve.baton import Baton
from sim.serve.bench import Bench, Refusal
from sim.serve.film_line import FilmLine
from sim.serve.options import LOOPBACK

ORDER_MAX_BYTES = 16 * 1024 * 1024
"""ESTIMATE: a file of the largest volume, as base64, fits four times."""
IN_USE_PATIENCE_US = 1_000_000
"""A terminal that was closed just now may not have been noticed yet."""
BOOT_POLL_US = 50_000
BOOT_PATIENCE_US = 300_000_000
"""ESTIMATE: the slowest upgrade that may be under way takes a few minutes."""

NEED_BOOT = frozenset({"console", "ls", "cat", "write", "mkdir", "rm", "reset"})
"""Orders that wait for a device to boot."""


FILM_BUFFER_BYTES = 64 * 1024 * 1024
"""What a dashboard may be behind; one that reads more slowly is hung up on."""


class BenchServer:
    """`keep` saves what devices hold, before anything is answered. `film` and `baton` are for dashboards."""

    film: FilmLine
    baton: Baton

    def __init__(self, clock: Clock, bench: Bench, token: str, keep: Callable[[], None]) -> None:
        self.clock = clock
        self.bench = bench
        self.keep = keep
        self._token = token
        self._turns: list[Callable[[], None]] = []
        self._server: asyncio.Server | None = None
        self._lines: set[_Connection] = set()
        clock.loop.on_quiet.append(self._hand_over)

    async def start(self) -> int:
        """Listen on a free port of loopback; the port."""
        sock = listening_socket(LOOPBACK, 0)
        self._server = await self.clock.loop.create_server(lambda: _Connection(self), sock=sock)
        return int(sock.getsockname()[1])

    async def stop(self) -> None:
        """Close the listener and every connection."""
        server, self._server = self._server, None
        for line in list(self._lines):
            line.hang_up()
        if server is not None:
            server.close()
            await server.wait_closed()

    def may(self, order: dict[str, Any]) -> bool:
        """Whether an order comes from somebody who may read the data directory."""
        return hmac.compare_digest(str(order.get("token")).encode(), self._token.encode())

    def turn(self, work: Callable[[], None]) -> None:
        """Have `work` done in the simulation's turn."""
        self._turns.append(work)
        self.baton.let_through()

    def opened(self, line: _Connection) -> None:
        self._lines.add(line)

    def closed(self, line: _Connection) -> None:
        self._lines.discard(line)

    def _hand_over(self) -> None:
        turns, self._turns = self._turns, []
        for work in turns:
            self.clock.handover(work)
        self.baton.turned()


class _Connection(asyncio.Protocol):
    """One order, or one console."""

    _transport: asyncio.Transport

    def __init__(self, server: BenchServer) -> None:
        self._server = server
        self._waiting = bytearray()
        self._asked = False
        self._module: Module | None = None
        self._films = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.opened(self)

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        if self._asked:
            self._server.turn(self._type)
        elif b"\n" in self._waiting:
            line, _, rest = bytes(self._waiting).partition(b"\n")
            self._asked, self._waiting = True, bytearray(rest)
            if self._is_for_the_clock(line):
                return
            self._server.turn(lambda: self._take(line))
        elif len(self._waiting) > ORDER_MAX_BYTES:
            self.hang_up()

    def connection_lost(self, exc: BaseException | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._server.closed(self)
        if self._films:
            self._server.baton.let_go()  # nobody is there any more who could
        self._server.turn(self._let_go)

    def hang_up(self) -> None:
        """Close it; what was written still leaves."""
        self._transport.close()

    def _is_for_the_clock(self, line: bytes) -> bool:
        """Orders to the clock act at once: it may stand, and be told to go on."""
        try:
            order = json.loads(line)
        except ValueError:
            return False
        if not isinstance(order, dict) or order.get("do") != "clock" or not self._server.may(order):
            return False
        try:
            self._answer(self._server.baton.take(order))
        except QpyotaError as error:
            self._answer({"error": str(error)})
        self._server.film.flush()
        self.hang_up()
        return True

    # -- simulation phase

    def _take(self, line: bytes) -> None:
        try:
            order = json.loads(line)
            if not isinstance(order, dict) or not self._server.may(order):
                raise Refusal("this is the workbench of a qpyota cloud; its orders come from qpyota dev")
        except (ValueError, Refusal) as error:
            self._refuse(str(error))
        else:
            self._obey(order, 0)

    def _obey(self, order: dict[str, Any], waited_us: int) -> None:
        """Obey as soon as the device is ready."""
        what, bench = str(order.get("do")), self._server.bench
        try:
            module = bench.device(order) if what in NEED_BOOT else None
            if module is not None and self._is_to_wait(what, module, waited_us):
                if not self._transport.is_closing():
                    self._server.clock.after(BOOT_POLL_US, self._obey, order, waited_us + BOOT_POLL_US)
                return
            if module is not None and what == "console":
                self._attach(module)
                return
            if what == "film":
                self._show_film()
                return
            answer = bench.take(order)
        except (QpyotaError, ValueError, KeyError, TypeError) as error:
            self._refuse(str(error))
        else:
            self._server.keep()
            self._answer(answer)
            self.hang_up()

    def _is_to_wait(self, what: str, module: Module, waited_us: int) -> bool:
        if module.state in ("off", "bricked"):
            return False
        if module.state != "running":
            return waited_us < BOOT_PATIENCE_US
        return what == "console" and module.console.peer is not None and waited_us < IN_USE_PATIENCE_US

    def _attach(self, module: Module) -> None:
        """Give the console to this connection."""
        if module.state == "off":
            raise Refusal(f"{module.name} is off; qpyota dev power on {module.name}")
        if module.bricked:
            raise Refusal(f"{module.name} is bricked: it has no firmware that boots")
        if module.state != "running":
            raise Refusal(f"{module.name} does not boot; see qpyota dev logs {module.name}")
        if module.console.peer is not None:
            raise Refusal(f"the console of {module.name} is in use by another terminal")
        if module.console.on_input is None:
            raise Refusal(f"{module.name} runs a built-in application, which has no prompt")
        module.trace("bench", order="console")
        self._module = module
        module.console.peer = self._print
        self._answer({"device": module.name})
        self._type()

    def _show_film(self) -> None:
        """Give the film to this connection, as bytes, for as long as it is open."""
        film = self._server.film
        if film.taken:
            raise Refusal("a dashboard shows this cloud already; its URL is where qpyota up or qpyota open was started")
        self._films = True
        self._answer({"clock": self._server.baton.standing})
        film.begin(self._film)

    def _film(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > FILM_BUFFER_BYTES:
            self._transport.abort()
            return
        self._transport.write(data)

    def _refuse(self, reason: str) -> None:
        self._answer({"error": reason})
        self.hang_up()

    def _answer(self, answer: dict[str, Any]) -> None:
        if not self._transport.is_closing():
            self._transport.write(json.dumps(answer).encode() + b"\n")

    def _type(self) -> None:
        data, self._waiting = bytes(self._waiting), bytearray()
        if data and self._module is not None:
            self._module.console.type_in(data)

    def _print(self, data: bytes) -> None:
        self._server.keep()
        if not self._transport.is_closing():
            self._transport.write(data)

    def _let_go(self) -> None:
        if self._films:
            self._films = False
            self._server.film.end()
        module, self._module = self._module, None
        if module is not None:
            self._type()
            module.console.peer = None
