"""The vendor's sample, whose thing name is fixed, on fifty devices at once: the script is not touched."""

import re

import pytest
from upgrade_bench import NEW, OLD

from sim.device.peek import installed_version, read_file
from sim.errors import SpecError
from sim.jobs.execution import Status
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.world import World

DEVICES = 50
ENTRY = re.compile(r"- \{name: QuecPython_OTA,.*\}")


@pytest.fixture
def fleet(bench, tmp_path):
    """The bench's scenario with a group in the place of its device."""
    made = []

    def make(group, transport="memory"):
        bench()
        text = (tmp_path / "scenario.yaml").read_text()
        text, found = ENTRY.subn(f"- {group}", text)
        assert found == 1
        text = text.replace("targets: [QuecPython_OTA]", "targets: [fleet]")
        (tmp_path / "fleet.yaml").write_text(text)
        world = World(load_scenario(tmp_path / "fleet.yaml"), RunOptions(transport=transport))
        made.append(world)
        world.start()
        return world

    yield make
    for world in made:
        world.close()


def succeeded(world):
    return world.account.jobs.counts()[Status.SUCCEEDED]


def group(count, **more):
    keys = "".join(f", {key}: {value}" for key, value in more.items())
    return f"{{group: fleet, count: {count}, model: EG915U, firmware: {OLD}, script: ./device{keys}}}"


def test_fifty_devices_run_the_sample_untouched(fleet):
    world = fleet(group(DEVICES, alias="QuecPython_OTA"))
    names = set()
    world.trace.observe(lambda record: names.add(record.data["client"]) if record.kind == "mqtt.connect" else None)
    world.clock.run(240_000_000)
    assert succeeded(world) == 2 * DEVICES
    assert {installed_version(device) for device in world.devices.values()} == {NEW}
    assert {read_file(device, "/usr/b.py") for device in world.devices.values()} == {b"VERSION = '2.0'\n"}
    assert {device.boots for device in world.devices.values()} == {3}
    assert names == {"QuecPython_OTA"}  # what the script said


def test_without_an_alias_no_device_gets_at_its_jobs(fleet):
    world = fleet(group(3))
    world.clock.run(240_000_000)
    assert succeeded(world) == 0


def test_the_alias_works_on_real_sockets(fleet):
    worlds = [fleet(group(2, alias="QuecPython_OTA"), transport) for transport in ("memory", "virtual")]
    digests = []
    for world in worlds:
        world.clock.run(240_000_000)
        assert succeeded(world) == 4
        digests.append(world.trace.digest())
    assert digests[0] == digests[1]


def test_an_alias_without_a_script_is_a_mistake(fleet):
    with pytest.raises(SpecError, match="'alias' is the thing name that a 'script' has"):
        fleet(group(1, alias="QuecPython_OTA").replace("script: ./device", "agent: modelled"))
