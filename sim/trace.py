"""Everything observable, as frozen records, and the one stream that carries them to readers.

The core emits; logs, JSONL files, reports and progress bars observe. A record belongs to a track (a device,
or a device's side of the cloud), is numbered within it, and is stamped with simulation time. The digest is
taken per track, so that it does not depend on how tracks that share an instant interleave. Nothing may enter
a record that differs between transports: no port, no wall time, no address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b, sha256
from typing import Any, NamedTuple, Protocol

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


class Timed(Protocol):
    """What shows simulation time."""

    now_us: int


class Track:
    """What `name` has told: how many records, and their digest. Whoever tells often holds it (`Trace.track`)."""

    __slots__ = ("_trace", "hashed", "name", "told")

    def __init__(self, trace: Trace, name: str) -> None:
        self._trace = trace
        self.name = name
        self.told = 0
        self.hashed = b""

    def tell(self, kind: str, at_us: int | None = None, /, **data: Any) -> None:
        """Record that `kind` (lower case and dots) happened here, now or at that time. `data`: plain JSON values."""
        trace = self._trace
        if at_us is None:
            at_us = trace.clock.now_us
        seq, self.told = self.told, self.told + 1
        if trace.digests:
            told = self.hashed + f'[{at_us},"{kind}",{_compact(data)}]'.encode()
            self.hashed = blake2b(told, digest_size=16).digest()
        record = _made(Record, (at_us, self.name, seq, kind, data))
        for reader in trace.readers.get(kind, trace.every):
            reader(record)


class Trace:
    """The stream: numbers and hashes records per track and hands each to whoever wants its kind, in order.

    `digests` False: records are numbered, not hashed, which is half of what they cost.
    """

    def __init__(self, clock: Timed, *, digests: bool = True) -> None:
        self.clock = clock
        self.digests = digests
        self.every: list[Observer] = []
        """Observers of records of any kind."""
        self.readers: dict[str, list[Observer]] = {}
        """Those of each kind that somebody has asked for by name, those of any kind among them."""
        self._tracks: dict[str, Track] = {}

    def observe(self, observer: Observer, kinds: Iterable[str] | None = None) -> None:
        """Every later record, or every one of these kinds, is handed to `observer`; it must not change the model."""
        if kinds is None:
            self.every.append(observer)
            for readers in self.readers.values():
                readers.append(observer)
        else:
            for kind in kinds:
                self.readers.setdefault(kind, list(self.every)).append(observer)

    def track(self, name: str) -> Track:
        """The track of this name, for whoever tells much on it; by name it can be told on, too."""
        track = self._tracks.get(name)
        if track is None:
            track = self._tracks[name] = Track(self, name)
        return track

    def emit(self, track: str, kind: str, **data: Any) -> None:
        """As `Track.tell`, by name."""
        self.track(track).tell(kind, **data)

    def take(self, at_us: int, track: str, kind: str, data: dict[str, Any]) -> None:
        """As `emit`, of what happened elsewhere at that time."""
        self.track(track).tell(kind, at_us, **data)

    def aside(self, track: str, kind: str, **data: Any) -> None:
        """Tell observers what is true of this machine only (a port, a path). It is no part of what repeats: it has the
        number of the record before it, and no digest knows of it."""
        known = self._tracks.get(track)
        record = Record(self.clock.now_us, track, max(0, known.told - 1) if known else 0, kind, data)
        for reader in self.readers.get(kind, self.every):
            reader(record)

    def hashes(self) -> dict[str, str]:
        """Digest of each track so far, tracks sorted by name: each record's is taken over the one before it."""
        told = sorted(name for name, track in self._tracks.items() if track.told)
        return {name: self._tracks[name].hashed.hex() for name in told}

    def digest(self) -> str:
        """One hash over all tracks; equal runs have equal digests on every transport. "" when nothing was hashed."""
        if not self.digests:
            return ""
        return sha256(_compact(list(self.hashes().items())).encode()).hexdigest()[:32]


_compact = text_of(sort_keys=True)
_made = tuple.__new__  # what a NamedTuple's own constructor calls, which is a call more
