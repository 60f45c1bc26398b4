"""What an update has done so far, in two sectors of flash: the bootloader's only memory across a power cut.

A sector starts with a 12-byte header (`JRN1`, sequence number u32, CRC-32 u32) in its first 16 bytes; then come
records of 16 bytes (magic u16, kind u8, 0 u8, number u32, value u32, CRC-32 of the first 12 bytes u32), one program
operation each. Rules: the sector with the higher valid sequence number counts, the last valid record of each sort
decides; a slot that is not blank is never programmed again, so a torn record costs a slot and nothing else; when a
sector is full the other one is erased whatever it looks like, gets the records that add up to the present state and
the new record, and only then the header that makes it count. Sectors that hold neither mean an idle journal.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from functools import lru_cache

from sim.errors import PackageError
from sim.flash.partition import Region
from sim.pack.codes import PackageCode

SECTORS = 2

_SLOT_BYTES = 16
_HEADER = struct.Struct("<4sI")
_HEADER_MAGIC = b"JRN1"
_RECORD = struct.Struct("<HBBII")
_RECORD_MAGIC = 0x4A52
_CRC = struct.Struct("<I")


class RecordKind(IntEnum):
    """What a record tells; `number` and `value` mean what the text says."""

    REQUEST = 1
    """An update is asked for: size of the staged package, CRC-32 of its 2 KiB header."""
    READY = 2
    """Scratch holds the whole new block of step `number`; `value` is its CRC-32."""
    DONE = 3
    """The target holds the new block of step `number`."""
    COMPLETE = 4
    """All targets hold the new images, checked."""
    CLEAR = 5
    """Nothing is asked for any more."""
    MINI_REQUEST = 6
    """A minimal upgrade is asked for: length and CRC-32 of the addresses in the request partition."""
    MINI_STAGED = 7
    """Its first package is staged and verified: size of it, CRC-32 of its 2 KiB header."""
    MINI_UPDATED = 8
    """The mini system is the new one; it is to write the big system, from the first block on."""


class Phase(StrEnum):
    """Where an update stands according to the journal."""

    IDLE = "idle"
    REQUESTED = "requested"
    APPLYING = "applying"
    COMPLETE = "complete"
    MINI_REQUESTED = "mini_requested"
    """The mini system is to download the package that turns itself."""
    MINI_STAGED = "mini_staged"
    MINI_APPLYING = "mini_applying"
    STREAMING = "streaming"
    """The new mini system is writing the big one; there is no way back."""


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of the journal."""

    kind: RecordKind
    number: int = 0
    value: int = 0


_OPENING = (RecordKind.REQUEST, RecordKind.MINI_REQUEST)
_KINDS = frozenset(RecordKind)
_STEPS = (RecordKind.READY, RecordKind.DONE)

TRANSITIONS: dict[tuple[Phase, RecordKind], Phase] = {
    (Phase.REQUESTED, RecordKind.READY): Phase.APPLYING,
    (Phase.REQUESTED, RecordKind.DONE): Phase.APPLYING,
    (Phase.REQUESTED, RecordKind.COMPLETE): Phase.COMPLETE,
    (Phase.APPLYING, RecordKind.READY): Phase.APPLYING,
    (Phase.APPLYING, RecordKind.DONE): Phase.APPLYING,
    (Phase.APPLYING, RecordKind.COMPLETE): Phase.COMPLETE,
    (Phase.MINI_REQUESTED, RecordKind.MINI_STAGED): Phase.MINI_STAGED,
    (Phase.MINI_STAGED, RecordKind.READY): Phase.MINI_APPLYING,
    (Phase.MINI_STAGED, RecordKind.DONE): Phase.MINI_APPLYING,
    (Phase.MINI_STAGED, RecordKind.MINI_UPDATED): Phase.STREAMING,
    (Phase.MINI_APPLYING, RecordKind.READY): Phase.MINI_APPLYING,
    (Phase.MINI_APPLYING, RecordKind.DONE): Phase.MINI_APPLYING,
    (Phase.MINI_APPLYING, RecordKind.MINI_UPDATED): Phase.STREAMING,
    (Phase.STREAMING, RecordKind.DONE): Phase.STREAMING,
    (Phase.STREAMING, RecordKind.MINI_UPDATED): Phase.STREAMING,
    (Phase.STREAMING, RecordKind.COMPLETE): Phase.COMPLETE,
}
"""Where a record leads. REQUEST and MINI_REQUEST begin anew from anywhere and CLEAR ends everything; a pair that is
missing here means nothing and changes nothing."""

_ON_THE_WAY = frozenset(phase for phase in Phase if all(TRANSITIONS.get((phase, kind)) is phase for kind in _STEPS))
"""Phases in which of records of steps in a row the last one alone counts."""


@dataclass(frozen=True, slots=True)
class JournalState:
    """What the records add up to. `package_bytes` and `header_crc32` name the staged package, `request_bytes` and
    `request_crc32` the addresses of a minimal upgrade; `next_step` is the first step that is not done; `ready_crc32`
    is the CRC-32 of that step's block when scratch holds it, else None."""

    phase: Phase = Phase.IDLE
    package_bytes: int = 0
    header_crc32: int = 0
    next_step: int = 0
    ready_crc32: int | None = None
    request_bytes: int = 0
    request_crc32: int = 0

    def after(self, record: Record) -> JournalState:
        """The state once `record` is written."""
        kind, number, value = record.kind, record.number, record.value
        if kind is RecordKind.REQUEST:
            return JournalState(Phase.REQUESTED, number, value)
        if kind is RecordKind.MINI_REQUEST:
            return JournalState(Phase.MINI_REQUESTED, request_bytes=number, request_crc32=value)
        if kind is RecordKind.CLEAR:
            return JournalState()
        phase = TRANSITIONS.get((self.phase, kind))
        if phase is None:
            return self
        if kind is RecordKind.READY:
            return replace(self, phase=phase, next_step=number, ready_crc32=value)
        if kind is RecordKind.DONE:
            return replace(self, phase=phase, next_step=number + 1, ready_crc32=None)
        if kind is RecordKind.MINI_STAGED:
            return replace(self, phase=phase, package_bytes=number, header_crc32=value)
        if kind is RecordKind.MINI_UPDATED:
            return replace(self, phase=phase, next_step=0, ready_crc32=None)
        return JournalState(phase, self.package_bytes, self.header_crc32)  # COMPLETE

    def records(self) -> list[Record]:
        """The fewest records that add up to this state."""
        request = Record(RecordKind.REQUEST, self.package_bytes, self.header_crc32)
        asked = Record(RecordKind.MINI_REQUEST, self.request_bytes, self.request_crc32)
        staged = Record(RecordKind.MINI_STAGED, self.package_bytes, self.header_crc32)
        opening = {
            Phase.IDLE: [],
            Phase.REQUESTED: [request],
            Phase.APPLYING: [request],
            Phase.COMPLETE: [request, Record(RecordKind.COMPLETE)],
            Phase.MINI_REQUESTED: [asked],
            Phase.MINI_STAGED: [asked, staged],
            Phase.MINI_APPLYING: [asked, staged],
            Phase.STREAMING: [asked, staged, Record(RecordKind.MINI_UPDATED)],
        }[self.phase]
        if self.ready_crc32 is not None:
            return [*opening, Record(RecordKind.READY, self.next_step, self.ready_crc32)]
        return [*opening, Record(RecordKind.DONE, self.next_step - 1)] if self.next_step else opening


class Journal:
    """The journal in `region` (its first two sectors), read anew. `state` is what it says now."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._sector_bytes = region.nor.part.sector_bytes
        self._slots = self._sector_bytes // _SLOT_BYTES
        self._sequence, self._sector, self._slot = 0, 1, self._slots
        self.state = JournalState()
        self._scan()

    def append(self, record: Record) -> None:
        """Write `record`; when this returns, it survives every power cut.

        What was written is read back: a slot that did not take it is passed over, and when neither sector takes it the
        answer is PackageError 504, with nothing changed that counts.
        """
        while self._slot < self._slots:
            taken = self._program(self._sector, self._slot, _encode(record))
            self._slot += 1
            if taken:
                break
        else:
            self._roll(record)
        self.state = self.state.after(record)

    def _roll(self, record: Record) -> None:
        # Whoever reads only the new sector must still find what the update is about and how far it is.
        records = [] if record.kind in (*_OPENING, RecordKind.CLEAR) else self.state.records()
        counts = (self.state.phase, record.kind) in TRANSITIONS
        if counts and record.kind in _STEPS and records[-1].kind in _STEPS:
            records.pop()
        records.append(record)
        sector, sequence = 1 - self._sector, self._sequence + 1
        self._region.erase(sector * self._sector_bytes)
        taken = [self._program(sector, slot, _encode(entry)) for slot, entry in enumerate(records, start=1)]
        taken.append(self._program(sector, 0, _with_crc(_HEADER.pack(_HEADER_MAGIC, sequence))))
        if not all(taken):
            raise PackageError(PackageCode.UPGRADE_FAILED, "the journal's flash does not take what is written to it")
        self._sector, self._sequence, self._slot = sector, sequence, 1 + len(records)

    def _program(self, sector: int, slot: int, data: bytes) -> bool:
        """Write a slot; whether it now reads as written."""
        address = sector * self._sector_bytes + slot * _SLOT_BYTES
        self._region.program(address, data)
        return self._region.read(address, len(data)) == data

    def _scan(self) -> None:
        counts: bytes | None = None
        for sector in range(SECTORS):
            data = self._region.read(sector * self._sector_bytes, self._sector_bytes)
            sequence = _decode_header(data)
            if sequence is not None and sequence > self._sequence:
                self._sequence, self._sector, counts = sequence, sector, data
        if counts is not None:
            used_bytes = len(counts.rstrip(b"\xff"))
            self._slot = -(-used_bytes // _SLOT_BYTES)
            slots = [counts[at : at + _SLOT_BYTES] for at in range(_SLOT_BYTES, used_bytes, _SLOT_BYTES)]
            self.state = _replay([record for record in map(_decode, slots) if record is not None])


def _replay(records: Sequence[Record]) -> JournalState:
    state = JournalState()
    for record, following in zip(records, [*records[1:], None], strict=False):
        passing = following is not None and following.kind in _STEPS and record.kind in _STEPS
        if not (passing and state.phase in _ON_THE_WAY):
            state = state.after(record)
    return state


def _encode(record: Record) -> bytes:
    return _with_crc(_RECORD.pack(_RECORD_MAGIC, record.kind, 0, record.number, record.value))


@lru_cache(maxsize=4096)  # a device that boots, and a sweep that boots it thousands of times, reads the same ones again
def _decode(slot: bytes) -> Record | None:
    """The record in a slot; None when it is blank or torn."""
    magic, kind, zero, number, value = _RECORD.unpack_from(slot)
    crc_fits = _CRC.unpack_from(slot, _RECORD.size)[0] == zlib.crc32(slot[: _RECORD.size])
    if magic != _RECORD_MAGIC or zero or not crc_fits or kind not in _KINDS:
        return None
    return Record(RecordKind(kind), number, value)


def _decode_header(data: bytes) -> int | None:
    """The sequence number of a sector that counts."""
    magic, sequence = _HEADER.unpack_from(data)
    crc_fits = _CRC.unpack_from(data, _HEADER.size)[0] == zlib.crc32(data[: _HEADER.size])
    return int(sequence) if magic == _HEADER_MAGIC and crc_fits else None


def _with_crc(data: bytes) -> bytes:
    return data + _CRC.pack(zlib.crc32(data))
