"""A module's flash: the windows onto it, the volumes in it, and the time it has used.

Volumes belong to one life (`leave`); the cells outlive it. What can be had again from the cells is let go of while
nobody needs it, and nobody can tell. A boot that is known from an equal flash is played, not done again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter

from sim.boot.bootloader import Bootloader, BootOutcome, BootStep, Trust
from sim.device.model import ModelSpec, Regions
from sim.device.playback import Playback, Stepped
from sim.device.setting import Kind
from sim.flash.filesystem import FileSystem
from sim.flash.mounts import Mounts
from sim.flash.nor import Nor
from sim.flash.recorded import Passage, Steps, Work, recording
from sim.kernel.clock import Clock, Story
from sim.kernel.shared import one
from sim.trace import Track

READ_ONLY_MOUNTS = frozenset({"/bak"})

TEMP_POINT = "/fota"
"""Where builds that have a volume for staged application files mount it."""


MODELS = 64
"""Whose bootloaders are kept; a fleet has a few."""

_IS_DOOR = attrgetter("is_door")


class Storage:
    """The flash of one module. `staging_prefix`: of paths of staged application files, "" for none."""

    __slots__ = (
        "_clock", "_flash_us", "_kind", "_mounts", "_nor", "_op_watchers", "_playback", "_regions", "_track",
        "staging_prefix",
    )  # fmt: skip

    def __init__(self, clock: Clock, kind: Kind, track: Track) -> None:
        self._clock = clock
        self._kind = kind
        self._track = track
        self._nor = Nor(kind.model.part)
        self._playback: Playback | None = None
        self._regions: Regions | None = None
        self._mounts: Mounts | None = None
        self._op_watchers: tuple[Callable[[str, int], None], ...] = ()
        self._flash_us = 0
        self.staging_prefix = ""

    # -- cells

    @property
    def nor(self) -> Nor:
        """The flash, as it is at this moment."""
        if self._playback is not None:
            self._playback.settle()
        return self._nor

    @nor.setter
    def nor(self, nor: Nor) -> None:
        self._nor, self._regions = nor, None

    @property
    def regions(self) -> Regions:
        """The windows onto it."""
        nor = self.nor
        if self._regions is None:
            self._regions = self._kind.model.regions(nor)
        return self._regions

    def watch_ops(self, watcher: Callable[[str, int], None]) -> None:
        """Call `watcher(kind, address)` before each flash operation; it may arm a cut on that very operation."""
        self._op_watchers = (*self._op_watchers, watcher)
        self._nor.on_op = self._before_op

    def _before_op(self, kind: str, address: int) -> None:
        for watcher in self._op_watchers:
            watcher(kind, address)

    def power_on(self) -> None:
        """The cells have power again; a new life begins."""
        self._nor.power_on()
        self._flash_us = self._nor.busy_us
        self.staging_prefix = ""

    # -- time

    def time(self) -> tuple[int, ...]:
        """What a story yields to let the time pass that flash has used since the last call."""
        used_us = self.take_time_us()
        return (used_us,) if used_us else ()

    def take_time_us(self) -> int:
        """The same time as a number, for a script thread to sleep."""
        used_us, self._flash_us = self._nor.busy_us - self._flash_us, self._nor.busy_us
        return used_us

    # -- volumes

    @property
    def mounts(self) -> Mounts | None:
        """The volumes that are mounted now."""
        return self._mounts

    def mount(self, *, formats: bool) -> bool:
        """Mount the volumes, and say whether all of them are there. One that cannot be mounted is made anew
        (`formats`), or ends the mounting."""
        volumes: dict[str, FileSystem] = {}
        whole = True
        for point, region in self.regions.volumes.items():
            volume = FileSystem(region)
            try:
                volume.mount()
            except OSError as error:
                self._track.tell("mount.failed", point=point, errno=error.errno)
                if not formats:
                    whole = False
                    break
                volume.format()
                volume.mount()
            volumes[point] = volume
        self._mounts = Mounts(volumes, READ_ONLY_MOUNTS)
        return whole

    def mount_again(self) -> Mounts:
        """The volumes of a module that runs and had let go of them; it costs no time and writes nothing."""
        nor = self.nor
        ops, busy_us = nor.ops, nor.busy_us
        self.mount(formats=False)
        assert nor.ops == ops, "a volume that was mounted before needs nothing"
        assert self._mounts is not None
        nor.busy_us = busy_us
        return self._mounts

    def leave(self) -> None:
        """Volumes and windows are not needed any more, and no file of theirs is open to be finished."""
        self._regions = None
        if self._mounts is not None:
            for volume in self._mounts.volumes():
                volume.abandon()
            self._mounts = None

    def doze(self) -> None:
        """Let go of what can be had again from the cells, and have numbers that equal flashes share."""
        nor = self._nor
        nor.seal()
        nor.ops, nor.busy_us = one(nor.ops), one(nor.busy_us)
        if self._flash_us == nor.busy_us:
            self._flash_us = nor.busy_us
        self.leave()

    def staging_mounted(self, mounts: Mounts) -> bool:
        """Whether the volume for staged application files is there now."""
        return mounts.has(TEMP_POINT)

    def mount_staging(self, mounts: Mounts, version: str) -> bool:
        """Mount that volume, if build `version` has one; its mount point is the prefix of staged files from then on."""
        if not self.staging_mounted(mounts):
            region = self.regions.temp
            try:
                if region is not None and self._kind.model.has_temp(version):
                    volume = FileSystem(region)
                    volume.mount()
                    mounts.mount(TEMP_POINT, volume)
            except OSError as error:
                self._track.tell("mount.failed", point=TEMP_POINT, errno=error.errno)
            self.staging_prefix = TEMP_POINT if self.staging_mounted(mounts) else ""
        return self.staging_mounted(mounts)

    def leave_staging(self, mounts: Mounts) -> None:
        """Unmount it; the prefix stays, as the firmware's does."""
        volume = mounts.umount(TEMP_POINT)
        if volume is not None:
            volume.unmount()

    # -- the bootloader at work

    def boot(self, trust: Trust, stepped: Stepped, told_from: float | None) -> Story:
        """Story of the bootloader, whose value is its BootOutcome. `stepped` hears of its steps; of a boot that is
        played, of the first that counts and of those from this progress on."""

        work, nor = _boot_work(self._kind.model, trust), self._nor
        at: BootStep | BootOutcome | Passage | None = recording(nor, work)
        while not isinstance(at, BootOutcome):
            if isinstance(at, Passage):
                at = yield from self._play(at, stepped, told_from)
            else:
                at = yield from self._do(work, work.begin(nor) if at is None else work.go_on(nor), stepped)
        return at

    def _play(self, passage: Passage, stepped: Stepped, told_from: float | None) -> Story:
        playback = self._playback = Playback(self._clock, self._nor, passage)
        try:
            return (yield from playback.run(stepped, told_from))
        except GeneratorExit:
            playback.settle()
            raise
        finally:
            self._playback = None
            self._flash_us = self._nor.busy_us

    def _do(self, work: Work, steps: Steps, stepped: Stepped) -> Story:
        """Story whose value is the outcome, or what is known from a door on."""
        while True:
            try:
                step = next(steps)
            except StopIteration as stop:
                yield from self.time()
                return stop.value
            stepped(step)
            yield from self.time()
            if step.apply_us:
                yield step.apply_us
            known = recording(self._nor, work, step) if step.is_door else None
            if known is not None:
                return known


@lru_cache(maxsize=MODELS)
def _boot_work(model: ModelSpec, trust: Trust) -> Work:
    """What the bootloader of a model does."""

    def loader(nor: Nor) -> Bootloader:
        return Bootloader(model.regions(nor).boot_layout, trust)

    reads = tuple([region.stretch for region in model.regions(Nor(model.part)).boot_layout.reads])
    return Work(("boot", model, trust), reads, lambda nor: loader(nor).run(), lambda nor: loader(nor).go_on(), _IS_DOOR)
