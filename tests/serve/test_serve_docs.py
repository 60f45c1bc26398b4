"""Every command of docs/serve.md works, one after another, in one shell."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click import Option
from up_rig import free_port

from sim.cli.up import up

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = [line.removeprefix("$ ") for block in BLOCKS for line in block.splitlines()]
NEEDED = ("bash", "curl")


@pytest.mark.skipif(any(shutil.which(name) is None for name in NEEDED), reason=f"needs {' and '.join(NEEDED)}")
def test_the_walk(tmp_path: Path) -> None:
    ports = " ".join(f"--{name} {free_port()}" for name in ("port", "tls-port", "mqtt-port"))
    script = "\n".join(command.replace("qpyota up", f"qpyota up {ports}") for command in COMMANDS)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(tmp_path), "AWS_PAGER": "", "LANG": "C.UTF-8"}
    ended = subprocess.run(
        ["bash", "-c", f"set -e -o pipefail\ntrap 'qpyota down >&2; qpyota down --data bench >&2' EXIT\n{script}"],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "first_upgrade" in ended.stdout
    assert '"track": "QuecPython_OTA"' in ended.stdout


def test_every_option_is_told() -> None:
    for option in up.params:
        if isinstance(option, Option) and option.name != "detach":
            assert f"`{option.opts[0]}" in TEXT, option.opts
