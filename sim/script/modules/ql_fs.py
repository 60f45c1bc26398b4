"""`ql_fs`: small conveniences over files, frozen Python on the device, with its corners: `path_getsize` of a missing
file fails with a NameError because its FileNotFoundError is no builtin there; `file_copy` empties its target first."""

from __future__ import annotations

import json
from typing import Any

from sim.script.namespace import FirmwareModule
from sim.script.runtime import ScriptRuntime

PIECE_BYTES = 4096


class _QlFs(FirmwareModule):
    def path_exists(self, path: str) -> bool:
        return self._rt.flash(self._rt.module.mounts.exists, path)

    def path_dirname(self, path: str) -> str:
        return path.rpartition("/")[0]

    def mkdirs(self, path: str) -> None:
        made = ""
        for part in path.strip("/").split("/"):
            made += "/" + part
            if not self.path_exists(made):
                self._rt.flash(self._rt.module.mounts.mkdir, made)

    def rmdirs(self, path: str) -> None:
        if not self.path_exists(path):
            return
        if self._rt.flash(self._rt.module.mounts.stat, path)[0]:
            for name in self._rt.flash(self._rt.module.mounts.listdir, path):
                self.rmdirs(f"{path.rstrip('/')}/{name}")
        self._rt.flash(self._rt.module.mounts.remove, path)

    def path_getsize(self, path: str) -> int:
        if not self.path_exists(path):
            raise NameError("name 'FileNotFoundError' isn't defined")
        return self._rt.flash(self._rt.module.mounts.stat, path)[1]

    def file_copy(self, target: str, source: str) -> bool:
        if not self.path_exists(source):
            return False
        with self._rt.builtins["open"](source, "rb") as read, self._rt.builtins["open"](target, "wb") as write:
            while piece := read.read(PIECE_BYTES):
                write.write(piece)
        return True

    def touch(self, path: str, content: dict[str, Any]) -> int:
        try:
            self.mkdirs(self.path_dirname(path))
            with self._rt.builtins["open"](path, "w") as file:
                file.write(json.dumps(content, ensure_ascii=False))
        except OSError:
            return -1
        return 0

    def read_json(self, path: str) -> Any:
        if not self.path_exists(path):
            return None
        with self._rt.builtins["open"](path) as file:
            return json.loads(file.read())


def make(rt: ScriptRuntime) -> _QlFs:
    return _QlFs("ql_fs", rt)
