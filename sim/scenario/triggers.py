"""The moments of faults: each fires when its time, operation, phase or event has come, and may be set again.

What happens at a flash operation fires before it, so that a power cut can tear that very operation; all else fires
between events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sim.cloud.account import TRACK_SUFFIX
from sim.device.module import Module
from sim.kernel.seeds import draws
from sim.scenario.schema_faults import When
from sim.trace import Record, Trace

RECORDED_OPS = {"http.chunk": "http", "mqtt.pub": "mqtt.out"}
"""Operations that are records of the trace."""

Due = Callable[[], object]


class Drawn(NamedTuple):
    """Whose draws these are: the root seed, and the number of the fault."""

    seed: int
    number: int

    def between(self, name: str, low: int, high: int, what: str) -> int:
        """A whole number from `low` to `high`, both included."""
        if low == high:
            return low
        return low + draws(self.seed, name, f"{what} of fault {self.number}").randrange(high - low + 1)


class Watchers:
    """Who waits for which record of which device."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._waiting: dict[str, dict[str, list[Callable[[Record], None]]]] = {}  # by kind and track

    def watch(self, track: str, kind: str, told: Callable[[Record], None]) -> None:
        """Call `told` with each record of this kind on this track."""
        if kind not in self._waiting:
            self._waiting[kind] = {}
            self._trace.observe(self._tell, (kind,))
        self._waiting[kind].setdefault(track, []).append(told)

    def _tell(self, record: Record) -> None:
        for told in self._waiting[record.kind].get(record.track, ()):
            told(record)


class Trigger:
    """One moment of one device. `due()` is called when it comes, once for each `set`, of which there are more `again`
    and again, or one."""

    def __init__(self, module: Module, when: When, drawn: Drawn, due: Due, *, again: bool) -> None:
        self._module = module
        self._when = when
        self._due = due
        self._again = again
        low, high = when.nth or (1, 1)
        self._nth = drawn.between(module.name, low, high, "nth")
        self._seen = 0
        self._is_set = False

    def __str__(self) -> str:
        told = self._when.model_dump(by_alias=True, exclude_none=True)
        if self._when.nth is not None:
            told["nth"] = self._nth
        return "{" + ", ".join(f"{name}: {value}" for name, value in told.items()) + "}"

    @property
    def at_flash_op(self) -> bool:
        """Whether it fires the moment before a flash operation."""
        return self._when.op is not None and self._when.op not in RECORDED_OPS

    def watch(self, watchers: Watchers) -> None:
        """Look out from now on; at a time, or at an operation in whatever phase, it is only to be set."""
        when, name = self._when, self._module.name
        if self.at_flash_op and when.phase is not None:
            self._module.storage.watch_ops(self._on_op)
        elif self.at_flash_op:
            return
        elif when.op is not None:
            watchers.watch(name, RECORDED_OPS[when.op], self._on_record)
        elif when.event is not None and when.event.startswith("job."):
            watchers.watch(name + TRACK_SUFFIX, "execution", self._on_status)
        elif when.event is not None:
            watchers.watch(name, when.event, self._on_record)
        elif when.phase is not None:
            self._module.watch_phases(self._on_phase, when.phase, when.progress or 0.0)

    def set(self) -> None:
        """Fire the next time that the moment comes, and count anew."""
        self._is_set, self._seen = True, 0
        if self.at_flash_op and self._when.phase is None:
            assert self._when.op is not None
            self._module.nor.count_down(self._when.op, self._nth, self._fire)
        if self._when.at_us is not None:
            clock = self._module.clock
            clock.foretell(max(self._when.at_us, clock.now_us))  # a broker that goes down ends connections
            clock.after(max(0, self._when.at_us - clock.now_us), self._fire)

    def _fire(self) -> None:
        if self._is_set:
            self._is_set = False
            self._due()

    def _count(self) -> bool:
        """Whether what was seen just now is the one."""
        if not self._is_set or self._when.phase not in (None, self._module.phase):
            return False
        self._seen += 1
        return self._seen == self._nth

    def _on_op(self, op: str, _address: int) -> None:
        if op == self._when.op and self._count():
            self._fire()

    def _on_record(self, _record: Record) -> None:
        if self._count():
            self._module.clock.after(0, self._fire)

    def _on_status(self, record: Record) -> None:
        if record.data["new"] == (self._when.event or "").removeprefix("job.") and self._count():
            self._module.clock.after(0, self._fire)

    def _on_phase(self, _phase: str, _progress: float) -> None:
        if self._is_set:
            self._is_set = False
            if not self._again:
                self._module.unwatch_phases(self._on_phase)
            self._module.clock.after(0, self._due)
