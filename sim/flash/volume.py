"""One littlefs volume as its C code serves it: the only place that calls into C, and that knows what need not be asked.

A failure of flash below a call (blocks.py) is raised by that call when C has returned. After it, as after `abandon`,
flash is not touched again: every handle is closed once, the volume is unmounted once, and it can be mounted anew. On
flash whose reads vary, where any call might trip an assertion in C, each is tried in a copy of the process first
(rehearsal.py). What was done before on equal cells is had again (replayed.py); such a volume is mounted in C when
something is asked that is not known.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from littlefs import lfs
from littlefs.errors import LittleFSError

from sim.flash.blocks import Blocks
from sim.flash.flawed import FlawedNor
from sim.flash.nor import Nor
from sim.flash.partition import Partition, Region
from sim.flash.rehearsal import survives
from sim.flash.replayed import (
    Call,
    Cells,
    Handle,
    Observed,
    Row,
    Step,
    cells_of,
    keep,
    keep_root,
    next_of,
    plain,
    root_of,
)
from sim.kernel.power import PowerLoss

T = TypeVar("T")

_CLOSES = (lfs.file_close, lfs.dir_close)


class Volume:
    """A littlefs volume in a region of flash; not mounted at first. Open files and folders go by `Handle`."""

    __slots__ = ("_edition", "_handles", "_held", "_mounted", "_region", "_step", "_wavering")

    def __init__(self, region: Region) -> None:
        self._region = region
        self._wavering = isinstance(region.nor, FlawedNor) and region.nor.reads_vary
        self._mounted: tuple[lfs.LFSFilesystem, lfs.LFSConfig, Blocks] | None = None
        self._handles: dict[Handle, Any] = {}
        self._step: Step | None = None  # how far what is done here is known, or being kept
        self._held: Cells = ()  # what the region held at this edition of its flash
        self._edition = -1

    @property
    def block_bytes(self) -> int:
        return self._region.nor.part.sector_bytes

    @property
    def size_bytes(self) -> int:
        return self._region.size_bytes

    @property
    def mounted(self) -> bool:
        return self._mounted is not None or self._step is not None

    def format(self) -> None:
        """Make it an empty volume. It must not be mounted."""
        volume, config, blocks = self._new()
        if self._wavering:
            self._rehearse(lfs.format, volume, config)
        try:
            lfs.format(volume, config)
        except LittleFSError as error:
            raise blocks.failure or _os_error(error, "format") from None
        if blocks.failure is not None:
            raise blocks.failure

    def mount(self) -> None:
        """Make it usable, completing what a power cut left pending. ENODEV if there is no volume."""
        if self.mounted or not plain(self._region.nor):
            self._mount()
            return
        key, known, seen = root_of(self._region)
        if known is not None:
            self._step = known
            self._again(known)
            return
        step = Step(None, None, cells_of(self._region))
        observed = Observed(self._region, step.cells)
        self._mount()
        if seen:
            observed.tell(step)
            keep_root(key, step)
            self._step = step

    def release(self) -> None:
        """Free what C holds: each open handle once, then the volume once. Nothing if it is not mounted."""
        if not self.mounted:
            return
        mounted, self._mounted, self._step = self._mounted, None, None
        if mounted is not None:  # C points into all three until it has unmounted
            for handle in self._handles.values():
                if isinstance(handle, lfs.LFSFile):
                    with suppress(LittleFSError):
                        lfs.file_close(mounted[0], handle)
            lfs.unmount(mounted[0])
        self._handles.clear()
        self._region.nor.seal()

    def abandon(self) -> None:
        """Let the volume go without touching flash, as when power goes or the module resets."""
        if self._mounted is not None:
            blocks = self._mounted[2]
            blocks.failure = blocks.failure or PowerLoss()
        self.release()

    def __del__(self) -> None:
        if hasattr(self, "_step"):
            self.abandon()  # an open handle that C still knows must not be freed

    def call(self, what: str, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """What C says to this call on the mounted volume, or raise what went wrong in it."""
        try:
            if self._step is None:
                return self._ask(function, args)
            return self._recall(self._step, (function, args))
        except LittleFSError as error:
            raise _os_error(error, what) from None
        except UnicodeDecodeError:  # of a name that flash did not give back as it was written
            raise OSError(errno.EILSEQ, f"a damaged name in {what}") from None

    def once(self, what: Hashable, work: Callable[[], T]) -> T:
        """What `work` gives, a row of calls that leaves flash and open files as they were. Known, it is one call."""
        start, nor = self._step, self._region.nor
        if start is None or self._mounted is not None or not self._region_holds(start.cells):
            return work()
        row = start.rows.get(what) if start.rows is not None else None
        if row is None:
            before = nor.edition, nor.busy_us
            value = work()
            if self._step is not None and self._mounted is None and nor.edition == before[0]:
                start.rows = start.rows or {}
                start.rows[what] = Row(self._step, value, nor.busy_us - before[1])
            return value
        nor.busy_us += row.busy_us
        self._step, self._held = row.end, row.end.cells
        known: T = row.value
        return known

    # -- C ----------------------------------------------------------------------------------------------------

    def _mount(self) -> None:
        volume, config, blocks = self._new()
        if self._wavering:
            self._rehearse(lfs.mount, volume, config)
        try:
            lfs.mount(volume, config)  # releases what it took if it fails
        except LittleFSError as error:
            raise blocks.failure or OSError(errno.ENODEV, f"no littlefs volume ({_name(error)})") from None
        self._mounted = (volume, config, blocks)
        try:
            self.call("mount", lfs.fs_mkconsistent, ())
        except OSError:
            self.abandon()
            raise

    def _new(self) -> tuple[lfs.LFSFilesystem, lfs.LFSConfig, Blocks]:
        if self.mounted:
            raise OSError(errno.EBUSY, "the volume is mounted")
        blocks = Blocks(self._region)
        return lfs.LFSFilesystem(), blocks.config(), blocks

    def _ask(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Call C for real. What went wrong in the callbacks comes first of all."""
        if self._mounted is None:
            raise OSError(errno.ENODEV, "the volume is not mounted")
        volume, _config, blocks = self._mounted
        real = [self._handles[part] if type(part) is Handle else part for part in args]
        if self._wavering:
            self._rehearse(function, volume, *real)
        result = None
        try:
            result = function(volume, *real)
        except LittleFSError:
            if blocks.failure is None:
                raise
        finally:
            if function in _CLOSES:
                self._handles.pop(args[0], None)
        if blocks.failure is not None:
            self.abandon()
            raise blocks.failure
        if isinstance(result, (lfs.LFSFile, lfs.LFSDirectory)):
            handle = Handle()
            self._handles[handle] = result
            return handle
        return result

    def _rehearse(self, function: Callable[..., object], *args: Any) -> None:
        """EIO, and the volume is let go, where a call into C would end the process."""
        if not survives(partial(function, *args)):
            self.abandon()
            raise OSError(errno.EIO, "the volume contradicts itself")

    # -- what was done before -------------------------------------------------------------------------------

    def _recall(self, step: Step, call: Call) -> Any:
        """What comes of a call after known ones: known, too, or found out, and from the second time on kept."""
        leads = self._mounted is not None and not step.later  # it has just been kept; what follows is kept, too
        known, seen = next_of(step, call)
        same = self._region_holds(step.cells)
        if self._mounted is None:
            if known is not None and same:
                self._again(known)
                if known.code:
                    raise LittleFSError(known.code)
                return known.value
            self._wake(step)
        self._step = None
        if not (seen or leads) or not same:
            return self._ask(*call)
        if known is None:
            return self._keep(Step(step, call, step.cells))
        try:
            value = self._ask(*call)
        finally:
            if self._mounted is not None:
                self._step = known
        return self._as_known(known, value)

    def _keep(self, step: Step) -> Any:
        assert step.call is not None
        observed = Observed(self._region, step.before)
        try:
            step.value = self._ask(*step.call)
        except LittleFSError as error:
            step.code = error.code
        observed.tell(step)
        keep(step)
        self._step = step
        if step.code:
            raise LittleFSError(step.code)
        return step.value

    def _as_known(self, known: Step, value: Any) -> Any:
        """An open file goes by the name that it has in what is known."""
        if type(value) is not Handle:
            return value
        self._handles[known.value] = self._handles.pop(value)
        return known.value

    def _again(self, step: Step) -> None:
        nor = self._region.nor
        nor.redo(self._region.start, step.changes, step.ops, step.busy_us)
        self._step, self._held, self._edition = step, step.cells, nor.edition

    def _region_holds(self, cells: Cells) -> bool:
        """Whether nobody else wrote here, and nobody could tell what is done from what is only known."""
        nor = self._region.nor
        if not plain(nor):
            return False
        if self._edition != nor.edition or self._held is not cells:
            if cells_of(self._region) != cells:
                return False
            self._held, self._edition = cells, nor.edition
        return True

    def _wake(self, step: Step) -> None:
        """Bring C to where it would be: on a copy of what was mounted, by all calls since then."""
        steps, mount = step.history()
        flash = self._region
        self._step = None
        copy = Nor.holding(flash.nor.part, mount.before)
        self._region = Region(copy, Partition("copy", 0, copy.size_bytes))
        try:
            self._mount()
            for done in steps:
                assert done.call is not None
                with suppress(LittleFSError):
                    self._as_known(done, self._ask(*done.call))
        finally:
            self._region = flash
        assert self._mounted is not None
        self._mounted[2].use(flash)


def _os_error(error: LittleFSError, what: str) -> OSError:
    return OSError(-error.code, f"{_name(error)} {what}")


def _name(error: LittleFSError) -> str:
    return "E" + error.name.removeprefix("LFS_ERR_")
