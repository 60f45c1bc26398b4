"""The bootloader: applies a requested update in place, one block at a time, so that power may go at any moment.

Rules. Everything it knows it reads from flash when it starts; nothing survives in RAM, so start and resume are one
code path. A differential block is put together in scratch, READY is noted, the target is rewritten from scratch and
checked, DONE is noted: at every moment either the old block's readers are intact or scratch holds the new block. A
block of a full package reads nothing old and is simply written again. Nothing is written before the package passed
`verify`. It never waits: flash time adds up in the part, decoding time is told with each step, the caller lets both
pass. Whoever stops it between two steps loses nothing. It has no radio: what a minimal upgrade downloads on its way is
the mini system's affair, which this one starts and turns.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sim.boot.decision import BootAction, BootFacts, PackageState, decide, decide_unseen
from sim.boot.journal import Journal, JournalState, Phase, Record, RecordKind
from sim.errors import PackageError
from sim.flash.nor import Nor
from sim.flash.partition import Region
from sim.flash.remembered import remembered
from sim.flash.repeated import repeated
from sim.pack.codes import PackageCode
from sim.pack.container import HEADER_BYTES, SECTOR_BYTES, BlockEntry, Head, Kind, Manifest, corrupt
from sim.pack.firmware import HEADER_BYTES as IMAGE_HEADER_BYTES
from sim.pack.firmware import ImageHeader, read_header
from sim.pack.opaque import StandIns
from sim.pack.patch import decode_block
from sim.pack.verify import Recipient, VerifiedPack, measure, verify_area
from sim.records import record
from sim.units import US_PER_S

# ESTIMATE: no vendor publishes a figure; a patch applied with LZMA at 600 MHz gives 40 to 80 KB/s of new image.
PATCH_BYTES_PER_S = 60_000

# ESTIMATE: LZMA alone, without reading and adding an old image, is some ten times as fast on such a core.
UNPACK_BYTES_PER_S = 600_000

STAGED_KINDS = frozenset({Kind.FULL, Kind.DIFF_STAGED, Kind.DIFF_INPLACE})
"""Packages that replace the whole firmware from the staging area."""

_CHUNK_BYTES = 64 * 1024
_MINI_PHASES = (Phase.MINI_REQUESTED, Phase.MINI_STAGED, Phase.MINI_APPLYING, Phase.STREAMING)
_BEFORE_FIRST_WRITE = (Phase.REQUESTED, Phase.MINI_STAGED)
_WITHOUT_PACKAGE = (Phase.IDLE, Phase.COMPLETE, Phase.MINI_REQUESTED)
_PERHAPS_HALF_WRITTEN = (Phase.APPLYING, Phase.MINI_APPLYING, Phase.STREAMING)
"""Nobody asks for the version of images then, unless something is wrong with the package."""

Version = Callable[[], str | None]
"""Says what version all images carry, as `installed_version` does."""


@record
class BootLayout:
    """What the bootloader may touch. `images`: partition name → the whole partition; `journal` two sectors at least;
    `scratch` one block at least, used as a ring of as many as fit; `package` where packages are staged. A family with
    the minimal method also has `mini`, the partition of the mini system, and `request`, where the addresses of its
    packages are noted."""

    family: str
    images: Mapping[str, Region]
    journal: Region
    scratch: Region
    package: Region
    mini: Region | None = None
    request: Region | None = None

    def on(self, nor: Nor) -> BootLayout:
        """The same windows onto another flash of the same part."""
        return BootLayout(
            self.family,
            {name: region.on(nor) for name, region in self.images.items()},
            self.journal.on(nor),
            self.scratch.on(nor),
            self.package.on(nor),
            self.mini and self.mini.on(nor),
            self.request and self.request.on(nor),
        )

    @property
    def firmware(self) -> dict[str, Region]:
        """Every partition that a version of the firmware fills, the mini system's too."""
        return {**self.images, **self._mini}

    @property
    def reads(self) -> tuple[Region, ...]:
        """All that a boot depends on."""
        return (*self.firmware.values(), self.journal, self.scratch, self.package)

    @property
    def _mini(self) -> dict[str, Region]:
        return {} if self.mini is None else {self.mini.name: self.mini}

    def recipient(self, version: str | None, kinds: frozenset[Kind], trust: Trust) -> Recipient:
        """Whom a package of one of `kinds` is checked against; halves of a minimal upgrade have some of the images."""
        kind, images = min(kinds), self.images
        if kind is not Kind.BIG_SYSTEM:
            images = self._mini if kind is Kind.MINI_SYSTEM else self.firmware
        return Recipient(self.family, version, images, kinds, trust.public_key, trust.stand_ins)


@dataclass(frozen=True, slots=True, eq=False)
class Trust:
    """Whose packages a device takes: those signed by this key, and vendors' packages that a stand-in is known for."""

    public_key: Ed25519PublicKey
    stand_ins: StandIns = field(default_factory=dict)


@record
class BootStep:
    """Something that is now done for good.

    `kind`: images, package, partner (checked; a partner is the first half, while the second is streamed); scratch,
    ready, target, done (of step `step` out of `steps`, in `partition`); complete; clear. `apply_us` is the processor's
    time for it, besides the flash's.
    """

    kind: str
    step: int = 0
    steps: int = 0
    partition: str = ""
    apply_us: int = 0

    @property
    def progress(self) -> float:
        """How far the update is, 0 to 1."""
        return self.step / self.steps if self.steps else 0.0

    @property
    def is_door(self) -> bool:
        """Whether all that follows depends on flash alone, so that `Bootloader.go_on` does it."""
        return self.kind == "done"


@record
class BootOutcome:
    """How a boot ended. `action`: run (start `version`), mini (start the mini system, whose `version` it is), reset
    (boot again), bricked. When a request was refused or an update failed, `code` and `reason` say why."""

    action: str
    version: str | None
    code: int = 0
    reason: str = ""


def request_update(layout: BootLayout, pack: VerifiedPack) -> None:
    """Ask for `pack`, which lies at the start of `layout.package`, to be applied at the next boot.

    PackageError 511 when scratch cannot hold one of its blocks.
    """
    _note_staged(layout, pack, RecordKind.REQUEST)


def accept_mini(layout: BootLayout, pack: VerifiedPack) -> None:
    """Have `pack`, the first half of the minimal upgrade that is asked for, applied at the next boot. Errors and place
    as for `request_update`."""
    _note_staged(layout, pack, RecordKind.MINI_STAGED)


def installed_version(images: Mapping[str, Region]) -> str | None:
    """The version that all image partitions carry, or None: an image is missing or damaged, or versions differ."""
    versions = {_image_version(region) for region in images.values()}
    return versions.pop() if len(versions) == 1 else None


def mini_version(layout: BootLayout) -> str | None:
    """The version of the mini system; None when there is none, or no whole one."""
    return None if layout.mini is None else _image_version(layout.mini)


def patch_us(size_bytes: int) -> int:
    """Processor time to make so much of a new image from the old one and a patch."""
    return size_bytes * US_PER_S // PATCH_BYTES_PER_S


def unpack_us(size_bytes: int) -> int:
    """Processor time to unpack so much of a new image that comes whole."""
    return size_bytes * US_PER_S // UNPACK_BYTES_PER_S


class Bootloader:
    """One power-on's worth of bootloader."""

    def __init__(self, layout: BootLayout, trust: Trust) -> None:
        self._layout = layout
        self._trust = trust

    def run(self) -> Generator[BootStep, None, BootOutcome]:
        """Boot. Yields after every step that a power cut cannot undo; the generator's value is the outcome."""
        journal = Journal(self._layout.journal)
        phase = journal.state.phase
        version = self._look_at_images(phase)
        mini = mini_version(self._layout) if phase in _MINI_PHASES else None
        yield BootStep("images")
        pack, refusal = None, None
        if phase not in _WITHOUT_PACKAGE:
            try:
                pack = self._verified(journal.state, version, mini)
            except PackageError as error:
                refusal = error
            yield BootStep("partner" if phase is Phase.STREAMING else "package")
        package = _package_state(pack, refusal)
        action = decide_unseen(phase, package, mini is not None)
        if action is None:
            action = decide(BootFacts(phase, version() is not None, package, mini is not None))
        if action is BootAction.APPLY and pack is not None:
            return (yield from self._update(journal, pack))
        return (yield from self._leave(journal, action, mini if action is BootAction.MINI else version(), refusal))

    def go_on(self) -> Generator[BootStep, None, BootOutcome]:
        """What `run` does after a step that is a door, on the flash of that moment. Finding out where that is takes no
        time, since `run` knows it."""
        nor = self._layout.journal.nor
        busy_us = nor.busy_us
        journal = Journal(self._layout.journal)
        pack = self._verified(journal.state, lambda: None, None)
        nor.busy_us = busy_us
        return self._update(journal, pack)

    def _look_at_images(self, phase: Phase) -> Version:
        """Let the time of `installed_version` pass, whose answer is worked out now, or on the way when somebody asks:
        to be asked before anything is written."""
        images, nor = self._layout.images, self._layout.journal.nor
        if phase not in _PERHAPS_HALF_WRITTEN or type(nor) is not Nor:  # other parts may show something else each time
            found = installed_version(images)
            return lambda: found
        for region in images.values():
            header = _whole_header(region)
            if header is not None:
                nor.pass_read(header.length_bytes - IMAGE_HEADER_BYTES)
        edition = nor.edition

        def asked() -> str | None:
            assert nor.edition == edition, "something was written"
            busy_us, version = nor.busy_us, installed_version(images)
            nor.busy_us = busy_us
            return version

        return asked

    def _update(self, journal: Journal, pack: VerifiedPack) -> Generator[BootStep, None, BootOutcome]:
        """Do what is left of the update; the boot ends with a reset, or as the decision says when it failed."""
        try:
            yield from self._apply(journal, pack)
        except PackageError as error:
            version = installed_version(self._layout.images)
            action = decide(BootFacts(journal.state.phase, version is not None, PackageState.REFUSED))
            return (yield from self._leave(journal, action, version, error))
        return BootOutcome("reset", pack.manifest.identity.target_version)

    def _leave(
        self, journal: Journal, action: BootAction, version: str | None, refusal: PackageError | None
    ) -> Generator[BootStep, None, BootOutcome]:
        """End the boot without an update: close the journal where the decision says so."""
        if action in (BootAction.DROP, BootAction.CONFIRM):
            try:
                journal.append(Record(RecordKind.CLEAR))
            except PackageError as error:
                refusal = refusal or error  # what runs does not depend on it; the next boot decides the same again
            yield BootStep("clear")
        return _outcome(action, version, refusal)

    def _verified(self, state: JournalState, version: Version, mini: str | None) -> VerifiedPack:
        """The package that the journal asks for, checked again: who knows what happened to it since."""
        layout, area = self._layout, self._layout.package
        if state.package_bytes > area.size_bytes or zlib.crc32(area.read(0, HEADER_BYTES)) != state.header_crc32:
            raise corrupt("the staged package is not the requested one")
        resumed = state.phase not in _BEFORE_FIRST_WRITE  # such an update was checked against its base before
        if state.phase in _MINI_PHASES:
            recipient = layout.recipient(mini, frozenset({Kind.MINI_SYSTEM}), self._trust)
        else:
            recipient = layout.recipient(None if resumed else version(), STAGED_KINDS, self._trust)
        pack = verify_area(area, state.package_bytes, recipient, resumed=resumed)
        _check_scratch(layout, pack.manifest.head)
        return pack

    def _apply(self, journal: Journal, pack: VerifiedPack) -> Iterator[BootStep]:
        """Do the steps that are not done, check the images, note that all is complete."""
        steps = len(pack.manifest.index)
        for step in range(journal.state.next_step, steps):
            yield from self._replace_block(journal, pack, step)
        check_result(self._layout, pack.manifest)
        turned = pack.manifest.head.kind is Kind.MINI_SYSTEM
        journal.append(Record(RecordKind.MINI_UPDATED if turned else RecordKind.COMPLETE))
        yield BootStep("complete", steps, steps)

    def _replace_block(self, journal: Journal, pack: VerifiedPack, step: int) -> Iterator[BootStep]:
        """Step number `step`, from wherever it was interrupted."""
        entry, steps = pack.manifest.index[step], len(pack.manifest.index)
        partition = pack.manifest.head.targets[entry.target].partition
        if pack.manifest.differential:
            if journal.state.ready_crc32 is None:
                yield from self._prepare_scratch(journal, pack, step)
            block = self._scratch_slot(pack.manifest.head, step).read(0, entry.sectors * SECTOR_BYTES)
            if zlib.crc32(block) != journal.state.ready_crc32:
                raise _failed(f"the intermediate block of step {step} is damaged")
            decode_us = 0
        else:
            block, decode_us = self._decoded(pack, entry), unpack_us(entry.sectors * SECTOR_BYTES)
        region, at = self._layout.firmware[partition], entry.first_sector * SECTOR_BYTES
        write_block(region, at, block)
        yield BootStep("target", step, steps, partition, decode_us)
        journal.append(Record(RecordKind.DONE, step))
        yield BootStep("done", step, steps, partition)

    def _prepare_scratch(self, journal: Journal, pack: VerifiedPack, step: int) -> Iterator[BootStep]:
        entry, steps = pack.manifest.index[step], len(pack.manifest.index)
        partition = pack.manifest.head.targets[entry.target].partition
        block = self._decoded(pack, entry)
        self._scratch_slot(pack.manifest.head, step).rewrite(0, block)
        yield BootStep("scratch", step, steps, partition, patch_us(len(block)))
        journal.append(Record(RecordKind.READY, step, zlib.crc32(block)))
        yield BootStep("ready", step, steps, partition)

    def _decoded(self, pack: VerifiedPack, entry: BlockEntry) -> bytes:
        target = pack.manifest.head.targets[entry.target]
        old, data = self._layout.firmware[target.partition], pack.block(entry)
        size_bytes = entry.sectors * SECTOR_BYTES
        return remembered(
            old.nor,
            ("block", data, size_bytes, target.old_bytes),
            ((old.start, target.old_bytes),),
            lambda: decode_block(data, size_bytes, target.old_bytes, old.read),
        )

    def _scratch_slot(self, head: Head, step: int) -> Region:
        # Small blocks take turns, so that scratch does not wear out before the images do.
        slots = self._layout.scratch.size_bytes // head.block_bytes
        return self._layout.scratch.sub(step % slots * head.block_bytes, head.block_bytes)


def write_block(region: Region, at: int, block: bytes) -> None:
    """Write a whole block of an image and read it back; PackageError 504 when it is not there."""
    region.rewrite(at, block)
    if _crc32(region, at, len(block)) != zlib.crc32(block):
        raise _failed(f"the block at {at:#x} could not be written to {region.name}")


def check_result(layout: BootLayout, manifest: Manifest) -> None:
    """That flash holds what the package promised; PackageError 504 when it does not."""
    targets = manifest.head.targets
    crcs, digest = measure(layout.firmware, {target.partition: target.new_bytes for target in targets})
    for target in targets:
        if crcs[target.partition] != target.new_crc32:
            raise _failed(f"{target.partition} is not the promised image")
    if digest != manifest.identity.new_sha256:
        raise _failed("the images together are not the promised firmware")


def _note_staged(layout: BootLayout, pack: VerifiedPack, kind: RecordKind) -> None:
    _check_scratch(layout, pack.manifest.head)
    header_crc32, region = zlib.crc32(pack.read(0, HEADER_BYTES)), layout.journal
    repeated(
        region.nor,
        ("staged", int(kind), pack.size_bytes, header_crc32),
        region.stretch,
        lambda: Journal(region).append(Record(kind, pack.size_bytes, header_crc32)),
    )


def _package_state(pack: VerifiedPack | None, refusal: PackageError | None) -> PackageState:
    if pack is not None:
        return PackageState.USABLE
    return PackageState.UNASKED if refusal is None else PackageState.REFUSED


def _outcome(action: BootAction, version: str | None, refusal: PackageError | None) -> BootOutcome:
    code, reason = (refusal.code, str(refusal)) if refusal else (0, "")
    if action is BootAction.BRICKED:
        return BootOutcome("bricked", None, code or PackageCode.UPGRADE_FAILED, reason or "no whole firmware in flash")
    return BootOutcome("mini" if action is BootAction.MINI else "run", version, code, reason)


def _check_scratch(layout: BootLayout, head: Head) -> None:
    missing = head.scratch_sectors * SECTOR_BYTES - layout.scratch.size_bytes
    if missing > 0:
        raise PackageError(PackageCode.NO_SPACE, f"a block of the package exceeds the scratch area by {missing} B")


def _image_version(region: Region) -> str | None:
    return remembered(region.nor, "image version", (region.stretch,), lambda: _read_version(region))


def _read_version(region: Region) -> str | None:
    header = _whole_header(region)
    if header is None:
        return None
    body_bytes = header.length_bytes - IMAGE_HEADER_BYTES
    return header.version if _crc32(region, IMAGE_HEADER_BYTES, body_bytes) == header.crc32 else None


def _whole_header(region: Region) -> ImageHeader | None:
    """The header of an image that its partition can hold."""
    header = read_header(region.read(0, IMAGE_HEADER_BYTES))
    return None if header is None or header.length_bytes > region.size_bytes else header


def _crc32(region: Region, address: int, length: int) -> int:
    crc32 = 0
    for at in range(address, address + length, _CHUNK_BYTES):
        crc32 = zlib.crc32(region.read(at, min(_CHUNK_BYTES, address + length - at)), crc32)
    return crc32


def _failed(what: str) -> PackageError:
    return PackageError(PackageCode.UPGRADE_FAILED, f"upgrade failed: {what}")
