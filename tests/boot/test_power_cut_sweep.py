"""Power may go at any flash operation of an update, and leave it torn in any shape: it always ends well."""

from __future__ import annotations

import pytest
from boot_rig import MOST_BOOTS, NEW, OLD, Rig, Sweep, diff_package, firmwares, full_package

from sim.boot.bootloader import request_update
from sim.flash.nor import Torn
from sim.kernel.power import PowerLoss
from sim.kernel.seeds import stream

SLOTS = 255  # records in a journal sector


@pytest.mark.parametrize(
    ("package", "aged"),
    [
        pytest.param(lambda: diff_package(4), SLOTS - 7, id="small blocks, journal rolls over in the middle"),
        pytest.param(lambda: diff_package(16), 0, id="64 KiB blocks, new journal"),
        pytest.param(full_package, SLOTS - 4, id="full package, journal rolls over in the middle"),
    ],
)
def test_every_cut_ends_with_the_new_firmware_or_the_old_one_that_was_not_yet_asked_to_go(package, aged):
    rig = Rig()
    rig.age_journal(aged)
    sweep = Sweep(rig, package())
    assert list(sweep.failures()) == []
    # Every operation of the run was cut in every shape.
    ops = sweep.stations[-1].snapshot.ops - sweep.stations[0].snapshot.ops
    assert sweep.cuts == ops * len(Torn) > 2000


@pytest.mark.parametrize("block_sectors", [1, 4, 16])
def test_a_boot_from_any_station_does_the_very_operations_that_running_through_does(block_sectors):
    rig = Rig()
    sweep = Sweep(rig, diff_package(block_sectors))
    end = sweep.stations[-1].snapshot
    for station in sweep.stations[1:]:
        rig.nor.restore(station.snapshot)
        assert rig.boot_until_run().version == NEW
        assert rig.nor.ops == end.ops
        assert rig.holds(firmwares()[1])


@pytest.mark.parametrize("seed", range(12))
def test_an_update_that_is_cut_again_and_again_still_arrives(seed):
    rig, rng = Rig(), stream(seed, "bench", "repeated cuts")
    rig.age_journal(rng.randrange(SLOTS))
    rig.request(diff_package(rng.choice([1, 2, 4, 16])))
    cuts = 0
    while True:
        rig.nor.arm_cut(rng.randrange(400), rng.choice(list(Torn)), seed=rng.randrange(1 << 30))
        try:
            outcome = rig.boot_until_run()
            break
        except PowerLoss:
            cuts += 1
            rig.nor.power_on()
    assert cuts > 0
    assert (outcome.action, outcome.version, outcome.code) == ("run", NEW, 0)
    assert rig.holds(firmwares()[1])


def test_a_cut_while_a_requested_package_is_overwritten_leaves_the_old_or_the_new_firmware():
    rig = Rig()
    pack = rig.stage(diff_package(4))
    request_update(rig.layout, pack)
    start = rig.nor.snapshot()
    rig.layout.package.rewrite(0, diff_package(1))
    ops = rig.nor.ops - start.ops
    ends = set()
    for after_ops in range(ops):
        for torn in Torn:
            rig.nor.restore(start)
            rig.nor.arm_cut(after_ops, torn, seed=after_ops)
            with pytest.raises(PowerLoss):
                rig.layout.package.rewrite(0, diff_package(1))
            rig.nor.power_on()
            outcome = rig.boot_until_run()
            assert outcome.action == "run"
            assert rig.holds(firmwares()[outcome.version == NEW])
            ends.add((outcome.version, outcome.code))
    assert ends == {(OLD, 505), (NEW, 0)}


def test_nothing_is_asked_so_nothing_is_written():
    rig = Rig()
    before = rig.nor.ops
    for _ in range(MOST_BOOTS):
        assert rig.boot()[1].version == OLD
    assert rig.nor.ops == before
