"""What the dashboard costs the browser while a large fleet is watched, and how smoothly it is drawn.

The real server and the real page, in headless Chromium with software rendering (a machine with a graphics card needs
less): a growing film of made-up devices, ten updates a second in each of which 5 % of them change their state. Told:
processor time of all of the browser's processes as a share of one core, and frames a second; then, with a client of its
own in place of the browser, the server's processor time and what goes over the wire.

    python benchmarks/dashboard.py                     # 5,000 devices
    python benchmarks/dashboard.py --devices 50000
    python benchmarks/dashboard.py --server            # without a browser
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sim.film.entries import COUNTS, HEAD, Block, States, pack_json
from sim.film.film import Film
from sim.film.states import STATES
from sim.ui.server import Dashboard
from sim.ui.stage import Shown, Stage

UPDATES_PER_S = 10
CHANGING = 0.05
SETTLE_S = 3.0
AIM_PERCENT, AIM_SERVER_PERCENT, AIM_BYTES_PER_S = 25, 5, 50_000
"""Of one core in the browser and in the server, and on the wire, at 5,000 devices."""
CLIENT = """
import asyncio, sys, time, aiohttp
async def main(url, seconds):
    async with aiohttp.ClientSession() as session, session.ws_connect(url, max_msg_size=0) as socket:
        await socket.send_json({"follow": 1, "from": 1})
        await socket.receive()
        total, messages, until = 0, 0, time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                message = await asyncio.wait_for(socket.receive(), left)
            except TimeoutError:
                break
            total, messages = total + len(message.data), messages + 1
        print(total / seconds, messages / seconds)
asyncio.run(main(sys.argv[1], float(sys.argv[2])))
"""
"""Follows the film and tells bytes and messages a second."""
FRAMES = """(seconds) => new Promise((done) => {
  let frames = 0;
  const began = performance.now();
  const next = (now) => {
    frames++;
    if (now - began < seconds * 1000) requestAnimationFrame(next);
    else done(frames / ((now - began) / 1000));
  };
  requestAnimationFrame(next);
})"""


def head_of(devices: int) -> dict[str, Any]:
    """A film of devices that nobody filmed."""
    named = [
        {"name": f"meter-{n:05}", "group": "meters", "model": "EG915U", "network": "", "firmware": "", "filmed": False}
        for n in range(devices)
    ]
    return {
        "format": 1, "title": f"{devices} devices", "description": "", "seed": 1, "transport": "memory", "live": False,
        "start_s": 0, "versions": {}, "source": "", "replay": "", "expects": [], "thresholds": [], "jobs": [],
        "parent": None, "branched_at": None, "flash": {}, "devices": named,
        "states": [{"name": name, "label": label} for name, label in STATES],
    }  # fmt: skip


async def grow(film: Film, stage: Stage, devices: int) -> None:
    """Ten updates a second, for ever."""
    film.add(States(0.0, 0, dict.fromkeys(range(devices), 2), whole=True).pack())
    began_s = time.monotonic()
    for tick, blocks in enumerate(updates(devices, 1_000_000), 1):
        for block in blocks:
            film.add(block)
        stage.news()
        await asyncio.sleep(max(0.0, began_s + tick / UPDATES_PER_S - time.monotonic()))


def updates(devices: int, ticks: int) -> Iterator[list[Block]]:
    """The blocks of each update."""
    dice, done = random.Random(1), 0
    for tick in range(1, ticks):
        changed = {dice.randrange(devices): dice.randrange(len(STATES)) for _ in range(int(devices * CHANGING))}
        at_us = tick * 1e6 / UPDATES_PER_S
        done = min(devices, done + 3)
        jobs = {"wave": {"QUEUED": devices - done, "SUCCEEDED": done}}
        counts = pack_json(COUNTS, {"t": at_us, "n": 0, "jobs": jobs, "sent_bytes": 0})
        yield [States(at_us, 0, changed).pack(), counts]


async def measure_server(devices: int, seconds: float) -> dict[str, Any]:
    """Processor time of the server and of nothing else: what it is fed with was made before."""
    stage, film = Stage(), Film()
    film.add(pack_json(HEAD, head_of(devices)))
    film.add(States(0.0, 0, dict.fromkeys(range(devices), 2), whole=True).pack())
    stage.put(Shown(film))
    ready = list(updates(devices, round((seconds + 2 * SETTLE_S) * UPDATES_PER_S)))
    dashboard = Dashboard(stage, port=0)
    await dashboard.open()
    url = dashboard.url.replace("/?", "/ws?")
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLIENT, url, str(seconds), stdout=asyncio.subprocess.PIPE
    )
    try:
        spent_s, began_s = time.process_time(), time.monotonic()
        for tick, blocks in enumerate(ready, 1):
            for block in blocks:
                film.add(block)
            stage.news()
            await asyncio.sleep(max(0.0, began_s + tick / UPDATES_PER_S - time.monotonic()))
        share = 100 * (time.process_time() - spent_s) / (time.monotonic() - began_s)
        told, _ = await client.communicate()
    finally:
        await dashboard.close()
    bytes_per_s, messages_per_s = map(float, told.split())
    return {
        "server_percent": round(share, 1),
        "bytes_per_s": round(bytes_per_s),
        "messages_per_s": round(messages_per_s, 1),
    }


def browser_cpu_s(root: int) -> float:
    """Processor time so far of a process and all below it."""
    parents: dict[int, list[int]] = {}
    spent: dict[int, float] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(") ")[2].split()
        except OSError:
            continue  # it is gone
        number = int(path.parent.name)
        parents.setdefault(int(fields[1]), []).append(number)
        spent[number] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    waiting, total = [root], 0.0
    while waiting:
        one = waiting.pop()
        total += spent.get(one, 0.0)
        waiting += parents.get(one, [])
    return total


def chromium_below(root: int) -> int:
    """The browser's first process."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"chromium" in words[0] and b"--headless" in b" ".join(words) and b"--type=" not in b" ".join(words):
            parent = int((path.parent / "stat").read_text().rpartition(") ")[2].split()[1])
            grandparents = {parent, int(Path(f"/proc/{parent}/stat").read_text().rpartition(") ")[2].split()[1])}
            if root in grandparents:
                return int(path.parent.name)
    raise SystemExit("the browser's process was not found")


async def measure(devices: int, seconds: float) -> dict[str, Any]:
    """What the browser needs."""
    from playwright.async_api import async_playwright

    stage, film = Stage(), Film()
    film.add(pack_json(HEAD, head_of(devices)))
    stage.put(Shown(film))
    dashboard = Dashboard(stage, port=0)
    await dashboard.open()
    growing = asyncio.ensure_future(grow(film, stage, devices))
    found = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
            page = await browser.new_page(viewport={"width": 1440, "height": 900})
            await page.goto(f"{dashboard.url}#/fleet")
            await page.wait_for_selector("#grid canvas")
            await asyncio.sleep(SETTLE_S)
            root = chromium_below(os.getpid())
            spent_s, began_s = browser_cpu_s(root), time.monotonic()
            frames = await page.evaluate(FRAMES, seconds)
            passed_s = time.monotonic() - began_s
            share = 100 * (browser_cpu_s(root) - spent_s) / passed_s
            await browser.close()
    finally:
        growing.cancel()
        await dashboard.close()
    return {
        "devices": devices, "changes_per_s": int(devices * CHANGING) * UPDATES_PER_S,
        "browser_percent": round(share, 1),
        "frames_per_s": round(frames, 1),
    }  # fmt: skip


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--server", action="store_true", help="without a browser")
    options = parser.parse_args()
    told = {} if options.server else asyncio.run(measure(options.devices, options.seconds))
    told |= asyncio.run(measure_server(options.devices, options.seconds))
    aims = {"browser_percent": AIM_PERCENT, "server_percent": AIM_SERVER_PERCENT, "bytes_per_s": AIM_BYTES_PER_S}
    print(json.dumps(told | {"aims": aims}))


if __name__ == "__main__":
    main()
