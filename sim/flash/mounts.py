"""The file-system names a script sees: volumes mounted under absolute paths.

Rules: `/` itself holds nothing but mount points and is not writable; a path outside every mount does not exist;
a rename never crosses volumes. Errors are OSError with the errno a device gives.
"""

from __future__ import annotations

import errno
import posixpath
from collections.abc import Iterator, Mapping
from functools import lru_cache

from sim.flash.filesystem import File, FileSystem

PATHS = 1024
"""Paths whose plain form is remembered: a fleet uses few."""


class Mounts:
    """Absolute paths over several FileSystems, e.g. `{"/usr": …, "/bak": …}`. Read-only ones refuse changes."""

    def __init__(self, volumes: Mapping[str, FileSystem], read_only: frozenset[str] = frozenset()) -> None:
        self._volumes = dict(volumes)
        self._always = self._read_only = read_only

    def volumes(self) -> Iterator[FileSystem]:
        """The file systems, in order of mounting."""
        return iter(self._volumes.values())

    def mount(self, point: str, volume: FileSystem, *, read_only: bool = False) -> None:
        """From now on there is a volume at `point`."""
        self._volumes[point] = volume
        self._read_only = self._read_only | ({point} if read_only else frozenset())

    def has(self, point: str) -> bool:
        """Whether a volume is mounted there."""
        return point in self._volumes

    def umount(self, point: str) -> FileSystem | None:
        """Take the volume at `point` away, if there is one."""
        self._read_only = self._read_only - {point} | self._always
        return self._volumes.pop(point, None)

    def unlocked(self) -> Mounts:
        """The same volumes, none of them read-only: for the firmware's own use."""
        return Mounts(self._volumes)

    def open(self, path: str, mode: str = "r") -> File:
        """A file of the volume; `mode` r, r+, w, w+, a, a+ (bytes)."""
        volume, inner = self._change(path) if mode != "r" else self._find(path)
        return volume.open(inner, mode)

    def read(self, path: str) -> bytes:
        """All bytes of a file."""
        volume, inner = self._find(path)
        return volume.read(inner)

    def write(self, path: str, data: bytes) -> None:
        """Create or replace a file."""
        volume, inner = self._change(path)
        volume.write(inner, data)

    def exists(self, path: str) -> bool:
        """True for a file, a folder or a mount point."""
        try:
            self.stat(path)
        except OSError:
            return False
        return True

    def stat(self, path: str) -> tuple[bool, int]:
        """(is it a folder, size in bytes)."""
        if self._norm(path) in ("/", *self._volumes):
            return True, 0
        volume, inner = self._find(path)
        return volume.stat(inner)

    def listdir(self, path: str) -> list[str]:
        """Names in a folder, sorted; of `/`, the mount points."""
        if self._norm(path) == "/":
            return sorted(point.lstrip("/") for point in self._volumes)
        volume, inner = self._find(path)
        return volume.listdir(inner)

    def mkdir(self, path: str) -> None:
        """Make one folder."""
        volume, inner = self._change(path)
        volume.mkdir(inner)

    def makedirs(self, path: str) -> None:
        """Make a folder and what is missing above it."""
        if self._norm(path) in self._volumes:
            return
        volume, inner = self._change(path)
        volume.makedirs(inner)

    def remove(self, path: str) -> None:
        """Remove a file or an empty folder."""
        volume, inner = self._change(path)
        volume.remove(inner)

    def rename(self, old: str, new: str) -> None:
        """Rename within one volume."""
        volume, inner = self._change(old)
        target, target_inner = self._change(new)
        if volume is not target:
            raise OSError(errno.EPERM, "rename across volumes")
        volume.rename(inner, target_inner)

    def statvfs(self, path: str) -> tuple[int, int, int]:
        """(block bytes, blocks, free blocks) of the volume that holds `path`."""
        return self._find(path)[0].statvfs()

    def _find(self, path: str) -> tuple[FileSystem, str]:
        norm = self._norm(path)
        for point, volume in self._volumes.items():
            if norm == point or norm.startswith(point + "/"):
                return volume, norm[len(point) :] or "/"
        raise OSError(errno.ENOENT, path)

    def _change(self, path: str) -> tuple[FileSystem, str]:
        norm = self._norm(path)
        if any(norm == point or norm.startswith(point + "/") for point in self._read_only):
            raise OSError(errno.EROFS, path)
        return self._find(path)

    @staticmethod
    @lru_cache(maxsize=PATHS)
    def _norm(path: str) -> str:
        return "/" + posixpath.normpath("/" + path).lstrip("/")
