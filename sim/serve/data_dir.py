"""The data directory of a served cloud: who has it, where its files are, and how other commands find the one running.

    lock          held as long as an `up` runs, with its process id inside
    up.json       where that `up` can be reached, from when it answers until it ends
    secret        32 random bytes in hex, the root of every key of this cloud
    ca.pem        the certificate that clients trust
    cloud.db      SQLite: state, journal, flash of the devices; objects/ big bytes by their SHA-256
    trace.jsonl   what devices and cloud did, one JSON object a line; up.log: what an `up -d` had to say

Everything is for its owner alone.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sim.errors import MachineError

LOCK_PATIENCE_S = 1.0
"""A command that looks whether an `up` runs holds the lock for a moment."""
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Running:
    """A served cloud, as other commands know it. URLs end without a slash; `plain_mqtt_port` 0 for none.

    `serial`: `DEVICE UARTn` → where that serial port can be reached.
    `bench_port`, on loopback, takes the workbench's orders from whoever shows the token.
    """

    pid: int
    version: str
    scenario: str
    since: str
    host: str
    rest_url: str
    tls_url: str
    mqtt_port: int
    plain_mqtt_port: int
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    ca_file: str
    serial: dict[str, str] = field(default_factory=dict)
    bench_port: int = 0
    metrics_url: str = ""
    bench_token: str = field(default="", repr=False)


class DataDir:
    """One directory, made when it is not there."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.database = self.path / "cloud.db"
        self.objects = self.path / "objects"
        self.ca_file = self.path / "ca.pem"
        self.trace = self.path / "trace.jsonl"
        self.log = self.path / "up.log"
        self._lock_path = self.path / "lock"
        self._state = self.path / "up.json"
        self._lock: int | None = None

    def make(self) -> None:
        """Make the directory; MachineError when that is not possible."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise MachineError(f"the data directory cannot be made: {self.path}: {error.strerror}") from None

    def lock(self) -> None:
        """Take it for this process; MachineError when another one has it."""
        lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        until_s = time.monotonic() + LOCK_PATIENCE_S
        while not _try_lock(lock, alone=True):
            if time.monotonic() > until_s:
                os.close(lock)
                raise MachineError(
                    f"{self.path} is in use by a running qpyota up (process {self._pid()}); "
                    "end it with qpyota down, or take another --data"
                )
            time.sleep(0.02)
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        self._lock = lock
        self._state.unlink(missing_ok=True)

    def release(self) -> None:
        """Let others have it."""
        if self._lock is not None:
            self._state.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def holder(self) -> int | None:
        """The process that has it, None when nobody has. Those who only look do not see each other."""
        try:
            lock = os.open(self._lock_path, os.O_RDWR)
        except OSError:
            return None
        try:
            pid = None if _try_lock(lock, alone=False) else self._pid()
        finally:
            os.close(lock)
        return pid if pid and _has_open(pid, self._lock_path) else None

    def secret(self) -> int:
        """The root of all keys; made at the first call, the same ever after."""
        path = self.path / "secret"
        if not path.exists():
            write_private(path, secrets.token_hex(SECRET_BYTES))
        return int(path.read_text(encoding="ascii"), 16)

    def announce(self, running: Running) -> None:
        """Tell other commands that the cloud answers."""
        write_private(self._state, json.dumps(asdict(running), indent=2))

    def running(self) -> Running | None:
        """The cloud that answers, None while there is none."""
        if self.holder() is None:
            return None
        try:
            members: dict[str, Any] = json.loads(self._state.read_text(encoding="utf-8"))
            return Running(**members)
        except (OSError, ValueError, TypeError):
            return None

    def _pid(self) -> int:
        text = self._lock_path.read_text(encoding="ascii")
        return int(text) if text.isdecimal() else 0


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)


def _has_open(pid: int, path: Path) -> bool:
    """Whether the process has the file open, where the system tells: a process id alone may be somebody else's now."""
    folder = Path(f"/proc/{pid}/fd")
    if not Path("/proc/self/fd").exists():
        return True
    try:
        return any(os.path.realpath(entry) == os.path.realpath(path) for entry in folder.iterdir())
    except OSError:
        return False


def _try_lock(lock: int, *, alone: bool) -> bool:
    try:
        import fcntl
    except ImportError:
        raise MachineError("qpyota up needs a POSIX system (Linux or macOS): it locks its data directory") from None
    try:
        fcntl.flock(lock, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
