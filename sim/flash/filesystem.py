"""littlefs volumes on emulated flash, guarded so that nothing a script or a power cut does can end the process.

The volume is real littlefs: 4 KiB blocks, read and program size 256 bytes. The on-disk format is littlefs v2
(the only one with a Python binding); most QuecPython families use v1. It stands in for v1 in behaviour, but an
image is not interchangeable with that of such a device.

Rules of the guard. Only the low-level module is used, and called by volume.py alone, which sees to failures of flash
in the middle of a call. Calls that would trip a C assertion (reading a file open for writing only, and the like) are
refused before they reach C. A mount always completes what a power cut left pending, because without that a sibling of
a half-renamed file can be missing from its folder.

What a cut leaves: each file is wholly old or wholly new, or, when it was being created, possibly empty.

Paths are relative to the volume, with or without a leading slash. Errors are OSError with the errno a device
gives; a volume that cannot be mounted is ENODEV.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar, cast

from littlefs import lfs

from sim.errors import FlashError
from sim.flash.nor import Nor
from sim.flash.part import FlashPart
from sim.flash.partition import Partition, Region
from sim.flash.replayed import Handle
from sim.flash.volume import Volume

__all__ = ["File", "FileSystem", "build_volume"]

MAX_FILE_BYTES = 2**31 - 1  # what littlefs can count
_UTF8 = "utf-8"

_READ, _WRITE, _BOTH, _CREATE, _TRUNCATE, _APPEND = (
    lfs.LFSFileFlag[name] for name in ("rdonly", "wronly", "rdwr", "creat", "trunc", "append")
)
_MODES = {
    "r": _READ,
    "r+": _BOTH,
    "w": _WRITE | _CREATE | _TRUNCATE,
    "w+": _BOTH | _CREATE | _TRUNCATE,
    "a": _WRITE | _CREATE | _APPEND,
    "a+": _BOTH | _CREATE | _APPEND,
}
_T = TypeVar("_T")


class File:
    """An open file. Made by `FileSystem.open`; what was written is on flash after `flush` or `close`."""

    __slots__ = ("_handle", "_mode", "_volume", "path")

    def __init__(self, volume: FileSystem, path: str, mode: str, handle: Handle) -> None:
        self._volume = volume
        self._mode = mode
        self._handle: Handle | None = handle
        self.path = path

    @property
    def closed(self) -> bool:
        return self._handle is None

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes from the position on; all of them when negative."""
        if self._mode in ("w", "a"):
            raise OSError(errno.EBADF, f"{self.path} is open for writing only")
        left = max(0, self._call(lfs.file_size) - self.tell())
        return self._call(lfs.file_read, left if size < 0 else min(size, left))

    def write(self, data: bytes) -> int:
        """All of `data` at the position (at the end when appending); the number of bytes."""
        self._check_writable()
        return self._call(lfs.file_write, bytes(data))

    def seek(self, position: int, whence: int = 0) -> int:
        """Move to `position` from the start (0), from here (1) or from the end (2); the new position."""
        if whence not in (0, 1, 2) or abs(position) > MAX_FILE_BYTES:
            raise OSError(errno.EINVAL, f"{self.path}: seek to {position} from {whence}")
        return self._call(lfs.file_seek, position, whence)

    def tell(self) -> int:
        return self._call(lfs.file_tell)

    def truncate(self, size: int) -> None:
        """Cut off or fill up with zeroes."""
        self._check_writable()
        if not 0 <= size <= MAX_FILE_BYTES:
            raise OSError(errno.EINVAL, f"{self.path}: truncate to {size}")
        self._call(lfs.file_truncate, size)

    def flush(self) -> None:
        """Put what was written on flash."""
        self._call(lfs.file_sync)

    def close(self) -> None:
        """Put what was written on flash and give the file back; nothing if it is closed."""
        handle, self._handle = self._handle, None
        if handle is not None:
            self._volume._forget(self)
            self._volume._call(self.path, lfs.file_close, handle)

    def _check_writable(self) -> None:
        if self._mode == "r":
            raise OSError(errno.EBADF, f"{self.path} is open for reading only")

    def _call(self, function: Callable[..., _T], *args: Any) -> _T:
        if self._handle is None:
            raise OSError(errno.EBADF, f"{self.path} is closed")
        return self._volume._call(self.path, function, self._handle, *args)


class FileSystem:
    """One littlefs volume in a region of flash; not mounted at first."""

    def __init__(self, region: Region) -> None:
        if region.size_bytes < 2 * region.nor.part.sector_bytes:
            raise FlashError(f"{region.name} is too small for a file system: {region.size_bytes} bytes")
        self._volume = Volume(region)
        self._files: list[File] = []

    # -- the volume -----------------------------------------------------------------------------------------

    @property
    def mounted(self) -> bool:
        return self._volume.mounted

    def format(self) -> None:
        """Make it an empty volume. It must not be mounted."""
        self._volume.format()

    def mount(self) -> None:
        """Make it usable, completing what a power cut left pending. ENODEV if there is no volume."""
        self._volume.mount()

    def unmount(self) -> None:
        """Close all files and let the volume go; nothing if it is not mounted."""
        try:
            for file in list(self._files):
                file.close()
        finally:
            self._volume.release()
            self._forget_files()

    def abandon(self) -> None:
        """Let the volume go without touching flash, as when power goes or the module resets."""
        self._volume.abandon()
        self._forget_files()

    def statvfs(self) -> tuple[int, int, int]:
        """(bytes of a block, blocks, free blocks)."""
        block_bytes = self._volume.block_bytes
        blocks = self._volume.size_bytes // block_bytes
        return block_bytes, blocks, max(0, blocks - self._call("/", lfs.fs_size))

    # -- files ----------------------------------------------------------------------------------------------

    def open(self, path: str, mode: str = "r") -> File:
        """Open a file; `mode` is r, r+, w, w+, a or a+, always bytes."""
        if mode not in _MODES:
            raise OSError(errno.EINVAL, f"mode {mode!r}")
        path = _canonical(path)
        handle = cast(Handle, self._call(path, lfs.file_open, path, _MODES[mode], _UTF8))
        file = File(self, path, mode, handle)
        self._files.append(file)
        return file

    def read(self, path: str) -> bytes:
        """All bytes of a file."""
        return self._volume.once(("read", path), lambda: self._read(path))

    def _read(self, path: str) -> bytes:
        file = self.open(path)
        try:
            return file.read()
        finally:
            file.close()

    def write(self, path: str, data: bytes) -> None:
        """Create or replace a file."""
        file = self.open(path, "w")
        try:
            file.write(data)
        finally:
            file.close()

    # -- names ----------------------------------------------------------------------------------------------

    def stat(self, path: str) -> tuple[bool, int]:
        """(is it a folder, size in bytes; 0 for a folder)."""
        path = _canonical(path)
        found = self._call(path, lfs.stat, path, _UTF8)
        is_dir = found.type == lfs.LFSStat.TYPE_DIR
        return is_dir, 0 if is_dir else found.size  # C leaves the size of a folder unset

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder of this name."""
        try:
            self.stat(path)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return False
            raise
        return True

    def is_dir(self, path: str) -> bool:
        """Whether there is a folder of this name."""
        return self.exists(path) and self.stat(path)[0]

    def size(self, path: str) -> int:
        """Bytes in a file."""
        return self.stat(path)[1]

    def listdir(self, path: str = "/") -> list[str]:
        """Names in a folder, sorted."""
        path = _canonical(path)
        handle = self._call(path, lfs.dir_open, path, _UTF8)
        names: list[str] = []
        try:
            while (entry := self._call(path, lfs.dir_read, handle, _UTF8)) is not None:
                names.append(entry.name)
        finally:
            if self.mounted:
                self._call(path, lfs.dir_close, handle)
        return sorted(name for name in names if name not in (".", ".."))

    def mkdir(self, path: str) -> None:
        """Make one folder."""
        path = _canonical(path)
        self._call(path, lfs.mkdir, path, _UTF8)

    def makedirs(self, path: str) -> None:
        """Make a folder and what is missing above it; nothing if it is there."""
        parts = _canonical(path).strip("/").split("/")
        for depth in range(1, len(parts) + 1):
            above = "/".join(parts[:depth])
            if not self.is_dir(above):
                self.mkdir(above)

    def remove(self, path: str) -> None:
        """Remove a file or an empty folder. EBUSY for an open file, as on a device."""
        path = _canonical(path)
        self._check_not_open(path)
        self._call(path, lfs.remove, path, _UTF8)

    def rename(self, old: str, new: str) -> None:
        """Rename or move, replacing a file or an empty folder of the new name. EBUSY if either is open."""
        old, new = _canonical(old), _canonical(new)
        if new.startswith(old + "/"):  # littlefs would cut the folder off from the tree
            raise OSError(errno.EINVAL, f"{old} into itself")
        self._check_not_open(old)
        self._check_not_open(new)
        self._call(f"{old} to {new}", lfs.rename, old, new, _UTF8)

    # -- open files -----------------------------------------------------------------------------------------

    def _call(self, what: str, function: Callable[..., _T], *args: Any) -> _T:
        try:
            return cast(_T, self._volume.call(what, function, args))
        except BaseException:
            if not self._volume.mounted:
                self._forget_files()
            raise

    def _forget_files(self) -> None:
        for file in self._files:
            file._handle = None
        self._files.clear()

    def _forget(self, file: File) -> None:
        self._files.remove(file)

    def _check_not_open(self, path: str) -> None:
        for file in self._files:
            if file.path == path or file.path.startswith(path + "/"):
                raise OSError(errno.EBUSY, f"{file.path} is open")


def build_volume(size_bytes: int, files: Mapping[str, bytes]) -> bytes:
    """The image of a volume of this size that holds these files, folders made as needed; same in, same out."""
    return _build_volume(size_bytes, tuple(sorted((path, bytes(data)) for path, data in files.items())))


@lru_cache(maxsize=16)
def _build_volume(size_bytes: int, files: tuple[tuple[str, bytes], ...]) -> bytes:
    part = FlashPart(
        name="factory",
        size_bytes=size_bytes,
        sector_erase_us=0,
        page_program_us=0,
        read_us_per_kib=0,
        endurance_cycles=0,
    )
    region = Region(Nor(part), Partition("volume", 0, size_bytes))
    volume = FileSystem(region)
    volume.format()
    volume.mount()
    for path, data in files:
        above = _canonical(path).rpartition("/")[0]
        if above:
            volume.makedirs(above)
        volume.write(path, data)
    volume.unmount()
    return region.image(0, size_bytes)


@lru_cache(maxsize=1024)
def _canonical(path: str) -> str:
    """`a//./b/../c` → `/a/c`; two names of one file become one."""
    if "\0" in path:
        raise OSError(errno.EINVAL, "NUL in a path")
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)
