"""Two hundred real MQTT sessions in one process, faster than this machine can, and what is said of that."""

import json
import subprocess
import sys

import pytest
from mosquitto_rig import Mosquitto

DEVICES = 200
TOO_FAST = 500
URL = "${aws:iot:s3-presigned-url:https://store.s3.us-west-2.amazonaws.com/"
FLEET = f"""\
version: 1
name: fleet
duration: 2h
fleet:
  - {{group: fleet, count: {DEVICES}, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, agent: modelled}}
cloud:
  broker: BROKER
  buckets:
    store:
      a.py: {{text: "VERSION = 2"}}
      b.py: {{text: "VERSION = 2"}}
jobs:
  - jobId: files
    at: 60s
    targets: [fleet]
    presignedUrlConfig: {{expiresInSec: 3600}}
    document:
      - operation: app_fota
        files:
          - {{fileName: /usr/a.py, fileVersion: "2", fileSource: {{url: "{URL}a.py}}"}}}}
          - {{fileName: /usr/b.py, fileVersion: "2", fileSource: {{url: "{URL}b.py}}"}}}}
expect:
  - job['files'].succeeded == {DEVICES}
  - "'2' in device['fleet-00200'].file('/usr/b.py')"
"""
CODE = "import sys; from sim.cli.main import main; main(sys.argv[1:])"


@pytest.fixture
def scenario(tmp_path):
    # Without nodelay mosquitto holds small packets back for 40 ms, at this speed nearly as long as a device waits.
    broker = Mosquitto(tmp_path, "allow_anonymous true\nmax_connections -1\nset_tcp_nodelay true").start()
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET.replace("BROKER", broker.url))
    yield path
    broker.stop()


def test_all_do_their_job_and_a_generator_that_fell_behind_says_so(scenario):
    command = [sys.executable, "-c", CODE, "run", str(scenario), "--json", "--transport", "paced"]
    done = subprocess.run([*command, "--speed", str(TOO_FAST)], capture_output=True, text=True, timeout=120)
    said = json.loads(done.stdout)
    assert said["executions"] == {"SUCCEEDED": DEVICES}
    assert all(expect["passed"] for expect in said["expects"])
    assert done.returncode == 5
    assert not said["passed"]
    assert any(problem.startswith("the generator fell behind: ") for problem in said["problems"])
    pace = said["pace"]
    assert pace["behind"]
    assert pace["sim_time_ratio"] < 0.95
    assert pace["latency_ms"]["update"]["count"] >= 2 * DEVICES
    assert pace["latency_ms"]["get"]["count"] >= 2 * DEVICES
    assert pace["answered"] >= 1000
