"""What a boot does with a request, step by step, and how it answers what it cannot apply."""

from __future__ import annotations

import pytest
from boot_rig import FAMILY, IMAGES, NEW, OLD, Rig, diff_package, firmwares, full_package
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sim.boot.bootloader import Bootloader, BootOutcome, Trust, installed_version, patch_us, request_update, unpack_us
from sim.boot.journal import Journal, Phase, Record, RecordKind
from sim.errors import PackageError
from sim.pack.build import build_diff
from sim.pack.codes import PackageCode
from sim.pack.firmware import Firmware, make_image

SECTOR = 4096


def flip(region, address):
    region.load(address, bytes([region.image(address, 1)[0] ^ 1]))


def run_to(rig, kind, step=0):
    """Boot until that step is done, then lose power."""
    run = rig.loader().run()
    while True:
        seen = next(run)
        if seen.kind == kind and seen.step == step:
            run.close()
            return


# -- refused before the first write: the request is dropped and the old firmware runs


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (lambda rig: flip(rig.layout.package, 40), PackageCode.CORRUPT),
        (lambda rig: flip(rig.layout.package, 3000), PackageCode.CORRUPT),
        (lambda rig: rig.layout.package.load(0, b"\xff" * SECTOR), PackageCode.CORRUPT),
        (
            lambda rig: rig.layout.images["APP"].load(0, make_image(OLD, b"another build")),
            PackageCode.BASE_MISMATCH,
        ),
    ],
)
def test_a_package_or_base_that_changed_after_the_request_is_dropped(harm, code):
    rig = Rig()
    rig.request(diff_package(4))
    harm(rig)
    ops = rig.nor.ops
    outcome = rig.boot_until_run()
    assert (outcome.action, outcome.version, outcome.code) == ("run", OLD, code)
    assert rig.nor.ops == ops + 1  # the CLEAR record and nothing else
    assert rig.boot()[1] == BootOutcome("run", OLD)


def test_a_request_that_no_longer_fits_the_running_version_is_dropped():
    rig = Rig()
    pack = rig.stage(diff_package(4))
    request_update(rig.layout, pack)
    assert rig.boot_until_run().version == NEW
    request_update(rig.layout, pack)
    outcome = rig.boot_until_run()
    assert (outcome.version, outcome.code) == (NEW, PackageCode.VERSION_MISMATCH)


def test_another_key_in_the_bootloader_refuses():
    rig = Rig()
    rig.request(diff_package(4))
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    outcome = rig.boot(Bootloader(rig.layout, Trust(other)))[1]
    assert (outcome.action, outcome.code) == ("run", PackageCode.CORRUPT)
    assert "key" in outcome.reason
    assert rig.holds(firmwares()[0])


def test_a_block_that_scratch_cannot_hold_is_not_even_requested():
    rig = Rig(scratch_sectors=8)
    with pytest.raises(PackageError) as refusal:
        rig.request(diff_package(16))
    assert refusal.value.code == PackageCode.NO_SPACE
    assert str(8 * SECTOR) in str(refusal.value)
    assert Journal(rig.layout.journal).state.phase is Phase.IDLE


def test_a_request_larger_than_the_staging_area_is_dropped():
    rig = Rig()
    Journal(rig.layout.journal).append(Record(RecordKind.REQUEST, 1 << 31, 0))
    assert rig.boot_until_run().code == PackageCode.CORRUPT


# -- no way forward and none back


def test_no_firmware_and_no_request_is_bricked_and_stays_so():
    rig = Rig()
    flip(rig.layout.images["APPIMG"], 5000)
    assert installed_version(rig.layout.images) is None
    for _ in range(2):
        outcome = rig.boot()[1]
        assert (outcome.action, outcome.version, outcome.code) == ("bricked", None, PackageCode.UPGRADE_FAILED)


def test_images_of_two_versions_do_not_run():
    rig = Rig()
    rig.layout.images["APP"].load(0, firmwares()[1].images["APP"])
    assert installed_version(rig.layout.images) is None
    assert rig.boot()[1].action == "bricked"


def test_a_package_lost_half_way_bricks():
    rig = Rig()
    rig.request(diff_package(4))
    run_to(rig, "done", step=2)
    flip(rig.layout.package, 3000)
    outcome = rig.boot()[1]
    assert (outcome.action, outcome.code) == ("bricked", PackageCode.CORRUPT)


def test_a_package_lost_before_the_first_target_was_written_is_dropped():
    rig = Rig()
    rig.request(diff_package(4))
    run_to(rig, "ready")
    flip(rig.layout.package, 3000)
    outcome = rig.boot()[1]
    assert (outcome.action, outcome.version, outcome.code) == ("run", OLD, PackageCode.CORRUPT)


def test_damaged_scratch_is_noticed():
    rig = Rig()
    rig.request(diff_package(4))
    run_to(rig, "ready", step=1)
    flip(rig.layout.scratch, 4 * SECTOR + 100)  # step 1 uses the second slot
    outcome = rig.boot()[1]
    assert (outcome.action, outcome.code) == ("bricked", PackageCode.UPGRADE_FAILED)
    assert "step 1" in outcome.reason


def test_a_target_that_changed_behind_our_back_is_not_called_complete():
    rig = Rig()
    rig.request(diff_package(4))
    run_to(rig, "done", step=5)  # the last one
    flip(rig.layout.images["APP"], 100)
    outcome = rig.boot()[1]
    assert (outcome.action, outcome.code) == ("bricked", PackageCode.UPGRADE_FAILED)
    assert "APP is not the promised image" in outcome.reason


def test_a_full_package_saves_a_module_whose_firmware_is_broken():
    rig = Rig()
    rig.request(full_package())
    flip(rig.layout.images["APP"], 5000)
    assert rig.boot_until_run() == BootOutcome("run", NEW)
    assert rig.holds(firmwares()[1])


# -- the way it goes


@pytest.mark.parametrize("block_sectors", [1, 2, 4, 16])
def test_an_update_takes_two_boots_and_then_costs_nothing(block_sectors):
    rig = Rig()
    rig.request(diff_package(block_sectors))
    steps, outcome = rig.boot()
    assert outcome == BootOutcome("reset", NEW)
    assert [step.kind for step in steps[:6]] == ["images", "package", "scratch", "ready", "target", "done"]
    assert steps[-1].kind == "complete"
    assert [step.step for step in steps if step.kind == "done"] == list(range(steps[-1].steps))
    assert rig.holds(firmwares()[1])
    assert [step.kind for step in rig.boot()[0]] == ["images", "clear"]
    ops = rig.nor.ops
    assert rig.boot()[1] == BootOutcome("run", NEW)
    assert rig.nor.ops == ops


def test_a_full_package_is_written_without_scratch():
    rig = Rig()
    rig.request(full_package())
    steps, outcome = rig.boot()
    assert outcome == BootOutcome("reset", NEW)
    assert {step.kind for step in steps} == {"images", "package", "target", "done", "complete"}
    assert rig.holds(firmwares()[1])


def test_time_is_the_flashs_own_and_decoding_is_told():
    rig = Rig()
    rig.request(diff_package(4))
    run, decode_us, before = rig.loader().run(), 0, rig.nor.busy_us
    for step in run:
        decode_us += step.apply_us
        assert rig.nor.busy_us >= before
        before = rig.nor.busy_us
    written = sum(-(-len(image) // SECTOR) for image in firmwares()[1].images.values())
    assert decode_us == pytest.approx(patch_us(written * SECTOR), abs=50)
    assert (patch_us(60_000), unpack_us(600_000)) == (1_000_000, 1_000_000)


def test_small_blocks_share_the_wear_of_scratch():
    rig = Rig()
    rig.request(diff_package(1))
    steps, _ = rig.boot()
    done = sum(step.kind == "done" for step in steps)
    scratch_sector = rig.layout.scratch.start // SECTOR
    wear = [rig.nor.erase_count(scratch_sector + n) for n in range(16)]
    assert done > 20
    assert sum(wear) == done
    assert max(wear) - min(wear) <= 1


def test_an_unchanged_firmware_with_another_version_rewrites_only_what_differs():
    old = firmwares()[0]
    body = {name: image[64:] for name, image in old.images.items()}
    same = Firmware(FAMILY, NEW, {name: make_image(NEW, body[name]) for name in IMAGES})
    rig = Rig()
    rig.request(build_diff(old, same, IMAGES, block_sectors=1))
    steps, _ = rig.boot()
    assert [(step.partition, step.steps) for step in steps if step.kind == "done"] == [("APP", 2), ("APPIMG", 2)]
    assert rig.boot_until_run().version == NEW


def test_updates_follow_one_another_back_and_forth():
    old, new = firmwares()
    back = build_diff(new, old, IMAGES, block_sectors=4)
    rig = Rig()
    for _ in range(12):  # the journal rolls over on the way
        rig.request(diff_package(4))
        assert rig.boot_until_run() == BootOutcome("run", NEW)
        request_update(rig.layout, rig.stage(back, NEW))
        assert rig.boot_until_run() == BootOutcome("run", OLD)
    assert rig.holds(old)
