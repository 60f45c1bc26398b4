"""An upgrade without a cloud, a radio or an application: a package and a flash in, what happens to the flash out.

For `qpyota pkg apply`: the bootloader and the mini system of a device, on its flash, fed from memory. Time passes as
flash and processor need it; the air costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.boot.bootloader import STAGED_KINDS, BootLayout, Bootloader, Trust, installed_version, request_update
from sim.errors import PackageError
from sim.flash.mounts import Mounts
from sim.kernel.clock import Clock, Story
from sim.pack.codes import PackageCode
from sim.pack.verify import verify
from sim.ports import HttpRequest, HttpResponse
from sim.update.mini_request import request_minimal
from sim.update.mini_system import run_mini_system
from sim.update.site import UpdateFailed

MOST_BOOTS = 8
URLS = ("memory:/package.mini_1", "memory:/package.mini_2")


@dataclass(frozen=True, slots=True)
class Applied:
    """How it went. `version` is what runs afterwards, None when nothing does; `restarts` until then; `code` and
    `reason` why it was refused, if it was; flash operations, the most any sector was erased, and flash and processor
    time."""

    version: str | None
    restarts: int
    code: int
    reason: str
    flash_ops: int
    most_erases: int
    time_us: int


class DryRun:
    """One device's flash, and what an upgrade sees of a device."""

    methods: Mapping[str, int | None] = {"minimal": None}

    def __init__(self, layout: BootLayout, trust: Trust, packages: Sequence[bytes]) -> None:
        self.layout = layout
        self.trust = trust
        self.clock = Clock()
        self.version = installed_version(layout.images) or ""
        self._files = dict(zip(URLS, packages, strict=False))
        self._nor = layout.journal.nor
        self._flash_us = self._nor.busy_us
        self._told: tuple[int, str] = (0, "")

    def apply(self) -> Applied:
        """Stage, verify, request, and boot until something other than a restart comes out."""
        start_ops = self._nor.ops
        restarts, version, told = 0, self.version or None, (0, "")
        try:
            self._request()
            version, restarts = self._boot_until_run()
            told = self._told
        except UpdateFailed as refusal:
            told = (int(refusal.code), refusal.reason)
        except PackageError as refusal:
            told = (int(refusal.code), str(refusal))
        wear = max(self._nor.erase_count(sector) for sector in range(self._nor.part.sectors))
        return Applied(version, restarts, *told, self._nor.ops - start_ops, wear, self.clock.now_us)

    def _request(self) -> None:
        area, packages = self.layout.package, list(self._files.values())
        if len(packages) == len(URLS):
            self._finish(request_minimal(self, URLS))
            return
        excess = len(packages[0]) - area.size_bytes
        if excess > 0:
            raise PackageError(PackageCode.NO_SPACE, f"the package exceeds the staging area by {excess} B")
        area.rewrite(0, packages[0])
        recipient = self.layout.recipient(self.version or None, STAGED_KINDS, self.trust)
        request_update(self.layout, verify(area.read, len(packages[0]), recipient))
        self._finish(self.flash_time())

    def _boot_until_run(self) -> tuple[str | None, int]:
        for restarts in range(1, MOST_BOOTS):
            steps = Bootloader(self.layout, self.trust).run()
            while True:
                try:
                    step = next(steps)
                except StopIteration as end:
                    outcome = end.value
                    break
                self._finish(self._pass(step.apply_us))
            if outcome.code:
                self._told = (int(outcome.code), outcome.reason)
            if outcome.action == "mini":
                try:
                    self._finish(run_mini_system(self))
                except UpdateFailed:
                    return None, restarts  # it would ask for the same bytes for ever
            elif outcome.action != "reset":
                return outcome.version, restarts
        raise AssertionError("the device restarts for ever")

    def _pass(self, processor_us: int) -> Story:
        yield from self.flash_time()
        yield processor_us

    def _finish(self, story: Story) -> None:
        try:
            wait = next(story)
            while True:
                wait = story.send(self.clock.env.run(until=self.clock.event(wait)))
        except StopIteration:
            return

    # -- what an upgrade sees of a device

    @property
    def mounts(self) -> Mounts:
        """Firmware is all there is."""
        raise AssertionError("a dry run has no file system")

    def http(self) -> DryRun:
        return self

    def fetch(self, request: HttpRequest) -> Story:
        """The server is this process's memory."""
        yield from ()
        return HttpResponse(200, {}, self._files[request.url])

    def flash_time(self) -> Story:
        used_us, self._flash_us = self._nor.busy_us - self._flash_us, self._nor.busy_us
        yield used_us

    def enter_phase(self, phase: str, progress: float = 0.0) -> None:
        """Nobody watches."""

    def trace(self, kind: str, **data: Any) -> None:
        """Only a refusal matters; what a mini system would retry for ever, cannot change here."""
        if kind in ("update.refused", "mini.retry"):
            self._told = (int(data["code"]), str(data["reason"]))
        if kind == "mini.retry":
            raise UpdateFailed(*self._told)
