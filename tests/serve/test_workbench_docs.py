"""Every command of docs/tutorials/workbench.md works, one after another, in one shell."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from up_rig import free_port

from sim.cli.dev import dev

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "tutorials" / "workbench.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = [line.removeprefix("$ ") for block in BLOCKS for line in block.splitlines()]
PORT = "27999"


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_walk(tmp_path: Path) -> None:
    ports = " ".join(f"--{name} {free_port()}" for name in ("port", "tls-port", "mqtt-port"))
    script = "\n".join(COMMANDS).replace("qpyota up", f"qpyota up {ports} --speed 60").replace(PORT, str(free_port()))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(tmp_path), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
    ended = subprocess.run(
        ["bash", "-c", f"set -e -m -o pipefail\ntrap 'qpyota down >&2' EXIT\n{script}"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for told in (
        "EG915UEUABR01A01M08_OCPU_QPY", "\n42", "exit code 1", "main.py runs", "booted again", "3300 mV", "it is off",
        "PY_FS_U", "hello from mpremote", "main.py",
    ):  # fmt: skip
        assert told in ended.stdout, (told, ended.stdout + ended.stderr)
    assert re.search(r"^xxx+ended process", ended.stdout, re.MULTILINE), ended.stdout


def test_every_command_is_told() -> None:
    for name in dev.commands:
        if name not in ("rm", "mkdir"):
            assert f"qpyota dev {name}" in TEXT, name
