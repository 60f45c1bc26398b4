"""The part of `uos` that mounts volumes: `mount`, `umount`, `FlashDevice`, and the file systems by their class.

A volume is known by the name of its partition as scripts have it, whatever the family calls it. Each has one state:
what was unmounted and is mounted again goes on with it, and a file that was open stays so. Errors are those of
MicroPython's `extmod/vfs.c`: a mount point that is taken is EPERM, one that is not there EINVAL; no such partition, or
no file system on it, is ENODEV, and what is in use EBUSY.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sim.flash.filesystem import FileSystem
from sim.flash.partition import Region
from sim.script.runtime import ScriptRuntime

POINTS = {"customer_fs": "/usr", "customer_backup_fs": "/bak"}
"""Partition as scripts know it → where the firmware mounts it."""

BLOCK_COUNT, BLOCK_BYTES, ERASE_BLOCK = 4, 5, 6
"""Operations of a block device's `ioctl` (MicroPython, uos.AbstractBlockDev)."""


def _failed(number: int) -> OSError:
    return OSError(number, errno.errorcode[number])


class Volumes:
    """The volumes of one boot: which is where, and which is nowhere at the moment."""

    def __init__(self, rt: ScriptRuntime) -> None:
        self._module = rt.module
        self._places = {point: name for name, point in POINTS.items() if rt.module.mounts.has(point)}
        self._away: dict[str, FileSystem] = {}
        rt.at_end.append(self._abandon)

    def region(self, name: Any) -> Region:
        """The partition of this name; OSError ENODEV where there is none."""
        found = self._module.regions.volumes.get(POINTS.get(str(name), ""))
        if found is None:
            raise _failed(errno.ENODEV)
        return found

    def mount(self, name: str, point: str, read_only: bool) -> None:
        """Have the volume of this partition at `point`."""
        mounts = self._module.mounts
        if not point.startswith("/") or point == "/" or mounts.has(point):
            raise _failed(errno.EPERM)
        self.check_free(name)
        volume = self._away.pop(name, None)
        if volume is None:
            volume = FileSystem(self.region(name))
            volume.mount()
        mounts.mount(point, volume, read_only=read_only)
        self._places[point] = name

    def umount(self, point: str) -> None:
        """Nothing is at `point` any more."""
        name = self._places.pop(point, None)
        volume = None if name is None else self._module.mounts.umount(point)
        if name is None or volume is None:
            raise _failed(errno.EINVAL)
        self._away[name] = volume

    def where(self, name: str) -> str:
        """The mount point of this partition's volume; "" for none."""
        return next((point for point, mounted in self._places.items() if mounted == name), "")

    def check_free(self, name: str) -> None:
        """OSError EBUSY for what is mounted."""
        if self.where(name):
            raise _failed(errno.EBUSY)

    def take(self, name: str) -> Region:
        """The partition, to be written without its file system, whose state is forgotten."""
        self.check_free(name)
        volume = self._away.pop(name, None)
        if volume is not None:
            volume.abandon()
        return self.region(name)

    def format(self, name: str) -> None:
        """An empty volume."""
        FileSystem(self.take(name)).format()

    def _abandon(self) -> None:
        for volume in self._away.values():
            volume.abandon()
        self._away.clear()


def volumes(rt: ScriptRuntime) -> Volumes:
    """Those of this boot, made when a script first asks."""
    made: Volumes | None = getattr(rt.imports.modules["uos"], "_volumes", None)
    if made is None:
        made = rt.imports.modules["uos"]._volumes = Volumes(rt)
    return made


def _mount(rt: ScriptRuntime) -> Callable[..., None]:
    def mount(system: Any, point: str, *, readonly: bool = False) -> None:
        if not hasattr(system, "_partition"):
            raise _failed(errno.ENODEV)
        rt.flash(volumes(rt).mount, system._partition, point, bool(readonly))

    return mount


def _umount(rt: ScriptRuntime) -> Callable[[Any], None]:
    def umount(what: Any) -> None:
        """A mount point, or what was mounted there."""
        name = getattr(what, "_partition", None)
        rt.flash(volumes(rt).umount, str(what) if name is None else volumes(rt).where(name))

    return umount


def _device(rt: ScriptRuntime) -> type:
    class FlashDevice:
        """A partition as a block device: `FlashDevice("customer_fs", 4096)`."""

        def __init__(self, name: str, block_bytes: int = 4096) -> None:
            self._partition, self._block = name, block_bytes
            region = rt.flash(volumes(rt).region, name)
            if block_bytes <= 0 or region.size_bytes % block_bytes or block_bytes % region.nor.part.sector_bytes:
                raise _failed(errno.EINVAL)

        def readblocks(self, block: int, into: Any, offset: int = 0) -> int:
            region = volumes(rt).region(self._partition)
            start = self._place(region, block, offset, len(into))
            into[:] = rt.flash(region.read, start, len(into))
            return 0

        def writeblocks(self, block: int, data: Any, offset: int = 0) -> int:
            """Erases what it must; OSError EBUSY while the volume is mounted."""
            region = rt.flash(volumes(rt).take, self._partition)
            if offset or len(data) % self._block:
                raise _failed(errno.EINVAL)
            rt.flash(region.rewrite, self._place(region, block, 0, len(data)), bytes(data))
            return 0

        def ioctl(self, operation: int, _argument: int = 0) -> int | None:
            region = volumes(rt).region(self._partition)
            known = {BLOCK_COUNT: region.size_bytes // self._block, BLOCK_BYTES: self._block, ERASE_BLOCK: 0}
            return known.get(operation)

        def _place(self, region: Region, block: int, offset: int, size: int) -> int:
            start = block * self._block + offset
            if block < 0 or offset < 0 or start + size > region.size_bytes:
                raise _failed(errno.EINVAL)
            return start

    return FlashDevice


def _system(name: str, rt: ScriptRuntime) -> type:
    class Vfs:
        """A file system on a partition: a FlashDevice, or figures (read, program, look ahead) and a name as the last of
        the values."""

        def __init__(self, *values: Any, **_figures: Any) -> None:
            self._partition = _partition(values)
            rt.flash(volumes(rt).region, self._partition)

        @staticmethod
        def mkfs(*values: Any, **_figures: Any) -> None:
            rt.flash(volumes(rt).format, _partition(values))

    Vfs.__name__ = Vfs.__qualname__ = name
    return Vfs


def _partition(values: tuple[Any, ...]) -> str:
    if not values:
        raise TypeError("function missing 1 required positional arguments")
    return str(getattr(values[-1], "_partition", values[-1]))


MAKERS: Mapping[str, Callable[[ScriptRuntime], Any]] = {
    "mount": _mount,
    "umount": _umount,
    "FlashDevice": _device,
    "VfsLfs1": partial(_system, "VfsLfs1"),
    "VfsLfs2": partial(_system, "VfsLfs2"),
    "VfsEfs": partial(_system, "VfsEfs"),
}
