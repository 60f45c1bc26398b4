"""What the dashboard costs the browser while a large fleet is watched, and how smoothly it is drawn.

The real server and the real page, in headless Chromium with software rendering (a machine with a graphics card needs
less): a growing film of made-up devices, ten updates a second in each of which 5 % of them change their state. Told:
processor time of all of the browser's processes as a share of one core, frames a second, and the server's own share.

    python benchmarks/dashboard.py                     # 5,000 devices
    python benchmarks/dashboard.py --devices 50000
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import time
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from sim.film.entries import COUNTS, HEAD, States, pack_json
from sim.film.film import Film
from sim.film.states import STATES
from sim.ui.server import Dashboard
from sim.ui.stage import Stage

UPDATES_PER_S = 10
CHANGING = 0.05
SETTLE_S = 3.0
AIM_PERCENT = 25
"""Of one core, at 5,000 devices."""
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
    dice = random.Random(1)
    film.add(States(0.0, 0, dict.fromkeys(range(devices), 2), whole=True).pack())
    done = 0
    began_s = time.monotonic()
    for tick in range(1, 1_000_000):
        changed = {dice.randrange(devices): dice.randrange(len(STATES)) for _ in range(int(devices * CHANGING))}
        at_us = tick * 1e6 / UPDATES_PER_S
        film.add(States(at_us, 0, changed).pack())
        done = min(devices, done + 3)
        jobs = {"wave": {"QUEUED": devices - done, "SUCCEEDED": done}}
        film.add(pack_json(COUNTS, {"t": at_us, "n": 0, "jobs": jobs, "sent_bytes": 0}))
        stage.news()
        await asyncio.sleep(max(0.0, began_s + tick / UPDATES_PER_S - time.monotonic()))


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
    """One figure of each kind."""
    stage, film = Stage(), Film()
    film.add(pack_json(HEAD, head_of(devices)))
    stage.put(film)
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
            spent_s, own_s, began_s = browser_cpu_s(root), time.process_time(), time.monotonic()
            frames = await page.evaluate(FRAMES, seconds)
            passed_s = time.monotonic() - began_s
            share = 100 * (browser_cpu_s(root) - spent_s) / passed_s
            server = 100 * (time.process_time() - own_s) / passed_s
            await browser.close()
    finally:
        growing.cancel()
        await dashboard.close()
    return {
        "devices": devices, "changes_per_s": int(devices * CHANGING) * UPDATES_PER_S,
        "browser_percent": round(share, 1),
        "frames_per_s": round(frames, 1), "server_percent": round(server, 1),
    }  # fmt: skip


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    told = asyncio.run(measure(options.devices, options.seconds))
    print(json.dumps(told | {"aim_percent": AIM_PERCENT}))


if __name__ == "__main__":
    main()
