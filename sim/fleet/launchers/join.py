"""Shards that somebody else starts, with `qpyota worker --join`: by hand, a Kubernetes job, a batch system."""

from __future__ import annotations

from collections.abc import Callable

from sim.fleet.orders import ShardSpec


class Join:
    """Says once what to start, and waits. A lost shard is taken over by the next worker that comes.

    `known`: whoever starts them has the token already, and it is not to stand in a log.
    """

    patience_s = 900.0

    def __init__(self, say: Callable[[str], object], *, known: bool) -> None:
        self._say = say
        self._known = known
        self._said = False

    def launch(self, spec: ShardSpec) -> None:
        if not self._said:
            self._said = True
            token = "" if self._known else f"QPYOTA_TOKEN={spec.token} "
            self._say(f"waiting for workers: {token}qpyota worker --join {spec.hub}")

    def ended(self, index: int) -> str:  # noqa: ARG002 - nobody here knows
        return ""

    def stop(self) -> None:
        """They end by themselves."""
