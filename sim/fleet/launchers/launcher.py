"""What brings the processes of shards into being. The hub only waits for them to dial."""

from __future__ import annotations

from typing import Protocol

from sim.fleet.orders import ShardSpec


class Launcher(Protocol):
    """`patience_s`: wall time that the hub waits for a shard which was launched."""

    patience_s: float

    def launch(self, spec: ShardSpec) -> None:
        """Have this shard run somewhere, in place of the one before, if there was one."""

    def ended(self, index: int) -> str:
        """Why nobody will come who was launched for this shard; "" when somebody may."""

    def stop(self) -> None:
        """The run is over: end what is left."""
