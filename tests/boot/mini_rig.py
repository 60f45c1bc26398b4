"""A small module with a mini system: what boot_rig has, and a network that can fail in every way.

One life is one power-on: bootloader, and if that says so the mini system, on the real clock and the real stories.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from boot_rig import OLD, PART, SECTOR_BYTES, TRUST, firmwares

from sim.boot.bootloader import BootLayout, Bootloader, BootOutcome, installed_version, mini_version
from sim.flash.nor import Nor
from sim.flash.partition import Partition, Region
from sim.kernel.clock import Clock, Story
from sim.kernel.seeds import stream
from sim.pack.build import build_mini_pair
from sim.pack.firmware import HEADER_BYTES, Firmware, make_image
from sim.ports import HttpFailure, HttpRequest, HttpResponse
from sim.update.mini_request import request_minimal
from sim.update.mini_system import run_mini_system

FAMILY = "bench"
MINI = "mini"
IMAGES = {
    "APP": (0x1000, 20 * SECTOR_BYTES),
    "APPIMG": (0x15000, 12 * SECTOR_BYTES),
    MINI: (0x21000, 8 * SECTOR_BYTES),
}
REQUEST = Partition("fota_param", 0x29000, SECTOR_BYTES)
STAGING = Partition("mini_pkg", 0x2A000, 54 * SECTOR_BYTES)
URLS = ("http://host/a-b.mini_1", "http://host/a-b.mini_2")
MOST_LIVES = 8


@lru_cache(maxsize=1)
def mini_firmwares() -> tuple[Firmware, Firmware]:
    """The two versions of boot_rig, each with a mini system of 6 sectors."""
    made = []
    rng = stream(0, MINI, "bench firmware")
    words = [rng.randbytes(24) for _ in range(60)]
    body = b"".join(rng.choice(words) for _ in range((6 * SECTOR_BYTES - HEADER_BYTES - 500) // 24))
    for firmware in firmwares():
        images = {**firmware.images, MINI: make_image(firmware.version, body)}
        made.append(Firmware(FAMILY, firmware.version, images))
        body = rng.randbytes(300) + body[len(body) // 2 :] + body[: len(body) // 2]
    return made[0], made[1]


@lru_cache(maxsize=1)
def pair() -> tuple[bytes, bytes]:
    return build_mini_pair(*mini_firmwares(), IMAGES, MINI)


class Server:
    """What the addresses lead to. `trouble(at_us, request)` may answer instead, as a lost link or a refusal does."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.asked: list[tuple[str, str]] = []
        self.sent_bytes = 0
        self.ranges = True
        self.trouble: Callable[[int, HttpRequest], Any] = lambda _at_us, _request: None

    def answer(self, at_us: int, request: HttpRequest) -> HttpResponse | HttpFailure:
        wanted = request.headers["Range"]
        self.asked.append((request.url, wanted))
        trouble = self.trouble(at_us, request)
        if trouble is not None:
            return trouble
        if request.url not in self.files:
            return HttpResponse(404, {}, b"")
        data = self.files[request.url]
        first, last = map(int, wanted.removeprefix("bytes=").split("-"))
        body = data[first : last + 1] if self.ranges else data
        self.sent_bytes += len(body)
        if not self.ranges:
            return HttpResponse(200, {}, body)
        return HttpResponse(206, {"Content-Range": f"bytes {first}-{first + len(body) - 1}/{len(data)}"}, body)


class MiniRig:
    """The device: a Site for its updates, and lives one after another. `events` is its trace, `phases` its progress."""

    def __init__(self, server: Server | None = None) -> None:
        self.server = server or Server(dict(zip(URLS, pair(), strict=True)))
        self.nor = Nor(PART)
        staging = Region(self.nor, STAGING)
        self.layout = BootLayout(
            family=FAMILY,
            images={name: Region(self.nor, Partition(name, *IMAGES[name])) for name in ("APP", "APPIMG")},
            journal=staging.sub(0, 2 * SECTOR_BYTES),
            scratch=staging.sub(2 * SECTOR_BYTES, 4 * SECTOR_BYTES),
            package=staging.sub(6 * SECTOR_BYTES, STAGING.size_bytes - 6 * SECTOR_BYTES),
            mini=Region(self.nor, Partition(MINI, *IMAGES[MINI])),
            request=Region(self.nor, REQUEST),
        )
        self.trust = TRUST
        self.methods = {"minimal": 128}
        self.clock = Clock()
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.phases: list[tuple[str, float]] = []
        self.on_phase: Callable[[str], None] = lambda _phase: None
        for name, image in mini_firmwares()[0].images.items():
            self.layout.firmware[name].load(0, image)

    # -- what a story sees

    version = OLD

    def http(self) -> MiniRig:
        return self

    def fetch(self, request: HttpRequest) -> Story:
        yield 50_000
        return self.server.answer(self.clock.now_us, request)

    def flash_time(self) -> Story:
        """Flash takes no time here, so that sweeps are quick; tests of time use a whole device."""
        yield from ()

    def enter_phase(self, phase: str, progress: float = 0.0) -> None:
        self.phases.append((phase, progress))
        self.on_phase(phase)

    def trace(self, kind: str, **data: Any) -> None:
        self.events.append((kind, data))

    # -- lives

    def request(self, urls: tuple[str, str] = URLS) -> None:
        self.finish(request_minimal(self, urls))

    def life(self) -> Iterator[str]:
        """One power-on. Yields after each step; StopIteration.value is the outcome, `reset` after a mini system."""
        steps = Bootloader(self.layout, self.trust).run()
        while True:
            try:
                yield next(steps).kind
            except StopIteration as end:
                outcome: BootOutcome = end.value
                break
        if outcome.action != "mini":
            return outcome
        self.finish(run_mini_system(self))
        return BootOutcome("reset", outcome.version)

    def finish(self, story: Story) -> None:
        """Run a story to its end; what it raises comes out."""
        # Stories are stepped by hand: a PowerLoss has to come out of here, and no process must linger.
        try:
            wait = next(story)
            while True:
                wait = story.send(self.clock.env.run(until=self.clock.event(wait)))
        except StopIteration:
            return

    def boot(self) -> BootOutcome:
        steps = self.life()
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value

    def boot_until_run(self) -> tuple[BootOutcome, int]:
        """The outcome of the life that ends the upgrade, and how many restarts it took."""
        for resets in range(MOST_LIVES):
            outcome = self.boot()
            if outcome.action != "reset":
                return outcome, resets
        raise AssertionError("resets for ever")

    # -- what a judge sees

    def holds(self, firmware: Firmware) -> bool:
        regions = self.layout.firmware
        return all(regions[name].image(0, len(image)) == image for name, image in firmware.images.items())

    def versions(self) -> tuple[str | None, str | None]:
        """Of the big system and of the mini system."""
        return installed_version(self.layout.images), mini_version(self.layout)

    def kinds(self, kind: str) -> list[dict[str, Any]]:
        return [data for name, data in self.events if name == kind]
