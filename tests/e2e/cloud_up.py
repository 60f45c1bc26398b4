"""`qpyota up` as users have it: a process of its own, found by its environment, and the vendor's cloud steps."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from sim.serve.data_dir import DataDir, Running

REGION = "us-west-2"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/qpyota-presign"
THING = "QuecPython_OTA"
BUCKET = f"https://qpyota.s3.{REGION}.amazonaws.com"
PATIENCE_S = 60.0
TRUST = json.dumps(
    {"Statement": [{"Effect": "Allow", "Principal": {"Service": "iot.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
)
QPYOTA = (sys.executable, "-c", "from sim.cli.main import main; main()")


class Up:
    """A served cloud. `start` it again after `stop`: it has kept everything."""

    def __init__(self, data: Path, *words: str) -> None:
        self.data = data
        ports = [str(port) for port in free_ports(3)]
        self._words = (*words, "--port", ports[0], "--tls-port", ports[1], "--mqtt-port", ports[2])

    def start(self) -> None:
        self.qpyota("up", "-d", *self._words)

    def stop(self) -> None:
        if DataDir(self.data).running() is not None:
            self.qpyota("down")

    @property
    def running(self) -> Running:
        found = DataDir(self.data).running()
        assert found is not None
        return found

    def qpyota(self, *words: str) -> str:
        """What the command prints; it must pass."""
        return run([*QPYOTA, *words], {**os.environ, "QPYOTA_DATA": str(self.data)})

    @cached_property
    def environment(self) -> dict[str, str]:
        """Of a shell that has done `eval "$(qpyota env)"`, with no other AWS configuration."""
        lines = self.qpyota("env", "--shell", "dotenv").splitlines()
        variables = dict(line.split("=", 1) for line in lines)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {**clean, "HOME": str(self.data), "AWS_EC2_METADATA_DISABLED": "true", **variables}

    def client(self, service: str) -> Any:
        """A boto3 client by nothing but that environment."""
        seen = self.environment
        session = boto3.session.Session(
            seen["AWS_ACCESS_KEY_ID"], seen["AWS_SECRET_ACCESS_KEY"], region_name=seen["AWS_DEFAULT_REGION"]
        )
        return session.client(
            service, endpoint_url=seen["AWS_ENDPOINT_URL"], config=Config(retries={"total_max_attempts": 1})
        )


def run(words: list[str], environment: dict[str, str], folder: Path | None = None) -> str:
    """The output of a command, which must end well."""
    done = subprocess.run(words, env=environment, cwd=folder, capture_output=True, text=True, timeout=2 * PATIENCE_S)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def until(happened: Any) -> None:
    """Ask a cloud in another process until something has happened."""
    end_s = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < end_s, "it did not happen"
        time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on, below the range that the system hands out by itself."""
    found: list[int] = []
    for port in range(25_000 + os.getpid() % 1000, 29_999):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("no free ports")
