"""`app_fota_download`: what is under `app_fota`, for applications that unpack an archive of their own.

On a build with a volume for staged files its folder is there from boot on, but the volume is not mounted before
`app_fota.new()` or `mount_disk()`. In 2021 there were constants where there are functions now.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime
from sim.update.app_files import (
    DOWNLOADERS,
    FLAG_FILE,
    STAGING_DIR,
    STAT_FILE,
    STAT_LIMIT_BYTES,
    Entry,
    download_file,
    forget_file,
    known_files,
    note_file,
    set_update_flag,
)


def make(rt: ScriptRuntime) -> ModuleType:
    how = DOWNLOADERS[rt.profile.generation]

    def prefix() -> str:
        return rt.module.staging_prefix

    def get_download_stat() -> list[Entry] | None:
        return rt.flash(known_files, rt.module.mounts, prefix(), how) or None

    def update_download_stat(url: str, file_name: str, total_size: Any) -> None:
        """Record a file that the application staged itself."""
        rt.flash(note_file, rt.module.mounts, prefix(), Entry(url=url, name=file_name, total_size=total_size), how)

    def delete_update_file(file_name: str) -> None:
        """Forgets a file, and leaves it where it is."""
        rt.flash(forget_file, rt.module.mounts, prefix(), file_name, how)

    if rt.profile.generation == "G21":
        places: dict[str, Any] = {"download_stat_file_max_size": STAT_LIMIT_BYTES}
    else:
        places = {
            "get_updater_dir": lambda: prefix() + STAGING_DIR,
            "get_download_stat_file": lambda: prefix() + STAT_FILE,
            "get_update_flag_file": lambda: prefix() + FLAG_FILE,
            "app_fota_pkg_mount": rt.imports.import_name("app_fota_mount").AppFotaPkgMount(),
        }
    return namespace(
        "app_fota_download",
        updater_dir=prefix() + STAGING_DIR,
        download_stat_file=prefix() + STAT_FILE,
        update_flag_file=prefix() + FLAG_FILE,
        get_download_stat=get_download_stat,
        update_download_stat=update_download_stat,
        delete_update_file=delete_update_file,
        download=lambda url, file_name, headers=None: download(rt, url, file_name, headers),
        bulk_download=lambda info=(), headers=None: bulk_download(rt, info, headers),
        set_update_flag=lambda: flag(rt),
        **places,
    )


def download(rt: ScriptRuntime, url: Any, file_name: Any, headers: Any) -> int:
    """Stage one file: 0, or -1 when the server refused it."""
    if not (isinstance(url, str) and isinstance(file_name, str)):
        raise TypeError("can't convert to str")
    try:
        result = rt.run(download_file(rt.module, url, file_name, headers, DOWNLOADERS[rt.profile.generation]))
    except OSError as error:
        raise OSError(error.errno) from None
    finally:
        rt.module.enter_phase("idle")
    return int(result)


def bulk_download(rt: ScriptRuntime, info: Sequence[dict[str, Any]], headers: Any) -> list[dict[str, Any]] | None:
    """One after the other; None when every file was staged. Only a refusal puts an item on the list."""
    failed = [item for item in info or () if download(rt, item["url"], item["file_name"], headers) == -1]
    return failed or None


def flag(rt: ScriptRuntime) -> None:
    """Ask for the copy at the next boot."""
    rt.run(set_update_flag(rt.module))
