"""What a run asks of the machine, and what is said when the machine has less."""

import resource
import subprocess
import sys

import pytest

from sim.net import room
from sim.scenario.loader import load_scenario
from sim.scenario.needs import needs_of, problems, words
from sim.scenario.result import RunOptions

TEXT = """\
version: 1
name: large
duration: 1m
fleet:
  - {{group: fleet, count: {count}, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, agent: modelled}}
cloud: {{{cloud}}}
"""
MQTT = "broker: mqtt://127.0.0.1:1883"


@pytest.fixture
def scenario(tmp_path):
    def make(count, cloud=""):
        path = tmp_path / "large.yaml"
        path.write_text(TEXT.format(count=count, cloud=cloud))
        return load_scenario(path)

    return make


def test_both_ends_of_a_connection_need_a_file(scenario):
    inside = needs_of(scenario(1000), RunOptions())
    outside = needs_of(scenario(1000, MQTT), RunOptions(transport="paced"))
    assert inside.files - outside.files == 1000
    assert inside.memory_bytes > outside.memory_bytes
    assert needs_of(scenario(2000), RunOptions()).files - inside.files == 2000


def test_in_memory_nothing_is_opened(scenario):
    needs = needs_of(scenario(100_000), RunOptions(transport="memory"))
    assert needs.ports == 0
    assert needs.files == needs_of(scenario(1), RunOptions(transport="memory")).files
    assert not problems(needs)


def test_ports_of_one_address_run_out_unless_there_are_more_addresses(scenario, monkeypatch):
    monkeypatch.setattr(room, "allow_open_files", lambda _wanted: True)
    monkeypatch.setattr(room, "ports", lambda: 28_232)
    far = "broker: mqtt://192.0.2.1:1883"
    options = RunOptions(transport="paced")
    assert "28232" in "".join(problems(needs_of(scenario(30_000, far), options)))
    assert not problems(needs_of(scenario(30_000, MQTT), options))


def test_too_many_devices_are_refused_before_anything_runs(scenario):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard > 200_000:
        pytest.skip("this machine allows any fleet its files")
    path = scenario(100_000).source
    code = "import sys; from sim.cli.main import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, "run", str(path), "--quiet"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 4
    assert f"100000 devices need 200300 open files, this machine allows {hard}" in done.stderr
    assert "cloud.broker" in done.stderr
    assert "--transport memory" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_limit_is_raised_as_far_as_it_goes(scenario):
    code = (
        "import resource; from sim.net import room\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))\n"
        "assert room.open_files()[0] == 300 and room.allow_open_files(299) and room.open_files()[0] == 300\n"
        "assert room.allow_open_files(400) and room.open_files()[0] > 300\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (300, 400))\n"
        "assert not room.allow_open_files(401) and room.open_files() == (400, 400)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_needs_are_said_in_a_line(scenario):
    said = words(needs_of(scenario(10), RunOptions()))
    assert said.startswith("10 devices: 320 open files (2 a device), 10 ports, about ")
