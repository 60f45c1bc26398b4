"""`app_fota`: stage application files now, have them copied into place at the next boot."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime
from sim.update.app_files import download_file, set_update_flag


def make(rt: ScriptRuntime) -> ModuleType:
    class new:  # noqa: N801 - the device's name
        def download(self, url: str, file_name: str, headers: dict[str, str] | None = None) -> int:
            if not (isinstance(url, str) and isinstance(file_name, str)):
                raise TypeError("can't convert to str")
            try:
                result = rt.run(download_file(rt.module, url, file_name, headers))
            except OSError as error:
                raise OSError(error.errno) from None
            finally:
                rt.module.enter_phase("idle")
            return int(result)

        def bulk_download(
            self, info: Sequence[dict[str, Any]] = (), headers: dict[str, str] | None = None
        ) -> list[dict[str, Any]] | None:
            """None when every file was staged, else the items that were refused."""
            failed = [item for item in info if self.download(item["url"], item["file_name"], headers) != 0]
            return failed or None

        def set_update_flag(self) -> None:
            rt.run(set_update_flag(rt.module))

    return namespace("app_fota", new=new)
