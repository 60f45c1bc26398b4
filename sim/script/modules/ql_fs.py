"""`ql_fs`: small conveniences over files, frozen Python on the device, with its corners: `path_getsize` of a missing
file fails with a NameError because its FileNotFoundError is no builtin there; `file_copy` empties its target first."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

PIECE_BYTES = 4096


def make(rt: ScriptRuntime) -> ModuleType:
    def path_exists(path: str) -> bool:
        return rt.flash(rt.module.mounts.exists, path)

    def path_dirname(path: str) -> str:
        return path.rpartition("/")[0]

    def mkdirs(path: str) -> None:
        made = ""
        for part in path.strip("/").split("/"):
            made += "/" + part
            if not path_exists(made):
                rt.flash(rt.module.mounts.mkdir, made)

    def rmdirs(path: str) -> None:
        if not path_exists(path):
            return
        if rt.flash(rt.module.mounts.stat, path)[0]:
            for name in rt.flash(rt.module.mounts.listdir, path):
                rmdirs(f"{path.rstrip('/')}/{name}")
        rt.flash(rt.module.mounts.remove, path)

    def path_getsize(path: str) -> int:
        if not path_exists(path):
            raise NameError("name 'FileNotFoundError' isn't defined")
        return rt.flash(rt.module.mounts.stat, path)[1]

    def file_copy(target: str, source: str) -> bool:
        if not path_exists(source):
            return False
        with rt.builtins["open"](source, "rb") as read, rt.builtins["open"](target, "wb") as write:
            while piece := read.read(PIECE_BYTES):
                write.write(piece)
        return True

    def touch(path: str, content: dict[str, Any]) -> int:
        try:
            mkdirs(path_dirname(path))
            with rt.builtins["open"](path, "w") as file:
                file.write(json.dumps(content, ensure_ascii=False))
        except OSError:
            return -1
        return 0

    def read_json(path: str) -> Any:
        if not path_exists(path):
            return None
        with rt.builtins["open"](path) as file:
            return json.loads(file.read())

    return namespace(
        "ql_fs",
        path_exists=path_exists,
        path_dirname=path_dirname,
        mkdirs=mkdirs,
        rmdirs=rmdirs,
        path_getsize=path_getsize,
        file_copy=file_copy,
        touch=touch,
        read_json=read_json,
    )
