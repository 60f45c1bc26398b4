"""The rig itself: makes the handles that a program uses, and lets virtual time pass while it waits.

Nothing happens by itself: between two waits the clock stands still, whatever the wall shows, while boto3 is served. A
time-out is virtual time, so it does not depend on the machine. With the same seed and the same calls, a rig does the
same; calls from several threads at once come in no order that repeats.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from sim.errors import SpecError
from sim.rig.clock import VirtualClock
from sim.rig.cloud import Cloud
from sim.rig.device import Device
from sim.rig.faults import Faults
from sim.rig.fleet import Fleet
from sim.rig.loop import LoopThread
from sim.rig.packages import Packages
from sim.rig.scene import Scene
from sim.rig.unmet import Unmet
from sim.rig.words import duration_us, entry_keys

T = TypeVar("T")

SLICE_S = 0.005
"""Wall time for which events are handled before requests of other programs get their turn."""
EXPLAINED_MOST = 3
"""Devices in a trap that an error tells of."""
SETTLE_US = 5_000_000
"""Simulation time that everything must have been at rest."""


class Rig:
    """A cloud without devices, at the first instant. `folder`: where relative paths begin; `replay`: how a person
    makes all of it happen again."""

    def __init__(self, seed: int = 1, folder: Path | str = ".", replay: str = "") -> None:
        self.seed = seed
        self.folder = Path(folder)
        self.replay = replay or f"Rig(seed={seed})"
        self.loop = LoopThread()
        self.scene = self.loop.call(Scene, seed)
        self._passing = False
        self._closed = False
        self.clock = VirtualClock(self)
        self.cloud = Cloud(self)
        self.fleet = Fleet(self)
        self.faults = Faults(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the cloud and its devices; harmless when it has ended."""
        if self._closed:
            return
        self._closed = True
        try:
            self.cloud.close()
            self.loop.call(self.scene.close)
        finally:
            self.loop.close()

    def device(self, name: str = "", **keys: Any) -> Device:
        """A new device that gets its power now. `keys` are those of a scenario's fleet entry; left out, it is an EG915U
        with the plainest firmware. Without `script` it runs the built-in application, and with `agent=None` nothing: it
        waits at its prompt. SpecError when a key is wrong."""
        entry = self.call(self.scene.add_devices, entry_keys({"name": name or self._free_name(), **keys}), self.folder)
        return Device(self, entry.devices()[0])

    def packages(self, device: Device | None = None) -> Packages:
        """Makes what jobs bring, for this device unless one says otherwise."""
        return Packages(self.folder, device)

    def job(self, job_id: str) -> Any:
        """A handle on a job of this cloud, whoever created it."""
        return self.cloud.job(job_id)

    # -- what handles use

    def call(self, fn: Callable[..., T], *args: Any) -> T:
        """Do something to the simulation, between two of its events."""
        return self.loop.call(fn, *args)

    def pass_time(self, limit_us: int, done: Callable[[], bool] = lambda: False, *, often: bool = False) -> bool:
        """Let time pass until `done()`, at most `limit_us`; whether it is done. It is asked after what was recorded, or
        `often`: after every event."""
        return self.loop.finish(self._pass(limit_us, done, often))

    def rest(self, limit: str, names: Callable[[], list[str]], who: str) -> None:
        """Let time pass until these devices have been at rest for a while. Unmet when they are not by then."""
        until_us = self.call(lambda: self.scene.clock.now_us) + duration_us(limit)

        doubtful: list[str] = []  # who was busy is asked first: of thousands, not all have to be asked each time

        def rested() -> bool:
            doubtful.extend(reversed(names()) if not doubtful else ())
            while doubtful and self.scene.at_rest(doubtful[-1]):
                doubtful.pop()
            return not doubtful and all(self.scene.at_rest(name) for name in names())

        while True:
            if not self.pass_time(until_us - self.call(lambda: self.scene.clock.now_us), rested):
                busy = self.call(lambda: [name for name in names() if not self.scene.at_rest(name)])
                raise self.unmet(f"{who} did not come to rest within {limit}: {self._why_busy(busy)}")
            self.pass_time(SETTLE_US)
            if self.call(rested):
                return

    def unmet(self, sentence: str) -> Unmet:
        """The error of a wait that was in vain."""
        return Unmet(sentence, self.replay, self.explanations())

    def explanations(self) -> list[str]:
        """A sentence on each device that is in a known trap, of some of them."""
        return self.call(self.scene.explained)[:EXPLAINED_MOST]

    def target_names(self, targets: object) -> list[str]:
        """Names of devices and groups that somebody means by these handles or names."""
        if isinstance(targets, str | Device | Fleet):
            targets = [targets]
        if not isinstance(targets, list | tuple):
            raise SpecError(f"{targets!r} is no device, no fleet and no name of one")
        found: list[str] = []
        for target in targets:
            if isinstance(target, Fleet):
                found += target.targets
            else:
                found.append(target.name if isinstance(target, Device) else str(target))
        return list(dict.fromkeys(found))

    def _why_busy(self, names: list[str]) -> str:
        def tell() -> str:
            name = names[0]
            module = self.scene.devices[name]
            open_jobs = [
                f"job {job_id}: {self.scene.histories.sentence_of(job_id, name)}"
                for job_id in self.scene.histories.jobs
                if any(one.job_id == job_id for one in self.scene.account.jobs.pending(name))
            ]
            more = f", and {len(names) - 1} more" if len(names) > 1 else ""
            return "; ".join([f"{name} is {module.state}, phase {module.phase}{more}", *open_jobs])

        return self.call(tell)

    def _free_name(self) -> str:
        taken = self.call(lambda: set(self.scene.devices))
        return next(name for number in range(1, len(taken) + 2) if (name := f"device-{number}") not in taken)

    async def _pass(self, limit_us: int, done: Callable[[], bool], often: bool) -> bool:
        if self._passing:
            raise SpecError("another thread waits already; only one may let time pass")
        self._passing = True
        try:
            return await self._let_pass(self.scene.clock.now_us + limit_us, done, often)
        finally:
            self._passing = False

    async def _let_pass(self, until_us: int, done: Callable[[], bool], often: bool) -> bool:
        clock, scene = self.scene.clock, self.scene
        seen, turn_s = -1, time.monotonic() + SLICE_S
        while True:
            self.cloud.raise_defect()
            if often or scene.told != seen:
                seen = scene.told
                if done():
                    return True
            next_us = clock.next_us
            if next_us is None or next_us > until_us:
                clock.run(until_us)
                return done()
            clock.step()
            if time.monotonic() > turn_s:
                await asyncio.sleep(0)
                turn_s = time.monotonic() + SLICE_S
