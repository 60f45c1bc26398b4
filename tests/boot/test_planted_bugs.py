"""The sweep can fail: each classic bootloader mistake, planted on purpose, is found by it."""

from __future__ import annotations

import zlib

import pytest
from boot_rig import OLD, Rig, Sweep, diff_package

from sim.boot import journal
from sim.boot.bootloader import Bootloader, BootStep, request_update
from sim.boot.journal import Journal, Record, RecordKind
from sim.flash import repeated
from sim.flash.remembered import forget
from sim.pack import verify as verify_module
from sim.pack.codes import PackageCode
from sim.pack.firmware import make_image


@pytest.fixture(autouse=True)
def nothing_to_repeat():
    """What was right, or wrong, before is not taken for what is done here."""
    repeated.forget()
    yield
    repeated.forget()


def aged_rig() -> Rig:
    """Its journal has room for two records: it rolls over when the first step is done."""
    rig = Rig()
    rig.age_journal(253)
    return rig


def first_failure(rig: Rig | None = None) -> str | None:
    return next(Sweep(rig or Rig(), diff_package(4)).failures(), None)


def place(loader, pack, step):
    entry = pack.manifest.index[step]
    partition = pack.manifest.head.targets[entry.target].partition
    return entry, loader._layout.images[partition], entry.first_sector * 4096


def test_done_noted_before_the_target_is_written(monkeypatch):
    def replace_block(self, notes, pack, step):
        entry, region, at = place(self, pack, step)
        if notes.state.ready_crc32 is None:
            yield from self._prepare_scratch(notes, pack, step)
        block = self._scratch_slot(pack.manifest.head, step).read(0, entry.sectors * 4096)
        notes.append(Record(RecordKind.DONE, step))
        yield BootStep("done")
        region.rewrite(at, block)

    monkeypatch.setattr(Bootloader, "_replace_block", replace_block)
    assert first_failure()


def test_no_scratch(monkeypatch):
    def replace_block(self, notes, pack, step):
        entry, region, at = place(self, pack, step)
        region.rewrite(at, self._decoded(pack, entry))
        notes.append(Record(RecordKind.DONE, step))
        yield BootStep("done")

    monkeypatch.setattr(Bootloader, "_replace_block", replace_block)
    assert first_failure()


def test_ready_noted_before_scratch_is_written(monkeypatch):
    def prepare_scratch(self, notes, pack, step):
        block = self._decoded(pack, pack.manifest.index[step])
        notes.append(Record(RecordKind.READY, step, zlib.crc32(block)))
        yield BootStep("ready")
        self._scratch_slot(pack.manifest.head, step).rewrite(0, block)

    monkeypatch.setattr(Bootloader, "_prepare_scratch", prepare_scratch)
    assert first_failure()


def test_journal_header_written_before_the_first_record(monkeypatch):
    def roll(self, record):
        request = Record(RecordKind.REQUEST, self.state.package_bytes, self.state.header_crc32)
        self._sector, self._sequence, self._slot = 1 - self._sector, self._sequence + 1, 3
        self._region.erase(self._sector * 4096)
        self._program(self._sector, 0, journal._with_crc(journal._HEADER.pack(b"JRN1", self._sequence)))
        for slot, entry in enumerate((request, record), start=1):
            self._program(self._sector, slot, journal._encode(entry))

    rig = aged_rig()
    monkeypatch.setattr(Journal, "_roll", roll)
    assert first_failure(rig)


def test_journal_rolls_without_taking_the_request_along(monkeypatch):
    def roll(self, record):
        self._sector, self._sequence, self._slot = 1 - self._sector, self._sequence + 1, 2
        self._region.erase(self._sector * 4096)
        self._program(self._sector, 1, journal._encode(record))
        self._program(self._sector, 0, journal._with_crc(journal._HEADER.pack(b"JRN1", self._sequence)))

    rig = aged_rig()
    monkeypatch.setattr(Journal, "_roll", roll)
    assert first_failure(rig)


def test_a_sector_that_looks_blank_is_not_erased(monkeypatch):
    """Found by a cut in an erase: what is left looks like anything but blank."""

    def rewrite_if_needed(self, notes, pack, step):
        entry, region, at = place(self, pack, step)
        if notes.state.ready_crc32 is None:
            yield from self._prepare_scratch(notes, pack, step)
        block = self._scratch_slot(pack.manifest.head, step).read(0, entry.sectors * 4096)
        for start in range(0, len(block), 4096):
            if region.read(at + start, 256) != b"\xff" * 256:  # one page for the sector
                region.erase(at + start)
            region.program(at + start, block[start : start + 4096])
        yield BootStep("target")
        notes.append(Record(RecordKind.DONE, step))
        yield BootStep("done")

    monkeypatch.setattr(Bootloader, "_replace_block", rewrite_if_needed)
    assert first_failure()


def test_the_requested_package_is_not_verified_at_boot(monkeypatch):
    """A request for a package made from another base: dropped by a careful bootloader, fatal to a trusting one."""

    def trusting(self, *facts):
        monkeypatch.setattr(verify_module, "_check_base", lambda *_: None)
        forget()
        return original(self, *facts)

    rig = Rig()
    request_update(rig.layout, rig.stage(diff_package(4)))
    rig.layout.images["APP"].load(0, make_image(OLD, b"another build of the same version"))
    start = rig.nor.snapshot()
    assert rig.boot_until_run().code == PackageCode.BASE_MISMATCH
    rig.nor.restore(start)
    original = Bootloader._verified
    monkeypatch.setattr(Bootloader, "_verified", trusting)
    assert rig.boot_until_run().action == "bricked"
    forget()
