"""The hub's end of each shard: its line, every order it was given, and what becomes of it when it is lost.

Rules: the hub reads the newest line of a shard only, whose number is its epoch; an older one is closed, and what comes
on it is never looked at. A shard that is lost is launched again, or taken over by a worker that waits, and goes through
all orders again; nothing but orders enters a shard, so it comes to the same.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pickle import loads
from threading import Condition
from typing import Any

from sim.errors import MachineError
from sim.fleet.launchers.launcher import Launcher
from sim.fleet.orders import (
    NEVER_US,
    Dismissed,
    Done,
    Failed,
    Finish,
    ShardSpec,
    Summary,
    Told,
    Welcome,
    Window,
    packed,
)
from sim.net.lines import Line, LineLost

RETRIES = 3
"""How often one shard is run again before it is given up."""

SILENCE_S = 10.0
"""Wall time without a sign of life after which a shard that is waited for is lost; they come every second."""

LOOK_S = 0.5
"""How often a launcher is asked whether somebody still comes."""


NOTHING_YET, GONE = Done(0, 0, [], [], 0), Done(NEVER_US, NEVER_US, [], [], 0)


class LostShard(MachineError):  # noqa: N818 - a finding
    """A shard could not be brought back."""


class Muster:
    """Lines of workers that have come and are not at work yet."""

    def __init__(self, shards: int) -> None:
        self._shards = shards
        self._came = Condition()
        self._free: deque[Line] = deque()
        self._named: dict[int, Line] = {}
        self.at_work: dict[int, Line] = {}

    def take(self, line: Line) -> None:
        """Somebody has come. Whoever comes for a shard takes it over."""
        with self._came:
            if line.index is None:
                self._free.append(line)
            elif line.index < self._shards and line.index not in self._named:
                self._named[line.index] = line
                if (before := self.at_work.pop(line.index, None)) is not None:
                    before.close()
            else:
                line.close()
            self._came.notify_all()

    def next(self, index: int, wait_s: float) -> Line | None:
        """Who is to be this shard now; None when nobody came."""
        with self._came:
            if not self._came.wait_for(lambda: self._waits_for(index), wait_s):
                return None
            line = self._named.pop(index, None) or self._free.popleft()
            self.at_work[index] = line
            return line

    def waits_for(self, index: int) -> bool:
        """Whether somebody is there who could be this shard."""
        with self._came:
            return self._waits_for(index)

    def dismiss(self) -> None:
        """Let everybody know that the run is over."""
        with self._came:
            for line in (*self._free, *self._named.values(), *self.at_work.values()):
                line.send(packed(Dismissed()))

    def _waits_for(self, index: int) -> bool:
        while self._free and self._free[0].closed.is_set():  # who has left meanwhile
            self._free.popleft()
        return index in self._named or bool(self._free)


@dataclass(slots=True)
class Member:
    """One shard. `last` is what came of its last window; `waiting` and `told` are to go with the next."""

    spec: ShardSpec
    names: frozenset[str]
    welcome: Callable[[int, int, tuple[bytes, ...]], Welcome]
    muster: Muster
    launcher: Launcher
    on_lost: Callable[[int, str], object]
    index: int = 0
    epoch: int = 0
    losses: int = 0
    lost: bool = False
    """For good."""
    last: Done = NOTHING_YET
    waiting: list[tuple[str, int, Any]] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    _orders: list[tuple[int, bytes]] = field(default_factory=list)
    _line: Line | None = None

    def __post_init__(self) -> None:
        assert self.spec.index is not None
        self.index = self.spec.index

    def begin(self) -> None:
        """Wait for it to come, and tell it who it is."""
        line = self._next()
        self.epoch += 1
        self._line = line
        self._welcome()

    def give_up(self) -> None:
        """It is lost for good, and says nothing any more."""
        self.lost, self.last = True, GONE
        self.waiting, self.told = [], []

    def rewind(self, at_us: int) -> None:
        """Have it be as it was before it was let past `at_us`."""
        if self._orders and self._orders[-1][0] > at_us:
            self._orders = [order for order in self._orders if order[0] <= at_us]
            self._welcome()
            self.receive()

    def _welcome(self) -> None:
        assert self._line is not None
        orders = tuple(order for _, order in self._orders)
        self._line.send(packed(self.welcome(self.index, self.epoch, orders)))

    def send(self, order: Window | Finish) -> None:
        """Give it an order; `receive` has the answer."""
        assert self._line is not None
        data = packed(order)
        self._orders.append((order.until_us, data))
        self._line.send(data)

    def receive(self) -> Done | Summary:
        """What came of the last order, from a new process if this one is lost. LostShard when there is none."""
        while True:
            try:
                assert self._line is not None
                answer: Done | Summary | Failed = loads(self._line.receive(SILENCE_S))
            except LineLost as lost:
                self._again(str(lost))
                continue
            if isinstance(answer, Failed):
                raise answer.error
            return answer

    def _again(self, why: str) -> None:
        self.losses += 1
        if self._line is not None:
            self._line.close()
        if self.losses > RETRIES:
            raise LostShard(f"shard {self.index} was lost {self.losses} times; the last time {why}")
        self.on_lost(self.index, why)
        if not self.muster.waits_for(self.index):
            self.launcher.launch(self.spec)
        self.begin()

    def _next(self) -> Line:
        until_s = time.monotonic() + self.launcher.patience_s
        while (line := self.muster.next(self.index, LOOK_S)) is None:
            if why := self.launcher.ended(self.index):
                self.losses += 1
                if self.losses > RETRIES:
                    raise LostShard(f"shard {self.index} does not start: {why}")
                self.launcher.launch(self.spec)
            if time.monotonic() > until_s:
                raise LostShard(f"nobody came to be shard {self.index} in {self.launcher.patience_s:g} s")
        return line
