"""Power goes at the worst moments; the device comes back and finishes what it began."""

import pytest
from upgrade_bench import DEVICE, NEW

from sim.device.peek import installed_version, read_file
from sim.scenario.packages import firmware

APPLY_POINTS = 10
SHAPES = ("none", "prefix", "suffix", "random", "complete")


def cut(when, torn="prefix"):
    return f"[{{power_cut: {{device: {DEVICE}, when: {{{when}}}, torn: {torn}, off_for: 10s}}}}]"


def ops_in(bench, phase):
    """How many flash operations of each kind a clean run does in a phase."""
    made, seen = bench(), {}

    def count(kind, _address):
        if made.device.phase == phase:
            seen[kind] = seen.get(kind, 0) + 1

    made.device.storage.watch_ops(count)
    made.run_until_finished()
    return seen


def assert_recovered(done):
    assert [f.done for f in done.world.faults] == [True]
    assert len(done.kinds("power.cut")) == 1
    assert (done.status("jobfota"), done.status("jobappota")) == ("SUCCEEDED", "SUCCEEDED")
    assert installed_version(done.device) == NEW
    for partition, image in firmware(done.device.model, NEW).images.items():
        assert done.device.layout.images[partition].image(0, len(image)) == image
    assert b"2.0" in read_file(done.device, "/usr/a.py")
    assert b"2.0" in read_file(done.device, "/usr/b.py")


@pytest.mark.parametrize("transport", ["memory", "virtual"])
@pytest.mark.parametrize("progress", ["0%", "40%", "90%"])
def test_a_cut_during_the_download_means_downloading_again(bench, transport, progress):
    done = bench(transport=transport, faults=cut(f"phase: download, progress: {progress}")).run_until_finished()
    assert_recovered(done)
    assert [r["phase"] for r in done.kinds("phase")].count("download") == 2


@pytest.mark.parametrize("torn", SHAPES)
def test_a_flash_operation_of_the_download_is_torn(bench, torn):
    assert_recovered(bench(faults=cut("op: flash.program, phase: download, nth: 300", torn)).run_until_finished())


def test_cuts_spread_over_the_apply_are_resumed_where_they_fell(bench):
    total = ops_in(bench, "apply")["flash.program"]
    for point in range(APPLY_POINTS):
        nth = 1 + point * (total - 1) // (APPLY_POINTS - 1)
        faults = cut(f"op: flash.program, phase: apply, nth: {nth}", SHAPES[point % len(SHAPES)])
        done = bench(faults=faults).run_until_finished()
        assert_recovered(done)
        packs = [r for r in done.kinds("http") if r["url"].endswith(".pack") and r["range"].startswith("bytes=0-")]
        assert len(packs) == 1, "an interrupted apply needs no second download"


@pytest.mark.parametrize("torn", SHAPES)
def test_an_erase_of_the_apply_is_torn(bench, torn):
    assert_recovered(bench(faults=cut("op: flash.erase, phase: apply, nth: 333", torn)).run_until_finished())


def test_cuts_at_every_program_of_the_copy_of_application_files(bench):
    for nth in range(1, ops_in(bench, "app_copy")["flash.program"] + 1):
        faults = cut(f"op: flash.program, phase: app_copy, nth: {nth}", SHAPES[nth % len(SHAPES)])
        assert_recovered(bench(faults=faults).run_until_finished())


@pytest.mark.parametrize("transport", ["memory", "virtual"])
def test_a_network_that_goes_away_during_the_download_fails_it_and_says_so(bench, transport):
    """Five minutes without a network end the download, the old version runs on, and the cloud is told no success."""
    faults = f"[{{link_loss: {{device: {DEVICE}, when: {{phase: download, progress: 40%}}, for: 5m}}}}]"
    done = bench(transport=transport, faults=faults, duration="20m").run_until_finished()
    assert done.kinds("fota.failed")[0]["code"] == 719
    assert installed_version(done.device) == "EG915UEUABR03A20M08_OCPU_QPY"
    assert done.status("jobfota") in ("IN_PROGRESS", "FAILED")
