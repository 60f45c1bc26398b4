"""Shards that somebody else starts, with `qpyota worker --join`: by hand, a Kubernetes job, a batch system."""

from __future__ import annotations

from collections.abc import Callable

from sim.fleet.orders import ShardSpec


class Join:
    """Says once what to start, and waits. A lost shard is taken over by the next worker that comes."""

    patience_s = 900.0

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._said = False

    def launch(self, spec: ShardSpec) -> None:
        if not self._said:
            self._said = True
            self._say(f"waiting for workers: QPYOTA_TOKEN={spec.token} qpyota worker --join {spec.hub}")

    def ended(self, index: int) -> str:  # noqa: ARG002 - nobody here knows
        return ""

    def stop(self) -> None:
        """They end by themselves."""
