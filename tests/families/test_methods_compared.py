"""What the vendor says of the three methods, held against one family that has them all (compare_methods.yaml)."""

import pytest
from test_every_method import VERSIONS

from sim.device.catalogue import load_model
from sim.device.peek import installed_version, read_file
from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.runner import run_scenario

MODEL = "EC600NCNLC"
OLD, NEW = (VERSIONS["ecx00n"].format(n) for n in (1, 2))


@pytest.fixture(scope="module")
def costs():
    result = run_scenario(load_scenario(find_scenario("compare_methods")), RunOptions(transport="memory"))
    assert result.passed, result.problems
    return {cost["job"]: cost for cost in result.costs}


def test_a_full_package_needs_more_storage_and_more_data_than_a_differential_one(costs):
    full, differential = costs["full"], costs["differential"]
    assert full["downloaded_bytes"] > 5 * differential["downloaded_bytes"]
    assert full["staged_bytes"] > 5 * differential["staged_bytes"]


def test_a_full_upgrade_is_faster(costs):
    assert costs["full"]["seconds"] < 0.8 * costs["differential"]["seconds"]
    assert costs["full"]["erases"] < costs["differential"]["erases"]


def test_a_minimal_upgrade_downloads_an_amount_between_the_two_needs_least_room_and_restarts_most(costs):
    minimal = costs["minimal"]
    assert costs["differential"]["downloaded_bytes"] < minimal["downloaded_bytes"] < costs["full"]["downloaded_bytes"]
    assert minimal["staged_bytes"] < costs["differential"]["staged_bytes"]
    assert [costs[job]["reboots"] for job in ("full", "differential", "minimal")] == [2, 2, 4]


@pytest.mark.parametrize("start", [3, 7])
def test_a_full_package_upgrades_any_version(upgrade, start):
    done = upgrade(MODEL, "full", VERSIONS["ecx00n"].format(start), NEW).run()
    assert (done.status, installed_version(done.device)) == ("SUCCEEDED", NEW)


@pytest.mark.parametrize("method", ["differential", "minimal"])
def test_a_differential_or_minimal_package_fits_one_version_only(upgrade, method):
    other = VERSIONS["ecx00n"].format(3)
    done = upgrade(MODEL, method, other, NEW, base=OLD, duration="1h").run()
    assert done.status == "FAILED"
    assert installed_version(done.device) == other
    assert done.kinds("update.refused")[0]["code"] in (507, 510, 553)


def change_one_byte(device, partition):
    """As if a bit had flipped in the running image: bytes differ, and the image no longer checks out."""
    region = device.layout.firmware[partition]
    place = 70_000
    byte = region.image(place, 1)
    region.load(place, bytes([byte[0] ^ 1]))


@pytest.mark.parametrize("partition", load_model(MODEL).images)
def test_one_changed_byte_in_the_base_stops_a_differential_package_before_any_write(upgrade, partition):
    made = upgrade(MODEL, "differential", OLD, NEW, duration="1h")
    before = {name: made.device.layout.images[name] for name in made.device.layout.images}
    contents = {}

    def spoil():
        change_one_byte(made.device, partition)
        contents.update({name: region.image(0, region.size_bytes) for name, region in before.items()})

    made.world.clock.after(5_000_000, spoil)
    done = made.run()
    assert done.status == "FAILED"
    assert done.kinds("update.refused")[0]["code"] in (510, 553)
    assert {name: region.image(0, region.size_bytes) for name, region in before.items()} == contents


@pytest.mark.parametrize("partition", load_model(MODEL).images)
def test_the_full_upgrade_still_works_on_a_changed_base(upgrade, partition):
    made = upgrade(MODEL, "full", OLD, NEW, duration="1h")
    made.world.clock.after(5_000_000, change_one_byte, made.device, partition)
    done = made.run()
    assert (done.status, installed_version(done.device)) == ("SUCCEEDED", NEW)


@pytest.mark.parametrize("method", sorted(load_model(MODEL).methods))
def test_the_file_system_partition_is_never_patched(upgrade, method):
    made = upgrade(MODEL, method, OLD, NEW, program="demo")
    places = [made.device.model.partitions[name] for name in made.device.model.file_systems.values()]
    touched = []

    def watch(kind, address):
        if made.device.phase in ("apply", "stream", "mini_download") and any(
            p.offset <= address < p.end for p in places
        ):
            touched.append((kind, address))

    made.device.storage.watch_ops(watch)
    done = made.run()
    assert done.status == "SUCCEEDED"
    assert touched == []
    assert b"getversion" in read_file(done.device, "/usr/a.py")
