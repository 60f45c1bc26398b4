"""What the dashboard answers under /api: films, tapes, branches, differences."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import quote

from aiohttp import web

from sim.film import compare
from sim.film.bundle import SUFFIX, Bundled, write_bundle
from sim.film.film import Film
from sim.ui.stage import NotPossible, Stage

STAGE = web.AppKey("stage", Stage)
TAPE_CHUNK_BYTES = 1 << 16
EVENTS_POLL_S = 0.1
GZIP_WINDOW = 31
"""zlib's word for a gzip header."""


def add_to(app: web.Application) -> None:
    """All routes of films."""
    app.router.add_get("/api/films", _films)
    app.router.add_get("/api/films/{id}", _head)
    app.router.add_get("/api/films/{id}/tape", _tape)
    app.router.add_post("/api/films/{id}/branch", _branch)
    app.router.add_get("/api/diff", _diff)
    app.router.add_get("/api/bundle", _bundle)
    app.router.add_get("/api/events", _events)
    app.router.add_get("/api/scenario", _scenario)


async def _films(request: web.Request) -> web.Response:
    return web.json_response(request.app[STAGE].listed())


async def _head(request: web.Request) -> web.Response:
    number, _ = _film(request)
    return web.json_response(request.app[STAGE].head(number))


async def _tape(request: web.Request) -> web.StreamResponse:
    """The tape in pieces, packed on the way."""
    _, film = _film(request)
    from_n = _number(request.query, "from", 1)
    response = web.StreamResponse(headers={"Content-Type": "application/octet-stream", "Content-Encoding": "gzip"})
    await response.prepare(request)
    packer = zlib.compressobj(6, zlib.DEFLATED, GZIP_WINDOW)
    for piece in list(film.tape(from_n)):
        for at in range(0, len(piece), TAPE_CHUNK_BYTES):
            await response.write(packer.compress(piece[at : at + TAPE_CHUNK_BYTES]))
            await asyncio.sleep(0)
    await response.write(packer.flush())
    await response.write_eof()
    return response


async def _branch(request: web.Request) -> web.Response:
    number, _ = _film(request)
    given = await body_of(request)
    if not isinstance(given, dict) or "injection" not in given:
        raise NotPossible('a branch is asked for with {"injection": {...}}')
    return web.json_response({"id": request.app[STAGE].branch(number, given["injection"])})


async def _diff(request: web.Request) -> web.Response:
    stage = request.app[STAGE]
    one, other = _number(request.query, "a", 1), _number(request.query, "b", 2)
    return web.json_response(await asyncio.to_thread(stage.diff, one, other))


async def _events(request: web.Request) -> web.StreamResponse:
    """Events as server-sent ones, for people with curl: those there are, and what comes, until the film ends."""
    film = request.app[STAGE].film(_number(request.query, "film", 1))
    last = _number(request.query, "from", 1) - 1
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    told = 0
    while True:
        groups = film.groups[told:]
        told += len(groups)
        for event in compare.events_in(groups):
            if event.n > last:
                value = event._asdict() | {"t_us": event.at_us}
                await response.write(f"id: {event.n}\nevent: {event.kind}\ndata: {json.dumps(value)}\n\n".encode())
        if not film.growing and told == len(film.groups):
            break
        await asyncio.sleep(EVENTS_POLL_S)
    await response.write_eof()
    return response


async def _bundle(request: web.Request) -> web.Response:
    """All films as far as they have come, as a file to keep or to send."""
    shown = request.app[STAGE].shown
    films = {
        number: Bundled(one.film, one.parent, one.equal, one.log) for number, one in shown.items() if one.film.head
    }
    if not films:
        raise NotPossible("there is no film yet")
    name = str(next(iter(films.values())).film.head.get("title", "run")).replace(" ", "-")
    body = await asyncio.to_thread(_packed, films)
    kept = {"Content-Disposition": f'attachment; filename="{quote(name)}{SUFFIX}"'}
    return web.Response(body=body, content_type="application/zip", headers=kept)


def _packed(films: dict[int, Bundled]) -> bytes:
    file = BytesIO()
    write_bundle(file, films)
    return file.getvalue()


async def _scenario(request: web.Request) -> web.Response:
    return web.Response(text=request.app[STAGE].film(1).head.get("source", ""))


async def body_of(request: web.Request) -> Any:
    """The JSON of a request."""
    try:
        return await request.json()
    except ValueError:
        raise NotPossible("the body of this request is no JSON") from None


def _film(request: web.Request) -> tuple[int, Film]:
    number = _number(request.match_info, "id", 0)
    return number, request.app[STAGE].film(number)


def _number(values: Mapping[str, str], name: str, usual: int) -> int:
    text = values.get(name, str(usual))
    if not text.isascii() or not text.isdecimal() or len(text) > 12:
        raise NotPossible(f"{name} is a whole number, not {text[:40]!r}")
    return int(text)
