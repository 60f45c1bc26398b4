"""Debian's mosquitto as the broker outside: started on a loopback port, stopped by its process."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

BINARY = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

_next_port = 26_000 + os.getpid() % 3_000  # suites that run side by side seldom meet


def require_mosquitto():
    """Skip the test without the binary, or fail where it must be there."""
    if BINARY is None:
        reason = "mosquitto is not installed; on Debian or Ubuntu: apt-get install mosquitto"
        if os.environ.get("QPYOTA_REQUIRE_MOSQUITTO") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


def free_port():
    """A port nobody listens on, apart from those of the other rigs."""
    global _next_port
    while True:
        _next_port = _next_port + 1 if _next_port < 29_999 else 26_001
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", _next_port))
            except OSError:
                continue
            return _next_port


class Mosquitto:
    """One broker. `settings` are lines of its configuration after the listener."""

    def __init__(self, folder, settings="allow_anonymous true"):
        require_mosquitto()
        self.port = free_port()
        self._config = Path(folder) / f"mosquitto-{self.port}.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        lines = f"listener {self.port} 127.0.0.1\nconnection_messages false\nlog_dest stderr\n{user}{settings}\n"
        self._config.write_text(lines)
        self._process = None

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self):
        """Return when it listens."""
        self._process = subprocess.Popen([BINARY, "-c", str(self._config)], stderr=subprocess.PIPE, text=True)
        said = []
        for line in self._process.stderr:
            said.append(line)
            if line.rstrip().endswith(" running"):
                return self
        raise AssertionError(f"mosquitto did not start: {said}")

    def open_files(self):
        """How many it has: each client is one."""
        return len(list(Path(f"/proc/{self._process.pid}/fd").iterdir()))

    def stop(self):
        """Return when it has ended; harmless when it has."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.communicate(timeout=10)
