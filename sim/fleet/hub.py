"""The hub of a sharded run: the cloud, the one trace, and the windows of time that the shards are given.

No shard runs past the earliest instant at which anybody could say anything to the cloud, or the cloud has something to
do. The cloud goes first to that instant; then the shards, with what it sent; then what their devices said is heard, in
the order of sim.net.memory_cloud, so the run is the one in memory, whatever the number of shards.

Every window is kept. A shard that is lost is run again from the start with the same windows, and does the same again.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, Listener
from multiprocessing.context import SpawnProcess
from secrets import token_bytes
from typing import Any

from sim.errors import MachineError, SpecError
from sim.fleet.shards import NEVER_US, Done, Finish, ShardSpec, Summary, Window, names_of, run_shard
from sim.scenario.expect import evaluate
from sim.scenario.part import Part
from sim.scenario.result import RunOptions, RunResult
from sim.scenario.runner import SETTLE_US, job_view
from sim.scenario.schema import Scenario
from sim.scenario.views import Counts, DeviceView, FleetView, Namespace
from sim.scenario.wiring import Wiring
from sim.scenario.world import World
from sim.trace import Observer, Record

START_LIMIT_S = 60
"""Wall time that a shard may take to start and connect."""

RETRIES = 3
"""How often one shard is run again before the run is given up."""


class LostShard(MachineError):  # noqa: N818 - a finding
    """A shard could not be brought back."""


class _Shard:
    """The hub's end of one shard: its process, its connection, and every window it was given."""

    def __init__(self, spec: ShardSpec, listener: Listener) -> None:
        self.spec = spec
        self._listener = listener
        self._log: list[Window | Finish] = []
        self._lost = 0
        self.waiting: list[tuple[int, Any]] = []
        self._start()

    def _start(self) -> None:
        self.process: SpawnProcess = get_context("spawn").Process(target=run_shard, args=(self.spec,), daemon=True)
        self.process.start()
        self._connection: Connection = self._listener.accept()
        assert self._connection.recv() == self.spec.index, "another shard came in place of the one that was started"
        first: Done = self._connection.recv()
        if not self._log:
            self.last = first

    def send(self, order: Window | Finish) -> None:
        """Give it an order; `receive` has the answer."""
        self._log.append(order)
        with suppress(OSError):  # it is lost, which `receive` finds, too
            self._connection.send(order)

    def receive(self) -> Any:
        """What came of the last order, in a new process if this one is lost."""
        while True:
            try:
                return self._connection.recv()
            except (EOFError, OSError):
                self._again()

    def _again(self) -> None:
        """A new process goes through all windows again; what it says of those that were answered is known."""
        self._lost += 1
        if self._lost > RETRIES:
            raise LostShard(f"shard {self.spec.index} of {self.spec.of} was lost {self._lost} times")
        self.end()
        try:
            self._start()
            for order in self._log[:-1]:
                self._connection.send(order)
                self._connection.recv()
            self._connection.send(self._log[-1])
        except (EOFError, OSError):
            self._again()

    def end(self) -> None:
        """Its process ends, and the connection with it."""
        self._connection.close()
        self.process.kill()
        self.process.join()


class Hub:
    """One sharded run. `on_window` is told each, for who wants to see, or disturb, how it goes."""

    def __init__(self, scenario: Scenario, options: RunOptions, shards: int) -> None:
        check_shardable(scenario)
        self._scenario = scenario
        self._options = options
        self.world = World(scenario, options, part=Part(frozenset(), hand=self._hand))
        self._of: dict[str, _Shard] = {}
        every = [name for entry in scenario.fleet for name in entry.devices()]
        token = token_bytes(32)
        self._listener = Listener(("127.0.0.1", 0), authkey=token)
        self._listener._listener._socket.settimeout(START_LIMIT_S)  # type: ignore[attr-defined]  # it offers none itself
        self.shards: list[_Shard] = []
        host, port = self._listener.address
        self.on_window: Callable[[int], object] = lambda _: None
        self._end_us = scenario.duration_us
        self._steps_left = [0] * shards
        for index in range(shards):
            where = (str(host), int(port))
            spec = ShardSpec(scenario.source, tuple(scenario.settings), options, index, shards, where, token)
            shard = _Shard(spec, self._listener)
            self.shards.append(shard)
            self._of.update(dict.fromkeys(names_of(every, index, shards), shard))

    def run(self, observers: Sequence[Observer] = ()) -> RunResult:
        """To its verdict. LostShard when one cannot be brought back."""
        started_s = time.perf_counter()
        for observer in observers:
            self.world.trace.observe(observer)
        self.world.trace.observe(self._end_when_finished)
        self.world.start()
        for shard in self.shards:
            self._take(shard)
        while (at_us := self._next_us()) < self._end_us:
            self._pass(at_us)
        summaries = [*self._finish()]
        return self._result(summaries, time.perf_counter() - started_s)

    def degraded(self, why: str) -> RunResult:
        """The result of a run that could not go on: incomplete, and nothing was expected of it."""
        counts = self.world.account.jobs.counts().items()
        return RunResult(
            scenario=self._scenario.name,
            seed=self.world.seed,
            transport="memory",
            devices=len(self._of),
            executions={status.value: number for status, number in counts if number},
            expects=[],
            virtual_s=self.world.clock.now_us / 1_000_000,
            wall_s=0.0,
            trace_hash=self.world.trace.digest(),
            replay=self._options.replay(str(self._scenario.source), self.world.seed, self._scenario.settings),
            problems=[f"degraded: {why}"],
        )

    def close(self) -> None:
        """End every process that was started, and free everything."""
        for shard in self.shards:
            shard.end()
        self._listener.close()
        self.world.close()

    def _hand(self, device: str, number: int, arrival: Any) -> None:
        self._of[device].waiting.append((number, arrival))

    def _next_us(self) -> int:
        """The next instant in which the cloud can have something to do, or to hear; all shards may run through it."""
        if any(shard.waiting for shard in self.shards):
            return self.world.clock.now_us
        own_us = self.world.clock.next_us
        return min(NEVER_US if own_us is None else own_us, *(shard.last.bound_us for shard in self.shards))

    def _pass(self, at_us: int) -> None:
        """Everybody runs through that instant: the cloud, the shards, and the cloud with what it heard."""
        clock = self.world.clock
        if at_us > clock.now_us:
            clock.after(at_us - clock.now_us, _nothing)
        clock.run_through(at_us)
        asked = [shard for shard in self.shards if shard.waiting or shard.last.next_us <= at_us]
        for shard in asked:
            waiting, shard.waiting = shard.waiting, []
            shard.send(Window(at_us, waiting))
        self.on_window(at_us)
        for shard in asked:
            shard.last = shard.receive()
        for shard in asked:
            self._take(shard)
        clock.run_through(at_us)

    def _take(self, shard: _Shard) -> None:
        """What came of a window of a shard enters the trace, and is said to the cloud."""
        done, now_us = shard.last, self.world.clock.now_us
        self._steps_left[shard.spec.index] = done.steps_left
        for record in done.records:
            self.world.trace.take(*record)
        wiring = self.world.wiring
        assert isinstance(wiring, Wiring)
        for call in done.calls:
            assert call.at_us == now_us, f"said at {call.at_us}, heard at {now_us}: {call}"
            wiring.cloud.take(call)

    def _end_when_finished(self, record: Record) -> None:
        cloud = record.track.endswith("@cloud")
        if (cloud or record.kind == "step") and not self.world.ending and not any(self._steps_left):
            self.world.ending = self.world.finished
            if self.world.ending:
                self._end_us = min(self._end_us, record.at_us + SETTLE_US)

    def _finish(self) -> Iterator[Summary]:
        self.world.clock.run(self._end_us)
        for shard in self.shards:
            shard.send(Finish(self._end_us, tuple(files_wanted(self._scenario.expect))))
        for shard in self.shards:
            summary: Summary = shard.receive()
            for record in summary.records:
                self.world.trace.take(*record)
            yield summary

    def _result(self, summaries: Sequence[Summary], wall_s: float) -> RunResult:
        world, scenario = self.world, self._scenario
        ends = {name: end for summary in summaries for name, end in summary.devices.items()}
        devices = {}
        for name in self._of:
            end = ends[name]
            view = (end.firmware, end.boots, end.bricked, end.files.__getitem__, end.up_bytes, end.down_bytes)
            devices[name] = DeviceView(*view)
        counts = {status.value: number for status, number in world.account.jobs.counts().items()}
        jobs = {job_id: job_view(world.account, job_id) for job_id in world.account.job_ids}
        names = Namespace(FleetView(devices), jobs, Counts(counts), {})
        return RunResult(
            scenario=scenario.name,
            seed=world.seed,
            transport="memory",
            devices=len(devices),
            executions={status: number for status, number in counts.items() if number},
            expects=[evaluate(line, names) for line in scenario.expect],
            virtual_s=world.clock.now_us / 1_000_000,
            wall_s=round(wall_s, 3),
            trace_hash=world.trace.digest(),
            replay=self._options.replay(str(scenario.source), world.seed, scenario.settings),
            problems=[*world.problems, *(text for summary in summaries for text in summary.problems)],
        )


def run_sharded(scenario: Scenario, options: RunOptions, shards: int, observers: Sequence[Observer] = ()) -> RunResult:
    """A run in memory whose devices live in `shards` processes."""
    hub = Hub(scenario, options, shards)
    try:
        return hub.run(observers)
    except LostShard as lost:
        return hub.degraded(str(lost))
    finally:
        hub.close()


def check_shardable(scenario: Scenario) -> None:
    """SpecError for what devices share besides the cloud, or what a sharded run does not tell yet."""
    found = [name for name in ("hosts", "peers", "thresholds") if getattr(scenario, name)]
    found += ["networks with cells"] * any(network.cells for network in scenario.networks.values())
    found += ["a fleet with scripts"] * any(entry.agent is None for entry in scenario.fleet)
    found += sorted({fault.kind for fault in scenario.faults if fault.kind in ("broker_down", "cell_outage")})
    if found:
        raise SpecError(f"a run with --shards cannot have {' or '.join(found)}: run it without --shards")


def files_wanted(expects: Sequence[str]) -> Iterator[str]:
    """Paths that expect lines read."""
    for line in expects:
        for node in ast.walk(ast.parse(line.replace("\n", " "), mode="eval")):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield from (str(word.value) for word in node.args if isinstance(word, ast.Constant))


def _nothing() -> None:
    pass
