"""Fleets over real MQTT: `python benchmarks/fleet_mqtt.py [--quick] [--json] [--locust PYTHON]`.

Sessions: our device's connection, a bare asyncio protocol with the same codec, and Locust's MqttUser with paho, each
in a process of its own against the same mosquitto: connects a second, CPU and memory for each, CPU of a message.
PYTHON is that of an environment with locust and paho-mqtt; without it that row is missing. Fleet: so many devices do
a two-file application job through `qpyota run`, on mosquitto and on the embedded broker, at speeds that a machine may
not keep up with: then the run says so. Compare CPU and ratios: wall time is everybody's. Linux only.

Exit code 1 when a session of ours takes more than 5 kB or a fifth of Locust's, connects at less than 1/1.3 of the bare
loop's rate by CPU, or a device does not do its job.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PORT = 27_311
SESSIONS, LOCUST_SESSIONS = 10_000, 1000
LIMIT_BYTES, LEANER, SLOWER = 5_000, 5, 1.3
URL = "${aws:iot:s3-presigned-url:https://apps.s3.us-west-2.amazonaws.com/"
SCENARIO = """\
version: 1
name: fleet
duration: 2h
fleet:
  - { group: fleet, count: COUNT, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, agent: modelled,
      start: { ramp: 60s } }
cloud:
  BROKER
  buckets:
    apps: { a.py: { text: "print('2.0')" }, b.py: { text: "VERSION = '2.0'" } }
jobs:
  - jobId: files
    at: 70s
    targets: [fleet]
    presignedUrlConfig: { expiresInSec: 3600 }
    jobExecutionsRolloutConfig: { maximumPerMinute: 1000 }
    document:
      - operation: app_fota
        files:
          - { fileName: /usr/a.py, fileVersion: "2.0", fileSource: { url: "URLa.py}" } }
          - { fileName: /usr/b.py, fileVersion: "2.0", fileSource: { url: "URLb.py}" } }
expect:
  - job['files'].succeeded == COUNT
"""

Row = dict[str, Any]


def sessions(count: int, locust: str | None) -> list[Row]:
    """One row for each kind of client."""
    rows = []
    for kind, number in (("bare", count), ("ours", count)):
        said = _child([sys.executable, str(HERE / "fleet_clients.py"), kind, str(PORT), str(number)])
        rows.append({"kind": kind, "sessions": number, **said})
    if locust is not None:
        number = min(count, LOCUST_SESSIONS)
        said = _child([locust, str(HERE / "fleet_locust.py"), str(PORT), str(number)])
        rows.append({"kind": "locust", "sessions": number, **said})
    return rows


def fleet(count: int, broker: str, speed: float, folder: Path) -> Row:
    """A whole run, as a user would start it."""
    path = folder / "fleet.yaml"
    text = SCENARIO.replace("COUNT", str(count)).replace("BROKER", broker).replace("URL", URL)
    path.write_text(text, "utf-8")
    command = [sys.executable, "-c", "from sim.cli.main import main; main()", "run", str(path), "--json"]
    options = ["--transport", "paced", "--plain", "--speed", str(speed)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, cwd=HERE.parent, check=False)
    said = json.loads(done.stdout)
    pace = said["pace"]
    return {
        "devices": count,
        "broker": "mosquitto" if broker else "embedded",
        "speed": speed,
        "succeeded": said["executions"].get("SUCCEEDED", 0),
        "sim_time_ratio": pace["sim_time_ratio"],
        "lag_p99_ms": pace["lag_ms"]["p99"],
        "update_p50_ms": pace["latency_ms"]["update"]["p50"],
        "update_p99_ms": pace["latency_ms"]["update"]["p99"],
        "behind": pace["behind"],
        "exit": done.returncode,
    }


def faults(rows: list[Row], fleets: list[Row]) -> list[str]:
    """Where a figure is not what it should be."""
    by_kind = {row["kind"]: row for row in rows}
    ours, bare, locust = by_kind["ours"], by_kind["bare"], by_kind.get("locust")
    found = []
    if ours["connect"]["bytes"] > LIMIT_BYTES:
        found.append(f"a session takes {ours['connect']['bytes']:.0f} bytes")
    if ours["connect"]["cpu_us"] > SLOWER * bare["connect"]["cpu_us"]:
        found.append("connecting costs more than 1.3 times what it costs the bare loop")
    if locust is not None and locust["connect"]["bytes"] < LEANER * ours["connect"]["bytes"]:
        found.append("a session is not five times leaner than one of Locust")
    found += [
        f"{row['devices'] - row['succeeded']} devices failed" for row in fleets if row["succeeded"] < row["devices"]
    ]
    return found


def _child(command: list[str]) -> Row:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said: Row = json.loads(done.stdout.splitlines()[-1])
    return said


def _print(rows: list[Row], fleets: list[Row]) -> None:
    ours = next(row for row in rows if row["kind"] == "ours")
    print("client  sessions  connects/s  CPU µs/connect  bytes/session  CPU µs/message   memory and CPU, in ours")
    for row in rows:
        connect, message = row["connect"], row["message"]
        print(
            f"{row['kind']:7} {row['sessions']:8} {connect['per_s']:11.0f} {connect['cpu_us']:15.0f} "
            f"{connect['bytes']:14.0f} {message['cpu_us']:15.1f}   {connect['bytes'] / ours['connect']['bytes']:.1f} "
            f"{message['cpu_us'] / ours['message']['cpu_us']:.1f}"
        )
    for row in fleets:
        print("  ".join(f"{name} {value}" for name, value in row.items()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--locust", metavar="PYTHON")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    part = 10 if args.quick else 1
    binary = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if binary is None:
        print("mosquitto is not installed; on Debian or Ubuntu: apt-get install mosquitto", file=sys.stderr)
        return 4
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        config = folder / "mosquitto.conf"
        config.write_text(
            f"listener {PORT} 127.0.0.1\nallow_anonymous true\nconnection_messages false\nlog_dest none\n"
            "max_connections -1\nuser root\n"
        )
        broker = subprocess.Popen([binary, "-c", str(config)])
        try:
            time.sleep(1)
            rows = sessions(SESSIONS // part, args.locust)
            outside = f"broker: mqtt://127.0.0.1:{PORT}"
            fleets = [
                fleet(SESSIONS // part, outside, 5, folder),
                fleet(2000 // part, "", 1, folder),
                fleet(2000 // part, "", 10, folder),
            ]
        finally:
            broker.terminate()
            broker.wait()
    if args.json:
        print(json.dumps({"sessions": rows, "fleets": fleets, "faults": faults(rows, fleets)}))
    else:
        _print(rows, fleets)
        for fault in faults(rows, fleets):
            print(f"FAULT: {fault}")
    return 1 if faults(rows, fleets) else 0


if __name__ == "__main__":
    sys.exit(main())
