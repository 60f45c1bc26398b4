"""Application files: staged under /usr/.updater, copied into place at the next boot.

This follows the vendor's frozen updater, oddities included: a `Range` header always; the recorded size is the
size that arrived, so a truncated transfer counts as complete; no hash; the copy is not atomic and is repeated
at the next boot when it was interrupted; the state file is read up to 16 KiB; nothing is ever rolled back.
Source: QuecPython/microPython and QuecPython/micropython on GitHub, app_fota*.py (2021 and 2025).
"""

from __future__ import annotations

import errno
import json
from typing import Any

from sim.flash.mounts import Mounts
from sim.kernel.clock import Story
from sim.ports import HttpFailure, HttpRequest
from sim.update.site import Site

STAGING_DIR = "/usr/.updater"
STAT_FILE = STAGING_DIR + "/download.stat"
FLAG_FILE = STAGING_DIR + "/update.flag"
STAT_LIMIT_BYTES = 16384
WRITE_BYTES = 2048
COPY_BYTES = 4096

_FAILURES: dict[str, tuple[type[Exception], str]] = {
    "dns": (IndexError, "list index out of range"),
    "refused": (RuntimeError, "Connect Failed"),
    "tls": (RuntimeError, "Connect Failed"),
    "reset": (RuntimeError, "Connect Failed"),
    "timeout": (ValueError, "[Errno 110] ETIMEDOUT"),
}


def download_file(site: Site, url: str, file_name: str, headers: dict[str, str] | None = None) -> Story:
    """Stage one file. Story whose value is 0 (staged) or -1 (the server refused).

    Raises what the device raises: IndexError (DNS), RuntimeError (connect), ValueError (a server that falls silent),
    OSError 28 (flash full).
    """
    site.enter_phase("app_download")
    mounts, staged = site.mounts, _staged(file_name)
    mounts.makedirs(staged.rpartition("/")[0])
    entries = _read_stat(mounts)
    entry = next((e for e in entries if e["name"].lower() == file_name.lower()), None)
    have = mounts.stat(staged)[1] if entry is not None and mounts.exists(staged) else 0
    if entry is not None and have and have == entry["total_size"]:
        return 0
    wanted = dict(headers or {})
    wanted["Range"] = f"bytes={have}-"
    answer = yield from site.http().fetch(HttpRequest("GET", url, wanted))
    if isinstance(answer, HttpFailure):
        error, text = _FAILURES[answer.reason]
        raise error(text)
    if answer.status not in (200, 206):
        site.trace("app.refused", file=file_name, status=answer.status)
        return -1
    yield from _write(site, staged, answer.body, "a" if entry is not None else "w")
    if entry is None:
        entry = {"url": url, "name": file_name, "total_size": 0}
        entries.append(entry)
    entry["total_size"] = mounts.stat(staged)[1]
    mounts.write(STAT_FILE, json.dumps(entries).encode())
    yield from site.flash_time()
    site.trace("app.staged", file=file_name, bytes=entry["total_size"])
    return 0


def set_update_flag(site: Site) -> Story:
    """Ask for the copy at the next boot. Checks nothing."""
    site.mounts.makedirs(STAGING_DIR)
    site.mounts.write(FLAG_FILE, b"")
    yield from site.flash_time()


def apply_staged(site: Site) -> Story:
    """At boot: copy every staged file over its target. Story whose value is 0 (done) or -1 (nothing, or it failed)."""
    mounts = site.mounts
    if not mounts.exists(FLAG_FILE):
        return -1
    site.enter_phase("app_copy")
    try:
        entries = _read_stat(mounts)
        while entries:
            yield from _apply(site, entries)
        for path in (FLAG_FILE, STAT_FILE):
            if mounts.exists(path):
                mounts.remove(path)
        yield from _remove_tree(site, STAGING_DIR)
    except (OSError, ValueError, KeyError) as error:
        yield from site.flash_time()
        site.trace("app.failed", reason=f"{type(error).__name__}: {error}")
        return -1
    finally:
        site.enter_phase("idle")
    return 0


def _apply(site: Site, entries: list[dict[str, Any]]) -> Story:
    """Copy the first staged file, take it off the list, then remove the staged copy: in this order."""
    mounts = site.mounts
    name = entries[0]["name"]
    staged = _staged(name)
    if mounts.exists(staged):
        mounts.makedirs(name.rpartition("/")[0] or "/usr")
        yield from _write(site, name, mounts.read(staged), "w", COPY_BYTES)
        site.trace("app.copied", file=name, bytes=mounts.stat(name)[1])
    del entries[0]
    mounts.write(STAT_FILE, json.dumps(entries).encode())
    mounts.remove(staged)
    yield from site.flash_time()


def _write(site: Site, path: str, data: bytes, mode: str, step_bytes: int = WRITE_BYTES) -> Story:
    file = site.mounts.open(path, mode)
    try:
        for offset in range(0, len(data), step_bytes):
            file.write(data[offset : offset + step_bytes])
            yield from site.flash_time()
    finally:
        file.close()
    yield from site.flash_time()


def _remove_tree(site: Site, path: str) -> Story:
    mounts = site.mounts
    if not mounts.exists(path):
        return
    for name in mounts.listdir(path):
        inner = f"{path}/{name}"
        if mounts.stat(inner)[0]:
            yield from _remove_tree(site, inner)
        else:
            mounts.remove(inner)
    mounts.remove(path)
    yield from site.flash_time()


def _read_stat(mounts: Mounts) -> list[dict[str, Any]]:
    """The state file, as far as the device reads it; ValueError when that is not JSON."""
    try:
        text = mounts.read(STAT_FILE)[:STAT_LIMIT_BYTES]
    except OSError as error:
        if error.errno == errno.ENOENT:
            return []
        raise
    entries: list[dict[str, Any]] = json.loads(text)
    return entries


def _staged(file_name: str) -> str:
    return STAGING_DIR + "/" + file_name.lstrip("/")
