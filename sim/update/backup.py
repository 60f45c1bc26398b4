"""Files that the module keeps a copy of: checked at every boot, and restored from /bak when they are damaged.

`/bak/backup_restore.json` switches it on ({"enable": 1}). `/usr/checksum.json` lists names and CRC-32 in hex; where it
is missing it is copied from `/bak/checksum.json`. The copy of NAME is `/bak/NAME`. An upgrade of application files has
to say so (`update_checksum`), or the next boot takes the upgraded file for a damaged one and puts the old one back.
Source: QuecPython/microPython on GitHub, backup_restore.py and checksum.py (2021; the same in 2025).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from typing import Any

from sim.flash.mounts import Mounts

FLAG_FILE = "/bak/backup_restore.json"
FLAG_LIMIT_BYTES = 64
CHECKSUM_FILE = "/usr/checksum.json"
BACKUP_CHECKSUM_FILE = "/bak/checksum.json"
CHECKSUM_LIMIT_BYTES = 16384
"""What is read of each; more is cut off, and is then no JSON."""

PROBLEMS = (OSError, ValueError, KeyError, TypeError, AttributeError)
"""What a damaged file of these can bring about; the device catches everything."""


class NotSetUp(Exception):  # noqa: N818 - the usual state of a module
    """There is nothing to go by; the text is the device's."""


def restore(mounts: Mounts) -> list[str]:
    """Check every listed file and restore what is damaged or missing; what the device prints about it."""
    told: list[str] = []
    try:
        restored = []
        if is_enabled(mounts):
            for entry in read_checksums(mounts):
                if _is_whole(mounts, entry):
                    continue
                name = str(entry["name"])
                told.append(f"- restoring {name}")
                copy = f"/bak/{name}"
                if not mounts.exists(copy):
                    told.append(f"~ backup file does not exist: {name}")
                    continue
                mounts.makedirs(_absolute(name).rpartition("/")[0])
                mounts.write(_absolute(name), mounts.read(copy))
                restored.append(name)
        if restored:
            told.append("- updating checksum")
            update_checksums(mounts, restored)
            told.append("- done")
    except (NotSetUp, *PROBLEMS) as error:
        told.append(f"x backup restore procedure error: {error}")
    return told


def update_checksums(mounts: Mounts, names: Iterable[str]) -> list[dict[str, Any]] | None:
    """Take the listed ones of these files for whole as they are now; the new list, None when none of them is listed."""
    try:
        entries = read_checksums(mounts)
        wanted = {_absolute(name).lower() for name in names}
        known = [entry for entry in entries if str(entry["name"]).lower() in wanted]
        known = [entry for entry in known if mounts.exists(str(entry["name"]))]
        for entry in known:
            entry["crc32"] = crc32_of(mounts, str(entry["name"]))
        if known:
            mounts.write(CHECKSUM_FILE, json.dumps(entries).encode())
            return entries
    except (NotSetUp, *PROBLEMS):
        pass
    return None


def update_checksum(mounts: Mounts, name: str) -> list[dict[str, Any]] | None:
    """As `update_checksums`, for one file. To be called after each application file that was copied into place."""
    return update_checksums(mounts, [name])


def list_file(mounts: Mounts, name: str) -> None:
    """Have a file, whose copy is in place, checked from now on. OSError when /bak has no list to add it to.

    Names are listed in small letters, so that a file that has others in its name is never found whole.
    """
    for place in (BACKUP_CHECKSUM_FILE, CHECKSUM_FILE):
        if place == CHECKSUM_FILE and not mounts.exists(place):
            continue
        entries: list[dict[str, Any]] = json.loads(mounts.read(place))
        listed = [entry for entry in entries if str(entry["name"]).lower() == name.lower()]
        if not listed:
            listed = [{"name": name.lower()}]
            entries += listed
        for entry in listed:
            entry["crc32"] = crc32_of(mounts, name)
        mounts.write(place, json.dumps(entries).encode())


def read_checksums(mounts: Mounts) -> list[dict[str, Any]]:
    """The list. NotSetUp when there is none, ValueError when it is damaged."""
    if not mounts.exists(CHECKSUM_FILE):
        if not mounts.exists(BACKUP_CHECKSUM_FILE):
            raise NotSetUp(f"'{CHECKSUM_FILE} not exist'")
        mounts.write(CHECKSUM_FILE, mounts.read(BACKUP_CHECKSUM_FILE))
    text = mounts.read(CHECKSUM_FILE)[:CHECKSUM_LIMIT_BYTES]
    if not text:
        raise NotSetUp(f"'{CHECKSUM_FILE} is empty'")
    entries: list[dict[str, Any]] = json.loads(text)
    return entries


def is_enabled(mounts: Mounts) -> bool:
    """Whether files are checked at all. NotSetUp when nobody has said so."""
    if not mounts.exists(FLAG_FILE):
        raise NotSetUp(f"'{FLAG_FILE} not exist'")
    text = mounts.read(FLAG_FILE)[:FLAG_LIMIT_BYTES]
    if not text:
        raise NotSetUp(f"'{FLAG_FILE} is empty'")
    return bool(json.loads(text)["enable"] != 0)


def crc32_of(mounts: Mounts, path: str) -> str:
    """CRC-32 of a file as `file_crc32.calc` gives it. ESTIMATE of its form: eight digits of hex; any hex is read."""
    return f"{zlib.crc32(mounts.read(path)):08x}"


def _is_whole(mounts: Mounts, entry: dict[str, Any]) -> bool:
    name = _absolute(str(entry["name"]))
    return mounts.exists(name) and int(crc32_of(mounts, name), 16) == int(str(entry["crc32"]), 16)


def _absolute(name: str) -> str:
    return name if name.startswith("/") else "/" + name
