"""Shards as tasks of an existing Dask cluster. Dask only finds them a place; everything else goes over their lines.

A task, not an actor: an actor that is lost is never rebuilt. A shard that is lost is a new task with a key of its own,
so that nothing is waited for which Dask has not noticed yet.
"""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

from sim.errors import MachineError
from sim.fleet.orders import ShardSpec
from sim.fleet.shards import run_shard

CONNECT_S = 15.0
END_S = 10.0


class DaskCluster:
    """`address`: of the scheduler, `tcp://HOST:PORT`. MachineError when there is none, or it has no room."""

    patience_s = 120.0

    def __init__(self, address: str, shards: int) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise MachineError("--dask needs Dask: pip install 'qpyota[dask]'") from None
        try:
            make: Any = Client
            self._client: Any = make(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise MachineError(f"no Dask scheduler answers at {address}: {error}") from None
        self._tasks: dict[int, Any] = {}
        self._launched = 0
        room = sum(self._client.nthreads().values())
        if room < shards:
            self._client.close()
            raise MachineError(
                f"the Dask cluster at {address} does {room} tasks at a time, and {shards} shards run together: "
                "use fewer shards, or start more workers (dask worker --nthreads 1)"
            )

    def launch(self, spec: ShardSpec) -> None:
        assert spec.index is not None
        if (before := self._tasks.get(spec.index)) is not None:
            before.cancel(force=True)
        self._launched += 1
        key = f"qpyota-{spec.run_id}-{spec.index}-{self._launched}"
        self._tasks[spec.index] = self._client.submit(run_shard, spec, key=key, pure=False)

    def ended(self, index: int) -> str:
        task = self._tasks[index]
        return f"its task failed: {task.exception()}" if task.status == "error" else ""

    def where(self, index: int) -> str:
        """The address of the worker that has this shard; "" while Dask looks for one."""
        key = self._tasks[index].key
        return next((worker for worker, keys in self._client.processing().items() if key in keys), "")

    def stop(self) -> None:
        for task in self._tasks.values():
            task.cancel(force=True)
        self._client.close(timeout=END_S)


def reachable_from(address: str) -> str:
    """The address of this machine that those at `tcp://HOST:PORT` can reach it by, as far as one can tell."""
    host, port = urlsplit(address).hostname, urlsplit(address).port
    if host is None or port is None:
        raise MachineError(f"{address!r} is no address of a Dask scheduler, e.g. tcp://10.0.0.1:8786")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((host, port))  # sends nothing: it only chooses the way
            return str(probe.getsockname()[0])
    except OSError as error:
        raise MachineError(f"no way leads to {address}: {error.strerror}") from None
