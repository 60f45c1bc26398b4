"""docs/outside-brokers.md: its scenarios are accepted, and what it has one try on this machine works."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from mosquitto_rig import BINARY, Mosquitto, require_mosquitto

from sim.scenario.loader import load_scenario
from sim.shipped import scenarios_dir

TEXT = (Path(__file__).parents[2] / "docs" / "outside-brokers.md").read_text(encoding="utf-8")
CLOUDS = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
SHELL = re.findall(r"^```console\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
FLEET = [{"name": "bench", "model": "EG915U", "firmware": "EG915UEUABR03A20M08_OCPU_QPY", "agent": "modelled"}]


@pytest.mark.parametrize("cloud", CLOUDS, ids=range(len(CLOUDS)))
def test_its_clouds_are_accepted(tmp_path: Path, cloud: str) -> None:
    for name in re.findall(r"pki/\S+", cloud):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a file\n")
    path = tmp_path / "outside.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "name": "outside", "fleet": FLEET, **yaml.safe_load(cloud)}))
    scenario = load_scenario(path)
    assert (scenario.cloud.broker is None) != (scenario.cloud.aws is None)


def test_its_walk_with_mosquitto(tmp_path: Path) -> None:
    require_mosquitto()
    assert BINARY is not None
    broker = Mosquitto(tmp_path)
    (block,) = SHELL
    lines = [line.removeprefix("$ ") for line in block.splitlines()]
    assert lines[0] == "mosquitto -p 1883 &"
    broker.start()
    shutil.copytree(scenarios_dir(), tmp_path / "scenarios")
    qpyota = shlex.join([sys.executable, "-c", "from sim.cli.main import main; main()"])
    script = "\n".join(lines[1:]).replace(":1883", f":{broker.port}").replace("qpyota ", f"{qpyota} ")
    try:
        ended = subprocess.run(["bash", "-ec", script], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    finally:
        broker.stop()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "PASSED first_upgrade" in ended.stdout
