"""The two files of the flow over HTTP, in a process of their own: for benchmarks/fleet_mqtt.py.

`python benchmarks/fleet_files.py PORT` serves FILES on 127.0.0.1 until it is ended. /served says how many it gave out.
"""

from __future__ import annotations

import sys
from pathlib import Path

from aiohttp import web

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.fleet_clients import FILES

SERVED = "/served"
BACKLOG = 4096


def app() -> web.Application:
    """Serves FILES and counts."""
    served = 0

    async def give(request: web.Request) -> web.Response:
        nonlocal served
        served += 1
        return web.Response(body=FILES[request.path])

    async def count(_request: web.Request) -> web.Response:
        return web.Response(text=str(served))

    made = web.Application()
    made.add_routes([*(web.get(path, give) for path in FILES), web.get(SERVED, count)])
    return made


if __name__ == "__main__":
    web.run_app(app(), host="127.0.0.1", port=int(sys.argv[1]), backlog=BACKLOG, print=None, access_log=None)
