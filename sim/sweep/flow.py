"""What a sweep cuts: an update as a series of power-on lives over one flash.

A flow starts from `start`, where the old version runs and nothing is asked for; `ask` is all that is done before the
device restarts, and then it lives until it rests. Both yield a label after every step that a power cut cannot undo.
Nothing but the flash may carry over from one life to the next, and nothing but the flash may decide what a life
does: the sweep relies on both, and tests hold them.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Protocol

from sim.boot.bootloader import BootLayout, Bootloader, BootOutcome, BootStep, Trust
from sim.flash.nor import NorSnapshot
from sim.flash.partition import Region
from sim.pack.firmware import Firmware
from sim.pack.signing import DEVELOPMENT_PUBLIC_KEY
from sim.sweep.bench import BenchSite, Label
from sim.sweep.result import Verdict
from sim.sweep.watched import WatchedNor
from sim.update.methods import METHODS
from sim.update.mini_system import run_mini_system

Steps = Generator[Label, None, None]
Life = Generator[Label, None, bool]
"""One power-on. Its value is whether the device now rests (else it starts again)."""
TRUST = Trust(DEVELOPMENT_PUBLIC_KEY)


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a flow ended, and why one says so."""

    verdict: Verdict
    detail: str = ""


class Flow(Protocol):
    """One update of one device. `scratch`: sectors whose content may stop to matter before the end; `journal`: those
    that are compared by what they say; `judged`: those that `judge` looks at."""

    name: str
    family: str
    method: str
    nor: WatchedNor
    start: NorSnapshot
    layout: BootLayout
    scratch: frozenset[int]
    journal: frozenset[int]
    judged: frozenset[int]

    def ask(self) -> Steps:
        """Everything before the restart that applies the update."""

    def life(self) -> Life:
        """Apply power to the flash as it is."""

    def judge(self, asked: bool) -> Judgement:
        """Look at a device that rests. `asked`: `ask` was over, so the update must not be lost."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """From which firmware to which, by which packages: one, or the two of a minimal upgrade."""

    old: Firmware
    new: Firmware
    packages: tuple[bytes, ...]


class FirmwareFlow:
    """A firmware upgrade, from the idle device to the new version: download, verification, request, bootloader and
    mini system. `method` is one of sim.update.methods."""

    trust = TRUST

    def __init__(self, name: str, method: str, nor: WatchedNor, layout: BootLayout, upgrade: Upgrade) -> None:
        self.name = name
        self.family = layout.family
        self.method = method
        self.nor = nor
        self.layout = layout
        self._upgrade = upgrade
        self._urls = [f"https://bench/update{suffix}" for suffix in METHODS[method].suffixes]
        self.files: Mapping[str, bytes] = dict(zip(self._urls, upgrade.packages, strict=False))
        self._outcome: BootOutcome | None = None
        self._place(upgrade)

    def _place(self, upgrade: Upgrade) -> None:
        """Load the factory content and take it for the start."""
        layout = self.layout
        for partition, image in upgrade.old.images.items():
            layout.firmware[partition].load(0, image)
        self.start = self.nor.snapshot()
        self.scratch = sectors_of(layout.scratch)
        self.journal = sectors_of(layout.journal)
        self.judged = frozenset().union(*map(sectors_of, layout.firmware.values()))

    def ask(self) -> Steps:
        site = self._site(self._upgrade.old.version)
        yield from site.play(METHODS[self.method].begin(site, self._urls, _unheard))

    def life(self) -> Life:
        outcome = self._outcome = yield from _labelled(Bootloader(self.layout, self.trust).run())
        if outcome.action == "mini":
            site = self._site(outcome.version or "")
            yield from site.play(run_mini_system(site))
            return False
        return outcome.action != "reset"

    def judge(self, asked: bool) -> Judgement:
        outcome, old, new = self._outcome, self._upgrade.old, self._upgrade.new
        assert outcome is not None
        if outcome.action != "run":
            return Judgement(Verdict.BRICKED, f"{outcome.action}: {outcome.reason}")
        if outcome.version == new.version and self._holds(new):
            return Judgement(Verdict.RECOVERED)
        if outcome.version == old.version and self._holds(old):
            if not asked:
                return Judgement(Verdict.RECOVERED)
            return Judgement(Verdict.LOST, outcome.reason or "the old firmware runs, and nothing is asked for")
        return Judgement(Verdict.MIXED, f"runs as {outcome.version}, but the images are not those of any version")

    def _site(self, version: str) -> BenchSite:
        site = BenchSite(self.layout, self.trust, version, self.files)
        site.methods = {self.method: None}
        return site

    def _holds(self, firmware: Firmware) -> bool:
        regions = self.layout.firmware
        return all(regions[name].image(0, len(image)) == image for name, image in firmware.images.items())


def _labelled(steps: Generator[BootStep, None, BootOutcome]) -> Generator[Label, None, BootOutcome]:
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            outcome: BootOutcome = end.value
            return outcome
        yield step.kind, step.step, step.partition


def sectors_of(region: Region) -> frozenset[int]:
    """Numbers of the flash sectors of this window."""
    size = region.nor.part.sector_bytes
    return frozenset(range(region.start // size, (region.start + region.size_bytes) // size))


def _unheard(_percent: int) -> None:
    pass
