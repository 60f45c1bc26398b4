"""What a fleet that runs one script costs, as counts: what is shared, what goes when a boot is over, bytes a device."""

import gc
import tracemalloc
from contextlib import contextmanager
from weakref import ref

import pytest
import yaml

from sim.flash import replayed
from sim.flash.volume import Volume
from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.world import World
from sim.script import loader
from sim.script.runtime import ScriptRuntime
from sim.shipped import scenarios_dir

MOST_BYTES_A_DEVICE = 57_000
"""Python objects of a device at the end of both upgrades; 50,800 when this was written."""

MOST_CALLS_A_DEVICE = 40
"""Calls into littlefs in three boots, of 40 devices; 22 when this was written, 187 where each asks by itself."""

MOST_LEFT_TO_THE_COLLECTOR = 60
"""Objects of one boot, 48 when this was written: the script's own class, and the classes that it asked for."""


@pytest.fixture
def fleet(tmp_path):
    """Factory: the first upgrade on so many devices that run naive_ota, played to its end inside the block."""
    document = yaml.safe_load(find_scenario("first_upgrade").read_text())
    (entry,) = document["fleet"]
    name = entry.pop("name")
    for job in document["jobs"]:
        job["targets"] = ["fleet"]
    for part in ("apps", "first_upgrade"):
        (tmp_path / part).symlink_to(scenarios_dir() / part)

    @contextmanager
    def play(count):
        entry.update(group="fleet", count=count, script="apps/naive_ota", alias=name)
        (tmp_path / "fleet.yaml").write_text(yaml.safe_dump({**document, "fleet": [entry], "expect": []}))
        world = World(load_scenario(tmp_path / "fleet.yaml"), RunOptions(transport="memory"))
        try:
            world.start()
            world.clock.run(180_000_000)
            assert world.account.jobs.all_terminal()
            yield world
        finally:
            world.close()

    return play


def test_a_script_is_compiled_once_whatever_the_number_of_devices(fleet, monkeypatch):
    compiled = []
    inner = loader._compile
    monkeypatch.setattr(loader, "_compile", lambda path, *rest: compiled.append(path) or inner(path, *rest))
    monkeypatch.setattr(loader, "_cache", {})
    with fleet(1):
        one = sorted(compiled)
    assert one == ["/usr/a.py", "/usr/a.py", "/usr/main.py", "/usr/ota.py"]  # a.py of before and after
    with fleet(30):
        assert sorted(compiled) == one
    assert loader.compiled_files() == len(one)


def test_what_equal_devices_have_in_flash_is_there_once(fleet):
    with fleet(20) as world:
        for partition in ("APP", "APPIMG"):
            seen = set()
            for device in world.devices.values():
                region = device.layout.images[partition]
                seen |= {id(sector) for sector in device.nor.sectors(region.start, region.size_bytes)}
            assert len(seen) <= region.size_bytes // 4096


def test_equal_devices_ask_littlefs_seldom(fleet, monkeypatch):
    asked = []
    inner = Volume._ask
    monkeypatch.setattr(
        Volume, "_ask", lambda self, function, args: asked.append(function) or inner(self, function, args)
    )
    replayed.forget()
    with fleet(40) as world:
        assert {device.boots for device in world.devices.values()} == {3}
    assert len(asked) / 40 < MOST_CALLS_A_DEVICE


def test_nothing_holds_on_to_a_boot_that_is_over(fleet):
    gc.collect()
    before = {id(thing) for thing in gc.get_objects() if isinstance(thing, ScriptRuntime)}
    with fleet(10) as world:
        assert {device.boots for device in world.devices.values()} == {3}
        gc.collect()
        alive = [thing for thing in gc.get_objects() if isinstance(thing, ScriptRuntime) and id(thing) not in before]
        assert len(alive) == 10


def test_a_boot_that_is_over_frees_its_script_without_the_collector(fleet):
    with fleet(2) as world:
        program = world.devices["fleet-00001"].program
        scripts = [vars(module) for module in program.imports.script_modules()]
        assert [names["__file__"] for names in scripts] == ["/usr/ota.py", "/usr/a.py"]
        parts = [ref(part) for part in (program.imports, program.limits, program.terminal)]
        threads = [ref(fiber._glet) for fiber in program.threads.values()]
        del program
        gc.collect()
        gc.disable()
        try:
            world.devices["fleet-00001"].power_cut()
            assert scripts == [{}, {}]
            assert [made() for made in (*parts, *threads)] == [None] * (3 + len(threads))
            assert gc.collect() < MOST_LEFT_TO_THE_COLLECTOR
        finally:
            gc.enable()


def test_threads_that_nobody_needs_are_not_there(fleet):
    with fleet(2) as world:
        threads = world.devices["fleet-00001"].program.threads
        assert {number: thread.name for number, thread in threads.items()} == {1: "main", 3: "thread 3"}


def test_bytes_of_a_device(fleet):
    def bytes_of(count):
        gc.collect()
        tracemalloc.start(1)
        try:
            with fleet(count):
                gc.collect()
                return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    bytes_of(2)  # what is there once
    assert (bytes_of(24) - bytes_of(8)) / 16 < MOST_BYTES_A_DEVICE
