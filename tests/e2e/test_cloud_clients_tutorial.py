"""docs/tutorials/cloud.md, followed to the letter: its commands in one shell, the AWS CLI and boto3 among them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cloud_up import QPYOTA, free_ports

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "cloud.md"
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
SHELL = "".join(text for language, text in BLOCKS if language == "sh")
(PYTHON,) = (text for language, text in BLOCKS if language == "python")


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A user's: qpyota, aws and python on the path, and no other AWS configuration."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    # boto3 elsewhere in these tests signs by the C runtime that comes with awsiotsdk; here by its own Python.
    yield {**clean, "PATH": path, "HOME": str(tmp_path), "BOTO_DISABLE_CRT": "true"}
    subprocess.run([*QPYOTA, "down"], cwd=tmp_path, env=clean, capture_output=True, check=False, timeout=60)


def test_the_tutorial_works(environment: dict[str, str], tmp_path: Path) -> None:
    rest, tls, mqtt = free_ports(3)
    (tmp_path / "rollout.py").write_text(PYTHON)
    script = SHELL.replace(" -d\n", f" -d --port {rest} --tls-port {tls} --mqtt-port {mqtt}\n", 1)
    assert script != SHELL
    done = subprocess.run(
        ["bash", "-eux", "-o", "pipefail", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"status": "COMPLETED"' in done.stdout
    assert "thing/QuecPython_OTA SUCCEEDED" in done.stdout
    assert "EG915UEUABR03A21M08_OCPU_QPY" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE.read_text(encoding="utf-8")):
        assert (PAGE.parent / target).exists(), target
