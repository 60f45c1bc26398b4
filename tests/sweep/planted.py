"""Classic mistakes of bootloaders and updaters, each a small patch, and what the sweep says of them.

`python tests/sweep/planted.py` prints the table "bug → cuts that catch it"; with `--write` it goes into
docs/power-loss.json, from which docs/power-loss.md is made.
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

import pytest
from sweep_rig import SECTOR_BYTES, small_flow

import sim.sweep.app_flow as app_flow
import sim.update.app_files as app_files
import sim.update.mini_system as mini_system
from sim.boot import bootloader, journal
from sim.boot.bootloader import Bootloader, BootStep, unpack_us
from sim.boot.journal import Journal, Phase, Record, RecordKind
from sim.device.catalogue import load_model
from sim.errors import PackageError
from sim.pack import verify as verify_module
from sim.pack.container import HEADER_BYTES, read_manifest
from sim.pack.opaque import Staged
from sim.pack.patch import decode_block
from sim.sweep.clean_run import SweepError
from sim.sweep.merge import MergeSweep
from sim.sweep.result import SweepResult
from sim.update.app_files import FLAG_FILE, STAGING_DIR
from sim.update.download import download, fetch_range

JSON = Path(__file__).parents[2] / "docs" / "power-loss.json"
JOURNAL_FULL = 250  # records: the journal rolls over a few steps into the update
Patch = Callable[[pytest.MonkeyPatch], None]


def entry_of(pack, step):
    entry = pack.manifest.index[step]
    return entry, pack.manifest.head.targets[entry.target].partition


def target_of(loader, pack, step):
    entry, partition = entry_of(pack, step)
    return loader._layout.firmware[partition], entry.first_sector * SECTOR_BYTES


def scratch_of(loader, pack, step):
    entry = pack.manifest.index[step]
    return loader._scratch_slot(pack.manifest.head, step).read(0, entry.sectors * SECTOR_BYTES)


def replaced(write: Callable[..., Any]) -> Patch:
    """The bootloader replaces a block like `write(loader, notes, pack, step)` does, once scratch is ready."""

    def replace_block(self, notes, pack, step):
        if notes.state.ready_crc32 is None:
            yield from self._prepare_scratch(notes, pack, step)
        yield from write(self, notes, pack, step)

    return lambda patch: patch.setattr(Bootloader, "_replace_block", replace_block)


# -- the order of target and journal


def done_before_target(self, notes, pack, step):
    block, (region, at) = scratch_of(self, pack, step), target_of(self, pack, step)
    notes.append(Record(RecordKind.DONE, step))
    yield BootStep("done", step)
    region.rewrite(at, block)


def complete_before_last_block(patch):
    def apply(self, notes, pack):
        steps = len(pack.manifest.index)
        for step in range(notes.state.next_step, steps):
            if step == steps - 1:
                notes.append(Record(RecordKind.COMPLETE))
                notes.state = notes.state.after(Record(RecordKind.REQUEST, 0, 0))  # it goes on from RAM
            yield from self._replace_block(notes, pack, step)

    patch.setattr(Bootloader, "_apply", apply)


def ready_taken_for_done(patch):
    def after(self, record, real=journal.JournalState.after):
        state = real(self, record)
        if record.kind is RecordKind.READY:
            return journal.replace(state, next_step=record.number + 1, ready_crc32=None)
        return state

    def replace_block(self, notes, pack, step):
        for _ in self._prepare_scratch(notes, pack, step):
            pass
        region, at = target_of(self, pack, step)
        region.rewrite(at, scratch_of(self, pack, step))
        yield BootStep("target", step)

    patch.setattr(journal.JournalState, "after", after)
    patch.setattr(Bootloader, "_replace_block", replace_block)


def resumed_step_notes_done_first(self, notes, pack, step, *, resumed):
    if resumed:
        yield from done_before_target(self, notes, pack, step)
        return
    region, at = target_of(self, pack, step)
    region.rewrite(at, scratch_of(self, pack, step))
    yield BootStep("target", step)
    notes.append(Record(RecordKind.DONE, step))
    yield BootStep("done", step)


def only_resumed_steps_note_done_first(patch):
    def replace_block(self, notes, pack, step):
        resumed = notes.state.ready_crc32 is not None
        if not resumed:
            yield from self._prepare_scratch(notes, pack, step)
        yield from resumed_step_notes_done_first(self, notes, pack, step, resumed=resumed)

    patch.setattr(Bootloader, "_replace_block", replace_block)


# -- scratch


def no_scratch(patch):
    def replace_block(self, notes, pack, step):
        region, at = target_of(self, pack, step)
        region.rewrite(at, self._decoded(pack, entry_of(pack, step)[0]))
        notes.append(Record(RecordKind.DONE, step))
        yield BootStep("done", step)

    patch.setattr(Bootloader, "_replace_block", replace_block)


def ready_before_scratch(patch):
    def prepare_scratch(self, notes, pack, step):
        block = self._decoded(pack, entry_of(pack, step)[0])
        notes.append(Record(RecordKind.READY, step, zlib.crc32(block)))
        yield BootStep("ready", step)
        self._scratch_slot(pack.manifest.head, step).rewrite(0, block)

    patch.setattr(Bootloader, "_prepare_scratch", prepare_scratch)


def ready_before_scratch_and_nothing_checked(patch):
    ready_before_scratch(patch)
    patch.setattr(bootloader, "check_result", lambda *_: None)

    def unchecked(self, notes, pack, step):
        region, at = target_of(self, pack, step)
        region.rewrite(at, scratch_of(self, pack, step))
        notes.append(Record(RecordKind.DONE, step))
        yield BootStep("done", step)

    replaced(unchecked)(patch)


def target_erased_before_scratch(patch):
    def prepare_scratch(self, notes, pack, step):
        block, (region, at) = self._decoded(pack, entry_of(pack, step)[0]), target_of(self, pack, step)
        region.erase(at, len(block))
        self._scratch_slot(pack.manifest.head, step).rewrite(0, block)
        notes.append(Record(RecordKind.READY, step, zlib.crc32(block)))
        yield BootStep("ready", step)

    patch.setattr(Bootloader, "_prepare_scratch", prepare_scratch)


# -- trust in what flash looks like


def target_taken_for_written(self, notes, pack, step):
    """When its first page is the new one, somebody must have written it before."""
    block, (region, at) = scratch_of(self, pack, step), target_of(self, pack, step)
    if region.read(at, 256) != block[:256]:
        region.rewrite(at, block)
    notes.append(Record(RecordKind.DONE, step))
    yield BootStep("done", step)


def blank_looking_sector_not_erased(self, notes, pack, step):
    block, (region, at) = scratch_of(self, pack, step), target_of(self, pack, step)
    for start in range(0, len(block), SECTOR_BYTES):
        if region.read(at + start, 256) != b"\xff" * 256:  # one page for the sector
            region.erase(at + start)
        region.program(at + start, block[start : start + SECTOR_BYTES])
    notes.append(Record(RecordKind.DONE, step))
    yield BootStep("done", step)


# -- the journal


def header_before_record(patch):
    def roll(self, record):
        records = [*self.state.records(), record]
        self._sector, self._sequence, self._slot = 1 - self._sector, self._sequence + 1, 1 + len(records)
        self._region.erase(self._sector * SECTOR_BYTES)
        self._program(self._sector, 0, journal._with_crc(journal._HEADER.pack(b"JRN1", self._sequence)))
        for slot, entry in enumerate(records, start=1):
            self._program(self._sector, slot, journal._encode(entry))

    patch.setattr(Journal, "_roll", roll)


def roll_forgets_the_request(patch):
    def roll(self, record):
        self._sector, self._sequence, self._slot = 1 - self._sector, self._sequence + 1, 2
        self._region.erase(self._sector * SECTOR_BYTES)
        self._program(self._sector, 1, journal._encode(record))
        self._program(self._sector, 0, journal._with_crc(journal._HEADER.pack(b"JRN1", self._sequence)))

    patch.setattr(Journal, "_roll", roll)


def journal_rewritten_in_its_own_sector(patch):
    def roll(self, record):
        records = [*self.state.records(), record]
        self._sequence, self._slot = self._sequence + 1, 1 + len(records)
        self._region.erase(self._sector * SECTOR_BYTES)
        for slot, entry in enumerate(records, start=1):
            self._program(self._sector, slot, journal._encode(entry))
        self._program(self._sector, 0, journal._with_crc(journal._HEADER.pack(b"JRN1", self._sequence)))

    patch.setattr(Journal, "_roll", roll)


def records_without_crc(patch):
    def decode(slot):
        magic, kind, _, number, value = struct.unpack_from("<HBBII", slot)
        return Record(RecordKind(kind), number, value) if magic == 0x4A52 and kind in set(RecordKind) else None

    patch.setattr(journal, "_decode", decode)


def scan_ends_at_a_torn_record(patch):
    def replay(records, real=journal._replay):
        return real(records)

    def scan(self, real=Journal._scan):
        real(self)
        slots = [self._region.read(self._sector * SECTOR_BYTES + 16 * n, 16) for n in range(1, self._slot)]
        whole = []
        for slot in slots:
            record = journal._decode(slot)
            if record is None:
                break
            whole.append(record)
        self.state = replay(whole)

    patch.setattr(Journal, "_scan", scan)


def torn_slot_used_again(patch):
    def scan(self, real=Journal._scan):
        real(self)
        if self._slot > 1 and self._sequence:
            last = self._region.read(self._sector * SECTOR_BYTES + 16 * (self._slot - 1), 16)
            if journal._decode(last) is None:
                self._slot -= 1

    patch.setattr(Journal, "_scan", scan)


# -- the request


def request_before_the_package_and_no_check_at_boot(patch):
    """The flag before the copy, and a bootloader that takes the flag's word."""

    def download_firmware(site, url, progress, kinds):
        head, size = yield from fetch_range(site.http(), url, 0, HEADER_BYTES)
        Journal(site.layout.journal).append(Record(RecordKind.REQUEST, size, zlib.crc32(head)))
        yield from download(site, url, progress, lambda _: None)

    def verified(self, state, version, mini):
        return trusting(self._layout.package.read, state.package_bytes)

    patch.setattr("sim.update.methods.download_firmware", download_firmware)
    patch.setattr(Bootloader, "_verified", verified)


def trusting(read, size_bytes):
    staged = Staged(read, size_bytes, {})
    try:
        manifest = read_manifest(staged.content, staged.content_bytes)
    except PackageError as reason:
        raise AssertionError("the bootloader runs into rubbish and hangs") from reason
    return verify_module.VerifiedPack(manifest, staged, verify_module._SEAL)


# -- the mini system


def stream_done_before_block_and_nothing_checked(patch):
    def write_group(site, notes, manifest, steps, blocks):
        for step, data in zip(steps, blocks, strict=True):
            entry = manifest.index[step]
            size_bytes = entry.sectors * SECTOR_BYTES
            block = decode_block(data, size_bytes, 0, mini_system._no_old_image)
            yield unpack_us(size_bytes)
            partition = manifest.head.targets[entry.target].partition
            notes.append(Record(RecordKind.DONE, step))
            site.layout.images[partition].rewrite(entry.first_sector * SECTOR_BYTES, block)
            yield from site.flash_time()

    patch.setattr(mini_system, "_write_group", write_group)
    patch.setattr(mini_system, "check_result", lambda *_: None)


def mini_system_turned_before_it_is_written(patch):
    """MINI_UPDATED is noted before the last block of the mini system is in place."""

    def apply(self, notes, pack, real=Bootloader._apply):
        if notes.state.phase not in (Phase.MINI_STAGED, Phase.MINI_APPLYING):
            yield from real(self, notes, pack)
            return
        steps = len(pack.manifest.index)
        for step in range(notes.state.next_step, steps):
            if step == steps - 1:
                block = self._decoded(pack, entry_of(pack, step)[0])
                region, at = target_of(self, pack, step)
                notes.append(Record(RecordKind.MINI_UPDATED))
                region.rewrite(at, block)
            else:
                yield from self._replace_block(notes, pack, step)
        yield BootStep("complete", steps)

    patch.setattr(Bootloader, "_apply", apply)


# -- application files


def app_flag_before_files(patch):
    def ask(self):
        site = self._site()
        volume = self._mounted(site)
        try:
            app_flow._do(site, app_files.set_update_flag(site))
            for path in app_flow._CHANGED:
                app_flow._do(site, app_files.download_file(site, f"https://bench/{path}", f"/usr/{path}"))
        finally:
            volume.abandon()
        yield from ()

    patch.setattr(app_flow.AppFlow, "ask", ask)


def app_flag_cleared_before_the_copy(patch):
    def apply_staged(site, real=app_files._apply):
        if not site.mounts.exists(FLAG_FILE):
            return
        site.mounts.remove(FLAG_FILE)
        entries = app_files._read_stat(site.mounts)
        while entries:
            yield from real(site, entries)
        yield from app_files._remove_tree(site, STAGING_DIR)

    patch.setattr(app_flow, "apply_staged", apply_staged)


def app_staged_copy_removed_first(patch):
    def apply(site, entries, _copied):
        name = entries[0]["name"]
        data = site.mounts.read(app_files._staged(name)) if site.mounts.exists(app_files._staged(name)) else None
        if data is not None:
            site.mounts.remove(app_files._staged(name))
            yield from app_files._write(site, name, data, "w")
        del entries[0]
        site.mounts.write(app_files.STAT_FILE, json.dumps(entries).encode())

    patch.setattr(app_files, "_apply", apply)


@dataclass(frozen=True)
class Bug:
    """`depth`: cuts in a row that it takes to find it. `why_not`: why no cut can."""

    name: str
    patch: Patch
    flow: str = "differential"
    past: int = 0
    depth: int = 1
    why_not: str = ""


BUGS = (
    Bug("DONE noted before the target is written", replaced(done_before_target)),
    Bug("COMPLETE noted before the last block", complete_before_last_block),
    Bug("READY taken for DONE when resuming", ready_taken_for_done),
    Bug("no scratch: the target is rewritten from itself", no_scratch),
    Bug("READY noted before scratch is written", ready_before_scratch),
    Bug("the same, and neither scratch nor result checked", ready_before_scratch_and_nothing_checked),
    Bug("target erased before scratch holds its block", target_erased_before_scratch),
    Bug("target taken for written by its first page", replaced(target_taken_for_written)),
    Bug("a blank-looking sector is not erased", replaced(blank_looking_sector_not_erased)),
    Bug("journal rolls over: header before records", header_before_record, past=JOURNAL_FULL),
    Bug("journal rolls over: the request stays behind", roll_forgets_the_request, past=JOURNAL_FULL),
    Bug("journal rewritten in its own sector", journal_rewritten_in_its_own_sector, past=JOURNAL_FULL),
    Bug("journal records without CRC", records_without_crc),
    Bug("journal scan ends at a torn record", scan_ends_at_a_torn_record),
    Bug("flag before copy, and no check at boot", request_before_the_package_and_no_check_at_boot),
    Bug("mini system: DONE before the block, nothing checked", stream_done_before_block_and_nothing_checked, "minimal"),
    Bug("mini system turned before it is written", mini_system_turned_before_it_is_written, "minimal"),
    Bug("application: flag before the files", app_flag_before_files, "app"),
    Bug("application: flag cleared before the copy", app_flag_cleared_before_the_copy, "app"),
    Bug("application: staged copy removed first", app_staged_copy_removed_first, "app"),
    Bug("DONE noted first, but only when resuming", only_resumed_steps_note_done_first, depth=2),
    Bug(
        "journal: a torn slot is used again",
        torn_slot_used_again,
        depth=2,
        why_not="after any cut the device writes the very record again whose slot was torn, and that only clears bits",
    ),
)


def flow_of(bug: Bug):
    if bug.flow == "app":
        return app_flow.AppFlow("rig/app", load_model("EG915U"))
    return small_flow(bug.flow, past=bug.past)


def sweep(bug: Bug, *, quick: bool = True, depth: int = 1) -> SweepResult | None:
    """What the sweep says of the bug; None when the update fails without any cut."""
    with pytest.MonkeyPatch.context() as patch:
        flow = flow_of(bug)
        bug.patch(patch)
        try:
            return MergeSweep(flow, quick=quick).run(depth=depth)
        except SweepError:
            return None


def table() -> list[dict[str, Any]]:
    """Rows for each bug and each depth: how many cuts there are, and how many of them end how."""
    rows = []
    for bug in BUGS:
        for depth in range(1, bug.depth + 1):
            result = sweep(bug, depth=depth)
            assert result is not None, f"{bug.name}: fails without any cut"
            row = {"bug": bug.name, "flow": bug.flow, "depth": depth, "cuts": result.cuts}
            row |= {verdict.value: count for verdict, count in result.counts.items() if verdict != "untrue"}
            row["why_not"] = bug.why_not
            rows.append(row)
    return rows


if __name__ == "__main__":
    found = table()
    for row in found:
        print(f"{row['bug']:52} {row['cuts'] - row['recovered']:6} of {row['cuts']:6}  {row}")
    if "--write" in sys.argv:
        content = json.loads(JSON.read_text()) if JSON.exists() else {}
        content["planted_bugs"] = found
        JSON.write_text(json.dumps(content, indent=1) + "\n")
