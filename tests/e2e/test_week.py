"""benchmarks/week.py at small size: two days of real pings and a rollout."""

import json
import subprocess
import sys
from pathlib import Path

WEEK = Path(__file__).parents[2] / "benchmarks" / "week.py"


def test_days_of_pings_over_real_sockets_end_with_every_device_upgraded():
    command = [sys.executable, str(WEEK), "--devices", "5", "--days", "2", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    said = json.loads(done.stdout)
    assert done.returncode == 0
    assert said["passed"]
    assert said["pings"] == 5 * 46 * 3
