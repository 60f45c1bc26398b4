"""Serial ports that lead out of a paced run: a real pseudo terminal and a real TCP client."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.errors import MachineError, SpecError
from sim.scenario.loader import load_scenario
from sim.scenario.result import RunOptions, RunResult
from sim.scenario.runner import run_scenario
from sim.trace import Record

PORT = 18_761
PATIENCE_S = 20.0

SCENARIO = """\
version: 1
name: outside
duration: {duration}
fleet:
  - {{name: dut, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, script: ./device,
     uart: {{0: pty, 2: "tcp:{port}"}}}}
"""

ECHO = """\
from machine import UART
import utime
ports = (UART(0), UART(2))
for port in ports:
    port.write('ready\\n')
heard = []
while len(heard) < 2:
    for number, port in enumerate(ports):
        if port.any():
            line = port.read(100)
            print(number, line)
            port.write(b'you said ' + line)
            heard.append(number)
    utime.sleep_ms(100)
print('done')
"""


def start(folder: Path, transport: str = "paced", talks: bool = True) -> tuple[RunResult, list[Record]]:
    (folder / "device").mkdir(exist_ok=True)
    (folder / "device" / "main.py").write_text(ECHO)
    source = folder / "s.yaml"
    source.write_text(SCENARIO.format(port=PORT, duration="40s"))
    records: list[Record] = []
    talk: list[threading.Thread] = []

    def observe(record: Record) -> None:
        records.append(record)
        if record.kind == "uart.outside" and record.data["port"] == 0 and talks:
            talk.append(begin(lambda: speak_to_terminal(record.data["address"])))
        if record.kind == "uart.outside" and record.data["port"] == 2:
            talk.append(begin(speak_to_socket))

    options = RunOptions(transport=transport, tls=False, speed=20.0 if transport == "paced" else None)  # type: ignore[arg-type]
    result = run_scenario(load_scenario(source), options, [observe])
    for thread in talk:
        thread.join(PATIENCE_S)
    return result, records


def begin(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


heard: dict[str, bytes] = {}


def speak_to_terminal(path: str) -> None:
    with open(path, "r+b", buffering=0) as line:  # noqa: PTH123 - unbuffered
        text = b""
        while not text.endswith(b"ready\n"):
            text += line.read(100)
        line.write(b"hello from a terminal")
        while b"you said hello from a terminal" not in text:
            text += line.read(100)
        heard["pty"] = text


def speak_to_socket() -> None:
    with socket.create_connection(("127.0.0.1", PORT), PATIENCE_S) as line:
        text = b""
        while not text.endswith(b"ready\n"):
            text += line.recv(100)
        line.sendall(b"hello from a socket")
        while b"you said hello from a socket" not in text:
            text += line.recv(100)
        heard["tcp"] = text


def test_a_terminal_and_a_socket_talk_to_a_script(tmp_path: Path) -> None:
    heard.clear()
    result, records = start(tmp_path)
    printed = [record.data["text"] for record in records if record.kind == "print"]
    assert sorted(printed[:2]) == ["0 b'hello from a terminal'", "1 b'hello from a socket'"]
    assert printed[2:] == ["done"]
    assert heard == {
        "pty": b"ready\nyou said hello from a terminal",
        "tcp": b"ready\nyou said hello from a socket",
    }
    assert result.problems == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", PORT), 1.0)
    (path,) = [r.data["address"] for r in records if r.kind == "uart.outside" and r.data["port"] == 0]
    assert path.startswith("/dev/")


def test_time_that_is_not_the_worlds_is_refused(tmp_path: Path) -> None:
    for transport in ("memory", "virtual"):
        with pytest.raises(SpecError, match=r"serial ports of dut lead outside.*--transport paced"):
            start(tmp_path, transport)


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", PORT))
        taken.listen()
        with pytest.raises(MachineError, match=f"port 2 of dut cannot be had at 127.0.0.1:{PORT}"):
            start(tmp_path, talks=False)


def test_lines_that_nobody_reads_lose_what_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "device").mkdir()
    (tmp_path / "device" / "main.py").write_text(
        "from machine import UART\np = UART(0, 921600)\nfor _ in range(200):\n p.write(bytes(1000))\nprint('through')\n"
    )
    source = tmp_path / "s.yaml"
    source.write_text(SCENARIO.format(port=PORT, duration="20s"))
    records: list[Record] = []
    result = run_scenario(load_scenario(source), RunOptions(transport="paced", tls=False, speed=60.0), [records.append])
    assert [r.data["text"] for r in records if r.kind == "print"] == ["through"]
    assert result.problems == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{group: g, count: 2, model: EG915U, firmware: V, uart: {0: 'tcp:18001'}}", "one TCP port is for one device"),
        ("{name: g, model: EG915U, firmware: V, uart: {0: usb}}", "'usb' is not 'pty' or 'tcp:PORT'"),
        ("{name: g, model: EG915U, firmware: V, uart: {7: pty}}", "serial ports are 0 to 4"),
        ("{name: g, model: EG915U, firmware: V, uart: {0: pty}}", "port 0 of g leads outside; it cannot have a peer"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, line: str, said: str) -> None:
    source = tmp_path / "s.yaml"
    peer = "peers:\n  - {device: g, port: 0, exchanges: [{expect: x}]}\n"
    line = line.replace("V,", "EG915UEUABR03A20M08_OCPU_QPY,")
    source.write_text(f"version: 1\nname: bad\nfleet:\n  - {line}\n{peer}")
    with pytest.raises(SpecError, match=said):
        load_scenario(source)
