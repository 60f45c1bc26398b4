"""What the sweep believes of a flash, against the flash itself: operations, dependence, versions."""

from __future__ import annotations

import pytest
from sweep_rig import PART, SECTOR_BYTES, firmwares, small_flow

from sim.boot.bootloader import installed_version
from sim.flash.nor import Nor, Torn
from sim.kernel.power import PowerLoss
from sim.kernel.seeds import stream
from sim.sweep.clean_run import clean_run, live_until_rest, sector_of
from sim.sweep.slow import torn_seed
from sim.sweep.versions import Versions
from sim.sweep.watched import Op, WatchedNor


def test_the_log_has_one_entry_for_each_operation_and_says_all_that_was_done():
    nor, twin = WatchedNor(PART), Nor(PART)
    nor.watch(logging=True)
    nor.rewrite(0, bytes(5000))
    nor.program(8192 + 200, bytes(100))  # over a page border
    nor.erase(4096, 8192)
    assert len(nor.log) == nor.ops == 1 + 16 + 1 + 4 + 2 + 2
    for op in nor.log:
        before = twin.image(op.sector * SECTOR_BYTES, SECTOR_BYTES)
        twin.load(op.sector * SECTOR_BYTES, op.done(before))
    assert twin.image(0, 16384) == nor.image(0, 16384)


def test_dependence_is_reading_or_programming_before_overwriting():
    nor = WatchedNor(PART)
    nor.watch()
    nor.rewrite(0, b"new")
    nor.read(0, 10)  # what it wrote itself
    nor.read(4096, 4097)
    nor.erase(4096)
    nor.program(5 * 4096, b"\0")  # onto cells that may hold something
    nor.erase(7 * 4096)
    nor.program(7 * 4096, b"\0")
    assert nor.read_first == {1, 2, 5}
    assert nor.written == {0, 1, 5, 7}


@pytest.mark.parametrize("method", ["differential", "full", "minimal"])
def test_a_cut_state_made_from_the_log_is_what_a_real_cut_leaves(method):
    flow = small_flow(method, past=250)
    stations = clean_run(flow)
    for station in stations:
        overlay: dict[int, bytes] = {}
        for point, op in enumerate(station.ops, start=station.first_op):
            before = overlay.get(op.sector, sector_of(station.snapshot, op.sector))
            if point % 5 == 0:
                shape = list(Torn)[point // 5 % len(Torn)]
                expected = {**overlay, op.sector: op.torn(before, shape, torn_seed(0, point))}
                assert_cut_leaves(flow, point, shape, station, expected)
            overlay[op.sector] = op.done(before)


def do_all(flow):
    for _ in flow.ask():
        pass
    live_until_rest(flow)


def assert_cut_leaves(flow, point, shape, station, overlay):
    flow.nor.restore(flow.start)
    flow.nor.arm_cut(point, shape, torn_seed(0, point))
    with pytest.raises(PowerLoss):
        do_all(flow)
    for sector in range(PART.sectors):
        real = flow.nor.image(sector * SECTOR_BYTES, SECTOR_BYTES)
        assert real == overlay.get(sector, sector_of(station.snapshot, sector)), f"{point} {shape}: sector {sector}"


def test_versions_follow_every_change_as_the_bootloader_would_see_it():
    flow, rng = small_flow(), stream(0, "", "versions")
    flow.nor.restore(flow.start)
    images = flow.layout.images
    versions = Versions(images)
    assert versions.version == installed_version(images) == "V1"
    new = firmwares(False)[1].images
    seen = set()
    for name, region in images.items():
        padded = new[name].ljust(region.size_bytes, b"\xff")
        for at in range(0, region.size_bytes, SECTOR_BYTES):
            sector, content = (region.start + at) // SECTOR_BYTES, padded[at : at + SECTOR_BYTES]
            for tried in (content, rng.randbytes(SECTOR_BYTES), content[:100] + b"\xff" * (SECTOR_BYTES - 100)):
                kept = flow.nor.snapshot()
                told = versions.version_with(sector, tried)
                region.load(at, tried)
                assert told == installed_version(images)
                flow.nor.restore(kept)
            versions.change(sector, content)
            region.load(at, content)
            seen.add(versions.version)
            assert versions.version == installed_version(images)
    assert seen == {None, "V2"}
    twin = versions.copy()
    twin.change(images["APP"].start // SECTOR_BYTES, bytes(SECTOR_BYTES))
    assert (twin.version, versions.version) == (None, "V2")


def test_a_torn_operation_is_between_before_and_after():
    op = Op(3, 16, b"\x0f" * 16)
    before = b"\xff" * SECTOR_BYTES
    assert op.torn(before, Torn.NONE, 1) == before
    assert op.torn(before, Torn.COMPLETE, 1) == op.done(before)
    assert Op(3).torn(bytes(SECTOR_BYTES), Torn.COMPLETE, 1) == Op(3).done(bytes(SECTOR_BYTES)) == before
