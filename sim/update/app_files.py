"""Application files: staged under /usr/.updater, copied into place at the next boot.

This follows the vendor's frozen updater, oddities included: a `Range` header always; the recorded size is the
size that arrived, so a truncated transfer counts as complete; no hash; the copy is not atomic and is repeated
at the next boot when it was interrupted; nothing is ever rolled back. Some builds have a volume of their own for it
(`AppSite.staging_prefix`), the others need the room twice. The state file is read back whole by the downloader of
2025, up to 16 KiB by that of 2021 and by every updater at boot: see ADR 0068.
Source: QuecPython/microPython and QuecPython/micropython on GitHub, app_fota*.py (2021 and 2025).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sim.flash.mounts import Mounts
from sim.kernel.clock import Story
from sim.ports import HttpFailure, HttpRequest
from sim.update.site import Fetcher, Site

STAGING_DIR = "/usr/.updater"
STAT_FILE = STAGING_DIR + "/download.stat"
FLAG_FILE = STAGING_DIR + "/update.flag"
STAT_LIMIT_BYTES = 16384
WRITE_BYTES = 2048
COPY_BYTES = 4096
UNKNOWN = "unknown"
"""`total_size` of a file whose transfer has begun."""

_FAILURES: dict[str, tuple[type[Exception], str]] = {
    "dns": (IndexError, "list index out of range"),
    "dns_timeout": (IndexError, "list index out of range"),
    "refused": (RuntimeError, "Connect Failed"),
    "tls": (RuntimeError, "Connect Failed"),
    "reset": (RuntimeError, "Connect Failed"),
    "aborted": (RuntimeError, "Connect Failed"),
    "lost": (ValueError, "[Errno 110] ETIMEDOUT"),
    "timeout": (ValueError, "[Errno 110] ETIMEDOUT"),
}
_REDIRECTS = (301, 302, 303, 307, 308)

Entry = dict[str, Any]
"""One file of the state file: `url`, `name`, `total_size`."""


class AppSite(Site, Protocol):
    """What application files need of a device beside what firmware needs."""

    def patient_http(self) -> Fetcher:
        """As `http`, but a server that falls silent in its answer is waited for."""

    @property
    def staging_prefix(self) -> str:
        """Mount point of the volume that this build has for staged files, mounted or not; "" without one."""

    def mount_staging(self) -> bool:
        """Mount it, if there is one and it can be."""

    def leave_staging(self) -> None:
        """Unmount it; its name stays."""


@dataclass(frozen=True, slots=True)
class Downloader:
    """What differs between the generations: how much of the state file it reads back (None: all), whether a redirect
    is an exception, whether it waits for a server that falls silent, and keeps what came before the network went;
    whether it counts what came against Content-Length."""

    stat_limit_bytes: int | None
    redirect_raises: bool
    patient: bool
    counts: bool = False


G21 = Downloader(STAT_LIMIT_BYTES, redirect_raises=True, patient=True)
G25 = Downloader(None, redirect_raises=False, patient=False)
UNI = Downloader(None, redirect_raises=False, patient=False, counts=True)
DOWNLOADERS: Mapping[str, Downloader] = {"G21": G21, "G25": G25, "UNI": UNI}


def download_file(
    site: AppSite, url: str, file_name: str, headers: dict[str, str] | None = None, how: Downloader = G25
) -> Story:
    """Stage one file. Story whose value is 0 (staged) or -1 (the server refused).

    `headers` is changed, as on the device. Raises what the device raises: IndexError (DNS), RuntimeError (connect),
    ValueError (a server that falls silent), NotImplementedError (a redirect, in 2021), OSError 28 (flash full).
    """
    site.enter_phase("app_download")
    prefix, mounts = site.staging_prefix, site.mounts
    staged = _staged(file_name, prefix)
    mounts.makedirs(staged.rpartition("/")[0])
    entry = _entry_of(known_files(mounts, prefix, how), file_name)
    have = mounts.stat(staged)[1] if entry is not None and mounts.exists(staged) else 0
    if entry is not None and have == entry["total_size"]:
        return 0
    wanted = headers if isinstance(headers, dict) else {}
    wanted["Range"] = f"bytes={have}-"
    fetcher = site.patient_http() if how.patient else site.http()
    answer = yield from fetcher.fetch(HttpRequest("GET", url, dict(wanted)))
    if isinstance(answer, HttpFailure):
        error, text = _FAILURES[answer.reason]
        raise error(text)
    if answer.status in _REDIRECTS and how.redirect_raises:
        raise NotImplementedError("Redirects not yet supported")
    if answer.status not in (200, 206):
        site.trace("app.refused", file=file_name, status=answer.status)
        return -1
    if entry is None:
        note_file(mounts, prefix, Entry(url=url, name=file_name, total_size=UNKNOWN), how)
        yield from site.flash_time()
    yield from _write(site, staged, answer.body, "w" if entry is None else "a")
    if how.counts and answer.broken:
        site.trace("app.refused", file=file_name, status=answer.status)
        return -1
    size_bytes = mounts.stat(staged)[1]
    note_file(mounts, prefix, Entry(url=url, name=file_name, total_size=size_bytes), how)
    yield from site.flash_time()
    site.trace("app.staged", file=file_name, bytes=size_bytes)
    return 0


def set_update_flag(site: AppSite) -> Story:
    """Ask for the copy at the next boot. Checks nothing."""
    prefix = site.staging_prefix
    site.mounts.makedirs(prefix + STAGING_DIR)
    site.mounts.write(prefix + FLAG_FILE, b"")
    yield from site.flash_time()


def update_pending(site: AppSite) -> bool:
    """Whether the copy was asked for and is still to be done."""
    site.mount_staging()
    return site.mounts.exists(site.staging_prefix + FLAG_FILE)


# -- the state file, as the downloader sees it


def known_files(mounts: Mounts, prefix: str, how: Downloader) -> list[Entry]:
    """What the state file holds; nothing when it is missing or, as far as it is read, not a list of files."""
    try:
        entries = json.loads(mounts.read(prefix + STAT_FILE)[: how.stat_limit_bytes])
    except (OSError, ValueError):
        return []
    whole = isinstance(entries, list) and all(isinstance(entry, dict) and "name" in entry for entry in entries)
    return entries if whole else []


def note_file(mounts: Mounts, prefix: str, entry: Entry, how: Downloader) -> None:
    """Record a staged file. A name that differs in case only is the same file, and keeps its spelling."""
    entries = known_files(mounts, prefix, how)
    found = _entry_of(entries, str(entry["name"]))
    if found is None:
        entries.append(entry)
    else:
        found.update(url=entry["url"], total_size=entry["total_size"])
    mounts.write(prefix + STAT_FILE, _text(entries))


def forget_file(mounts: Mounts, prefix: str, file_name: str, how: Downloader) -> None:
    """Take a file off the state file; its staged copy stays. Without a state file it writes `null`, as the device."""
    entries = known_files(mounts, prefix, how)
    left = [entry for entry in entries if entry["name"].lower() != file_name.lower()]
    mounts.write(prefix + STAT_FILE, _text(left if entries else None))


def _entry_of(entries: list[Entry], file_name: str) -> Entry | None:
    return next((entry for entry in entries if str(entry["name"]).lower() == file_name.lower()), None)


def _text(entries: list[Entry] | None) -> bytes:
    return json.dumps(entries, ensure_ascii=False).encode()


# -- at boot


def _no_check(_name: str) -> None:
    """No file of this device is protected by a checksum."""


def apply_staged(site: AppSite, copied: Callable[[str], object] = _no_check) -> Story:
    """At boot: copy every staged file over its target. Story whose value is 0 (done) or -1 (nothing, or it failed).

    `copied` is told each file right after its copy, so that what protects files knows the new content.
    """
    site.mount_staging()
    mounts, prefix = site.mounts, site.staging_prefix
    if not mounts.exists(prefix + FLAG_FILE):
        site.leave_staging()
        return -1
    site.enter_phase("app_copy")
    try:
        entries = _read_stat(mounts, prefix)
        while entries:
            yield from _apply(site, entries, copied)
        for path in (FLAG_FILE, STAT_FILE):
            mounts.remove(prefix + path)
        yield from _remove_tree(site, prefix + STAGING_DIR)
        site.leave_staging()
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield from site.flash_time()
        site.trace("app.failed", reason=f"{type(error).__name__}: {error}")
        return -1
    finally:
        site.enter_phase("idle")
    return 0


def _apply(site: AppSite, entries: list[Entry], copied: Callable[[str], object] = _no_check) -> Story:
    """Copy the first staged file, take it off the list, then remove the staged copy: in this order."""
    mounts, prefix = site.mounts, site.staging_prefix
    name = entries[0]["name"]
    staged = _staged(name, prefix)
    if mounts.exists(staged):
        mounts.makedirs(name.rpartition("/")[0] or "/usr")
        yield from _write(site, name, mounts.read(staged), "w", COPY_BYTES)
        site.trace("app.copied", file=name, bytes=mounts.stat(name)[1])
        copied(name)
    del entries[0]
    mounts.write(prefix + STAT_FILE, _text(entries))
    mounts.remove(staged)
    yield from site.flash_time()


def _read_stat(mounts: Mounts, prefix: str = "") -> list[Entry]:
    """The state file, as far as the updater reads it; OSError when it is missing, ValueError when it is no list."""
    entries = json.loads(mounts.read(prefix + STAT_FILE)[:STAT_LIMIT_BYTES])
    if not isinstance(entries, list):
        raise ValueError("the state file holds no list")
    return entries


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


def _staged(file_name: str, prefix: str = "") -> str:
    return prefix + STAGING_DIR + "/" + file_name.lstrip("/")
