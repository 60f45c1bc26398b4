"""A serial port of a served device, as a pseudo terminal of this machine."""

from __future__ import annotations

from pathlib import Path

from up_rig import Up

SCENARIO = """\
version: 1
name: served-line
fleet:
  - {name: dut, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, script: ./device, uart: {1: pty}}
"""

ECHO = """\
from machine import UART
import utime
port = UART(1)
while True:
    port.write(port.read(100) or 'waiting\\n')
    utime.sleep(1)
"""


def test_a_served_device_speaks_on_its_line(tmp_path: Path) -> None:
    (tmp_path / "device").mkdir()
    (tmp_path / "device" / "main.py").write_text(ECHO)
    (tmp_path / "s.yaml").write_text(SCENARIO)
    with Up(tmp_path, str(tmp_path / "s.yaml"), "--speed", "30") as up:
        running = up.start()
        assert list(running.serial) == ["dut UART1"]
        with open(running.serial["dut UART1"], "r+b", buffering=0) as line:  # noqa: PTH123 - unbuffered
            text = line.read(100)
            line.write(b"hello, device")
            while b"hello, device" not in text:
                text += line.read(100)
        assert text.startswith(b"waiting\n")
        assert "serial dut UART1: /dev/" in (tmp_path / "up.log").read_text()
