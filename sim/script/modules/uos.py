"""`uos`: the file system under `/usr` and `/bak`. `uname` is a tuple of "key=value" texts on these builds.

What mounts and unmounts volumes is in uos_volumes.py.
"""

from __future__ import annotations

import errno
from functools import cache, partial
from types import ModuleType

from sim.kernel.seeds import stream
from sim.script.modules import uos_volumes
from sim.script.namespace import lazy_namespace, namespace
from sim.script.runtime import ScriptRuntime

DIR_TYPE = 0x4000
FILE_TYPE = 0x8000
NAME_LIMIT = 255


def make(rt: ScriptRuntime) -> ModuleType:
    cwd = {"path": "/"}
    module = rt.module
    draws = cache(lambda: stream(module.kind.seed, module.name, "urandom bytes"))

    def full(path: str) -> str:
        return path if path.startswith("/") else cwd["path"].rstrip("/") + "/" + path

    def listdir(path: str = "") -> list[str]:
        return rt.flash(rt.module.mounts.listdir, full(path))

    def ilistdir(path: str = "") -> list[tuple[str, int, int, int]]:
        found = []
        for name in listdir(path):
            is_dir, size = rt.flash(rt.module.mounts.stat, full(path).rstrip("/") + "/" + name)
            found.append((name, DIR_TYPE if is_dir else FILE_TYPE, 0, size))
        return found

    def stat(path: str) -> tuple[int, ...]:
        is_dir, size = rt.flash(rt.module.mounts.stat, full(path))
        return (DIR_TYPE if is_dir else FILE_TYPE, 0, 0, 0, 0, 0, size, 0, 0, 0)

    def statvfs(path: str = "/usr") -> tuple[int, ...]:
        block, blocks, free = rt.flash(rt.module.mounts.statvfs, full(path))
        return (block, block, blocks, free, free, 0, 0, 0, 0, NAME_LIMIT)

    def chdir(path: str) -> None:
        if not rt.flash(rt.module.mounts.stat, full(path))[0]:
            raise OSError(errno.ENOTDIR)
        cwd["path"] = full(path)

    def rename(old: str, new: str) -> None:
        rt.flash(rt.module.mounts.rename, full(old), full(new))

    def uname() -> tuple[str, ...]:
        return tuple(f"{key}={value}" for key, value in _names(rt).items())

    return lazy_namespace(
        "uos",
        {name: partial(make, rt) for name, make in uos_volumes.MAKERS.items()},
        sdkver=lambda: f"{rt.module.model.chip}_SDK",
        listdir=listdir,
        ilistdir=ilistdir,
        stat=stat,
        statvfs=statvfs,
        chdir=chdir,
        getcwd=lambda: cwd["path"],
        mkdir=lambda path: rt.flash(rt.module.mounts.mkdir, full(path)),
        rmdir=lambda path: rt.flash(rt.module.mounts.remove, full(path)),
        remove=lambda path: rt.flash(rt.module.mounts.remove, full(path)),
        rename=rename,
        urandom=lambda size: draws().randbytes(size),
        uname=uname,
        uname2=lambda: namespace("uname", **_names(rt)),
    )


def _names(rt: ScriptRuntime) -> dict[str, str]:
    variant = rt.module.model.variant
    return {
        "sysname": f"{variant}-{rt.module.model.chip}",
        "nodename": variant,
        "release": "1.13.0",
        "version": "v1.13.0",
        "machine": f"{variant} with QUECTEL",
        "qpyver": rt.module.version,
    }
