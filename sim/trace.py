"""Everything observable, as frozen records, and the one stream that carries them to readers.

The core emits; logs, JSONL files, reports and progress bars observe. A record belongs to a track (a device,
or a device's side of the cloud), is numbered within it, and is stamped with simulation time. The digest is
taken per track, so that it does not depend on how tracks that share an instant interleave. Nothing may enter
a record that differs between transports: no port, no wall time, no address.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b, sha256
from typing import Any, NamedTuple

from sim.json_text import text_of

Observer = Callable[["Record"], None]


class Record(NamedTuple):
    """One observable event: `at_us` simulation time, `track` whose, `seq` its number there, `kind`, `data` (JSON)."""

    at_us: int
    track: str
    seq: int
    kind: str
    data: dict[str, Any]

    def to_json(self) -> str:
        """One line of a trace file, keys in fixed order."""
        return _compact({"t_us": self.at_us, "track": self.track, "seq": self.seq, "kind": self.kind, **self.data})


class Trace:
    """The stream: numbers and hashes records per track and hands each to every observer, in order.

    `digests` False: records are numbered, not hashed, which is half of what they cost.
    """

    def __init__(self, now_us: Callable[[], int], *, digests: bool = True) -> None:
        self._now_us = now_us
        self._digests = digests
        self._told: dict[str, int] = {}  # track → records so far
        self._hashed: dict[str, bytes] = {}
        self._observers: list[Observer] = []

    def observe(self, observer: Observer) -> None:
        """Every later record is handed to `observer`; it must not change the model."""
        self._observers.append(observer)

    def emit(self, track: str, kind: str, **data: Any) -> None:
        """Record that `kind` happened on `track` now. `data` must be plain JSON values."""
        self.take(self._now_us(), track, kind, data)

    def take(self, at_us: int, track: str, kind: str, data: dict[str, Any]) -> None:
        """As `emit`, of what happened elsewhere at that time."""
        seq = self._told.get(track, 0)
        self._told[track] = seq + 1
        record = _made(Record, (at_us, track, seq, kind, data))
        if self._digests:
            told = self._hashed.get(track, b"") + _compact([at_us, kind, data]).encode()
            self._hashed[track] = blake2b(told, digest_size=16).digest()
        for observer in self._observers:
            observer(record)

    def aside(self, track: str, kind: str, **data: Any) -> None:
        """Tell observers what is true of this machine only (a port, a path). It is no part of what repeats: it has the
        number of the record before it, and no digest knows of it."""
        record = Record(self._now_us(), track, max(0, self._told.get(track, 0) - 1), kind, data)
        for observer in self._observers:
            observer(record)

    def hashes(self) -> dict[str, str]:
        """Digest of each track so far, tracks sorted by name: each record's is taken over the one before it."""
        return {name: self._hashed.get(name, b"").hex() for name in sorted(self._told)}

    def digest(self) -> str:
        """One hash over all tracks; equal runs have equal digests on every transport. "" when nothing was hashed."""
        if not self._digests:
            return ""
        return sha256(_compact(list(self.hashes().items())).encode()).hexdigest()[:32]


_compact = text_of(sort_keys=True)
_made = tuple.__new__  # what a NamedTuple's own constructor calls, which is a call more
