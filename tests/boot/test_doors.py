"""What follows a step that is a door depends on flash alone: a bootloader that enters there does the very same."""

from __future__ import annotations

import pytest
from boot_rig import NEW, TRUST, Rig, diff_package, full_package

from sim.boot.bootloader import Bootloader, BootOutcome
from sim.flash.defects import Defects
from sim.flash.flawed import FlawedNor
from sim.flash.nor import Nor


def rest(nor, steps):
    """Each step, then the outcome, and the flash after each."""
    found = []
    while True:
        try:
            value = next(steps)
        except StopIteration as stop:
            return [*found, (stop.value, nor.seal(), nor.ops, nor.busy_us)]
        found.append((value, nor.seal(), nor.ops, nor.busy_us))


def requested(package, records=0):
    rig = Rig()
    rig.age_journal(records)
    rig.request(package)
    return rig


@pytest.mark.parametrize(("block_sectors", "records"), [(1, 0), (1, 250), (2, 0), (4, 230), (0, 0)])
def test_a_bootloader_goes_on_from_each_door(block_sectors, records):
    rig = requested(diff_package(block_sectors) if block_sectors else full_package(), records)
    whole = rest(rig.nor, rig.loader().run())
    doors = [number for number, (value, *_) in enumerate(whole[:-1]) if value.is_door]
    assert len(doors) >= 6
    assert whole[-1][0] == BootOutcome("reset", NEW)
    for number in doors:
        nor = Nor(rig.nor.part)
        nor.jump(*whole[number][1:])
        assert rest(nor, Bootloader(rig.layout.on(nor), TRUST).go_on()) == whole[number + 1 :]


def test_going_on_takes_no_time_of_its_own_and_writes_nothing():
    rig = requested(diff_package(2))
    run = rig.loader().run()
    while not next(run).is_door:
        pass
    before = rig.nor.snapshot()
    rig.loader().go_on()
    assert rig.nor.snapshot() == before


def boots(nor, spoil):
    """A boot; a part that may be flawed reads its images in earnest."""
    layout = Rig().layout.on(nor)
    if spoil:
        nor.load(layout.package.start, bytes(spoil))
    return rest(nor, Bootloader(layout, TRUST).run())


@pytest.mark.parametrize("spoil", [0, 4096], ids=["usable", "spoiled package"])
def test_an_update_that_has_begun_takes_the_time_to_read_its_images_whether_or_not_it_matters(spoil):
    rig = requested(diff_package(2))
    started, run = rig.nor.busy_us, rig.loader().run()
    moments = [rig.nor.snapshot() for _ in run]
    assert rig.nor.busy_us > started
    for moment in moments[2::5]:  # begun, in all the ways that a step can be half done
        plain, flawed = Nor(rig.nor.part), FlawedNor(rig.nor.part, Defects(seed=1))
        plain.restore(moment)
        flawed.restore(moment)
        assert boots(plain, spoil) == boots(flawed, spoil)
