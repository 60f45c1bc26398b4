"""docs/load-testing.md: its scenario and its commands, with twenty devices."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from mosquitto_rig import Mosquitto

TEXT = (Path(__file__).parents[2] / "docs" / "load-testing.md").read_text(encoding="utf-8")
CODE = "import sys; from sim.cli.main import main; main(sys.argv[1:])"
FASTER = "60"


@pytest.fixture
def folder(tmp_path):
    broker = Mosquitto(tmp_path).start()
    (block,) = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    small = block.replace("count: 10000", "count: 20").replace("mqtt://127.0.0.1:1883", broker.url)
    assert small.count(broker.url) == 1
    (tmp_path / "load.yaml").write_text(small)
    yield tmp_path
    broker.stop()


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
