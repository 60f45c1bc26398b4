"""Shards as processes of this machine."""

from __future__ import annotations

import os
import subprocess
import sys

from sim.fleet.orders import ShardSpec

END_S = 10.0
"""Wall time for a process to end by itself when the run is over."""

PROGRAM = "import sys; from sim.cli.main import main; sys.exit(main())"
TOKEN = "QPYOTA_TOKEN"
"""Where a process finds the token: not on its command line, which everybody can read."""


class Local:
    """One process each, of the Python that runs here."""

    patience_s = 60.0

    def __init__(self) -> None:
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    def launch(self, spec: ShardSpec) -> None:
        assert spec.index is not None
        self._kill(spec.index)
        command = [sys.executable, "-c", PROGRAM, "worker", "--quiet", "--join", spec.hub, "--index", str(spec.index)]
        environment = {**os.environ, TOKEN: spec.token}
        self.processes[spec.index] = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=2,
            start_new_session=True,  # Ctrl-C is for the hub, which dismisses them
        )

    def ended(self, index: int) -> str:
        code = self.processes[index].poll()
        return "" if code is None else f"its process ended with {code}"

    def stop(self) -> None:
        for index, process in self.processes.items():
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                self._kill(index)

    def _kill(self, index: int) -> None:
        if (process := self.processes.get(index)) is not None:
            process.kill()
            process.wait()
