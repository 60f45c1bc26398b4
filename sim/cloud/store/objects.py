"""Big bytes as files of a folder, named by their content.

A file appears whole under its name, by renaming, and is never changed; so bytes that are there already cost nothing,
and whoever finds a name in the database finds its file.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path

from sim.errors import MachineError

PART_SUFFIX = ".part"


class Objects:
    """`synced`: a file is on the disk itself, not only with the operating system, when `put` returns."""

    def __init__(self, folder: Path, *, synced: bool = False) -> None:
        self._folder = folder
        self._synced = synced
        folder.mkdir(mode=0o700, exist_ok=True)
        self._there = {path.name for path in folder.iterdir()}
        self._named: dict[int, tuple[bytes, str]] = {}

    def put(self, data: bytes) -> str:
        """Keep the bytes; their name. The name of the very same bytes object is remembered."""
        known = self._named.get(id(data))
        if known is not None:
            return known[1]
        name = sha256(data).hexdigest()
        if name not in self._there:
            self._write(name, data)
            self._there.add(name)
        self._named[id(data)] = (data, name)  # holding `data` keeps its id from being used again
        return name

    def get(self, name: str) -> bytes:
        """The bytes of a name; MachineError when they are gone or are others."""
        path = self._folder / name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise MachineError(f"the cloud's data are not complete: {path}: {error.strerror}") from None
        if sha256(data).hexdigest() != name:
            raise MachineError(f"the cloud's data are damaged: {path} does not hold what it is named by")
        self._named[id(data)] = (data, name)
        return data

    def keep_only(self, names: Collection[str]) -> None:
        """Delete every file that is not named, and forget bytes that nobody else may still have."""
        for name in self._there - set(names):
            (self._folder / name).unlink(missing_ok=True)
        self._there &= set(names)
        self._named = {key: known for key, known in self._named.items() if known[1] in self._there}

    def _write(self, name: str, data: bytes) -> None:
        try:
            self._write_whole(name, data)
        except OSError as error:
            raise MachineError(f"the cloud's data cannot be written: {self._folder}: {error.strerror}") from None

    def _write_whole(self, name: str, data: bytes) -> None:
        part = self._folder / (name + PART_SUFFIX)
        with part.open("wb") as file:
            file.write(data)
            if self._synced:
                file.flush()
                os.fsync(file.fileno())
        part.replace(self._folder / name)
        if self._synced:
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
