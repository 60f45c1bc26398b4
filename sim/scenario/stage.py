"""What a scenario's world is set up on when it does not make its own: a cloud that is there already, and goes on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sim.cloud.account import Account
from sim.kernel.clock import Clock
from sim.ports import Network
from sim.trace import Trace

if TYPE_CHECKING:
    from sim.net.stopwatch import Stopwatch
    from sim.scenario.part import Part


class Wired(Protocol):
    """The way between the devices and the cloud, from `open` to `close`."""

    network: Network
    problems: list[str]
    stopwatch: Stopwatch | None
    part: Part

    def open(self) -> None: ...
    def close(self) -> None: ...
    def identity(self, device: str) -> tuple[str, str]:
        """Certificate and private key of a device, PEM."""

    def authority(self) -> str:
        """Who signed the certificates of the servers, PEM; "" when that is not known."""


@dataclass(frozen=True, slots=True)
class Stage:
    """`elapsed_us`: how long ago the scenario began; None: now. `known`: devices that are things of the account."""

    clock: Clock
    trace: Trace
    account: Account
    wiring: Wired
    elapsed_us: int | None = None
    known: Collection[str] = frozenset()
