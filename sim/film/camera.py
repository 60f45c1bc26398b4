"""The camera: films a run, which cannot tell. An attendant (sim.scenario.runner) that observes the trace and the flash.

Rules: it never changes the run: no draw, no record, no time. A filmed device's flash does every operation for real, and
leaves the same bytes, operations, time and trace as the shortcuts would. Entries come in the order in which they
happened, and leave in groups of blocks, each ended by COUNTS with the number of its last entry. What is true of this
machine only (a port) is not filmed.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sim.cloud.account import TRACK_SUFFIX, Account
from sim.device.module import Module
from sim.errors import SpecError
from sim.film.entries import CELLS, COUNTS, END, HEAD, Block, Event, Ops, States, compact, pack_events, pack_json
from sim.film.head import flash_of, head_of, jobs_of
from sim.film.injections import Injections
from sim.film.pages import FlashView
from sim.film.sentences import say
from sim.film.states import NUMBER, DeviceState
from sim.kernel.clock import Clock, Timer
from sim.scenario.expect import suggest
from sim.scenario.places import Places
from sim.scenario.result import RunResult
from sim.scenario.runner import named
from sim.scenario.schema import Scenario
from sim.scenario.world import World
from sim.trace import Record, Trace

FILMED_AT_MOST = 20
"""Devices whose flash is filmed when nobody says which."""
SMALL_FLEET = 200
"""Up to so many devices every record is filmed and every change of a state is told at once."""
TICK_US = 1_000_000
"""Simulation time between two looks at the states of a larger fleet, where time is not the wall's."""
GROUP_ENTRIES = 4096
GROUP_WALL_S = 0.1
"""A group ends after so many entries, or after so much wall time."""
WHOLE_EVERY = 50
"""One of so many blocks of states names all devices."""
OF_THIS_MACHINE = ("tcp.outside", "uart.outside")

Json = dict[str, Any]


class Stand(NamedTuple):
    """Where the camera stands: whose time, what is told, where devices are, what the cloud knows already."""

    clock: Clock
    trace: Trace
    places: Places
    account: Account


@dataclass(frozen=True, slots=True)
class Framing:
    """How to film. `filmed`: devices besides those that are filmed anyway; `about`: more for the head; `injections`:
    what is done to the run meanwhile."""

    filmed: Sequence[str] = ()
    about: Json = field(default_factory=dict)
    injections: Injections | None = None


class Camera:
    """Films one run into `sink`, block after block: the head first, the end last."""

    def __init__(self, sink: Callable[[Block], None], framing: Framing) -> None:
        self._sink = sink
        self._framing = framing
        self._injections = framing.injections
        self._replay = ""
        self.n = 0
        """The number of the last entry."""
        self.off = False
        """Switched off: it films no more."""
        self._views: dict[str, FlashView] = {}
        self._open: FlashView | None = None
        self._open_n, self._open_us = 0, 0
        self._events: list[Event] = []
        self._ops: dict[int, Ops] = {}
        self._jobs: dict[str, dict[str, int]] = {}
        self._states: dict[str, DeviceState] = {}
        self._changed: dict[int, int] = {}
        self._waiting: list[Block] = []
        self._ticks = self._pending = self._sent_bytes = self._next_tick_us = 0
        self._timer: Timer | None = None
        self._group_wall_s = time.monotonic()

    def begin(self, world: World) -> None:
        """Film this world from now on."""
        scenario = world.scenario
        log = [] if self._injections is None else [one.given for one in self._injections.log]
        words = [shlex.join(["--inject", compact(one)]) for one in log]
        self._replay = " ".join([world.options.replay(named(scenario), world.seed, scenario.settings), *words])
        about = {
            "live": False,
            "seed": world.seed,
            "transport": world.options.transport,
            "replay": self._replay,
            "injections": log,
            "jobs": jobs_of(world),
        }
        self.film(scenario, world.devices, Stand(world.clock, world.trace, world.ground.places, world.account), about)
        if self._injections is not None:
            self._injections.begin(world)

    def film(self, scenario: Scenario | None, devices: Mapping[str, Module], stand: Stand, about: Json) -> None:
        """Film these devices; those that are made later are not in this film."""
        self._clock = clock = stand.clock
        self._number = {name: number for number, name in enumerate(devices)}
        self._small = len(devices) <= SMALL_FLEET
        speed = clock.loop.speed if clock.mode == "paced" else None
        self._tick_us = TICK_US if speed is None else max(1, round(GROUP_WALL_S * 1_000_000 * speed))
        filmed = self._filmed(list(devices))
        self._views = {name: FlashView(devices[name], self._op_begins) for name in filmed}
        head = head_of(scenario, devices, filmed, stand.places) | about | self._framing.about
        head["start_s"] = clock.start_s
        head["flash"] = {str(self._number[name]): flash_of(devices[name], view) for name, view in self._views.items()}
        self._sink(pack_json(HEAD, head))
        self._begin_folds(devices, stand.account)
        self._tell_states(clock.now_us)
        stand.trace.observe(self._take)

    def end(self, world: World, result: RunResult) -> RunResult:
        """The run is over."""
        result = replace(result, replay=self._replay)
        self.close(world.clock.now_us, result.to_json() | {"verdict": result.verdict})
        return result

    def close(self, at_us: int, result: Json) -> None:
        """Nothing more comes."""
        self._settle()
        if self._changed:
            self._tell_states(at_us)
        self._flush(at_us)
        self._sink(pack_json(CELLS, {str(self._number[name]): view.cells() for name, view in self._views.items()}))
        self._sink(pack_json(END, {"t": at_us, "n": self.n, **result}))

    def _filmed(self, names: list[str]) -> list[str]:
        for name in self._framing.filmed:
            if name not in names:
                raise SpecError(f"there is no device {name!r} to film{suggest(name, names)}")
        return [name for at, name in enumerate(names) if at < FILMED_AT_MOST or name in self._framing.filmed]

    # -- entries

    def _op_begins(self, view: FlashView) -> None:
        if self.off:
            return
        self._settle()
        if self._injections is not None:
            self._injections.before_op(self.n + 1, view.module)
            self._settle()
        self._count()
        self._open, self._open_n, self._open_us = view, self.n, self._clock.now_us

    def _settle(self) -> None:
        """The operation that is open is over."""
        view, self._open = self._open, None
        if view is None:
            return
        number = self._number[view.module.name]
        ops = self._ops.get(number)
        if ops is None:
            ops = self._ops[number] = Ops(number)
        ops.add(self._open_n, self._open_us, *view.settle())

    def _take(self, record: Record) -> None:
        if self.off:
            return
        self._settle()
        if record.kind in OF_THIS_MACHINE:
            return
        self._fold(record)
        number = self._number.get(record.track, -1)
        if self._small or record.track in self._views or record.track.startswith("job/"):
            self._film(record, number)
        if self._small:
            if self._changed:
                self._tell_states(record.at_us)
        elif record.at_us >= self._next_tick_us and self._changed:
            self._next_tick_us = record.at_us + self._tick_us
            self._tell_states(record.at_us)
            self._flush(record.at_us)  # with counts of the same moment, which the funnel shows beside them

    def _film(self, record: Record, number: int) -> None:
        self._count()
        data = record.data if number >= 0 else {**record.data, "track": record.track}
        name = record.track.removesuffix(TRACK_SUFFIX)
        sentence = say(record.kind, record.data, name)
        self._events.append(Event(self.n, record.at_us, number, record.seq, record.kind, data, sentence))
        if self._injections is not None:
            self._injections.after_event(self.n)

    def _count(self) -> None:
        if self._pending >= GROUP_ENTRIES or (not self._pending % 64 and self._is_late()):
            self._flush(self._clock.now_us)
        self.n += 1
        self._pending += 1
        if self._timer is None and self._clock.mode == "paced":
            self._timer = self._clock.after(self._tick_us, self._tick)

    # -- folds

    def _begin_folds(self, devices: Mapping[str, Module], account: Account) -> None:
        """States and counts as they are when the film begins; in a run, nothing has happened yet."""
        self._states = {name: DeviceState.of(module) for name, module in devices.items()}
        self._changed = {self._number[name]: NUMBER[state.name] for name, state in self._states.items()}
        for job_id in account.job_ids:
            if account.jobs.progress(job_id) is not None:
                statuses = [execution.status.value for execution in account.jobs.executions(job_id)]
                self._jobs[job_id] = {status: statuses.count(status) for status in sorted(set(statuses))}

    def _fold(self, record: Record) -> None:
        name, kind, data = record.track.removesuffix(TRACK_SUFFIX), record.kind, record.data
        if kind == "execution":
            counts = self._jobs.setdefault(data["job"], {})
            if data["old"] in counts:
                counts[data["old"]] -= 1
            counts[data["new"]] = counts.get(data["new"], 0) + 1
        elif kind == "http":
            self._sent_bytes += data.get("bytes", 0)
        state = self._states.get(name)
        if state is not None and state.take(kind, data):
            self._changed[self._number[name]] = NUMBER[state.name]

    def _tell_states(self, at_us: int) -> None:
        whole = not self._ticks % WHOLE_EVERY
        self._ticks += 1
        told = self._changed
        if whole:
            told = {self._number[name]: NUMBER[state.name] for name, state in self._states.items()}
        self._changed = {}
        self._waiting.append(States(at_us, self.n, told, whole).pack())

    # -- groups

    def _tick(self) -> None:
        self._timer = None
        if not self.off:
            self.look()

    def look(self) -> None:
        """Show what was filmed up to now."""
        self._settle()
        if self._changed:
            self._tell_states(self._clock.now_us)
        self._flush(self._clock.now_us)

    def _is_late(self) -> bool:
        return time.monotonic() - self._group_wall_s > GROUP_WALL_S

    def _flush(self, at_us: int) -> None:
        """End the group."""
        self._settle()
        if self._events:
            self._sink(pack_events(self._events))
        for ops in self._ops.values():
            self._sink(ops.pack())
        for block in self._waiting:
            self._sink(block)
        counts = {"t": at_us, "n": self.n, "jobs": self._jobs, "sent_bytes": self._sent_bytes}
        self._sink(pack_json(COUNTS, counts))
        self._events, self._ops, self._waiting, self._pending = [], {}, [], 0
        self._group_wall_s = time.monotonic()
