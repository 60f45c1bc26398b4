"""A port that a device listens on, reached by a real client from outside a paced run."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions, RunResult
from sim.scenario.runner import run_scenario
from sim.trace import Record

PATIENCE_S = 20.0
SPEED = 40.0

SCENARIO = """\
version: 1
name: outside
duration: 40s
fleet:
  - {name: dut, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, script: ./device}
"""
SERVER = """\
import usocket, checkNet
checkNet.waitNetworkReady(60)
a = usocket.socket(usocket.AF_INET, usocket.SOCK_STREAM, usocket.IPPROTO_TCP_SER)
a.bind(('', 502))
a.listen(3)
a.settimeout(25)
while True:
    conn, ip, port = a.accept()
    print(ip, port)
    line = conn.readline()
    conn.write(b'you said ' + line)
    conn.close()
"""


def run(folder: Path, talk: bool, options: RunOptions) -> tuple[RunResult, list[Record], list[bytes]]:
    (folder / "device").mkdir(exist_ok=True)
    (folder / "device" / "main.py").write_text(SERVER)
    (folder / "s.yaml").write_text(SCENARIO)
    records: list[Record] = []
    heard: list[bytes] = []
    threads: list[threading.Thread] = []

    def client(address: str) -> None:
        host, _, port = address.partition(":")
        with socket.create_connection((host, int(port)), PATIENCE_S) as sock:
            sock.sendall(b"hello\n")
            heard.append(sock.makefile("rb").read())

    def observe(record: Record) -> None:
        records.append(record)
        if record.kind == "tcp.outside" and talk:
            threads.append(threading.Thread(target=client, args=(record.data["address"],)))
            threads[0].start()

    result = run_scenario(load_scenario(folder / "s.yaml"), options, [observe])
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    return result, records, heard


def test_a_real_client_talks_to_the_script(tmp_path: Path) -> None:
    result, records, heard = run(tmp_path, True, RunOptions(transport="paced", speed=SPEED, tls=False))
    assert heard == [b"you said hello\n"]
    assert result.problems == []
    (way_in,) = [record.data for record in records if record.kind == "tcp.outside"]
    assert way_in["port"] == 502
    assert [record.data["text"] for record in records if record.kind == "print"] == ["192.0.2.1 0"]


@pytest.mark.parametrize("transport", ["memory", "virtual"])
def test_where_it_listens_is_told_in_paced_runs_and_is_no_part_of_the_trace(tmp_path: Path, transport: str) -> None:
    paced, records, _ = run(tmp_path, False, RunOptions(transport="paced", speed=400.0, tls=False))
    other, others, _ = run(tmp_path, False, RunOptions(transport=transport))  # type: ignore[arg-type]
    assert [record.kind for record in records].count("tcp.outside") == 1
    assert [record.kind for record in others].count("tcp.outside") == 0
    assert paced.trace_hash == other.trace_hash
