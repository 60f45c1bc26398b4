"""A dashboard around one run: it listens, the run begins, and it stays open until somebody ends it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from sim.serve.data_dir import Running
from sim.ui.live import WHY_NOT, Live
from sim.ui.server import LOOPBACK, Dashboard
from sim.ui.stage import Script, Stage

FIRST_LOOK_S = 0.05
"""How often it is looked whether a cloud has begun to show its film."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen. Without `port` it is a free one of the usual, without `token` a new one."""

    host: str = LOOPBACK
    port: int | None = None
    token: str = ""


class Room(Protocol):
    """A page of its own beside the dashboard's."""

    path: str

    def add_to(self, app: web.Application) -> None:
        """Add its routes."""


def play(script: Script, place: Place, tell: Callable[[str], None]) -> int:
    """Run the first words of a script and show it; the exit code of the run.

    `tell` is told the URL before it begins, and how to end this when it is over. A run that has nothing to show ends
    the dashboard.
    """
    return asyncio.run(_play(script, place, tell))


def show(stage: Stage, place: Place, tell: Callable[[str], None], room: Room | None = None) -> None:
    """Show what is on a stage, until somebody ends it; by the page of a room, if there is one."""
    asyncio.run(_show(stage, place, tell, room))


def attend(running: Running, place: Place, tell: Callable[[str], None]) -> None:
    """Show a served cloud until it ends, or somebody ends this."""
    asyncio.run(_attend(running, place, tell))


async def _attend(running: Running, place: Place, tell: Callable[[str], None]) -> None:
    stage = Stage(Script(why_not=WHY_NOT))
    dashboard = Dashboard(stage, place.host, place.port, place.token)
    live = dashboard.live = Live(stage, running)
    ended = _told_to_end()
    watching = asyncio.ensure_future(live.watch())
    try:
        await dashboard.open()
        ending = asyncio.ensure_future(ended.wait())
        while not stage.shown and not watching.done():
            await asyncio.sleep(FIRST_LOOK_S)
        if not watching.done():
            tell(f"dashboard {dashboard.url}")
        await asyncio.wait({watching, ending}, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if watching.done():
            watching.result()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await dashboard.close()


async def _play(script: Script, place: Place, tell: Callable[[str], None]) -> int:
    stage = Stage(script)
    dashboard = Dashboard(stage, place.host, place.port, place.token)
    ended = _told_to_end()
    await dashboard.open()
    try:
        tell(f"dashboard {dashboard.url}")
        running = asyncio.ensure_future(stage.run())
        ending = asyncio.ensure_future(ended.wait())
        await asyncio.wait({running, ending}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            await stage.close()
        code = await running
        if not ended.is_set() and stage.shown[1].film.head:
            tell(f"the dashboard stays open at {dashboard.url}; Ctrl-C ends it")
            await ending
        ending.cancel()
        return 130 if code is None or code < 0 else code
    finally:
        await dashboard.close()


async def _show(stage: Stage, place: Place, tell: Callable[[str], None], room: Room | None) -> None:
    rooms = () if room is None else (room.add_to,)
    dashboard = Dashboard(stage, place.host, place.port, place.token, rooms)
    ended = _told_to_end()
    await dashboard.open()
    try:
        url = dashboard.url if room is None else dashboard.url.replace("/?", f"{room.path}?")
        tell(f"dashboard {url}; Ctrl-C ends it")
        await ended.wait()
    finally:
        await dashboard.close()


def _told_to_end() -> asyncio.Event:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    return ended
