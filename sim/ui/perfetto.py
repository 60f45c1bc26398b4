"""A trace file for ui.perfetto.dev, which fetches it from this machine once and keeps it in the browser.

Perfetto's page may fetch from 127.0.0.1:9001 and no other port (its content security policy), so it is this one. The
trace does not leave the machine: the page runs in the browser.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from sim.errors import MachineError

VIEWER = "https://ui.perfetto.dev"
PORT = 9001
PATIENCE_S = 300.0


def hand_over(path: Path, tell: Callable[[str], None]) -> None:
    """Serve the file until it was fetched, once. MachineError when the port is taken or nobody comes."""
    asyncio.run(_hand_over(path, tell))


async def _hand_over(path: Path, tell: Callable[[str], None], port: int = PORT) -> None:
    fetched = asyncio.Event()

    async def give(_: web.Request) -> web.StreamResponse:
        fetched.set()
        headers = {"Access-Control-Allow-Origin": VIEWER, "Cache-Control": "no-cache"}
        body = await asyncio.to_thread(path.read_bytes)
        return web.Response(body=body, content_type="application/octet-stream", headers=headers)

    app = web.Application()
    app.router.add_get(f"/{path.name}", give)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        try:
            await site.start()
        except OSError as error:
            raise MachineError(f"port {port}, from which Perfetto fetches, cannot be had: {error.strerror}") from None
        tell(f"{VIEWER}/#!/?url=http://127.0.0.1:{port}/{path.name}")
        await asyncio.wait_for(fetched.wait(), PATIENCE_S)
    except TimeoutError:
        raise MachineError(f"nobody has fetched {path} within {PATIENCE_S:.0f} s; it is there to be dropped") from None
    finally:
        await runner.cleanup()
