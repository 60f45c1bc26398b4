"""docs/load-testing.md: its scenario and its commands, with twenty devices."""

import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mosquitto_rig import Mosquitto

TEXT = (Path(__file__).parents[2] / "docs" / "load-testing.md").read_text(encoding="utf-8")
CODE = "import sys; from sim.cli.main import main; main(sys.argv[1:])"
FASTER = "60"


@pytest.fixture
def broker(tmp_path):
    made = Mosquitto(tmp_path).start()
    yield made
    made.stop()


@pytest.fixture
def folder(tmp_path, broker):
    (block,) = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    small = block.replace("count: 10000", "count: 20").replace("mqtt://127.0.0.1:1883", broker.url)
    assert small.count(broker.url) == 1
    (tmp_path / "load.yaml").write_text(small)
    return tmp_path


def test_the_commands_of_the_page(folder):
    said = {}
    for command in re.findall(r"^\$ qpyota (.*)$", TEXT, re.MULTILINE):
        words = shlex.split(command.replace("--speed 5", f"--speed {FASTER}"))
        done = subprocess.run(
            [sys.executable, "-c", CODE, *words], cwd=folder, capture_output=True, text=True, timeout=180
        )
        assert done.returncode == 0, done.stdout + done.stderr
        said[words[0]] = done.stdout
    assert "load, paced: 20 devices: 320 open files (1 a device), 20 ports" in said["doctor"]
    assert "PASSED load" in said["run"]
    assert f"speed {FASTER}, sim_time_ratio" in said["run"]
    answers = re.search(r"update → answer, from the time of intent: (\d+) times", said["run"])
    assert answers is not None
    assert "connect → answer, from the time of intent: " in said["run"]
    if "the generator fell behind" in said["run"]:
        assert int(answers[1]) >= 60  # a device that waits too long asks again
    else:
        assert int(answers[1]) == 60


def test_a_broker_that_is_restarted_while_all_are_connected(folder, broker):
    command = [
        sys.executable,
        "-c",
        CODE,
        "run",
        "load.yaml",
        "--transport",
        "paced",
        "--speed",
        "100",
        "--plain",
        "--json",
    ]
    settings = ["--set", "fleet.0.start.ramp=0s", "--set", "jobs.0.at=8m"]
    with subprocess.Popen([*command, *settings], cwd=folder, stdout=subprocess.PIPE, text=True) as run:
        try:
            before, until = broker.open_files(), time.monotonic() + 60
            while broker.open_files() < before + 21:  # the devices and the cloud
                assert time.monotonic() < until
                time.sleep(0.05)
            broker.stop()
            broker.start()
            said = json.loads(run.communicate(timeout=120)[0])
        finally:
            run.kill()
    assert said["executions"] == {"SUCCEEDED": 20}
    assert said["pace"]["latency_ms"]["connect"]["count"] >= 40
    assert said["pace"]["dialled"] >= said["pace"]["latency_ms"]["connect"]["count"]
