"""Packages that nobody outside the vendor can read, and what they do all the same.

A vendor's file travels and is staged byte for byte; its inside is proprietary. What it does is told by whoever has it
(`qpyota pkg wrap`), and is acted out by a package of our own, its stand-in: wherever staged bytes are read as a
package, those that a stand-in is known for are read as the stand-in. Size, transfer and staging are the vendor file's,
checks and flash work the stand-in's. A note tells file, digest, model, method and versions; the stand-in is built from
it and is the same everywhere. Rule: known by SHA-256 only, so that one wrong bit makes the file unreadable (505).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import yaml

from sim.errors import SpecError
from sim.pack.container import Read

StandIns = Mapping[bytes, bytes]
"""SHA-256 of a vendor's package → our package that does the same."""

METHODS = ("differential", "full")


@dataclass(frozen=True, slots=True)
class Note:
    """What is said of a vendor's package: `file` beside the note, and what applying it does. `base_version` is empty
    for a full package."""

    file: str
    sha256: str
    size_bytes: int
    model: str
    method: str
    base_version: str
    target_version: str


class Staged:
    """Staged bytes, and the package they are: themselves, or their stand-in.

    `read` gives the bytes as they lie there; `content` those of the package, `content_bytes` long.
    """

    __slots__ = ("content", "content_bytes", "read", "size_bytes")

    def __init__(self, read: Read, size_bytes: int, stand_ins: StandIns) -> None:
        self.read = read
        self.size_bytes = size_bytes
        stand_in = stand_ins.get(sha256(read(0, size_bytes)).digest()) if stand_ins else None
        self.content = read if stand_in is None else _reader(stand_in)
        self.content_bytes = size_bytes if stand_in is None else len(stand_in)


def _reader(data: bytes) -> Read:
    def read(offset: int, length: int) -> bytes:
        return data[offset : offset + length]

    return read


def save_note(note: Note, path: Path) -> None:
    """Write `note` as YAML."""
    path.write_text(yaml.safe_dump(asdict(note), sort_keys=False), encoding="utf-8")


def load_note(path: Path) -> tuple[Note, bytes]:
    """The note in `path`, and the vendor's file that it is about. SpecError when either is not what it was."""
    try:
        facts = yaml.safe_load(path.read_text(encoding="utf-8"))
        note = Note(**facts)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError) as reason:
        raise SpecError(f"{path} is no note of a wrapped package ({reason}); make one with `qpyota pkg wrap`") from None
    types = {"size_bytes": int}
    if any(not isinstance(value, types.get(name, str)) for name, value in asdict(note).items()):
        raise SpecError(f"{path}: size_bytes must be a number and everything else text")
    if note.method not in METHODS or (note.method == "differential") != bool(note.base_version):
        raise SpecError(f"{path}: a differential package has a base version, a full one has none; there is no other")
    file = path.parent / note.file
    try:
        data = file.read_bytes()
    except OSError as reason:
        raise SpecError(f"{path}: {file}: {reason.strerror}") from None
    if sha256(data).hexdigest() != note.sha256:
        raise SpecError(f"{file} has changed since {path} was written; run `qpyota pkg wrap` again")
    return note, data
