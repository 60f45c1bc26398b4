"""An `up` in the background: a process of its own session, with a log file, waited for until it answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from sim.errors import MachineError
from sim.serve.data_dir import DataDir, Running

START_PATIENCE_S = 60.0
"""ESTIMATE: to replay a full journal takes a few seconds; factory content of a large fleet takes longest."""
END_PATIENCE_S = 15.0
_POLL_S = 0.05
_COMMAND = "from sim.cli.main import main; main()"


def detach(words: Sequence[str], environment: Mapping[str, str], data: DataDir) -> Running | int:
    """Start `qpyota WORDS`; where it answers, or its exit code when it ended instead (its last words are on stderr)."""
    data.make()
    with os.fdopen(os.open(data.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
        start = log.tell()
        process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, **environment},
        )
    until_s = time.monotonic() + START_PATIENCE_S
    while process.poll() is None:
        running = data.running()
        if running is not None and running.pid == process.pid:
            process.returncode = 0  # it goes on without us, and is not to be waited for
            return running
        if time.monotonic() > until_s:
            process.terminate()
            raise MachineError(f"the cloud did not answer within {START_PATIENCE_S:.0f} s; see {data.log}")
        time.sleep(_POLL_S)
    with data.log.open("rb") as log:
        log.seek(start)
        sys.stderr.write(log.read().decode(errors="replace"))
    return process.returncode


def end(data: DataDir) -> int | None:
    """End the `up` that has the directory, cleanly; its process id, None when there is none."""
    pid = data.holder()
    if pid is None:
        return None
    os.kill(pid, signal.SIGTERM)
    until_s = time.monotonic() + END_PATIENCE_S
    while data.holder() == pid:
        if time.monotonic() > until_s:
            raise MachineError(
                f"process {pid} has not ended within {END_PATIENCE_S:.0f} s; kill -9 {pid} loses nothing"
            )
        time.sleep(_POLL_S)
    return pid
