"""The same script gives the same trace in greenlets and in a real MicroPython, device by device.

CPU time is left out of the comparison: greenlets count ticks, MicroPython has none (docs/runtimes.md).
"""

from pathlib import Path

import pytest
from same_trace import per_device
from upgrade_bench import NEW

from sim.device.peek import installed_version
from sim.scenario.loader import find_scenario, load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.runner import run_scenario
from sim.script import runtime

APPLICATIONS = sorted((Path(__file__).parents[1] / "script" / "apps").glob("*/scenario.yaml"))

KEYED = """\
version: 1
name: keyed
duration: 10s
fleet:
  - {name: real, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, script: device, runtime: micropython}
  - {name: imitated, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, script: device, runtime: greenlet}
"""


@pytest.fixture(autouse=True)
def _no_ticks(monkeypatch, micropython):
    monkeypatch.setattr(runtime, "TICKS_PER_MS", 10**12)


def _both(bench, tmp_path, **fields):
    runs = []
    for name in ("greenlet", "micropython"):
        (tmp_path / name).mkdir()
        runs.append(bench(path=tmp_path / name, runtime=name, **fields).run_until_finished())
    return runs


@pytest.mark.parametrize("umqtt", ["current", "2021"])
def test_both_jobs_of_the_vendors_sample(bench, tmp_path, umqtt):
    greenlets, real = _both(bench, tmp_path, umqtt=umqtt)
    assert (real.status("jobfota"), real.status("jobappota"), real.device.boots) == ("SUCCEEDED", "SUCCEEDED", 3)
    assert installed_version(real.device) == NEW
    assert per_device(real.records) == per_device(greenlets.records)


def test_the_sample_that_plain_umqtt_ends(bench, tmp_path):
    """The callback's KeyError leaves wait_msg, passes through the script, and ends its thread: all in the script."""
    greenlets, real = _both(bench, tmp_path, umqtt="upstream", duration="3m")
    assert (real.status("jobfota"), real.status("jobappota")) == ("QUEUED", "QUEUED")
    assert per_device(real.records) == per_device(greenlets.records)


def test_the_sample_over_real_sockets(bench, tmp_path):
    greenlets, real = _both(bench, tmp_path, transport="virtual")
    assert real.status("jobappota") == "SUCCEEDED"
    assert per_device(real.records) == per_device(greenlets.records)


NEEDS_HASHES = ("assets", "settings", "targz")
"""Applications that import uhashlib, which the firmware of 2021 lacks on the 8910."""


def _passing(path, runtime_name, generation=None):
    """What a scenario tells of each device when it passes."""
    records = []
    options = RunOptions(transport="memory", runtime=runtime_name, generation=generation)
    result = run_scenario(load_scenario(path), options, [records.append])
    assert result.passed, result.expects
    return per_device(records)


@pytest.mark.parametrize("name", ["first_upgrade"])
def test_scenarios_that_ship(name):
    path = find_scenario(name)
    assert _passing(path, "micropython") == _passing(path, "greenlet")


@pytest.mark.parametrize(
    ("path", "generation"),
    [
        pytest.param(path, generation, id=f"{path.parent.name}-{generation}")
        for path in APPLICATIONS
        for generation in ("G21", "G25")
        if generation == "G25" or path.parent.name not in NEEDS_HASHES
    ],
)
def test_applications(path, generation):
    """Every one, and no difference: what one runtime does, the other does at the same instant."""
    assert _passing(path, "micropython", generation) == _passing(path, "greenlet", generation)


def test_all_applications_are_compared():
    assert len(APPLICATIONS) >= 12


def test_the_key_of_a_fleet_entry(tmp_path):
    (tmp_path / "device").mkdir()
    (tmp_path / "device" / "main.py").write_text("print(b'a'.hex())")
    (tmp_path / "s.yaml").write_text(KEYED)
    records = []
    run_scenario(load_scenario(tmp_path / "s.yaml"), RunOptions(transport="memory"), [records.append])
    said = {record.track: record.kind for record in records if record.kind in ("print", "traceback")}
    assert said == {"real": "print", "imitated": "traceback"}
