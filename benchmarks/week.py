"""A week of a thousand idle devices with a rollout, over real TCP in virtual time.
`python benchmarks/week.py [--json] [--devices N] [--days N] [--tls]`

Every PINGREQ of the week is sent and answered through two sockets, 504 for each device. Prints the wall time and what a
ping costs in all; exit code 1 when it takes longer than LIMIT_S, or when not every device has its upgrade.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions
from sim.scenario.runner import run_scenario

DEVICES, DAYS = 1000, 7
LIMIT_S = 120.0
KEEPALIVE_S = 1200
SCENARIO = """\
version: 1
name: week
duration: {days}d
fleet:
  - {{ group: fleet, count: {devices}, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, agent: modelled }}
packages:
  a21: {{ method: differential, from: EG915UEUABR03A20M08_OCPU_QPY, to: EG915UEUABR03A21M08_OCPU_QPY }}
cloud:
  buckets:
    firmware: {{ a21.pack: {{ package: a21 }} }}
jobs:
  - jobId: to-a21
    at: {last_day}h
    targets: [fleet]
    presignedUrlConfig: {{ expiresInSec: 3600 }}
    jobExecutionsRolloutConfig: {{ maximumPerMinute: 1000 }}
    document:
      - operation: FOTA
        files:
          - fileName: a21.pack
            fileVersion: EG915UEUABR03A21M08_OCPU_QPY
            fileSource:
              url: ${{aws:iot:s3-presigned-url:https://firmware.s3.us-west-2.amazonaws.com/a21.pack}}
expect:
  - executions['SUCCEEDED'] == {devices}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=DEVICES)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    row = week(args.devices, args.days, args.tls)
    if args.json:
        print(json.dumps(row))
    else:
        for name, value in row.items():
            print(f"{name:16} {value}")
    return 0 if row["passed"] and row["wall_s"] <= LIMIT_S else 1


def week(devices: int, days: int, tls: bool) -> dict[str, Any]:
    """The rollout comes in the last day's last hours, so that all of the time before is pings."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "week.yaml")
        path.write_text(SCENARIO.format(devices=devices, days=days, last_day=days * 24 - 2), "utf-8")
        scenario = load_scenario(path)
    cpu_s = time.process_time()
    result = run_scenario(scenario, RunOptions(transport="virtual", tls=tls))
    cpu_s = time.process_time() - cpu_s
    pings = devices * int((days * 24 - 2) * 3600 / KEEPALIVE_S)
    return {
        "devices": devices,
        "days": days,
        "transport": "tls" if tls else "plain",
        "passed": result.passed,
        "wall_s": result.wall_s,
        "cpu_s": round(cpu_s, 1),
        "pings": pings,
        "cpu_us_per_ping": round(cpu_s * 1e6 / pings),
        "trace": result.trace_hash,
    }


if __name__ == "__main__":
    sys.exit(main())
