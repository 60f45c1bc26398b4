"""The mini system: a small program with a network stack that replaces the big one, which has no room for two.

Stage 1, as the old mini system: download the package that turns itself, check it, leave it to the bootloader. Whatever
fails is tried again for a while, then the request is dropped and the big system, still whole, runs on.
Stage 2, as the new one: download every block of the big system and write it where it belongs. There is no way back, so
whatever fails is tried again for ever, waiting longer each time, and goes on at the block where it stopped.
Rules: all it knows when it starts it reads from flash; a block counts when the journal says DONE; nothing is written to
the big system before the second package proved to be the partner that the first one names, nor is a block that fails
its check. No application runs meanwhile, and nobody is told: the outcome is the version that boots.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

from sim.boot.bootloader import accept_mini, check_result, mini_version, unpack_us, write_block
from sim.boot.journal import Journal, JournalState, Phase, Record, RecordKind
from sim.errors import PackageError
from sim.kernel.clock import Story
from sim.pack.codes import PackageCode
from sim.pack.container import (
    HEADER_BYTES,
    SECTOR_BYTES,
    BlockEntry,
    Kind,
    Manifest,
    corrupt,
    parse_header,
    read_manifest,
)
from sim.pack.patch import decode_block
from sim.pack.verify import check_head, verify_area
from sim.units import US_PER_S
from sim.update.download import HTTP_RESPONSE, NO_SPACE, RANGE_BYTES, fetch_range
from sim.update.mini_request import read_request
from sim.update.site import Fetcher, Site, UpdateFailed

STAGE_1_PATIENCE_US = 600 * US_PER_S
"""ESTIMATE: the vendor says "after a time-out back to the big system"; his applications give a whole upgrade 600 s."""

FIRST_WAIT_US = 5 * US_PER_S
LONGEST_WAIT_US = 300 * US_PER_S
"""ESTIMATE: a retry at least every five minutes finds a network that came back without flooding one that did not."""

STAGE_1_SHARE = 0.6
"""Stage 1 is the first 60 % of the progress (Quectel DFOTA guide, mini-system upgrade)."""

_AGAIN = (PackageCode.CORRUPT, PackageCode.HASH)  # another download may be whole; other refusals are final


def run_mini_system(site: Site) -> Story:
    """Story of one life of the mini system; afterwards the device must restart."""
    state = Journal(site.layout.journal).state
    if state.phase is Phase.MINI_REQUESTED:
        yield from _stage_1(site, state)
    else:
        yield from _stage_2(site, state)


# -- stage 1


def _stage_1(site: Site, state: JournalState) -> Story:
    try:
        pack = yield from _first_package(site, state)
        accept_mini(site.layout, pack)
    except (UpdateFailed, PackageError) as failure:
        yield from site.flash_time()
        site.trace("update.refused", code=int(failure.code), reason=str(failure))
        Journal(site.layout.journal).append(Record(RecordKind.CLEAR))
    else:
        site.trace("mini.staged", version=pack.manifest.identity.target_version, bytes=pack.size_bytes)
    yield from site.flash_time()


def _first_package(site: Site, state: JournalState) -> Story:
    """The verified first package. Raises UpdateFailed when time is up, PackageError when it is not for this device."""
    url, _ = read_request(site, state)
    give_up_us, wait_us = site.clock.now_us + STAGE_1_PATIENCE_US, FIRST_WAIT_US
    while True:
        try:
            return (yield from _download_first(site, url))
        except UpdateFailed as failure:
            if site.clock.now_us + wait_us > give_up_us:
                raise
            wait_us = yield from _pause(site, failure, wait_us)


def _download_first(site: Site, url: str) -> Story:
    """One attempt from zero. UpdateFailed when another one may do better."""
    site.enter_phase("mini_download", 0.0)
    layout, fetcher = site.layout, site.http()
    recipient = layout.recipient(mini_version(layout), frozenset({Kind.MINI_SYSTEM}), site.trust)
    start, total = yield from fetch_range(fetcher, url, 0, HEADER_BYTES)
    try:
        head = parse_header(start)
    except PackageError as reason:
        raise UpdateFailed(reason.code, str(reason)) from reason
    check_head(head, recipient)
    yield from site.flash_time()
    if total > layout.package.size_bytes:
        raise PackageError(NO_SPACE, f"the package has {total} bytes, the staging area {layout.package.size_bytes}")
    yield from _stage_rest(site, fetcher, url, start, total)
    try:
        pack = verify_area(layout.package, total, recipient)
    except PackageError as reason:
        if reason.code not in _AGAIN:
            raise
        raise UpdateFailed(reason.code, str(reason)) from reason
    yield from site.flash_time()
    return pack


def _stage_rest(site: Site, fetcher: Fetcher, url: str, start: bytes, total: int) -> Story:
    """Write the package to the staging area, whole ranges at a time; `start` has come already."""
    at, held = 0, start[:total]
    while at < total:
        wanted = min(RANGE_BYTES, total - at) - len(held)
        if wanted > 0:
            body, size = yield from fetch_range(fetcher, url, at + len(held), wanted)
            if size != total or len(body) < wanted:
                raise UpdateFailed(HTTP_RESPONSE, "the file changed while it was downloaded")
            held += body[:wanted]
        site.layout.package.rewrite(at, held[:RANGE_BYTES])
        yield from site.flash_time()
        at, held = at + len(held[:RANGE_BYTES]), held[RANGE_BYTES:]
        site.enter_phase("mini_download", STAGE_1_SHARE * at / total)


# -- stage 2


def _stage_2(site: Site, state: JournalState) -> Story:
    wait_us, written = FIRST_WAIT_US, state.next_step
    while True:
        journal = Journal(site.layout.journal)
        try:
            yield from _stream(site, journal)
            return
        except (UpdateFailed, PackageError) as failure:
            if journal.state.next_step != written:
                wait_us, written = FIRST_WAIT_US, journal.state.next_step
            yield from site.flash_time()
            wait_us = yield from _pause(site, failure, wait_us)


def _stream(site: Site, journal: Journal) -> Story:
    """Write all blocks that are not written yet, check the images and note that all is complete."""
    layout, state = site.layout, journal.state
    _, url = read_request(site, state)
    recipient = layout.recipient(mini_version(layout), frozenset({Kind.MINI_SYSTEM}), site.trust)
    first = verify_area(layout.package, state.package_bytes, recipient, resumed=True)
    yield from site.flash_time()
    fetcher = site.http()
    manifest = yield from _outline(fetcher, url)
    check_head(manifest.head, layout.recipient(None, frozenset({Kind.BIG_SYSTEM}), site.trust))
    if manifest.outline_sha256 != first.manifest.identity.partner_sha256:
        raise corrupt("this is not the second half that the first one belongs to")
    for steps in _groups(manifest.index, journal.state.next_step):
        yield from _write_group(site, journal, manifest, steps, (yield from _blocks(fetcher, url, manifest, steps)))
    try:
        check_result(layout, manifest)
    except PackageError:
        journal.append(Record(RecordKind.MINI_UPDATED))  # from the first block on
        raise
    journal.append(Record(RecordKind.COMPLETE))
    yield from site.flash_time()
    site.trace("mini.complete", version=manifest.identity.target_version, bytes=manifest.size_bytes)


def _outline(fetcher: Fetcher, url: str) -> Story:
    """The manifest of the second package, from its header, index and footers."""
    start, total = yield from fetch_range(fetcher, url, 0, HEADER_BYTES)
    head = parse_header(start[:HEADER_BYTES])
    known: dict[int, bytes] = {0: start[:HEADER_BYTES]}
    footer_at = HEADER_BYTES + head.body_bytes
    for at, length in ((HEADER_BYTES, head.index_bytes), (footer_at, total - footer_at)):
        if length > 0:
            body, size = yield from fetch_range(fetcher, url, at, length)
            if size != total:
                raise corrupt("the file changed while it was downloaded")
            known[at] = body[:length]

    def read(offset: int, length: int) -> bytes:
        at = max(start for start in known if start <= offset)
        return known[at][offset - at : offset - at + length]

    return read_manifest(read, total)


def _groups(index: Sequence[BlockEntry], first: int) -> Iterator[range]:
    """Steps from `first` on, as many together as one range request brings."""
    while first < len(index):
        last = first
        while last + 1 < len(index) and _end(index[last + 1]) - index[first].offset <= RANGE_BYTES:
            last += 1
        yield range(first, last + 1)
        first = last + 1


def _end(entry: BlockEntry) -> int:
    return entry.offset + entry.size_bytes


def _blocks(fetcher: Fetcher, url: str, manifest: Manifest, steps: range) -> Story:
    """The compressed blocks of `steps`."""
    entries = manifest.index[steps.start : steps.stop]
    at, end = entries[0].offset, _end(entries[-1])
    body, size = yield from fetch_range(fetcher, url, at, end - at)
    if size != manifest.size_bytes:
        raise corrupt("the file changed while it was downloaded")
    return [body[entry.offset - at : _end(entry) - at] for entry in entries]


def _write_group(site: Site, journal: Journal, manifest: Manifest, steps: range, blocks: list[bytes]) -> Story:
    for step, data in zip(steps, blocks, strict=True):
        entry = manifest.index[step]
        if zlib.crc32(data) != entry.crc32:
            raise corrupt(f"CRC-32 of block {step} differs")
        size_bytes = entry.sectors * SECTOR_BYTES
        block = decode_block(data, size_bytes, 0, _no_old_image)
        yield unpack_us(size_bytes)
        partition = manifest.head.targets[entry.target].partition
        write_block(site.layout.images[partition], entry.first_sector * SECTOR_BYTES, block)
        journal.append(Record(RecordKind.DONE, step))
        yield from site.flash_time()
        site.enter_phase("stream", STAGE_1_SHARE + (1 - STAGE_1_SHARE) * (step + 1) / len(manifest.index))


def _no_old_image(_offset: int, _length: int) -> bytes:
    raise corrupt("a block of the second half reads an old image")


# -- both


def _pause(site: Site, failure: UpdateFailed | PackageError, wait_us: int) -> Story:
    """Tell why, wait, and say how long to wait the next time."""
    site.trace("mini.retry", code=int(failure.code), reason=str(failure), wait_s=wait_us // US_PER_S)
    yield wait_us
    return min(2 * wait_us, LONGEST_WAIT_US)
