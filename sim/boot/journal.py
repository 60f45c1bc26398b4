"""What an update has done so far, in two sectors of flash: the bootloader's only memory across a power cut.

A sector starts with a 12-byte header (`JRN1`, sequence number u32, CRC-32 u32) in its first 16 bytes; then come
records of 16 bytes (magic u16, kind u8, 0 u8, number u32, value u32, CRC-32 of the first 12 bytes u32), one program
operation each. Rules: the sector with the higher valid sequence number counts, the last valid record of each sort
decides; a slot that is not blank is never programmed again, so a torn record costs a slot and nothing else; when a
sector is full the other one is erased whatever it looks like, gets the request and the new record, and only then the
header that makes it count. Sectors that hold neither mean an idle journal.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum

from sim.flash.partition import Region

SECTORS = 2

_SLOT_BYTES = 16
_HEADER = struct.Struct("<4sI")
_HEADER_MAGIC = b"JRN1"
_RECORD = struct.Struct("<HBBII")
_RECORD_MAGIC = 0x4A52
_CRC = struct.Struct("<I")
_BLANK = b"\xff" * _SLOT_BYTES


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


class Phase(StrEnum):
    """Where an update stands according to the journal."""

    IDLE = "idle"
    REQUESTED = "requested"
    APPLYING = "applying"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of the journal."""

    kind: RecordKind
    number: int = 0
    value: int = 0


@dataclass(frozen=True, slots=True)
class JournalState:
    """What the records add up to. `next_step` is the first step that is not done; `ready_crc32` is the CRC-32 of that
    step's block when scratch holds it, else None."""

    phase: Phase = Phase.IDLE
    package_bytes: int = 0
    header_crc32: int = 0
    next_step: int = 0
    ready_crc32: int | None = None

    def after(self, record: Record) -> JournalState:
        """The state once `record` is written. Without a request, only a request means anything."""
        if record.kind is RecordKind.REQUEST:
            return JournalState(Phase.REQUESTED, record.number, record.value)
        if self.phase is Phase.IDLE or record.kind is RecordKind.CLEAR:
            return JournalState()
        if record.kind is RecordKind.READY:
            return replace(self, phase=Phase.APPLYING, next_step=record.number, ready_crc32=record.value)
        if record.kind is RecordKind.DONE:
            return replace(self, phase=Phase.APPLYING, next_step=record.number + 1, ready_crc32=None)
        return replace(self, phase=Phase.COMPLETE, ready_crc32=None)


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
        """Write `record`; when this returns, it survives every power cut."""
        if self._slot < self._slots:
            self._program(self._sector, self._slot, _encode(record))
            self._slot += 1
        else:
            self._roll(record)
        self.state = self.state.after(record)

    def _roll(self, record: Record) -> None:
        records = [record]
        if self.state.phase is not Phase.IDLE and record.kind not in (RecordKind.REQUEST, RecordKind.CLEAR):
            # Whoever reads only the new sector must still find what the update is about.
            records.insert(0, Record(RecordKind.REQUEST, self.state.package_bytes, self.state.header_crc32))
        sector, sequence = 1 - self._sector, self._sequence + 1
        self._region.erase(sector * self._sector_bytes)
        for slot, entry in enumerate(records, start=1):
            self._program(sector, slot, _encode(entry))
        self._program(sector, 0, _with_crc(_HEADER.pack(_HEADER_MAGIC, sequence)))
        self._sector, self._sequence, self._slot = sector, sequence, 1 + len(records)

    def _program(self, sector: int, slot: int, data: bytes) -> None:
        self._region.program(sector * self._sector_bytes + slot * _SLOT_BYTES, data)

    def _scan(self) -> None:
        slots: list[bytes] = []
        for sector in range(SECTORS):
            data = self._region.read(sector * self._sector_bytes, self._sector_bytes)
            sequence = _decode_header(data)
            if sequence is not None and sequence > self._sequence:
                self._sequence, self._sector = sequence, sector
                slots = [data[at : at + _SLOT_BYTES] for at in range(_SLOT_BYTES, len(data), _SLOT_BYTES)]
        if slots:
            used = max((n for n, slot in enumerate(slots, start=1) if slot != _BLANK), default=0)
            self._slot = used + 1
            self.state = _replay(record for record in map(_decode, slots[:used]) if record is not None)


def _replay(records: Iterable[Record]) -> JournalState:
    state = JournalState()
    for record in records:
        state = state.after(record)
    return state


def _encode(record: Record) -> bytes:
    return _with_crc(_RECORD.pack(_RECORD_MAGIC, record.kind, 0, record.number, record.value))


def _decode(slot: bytes) -> Record | None:
    """The record in a slot; None when it is blank or torn."""
    magic, kind, zero, number, value = _RECORD.unpack_from(slot)
    crc_fits = _CRC.unpack_from(slot, _RECORD.size)[0] == zlib.crc32(slot[: _RECORD.size])
    if magic != _RECORD_MAGIC or zero or not crc_fits or kind not in set(RecordKind):
        return None
    return Record(RecordKind(kind), number, value)


def _decode_header(data: bytes) -> int | None:
    """The sequence number of a sector that counts."""
    magic, sequence = _HEADER.unpack_from(data)
    crc_fits = _CRC.unpack_from(data, _HEADER.size)[0] == zlib.crc32(data[: _HEADER.size])
    return int(sequence) if magic == _HEADER_MAGIC and crc_fits else None


def _with_crc(data: bytes) -> bytes:
    return data + _CRC.pack(zlib.crc32(data))
