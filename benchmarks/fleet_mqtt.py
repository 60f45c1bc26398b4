"""Fleets over real MQTT: `python benchmarks/fleet_mqtt.py [--quick] [--json] [--locust PYTHON]`.

Sessions: our device's connection, a bare asyncio protocol with the same codec, Locust's MqttUser with paho, tsung, and
our device's connection over TLS with a certificate each, one after the other against the same mosquitto and the same
server of two files: memory of a session, CPU of a connection with its subscription, of a message with its answer, of a
file. PYTHON is that of an environment with locust
and paho-mqtt; tsung is Debian's. A row whose tool is missing is left out, and said to be. Fleet: so many devices do a
two-file application job through `qpyota run`, on mosquitto and on the embedded broker, at speeds that a machine may not
keep up with: then the run says so. Compare CPU and ratios: wall time is everybody's. Linux only.

Exit code 1 when a session of ours takes more than 5 kB or a fifth of another tool's, connects at less than 1/1.3 of the
bare loop's rate by CPU, or a device does not do its job.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.fleet_clients import AUTHORITY_SEED
from sim.cloud.things import Things

HERE = Path(__file__).parent
PORT, FILES_PORT, TLS_PORT = 27_311, 27_312, 27_313
SESSIONS, LOCUST_SESSIONS, TLS_SESSIONS = 10_000, 1000, 2000
LIMIT_BYTES, LEANER, SLOWER = 5_000, 5, 1.3
MISSING = {
    "locust": "no --locust PYTHON was given, so there is no row of Locust; pip install locust paho-mqtt in a venv",
    "tsung": "tsung is not installed, so there is no row of it; on Debian or Ubuntu: apt-get install tsung",
}
CONNECTS_PER_S = 33
"""Of simulated time: twice as many as a rollout of 1,000 a minute upgrades."""

SPEEDS = (20, 10, 5, 2)
PARTS = ("connect", "message", "file")
URL = "${aws:iot:s3-presigned-url:https://apps.s3.us-west-2.amazonaws.com/"
SCENARIO = """\
version: 1
name: fleet
duration: 2h
fleet:
  - { group: fleet, count: COUNT, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, agent: modelled,
      start: { ramp: RAMPs } }
cloud:
  BROKER
  buckets:
    apps: { a.py: { text: "print('2.0')" }, b.py: { text: "VERSION = '2.0'" } }
jobs:
  - jobId: files
    at: STARTs
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
    clients = [sys.executable, str(HERE / "fleet_clients.py")]
    kinds = [("bare", PORT, count, [*clients, "bare"]), ("ours", PORT, count, [*clients, "ours"])]
    if locust is not None:
        kinds.append(("locust", PORT, min(count, LOCUST_SESSIONS), [locust, str(HERE / "fleet_locust.py")]))
    if shutil.which("tsung") is not None:
        kinds.append(("tsung", PORT, count, [sys.executable, str(HERE / "fleet_tsung.py")]))
    kinds.append(("tls", TLS_PORT, min(count, TLS_SESSIONS), [*clients, "tls"]))
    return [
        {"kind": kind, "sessions": number, **_child([*command, str(port), str(FILES_PORT), str(number)])}
        for kind, port, number, command in kinds
    ]


def missing(rows: list[Row]) -> list[str]:
    """Tools that were not there to be compared with."""
    kinds = {row["kind"] for row in rows}
    return [text for kind, text in MISSING.items() if kind not in kinds]


def fleet(count: int, broker: str, speed: float, folder: Path) -> Row:
    """A whole run, as a user would start it."""
    path = folder / "fleet.yaml"
    ramp_s = count // CONNECTS_PER_S
    values = {"COUNT": count, "BROKER": broker, "URL": URL, "RAMP": ramp_s, "START": ramp_s + 10}
    text = re.sub("|".join(values), lambda found: str(values[found[0]]), SCENARIO)
    path.write_text(text, "utf-8")
    command = [sys.executable, "-c", "from sim.cli.main import main; main()", "run", str(path), "--json"]
    options = ["--transport", "paced", "--plain", "--speed", str(speed)]
    before_s = _children_s()
    done = subprocess.run([*command, *options], capture_output=True, text=True, cwd=HERE.parent, check=False)
    said = json.loads(done.stdout)
    pace = said["pace"]
    return {
        "devices": count,
        "broker": "mosquitto" if broker else "embedded",
        "speed": speed,
        "succeeded": said["executions"].get("SUCCEEDED", 0),
        "cpu_s": round(_children_s() - before_s, 1),
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
    ours, bare = by_kind.pop("ours"), by_kind.pop("bare")
    found = []
    if ours["connect"]["bytes"] > LIMIT_BYTES:
        found.append(f"a session takes {ours['connect']['bytes']:.0f} bytes")
    if ours["connect"]["cpu_us"] > SLOWER * bare["connect"]["cpu_us"]:
        found.append("connecting costs more than 1.3 times what it costs the bare loop")
    found += [
        f"a session is not five times leaner than one of {kind}"
        for kind, row in by_kind.items()
        if kind in MISSING and row["connect"]["bytes"] < LEANER * ours["connect"]["bytes"]
    ]
    found += [
        f"{row['devices'] - row['succeeded']} devices failed" for row in fleets if row["succeeded"] < row["devices"]
    ]
    return found


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _child(command: list[str]) -> Row:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{Path(command[1]).name} failed: {done.stderr[-2000:]}")
    said: Row = json.loads(done.stdout.splitlines()[-1])
    return said


def _print(rows: list[Row], fleets: list[Row]) -> None:
    ours = next(row for row in rows if row["kind"] == "ours")
    print("client  sessions  bytes/session  after the flow     CPU µs of a connect       message          file")
    for row in rows:
        figures = [("connect", "bytes"), ("connect", "cpu_us"), ("message", "cpu_us"), ("file", "cpu_us")]
        held = sum(row[part]["bytes"] for part in PARTS if part in row)
        cells = [_cell(row, ours, *figure) for figure in figures]
        print(
            f"{row['kind']:7} {row['sessions']:8} {cells[0]} {held:15.0f} {cells[1]:>24} {cells[2]:>11} {cells[3]:>11}"
        )
    for row in rows[:2]:
        print(f"{row['kind']}: {row['connect']['per_s']:.0f} connects a second")
    for row in fleets:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    for text in missing(rows):
        print(text)


def _cell(row: Row, ours: Row, part: str, unit: str) -> str:
    """A figure, and how many of ours that is."""
    if part not in row:
        return "-"
    return f"{row[part][unit]:7.0f} {row[part][unit] / ours[part][unit]:5.1f}x"


def tls_files(folder: Path) -> list[str]:
    """Lines of mosquitto's configuration that name its own certificate and key and the authority of the clients'."""
    authority = Things(AUTHORITY_SEED)
    server = authority.server_identity(["127.0.0.1"])
    texts = {"cafile": authority.authority_pem, "certfile": server.certificate_pem, "keyfile": server.private_key_pem}
    for name, text in texts.items():
        (folder / name).write_text(text)
    return [f"{name} {folder / name}" for name in texts]


@contextmanager
def servers(folder: Path, mosquitto: str) -> Iterator[None]:
    """The broker and the two files."""
    config = folder / "mosquitto.conf"
    config.write_text(
        "allow_anonymous true\nconnection_messages false\nlog_dest none\nset_tcp_nodelay true\nuser root\n"
        f"listener {PORT} 127.0.0.1\nmax_connections -1\n"
        f"listener {TLS_PORT} 127.0.0.1\nmax_connections -1\nrequire_certificate true\n" + "\n".join(tls_files(folder))
    )
    commands = [[mosquitto, "-c", str(config)], [sys.executable, str(HERE / "fleet_files.py"), str(FILES_PORT)]]
    started = [subprocess.Popen(command) for command in commands]
    try:
        time.sleep(2)
        yield
    finally:
        for server in started:
            server.terminate()
            server.wait()


def fleets_of(part: int, folder: Path) -> list[Row]:
    """10,000 on mosquitto, slower until this machine keeps up; fewer on the embedded broker. `part`: of each a part."""
    rows = []
    for speed in SPEEDS:
        rows.append(fleet(SESSIONS // part, f"broker: mqtt://127.0.0.1:{PORT}", speed, folder))
        if not rows[-1]["behind"]:
            break
    return [*rows, fleet(2000 // part, "", 1, folder), fleet(2000 // part, "", 10, folder)]


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
    with tempfile.TemporaryDirectory() as text, servers(Path(text), binary):
        rows = sessions(SESSIONS // part, args.locust)
        fleets = fleets_of(part, Path(text))
    found = faults(rows, fleets)
    if args.json:
        print(json.dumps({"sessions": rows, "fleets": fleets, "missing": missing(rows), "faults": found}))
    else:
        _print(rows, fleets)
        for fault in found:
            print(f"FAULT: {fault}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
