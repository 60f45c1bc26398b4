"""A small module for boot tests: a flash of 96 sectors, two image partitions, staging; and the power-cut sweep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from sim.boot.bootloader import (
    STAGED_KINDS,
    BootLayout,
    Bootloader,
    BootOutcome,
    BootStep,
    Trust,
    request_update,
)
from sim.boot.journal import Journal, Record, RecordKind
from sim.errors import QpyotaError
from sim.flash.nor import Nor, NorSnapshot, Torn
from sim.flash.part import FlashPart
from sim.flash.partition import Partition, Region
from sim.kernel.power import PowerLoss
from sim.kernel.seeds import stream
from sim.pack.build import build_diff, build_full
from sim.pack.firmware import HEADER_BYTES, Firmware, make_image
from sim.pack.signing import DEVELOPMENT_PUBLIC_KEY
from sim.pack.verify import VerifiedPack, verify

FAMILY = "bench"
OLD, NEW = "V0001", "V0002"
SECTOR_BYTES = 4096
IMAGES = {"APP": (0x1000, 20 * SECTOR_BYTES), "APPIMG": (0x15000, 12 * SECTOR_BYTES)}
STAGING = Partition("FS_SYS", 0x21000, 63 * SECTOR_BYTES)
MOST_BOOTS = 4
TRUST = Trust(DEVELOPMENT_PUBLIC_KEY)

PART = FlashPart(
    name="bench",
    size_bytes=96 * SECTOR_BYTES,
    sector_erase_us=45_000,
    page_program_us=400,
    read_us_per_kib=10,
    endurance_cycles=100_000,
)


@lru_cache(maxsize=1)
def firmwares() -> tuple[Firmware, Firmware]:
    """Two versions, 15 and 9 sectors: code inserted, two stretches exchanged, bytes changed."""
    old, new = {}, {}
    for partition, sectors in (("APP", 15), ("APPIMG", 9)):
        rng = stream(0, partition, "bench firmware")
        words = [rng.randbytes(24) for _ in range(60)]  # so that packages are small and quick to decode
        body = b"".join(rng.choice(words) for _ in range((sectors * SECTOR_BYTES - HEADER_BYTES - 1500) // 24))
        cut = len(body) // 3
        changed = bytearray(rng.randbytes(700) + body[2 * cut :] + body[cut : 2 * cut] + body[:cut])
        for _ in range(50):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        old[partition], new[partition] = make_image(OLD, body), make_image(NEW, bytes(changed))
    return Firmware(FAMILY, OLD, old), Firmware(FAMILY, NEW, new)


@lru_cache(maxsize=8)
def diff_package(block_sectors: int) -> bytes:
    return build_diff(*firmwares(), IMAGES, block_sectors=block_sectors)


@lru_cache(maxsize=1)
def full_package() -> bytes:
    return build_full(firmwares()[1], IMAGES, block_sectors=4)


class Rig:
    """A module with the old firmware, powered and idle."""

    def __init__(self, scratch_sectors: int = 16) -> None:
        self.nor = Nor(PART)
        images = {name: Region(self.nor, Partition(name, *place)) for name, place in IMAGES.items()}
        staging = Region(self.nor, STAGING)
        journal_bytes, scratch_bytes = 2 * SECTOR_BYTES, scratch_sectors * SECTOR_BYTES
        at = journal_bytes + scratch_bytes
        self.layout = BootLayout(
            family=FAMILY,
            images=images,
            journal=staging.sub(0, journal_bytes),
            scratch=staging.sub(journal_bytes, scratch_bytes),
            package=staging.sub(at, STAGING.size_bytes - at),
        )
        for name, image in firmwares()[0].images.items():
            images[name].load(0, image)

    def age_journal(self, records: int) -> None:
        """Let the journal have a past, so that it rolls over early in the next update."""
        for _ in range(records):
            Journal(self.layout.journal).append(Record(RecordKind.CLEAR))

    def stage(self, package: bytes, running: str = OLD) -> VerifiedPack:
        self.layout.package.rewrite(0, package)
        return verify(self.layout.package.read, len(package), self.layout.recipient(running, STAGED_KINDS, TRUST))

    def request(self, package: bytes) -> None:
        request_update(self.layout, self.stage(package))

    def loader(self) -> Bootloader:
        return Bootloader(self.layout, TRUST)

    def boot(self, loader: Bootloader | None = None) -> tuple[list[BootStep], BootOutcome]:
        """One boot."""
        steps: list[BootStep] = []
        run = (loader or self.loader()).run()
        while True:
            try:
                steps.append(next(run))
            except StopIteration as end:
                return steps, end.value

    def boot_until_run(self) -> BootOutcome:
        """Boot and reset until something other than a reset comes out."""
        for _ in range(MOST_BOOTS):
            outcome = self.boot()[1]
            if outcome.action != "reset":
                return outcome
        raise AssertionError("resets for ever")

    def holds(self, firmware: Firmware) -> bool:
        """Whether flash holds exactly these images."""
        regions = self.layout.images
        return all(regions[name].image(0, len(image)) == image for name, image in firmware.images.items())

    def state(self) -> bytes:
        return sha256(self.nor.image(0, self.nor.size_bytes)).digest()


@dataclass(frozen=True)
class Station:
    """A moment from which a fresh boot does just what running on would do."""

    snapshot: NorSnapshot
    asked: bool


class Sweep:
    """Cuts the power at every flash operation of an update, in every torn shape, and judges how each ends.

    The update runs once in full; its states at stations are then known to end well. Each cut starts from the station
    before it, and the recovery is followed until it meets a state that is known to end well, or to its own end.
    """

    STATIONS = ("ready", "done", "complete", "clear")

    def __init__(self, rig: Rig, package: bytes) -> None:
        self.rig = rig
        self.pack = rig.stage(package)
        self.cuts = 0
        self.stations: list[Station] = []
        self.proven: set[bytes] = set()
        self._reference()

    def _reference(self) -> None:
        rig = self.rig
        self._arrive(asked=False)
        request_update(rig.layout, self.pack)
        self._arrive(asked=True)
        for _ in range(2):
            for step in rig.loader().run():
                if step.kind in self.STATIONS:
                    self._arrive(asked=True)
        assert rig.boot_until_run() == BootOutcome("run", NEW)
        assert rig.holds(firmwares()[1])

    def _arrive(self, asked: bool) -> None:
        self.stations.append(Station(self.rig.nor.snapshot(), asked))
        if asked:
            self.proven.add(self.rig.state())

    def failures(self) -> Iterator[str]:
        """One line per cut that ends badly."""
        for number, (station, following) in enumerate(zip(self.stations, self.stations[1:], strict=False)):
            for after_ops in range(following.snapshot.ops - station.snapshot.ops):
                for torn in Torn:
                    self.cuts += 1
                    verdict = self._cut(station, after_ops, torn)
                    if verdict:
                        yield f"station {number}, op {after_ops}, {torn}: {verdict}"

    def _cut(self, station: Station, after_ops: int, torn: Torn) -> str:
        """What went wrong, or nothing."""
        nor = self.rig.nor
        nor.restore(station.snapshot)
        nor.arm_cut(after_ops, torn, seed=self.cuts)
        try:
            if not station.asked:
                request_update(self.rig.layout, self.pack)
            for _ in range(MOST_BOOTS):
                self.rig.boot()
        except PowerLoss:
            nor.power_on()
        else:
            return "the cut did not happen"
        try:
            return self._recover(station.asked)
        except (QpyotaError, AssertionError) as reason:
            return f"{type(reason).__name__}: {reason}"

    def _recover(self, asked: bool) -> str:
        visited: list[bytes] = []
        for _ in range(MOST_BOOTS):
            run = self.rig.loader().run()
            while True:
                try:
                    step = next(run)
                except StopIteration as end:
                    outcome: BootOutcome = end.value
                    break
                if step.kind in self.STATIONS:
                    visited.append(self.rig.state())
                    if visited[-1] in self.proven:
                        self.proven.update(visited)
                        return ""
            if outcome.action != "reset":
                verdict = self._judge(outcome, asked)
                if not verdict and outcome.version == NEW:
                    self.proven.update(visited)
                return verdict
        return "resets for ever"

    def _judge(self, outcome: BootOutcome, asked: bool) -> str:
        old, new = firmwares()
        if outcome.action != "run":
            return f"{outcome.action}: {outcome.reason}"
        if outcome.version == NEW and self.rig.holds(new):
            return ""
        if not asked and outcome.version == OLD and self.rig.holds(old):
            return ""
        return f"runs {outcome.version}, which flash does not hold or nobody wants"
