"""Five hundred devices on which much goes wrong: the same in memory, over real sockets, and in 1, 2 and 5 processes."""

import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "shards.py"


def test_five_hundred_devices_are_the_same_however_they_are_run():
    done = subprocess.run([sys.executable, str(BENCHMARK)], capture_output=True, text=True, timeout=900, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert lines[-1] == "all equal"
    assert [line.split("  ")[0].split(" ")[0] for line in lines[:-1]] == ["memory", "virtual", "1", "2", "5"]
    assert len({line[11:27] for line in lines[:-1]}) == 1
    assert all("'SUCCEEDED': 334, 'FAILED': 12" in line for line in lines[:-1])
