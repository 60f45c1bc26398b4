"""What the start finds out about volumes is found once for all equal flashes, and nobody can tell."""

import pytest

from sim.device import start
from sim.flash import remembered
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.world import World

WITHOUT_TEMP, WITH_TEMP = "EG915UEUABR03A20M08_OCPU_QPY", "EG915UEUABR05A20M08_OCPU_QPY"
MINUTE_US = 60_000_000


@pytest.fixture(autouse=True)
def nothing_remembered():
    remembered.forget()


@pytest.fixture
def booted(tmp_path):
    """Modules of this firmware, after their first minute."""

    def boot(firmware, prepare=lambda _devices: None):
        (tmp_path / "s.yaml").write_text(f"""\
version: 1
name: start
duration: 5m
fleet:
  - {{group: same, count: 3, model: EG915U, firmware: {firmware}, agent: modelled}}
cloud: {{}}
""")
        world = World(load_scenario(tmp_path / "s.yaml"), RunOptions(transport="memory"))
        devices = list(world.devices.values())
        prepare(devices)
        world.start()
        world.clock.run(MINUTE_US)
        assert {device.state for device in devices} == {"running"}
        told = [(device.nor.busy_us, device.nor.ops, device.storage.staging_prefix) for device in devices]
        return devices, world.trace.hashes(), told

    return boot


@pytest.mark.parametrize(("firmware", "prefix"), [(WITHOUT_TEMP, ""), (WITH_TEMP, "/fota")])
def test_a_boot_that_need_not_look_is_the_same_as_one_that_looks(booted, monkeypatch, firmware, prefix):
    _, hashes, told = booted(firmware)
    monkeypatch.setattr(start, "_nothing_to_do", lambda _: False)
    assert booted(firmware)[1:] == (hashes, told)
    assert {found for *_, found in told} == {prefix}


def test_only_the_first_of_equal_flashes_is_looked_at(booted, monkeypatch):
    looks, look = [], start._is_idle
    monkeypatch.setattr(start, "_is_idle", lambda module: looks.append(module.name) or look(module))
    booted(WITHOUT_TEMP)
    assert looks == ["same-00001"]


def test_what_a_watched_flash_does_is_not_taken_for_what_others_do(booted, monkeypatch):
    booted(WITHOUT_TEMP, lambda devices: devices[0].storage.watch_ops(lambda *_: None))
    looks, look = [], start._nothing_to_do
    monkeypatch.setattr(start, "_nothing_to_do", lambda module: looks.append(look(module)) or looks[-1])
    booted(WITHOUT_TEMP)
    assert looks == [True] * 3
