"""The hub of a sharded run: the cloud, the one trace, and the windows of time that the shards are given.

No shard runs past the earliest instant at which anybody could say anything to the cloud, or the cloud has something to
do. The shards go first to that instant, and what they did enters the trace in the order of time; then the cloud, which
hears what was said in the order of sim.net.memory_cloud; then what it sent is handed over in the same instant. So the
run is the one in memory, whatever the number of shards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import merge
from operator import itemgetter, methodcaller
from secrets import token_hex, token_urlsafe
from typing import Any

from sim.cloud.account import TRACK_SUFFIX
from sim.device.catalogue import load_model
from sim.errors import SpecError
from sim.flash.nor import Nor
from sim.fleet.launchers.launcher import Launcher
from sim.fleet.launchers.local import Local
from sim.fleet.luggage import pack
from sim.fleet.members import LostShard, Member, Muster
from sim.fleet.orders import NEVER_US, Done, Finish, ShardSpec, Summary, Told, Welcome, Window
from sim.fleet.outcome import files_wanted, outcome_of
from sim.fleet.share import check_shardable, share_out
from sim.kernel.garbage import rare_collections
from sim.mqtt.presence import Ended
from sim.net.lines import Lines
from sim.net.memory_apart import Call
from sim.scenario.part import Part
from sim.scenario.result import RunOptions, RunResult
from sim.scenario.runner import ENDING, SETTLE_US, Attendant, Outcome, judged
from sim.scenario.schema import Scenario
from sim.scenario.sightings import Sightings, kinds_in
from sim.scenario.tally import Tally
from sim.scenario.wiring import Wiring
from sim.scenario.world import World
from sim.trace import Observer, Record

LOOPBACK = "127.0.0.1"
Answer = Done | Summary | None


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """How a run is shared out: `shards` of them, who brings them into being, and where the hub listens.

    `url`: the address that shards reach the hub by, where it is not `host` and the port that it got. `say` is told what
    is not part of the run (a shard that was lost).
    """

    shards: int
    launcher: Callable[[], Launcher] = Local
    host: str = LOOPBACK
    port: int = 0
    url_host: str = ""
    token: str = ""
    say: Callable[[str], object] = lambda _: None


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """A device whose flash is in its shard: what it wears is counted there, and here that it is the next to be told."""

    nor: Nor


class Hub:
    """One sharded run. `on_window` is told each, for who wants to see, or disturb, how it goes."""

    def __init__(self, scenario: Scenario, options: RunOptions, plan: ShardPlan) -> None:
        if options.transport != "memory":
            raise SpecError("a run with --shards has no sockets: give --transport memory")
        check_shardable(scenario)
        self._scenario = scenario
        self._options = options
        self._plan = plan
        self.on_window: Callable[[int], object] = lambda _: None
        self.windows = 0
        self._asked_us = 0
        self._end_us = scenario.duration_us
        self._judging: tuple[int, Callable[[], None]] | None = None
        self._losses: list[str] = []
        self._of: dict[str, Member] = {}
        self.members: list[Member] = []
        self._lines: Lines | None = None
        self.launcher = plan.launcher()
        self.world = World(scenario, options, part=Part(frozenset(), hand=self._hand))
        self.world.end_at, self.world.once_over = self._end_at, self._once_over
        self._every = [name for entry in scenario.fleet for name in entry.devices()]
        self._steps_left = [0] * plan.shards
        self._tally = Tally(dict.fromkeys(self._every, _Elsewhere(Nor(load_model(scenario.fleet[0].model).part))))

    def run(self, observers: Sequence[Observer] = (), attendants: Sequence[Attendant] = ()) -> RunResult:
        """To its verdict. A run that has lost a shard for good is incomplete."""
        started_s = time.perf_counter()
        seen = Sightings(kinds_in(self._scenario.expect))
        trace = self.world.trace
        for observer in observers:
            trace.observe(observer)
        trace.observe(self._watch, ENDING)
        self._tally.listen(trace)
        seen.listen(trace)
        for attendant in attendants:
            attendant.begin(self.world)
        with rare_collections():
            self._gather()
            self.world.start()
            self._take(0, [member.last for member in self.members])
            while (at_us := self._next_us()) < self._end_us:
                self._pass(at_us)
            summaries = self._finish()
        outcome = outcome_of(self.world, summaries, self._tally.costs, self._losses)
        result = judged(self.world, outcome, seen.views(), time.perf_counter() - started_s)
        for attendant in attendants:
            result = attendant.end(self.world, result)
        return result

    def degraded(self, why: str) -> RunResult:
        """The result of a run that could not go on: incomplete, and nothing was expected of it."""
        outcome = Outcome([], {}, [f"degraded: {why}"], list(self._losses), [])
        self.world.scenario = self._scenario.model_copy(update={"expect": ()})
        return replace(judged(self.world, outcome, {}, 0.0), devices=len(self._every))

    def close(self) -> None:
        """End every shard that was started, and free everything."""
        if self._lines is not None:
            self._muster.dismiss()
            self._lines.close()
        self.launcher.stop()
        self.world.close()

    def _gather(self) -> None:
        """Have every shard come, and build its part."""
        plan, scenario = self._plan, self._scenario
        self._muster = Muster(plan.shards)
        token = plan.token or token_urlsafe(24)
        self._lines = Lines(plan.host, plan.port, token, self._muster.take)
        url = f"http://{plan.url_host or plan.host}:{self._lines.port}"
        run_id, luggage = f"{scenario.name}-{token_hex(4)}", pack(scenario)
        shares = share_out(scenario, self.world.ground.places, plan.shards)

        def welcome(index: int, epoch: int, orders: tuple[bytes, ...]) -> Welcome:
            return Welcome(run_id, index, plan.shards, epoch, luggage, self._options, shares[index], orders)

        for index, names in enumerate(shares):
            spec = ShardSpec(run_id, url, token, index)
            member = Member(spec, names, welcome, self._muster, self.launcher, self._lost)
            self.members.append(member)
            self._of.update(dict.fromkeys(names, member))
            self.launcher.launch(spec)
        for member in self.members:
            member.begin()
        for member in self.members:
            member.last = _done(member.receive())

    def _lost(self, index: int, why: str) -> None:
        """At the window that it was asked for, whether or not the cloud had come to it."""
        at_s = self._asked_us / 1_000_000
        text = f"shard {index} of {self._plan.shards} was lost at {at_s:g} s ({why}), and is run again"
        self._losses.append(text)
        self._plan.say(text)

    def _answers(
        self, asked: Iterable[Member], ask: Callable[[Member], Answer] = Member.receive
    ) -> Iterator[tuple[Member, Answer]]:
        """What each of them has to say; LostShard where one has gone that the run cannot do without."""
        for member in asked:
            try:
                answer = ask(member)
            except LostShard as lost:
                if self._scenario.shards.on_loss == "stop":
                    raise
                self._give_up(member, str(lost))
            else:
                yield member, answer

    def _give_up(self, member: Member, why: str) -> None:
        """The run goes on without a shard's devices: nobody knows what became of them, and the cloud sees them go."""
        member.give_up()
        text = f"{why}; the run goes on without its {len(member.names)} devices"
        self._losses.append(text)
        self._plan.say(text)
        world, wiring = self.world, self.world.wiring
        assert isinstance(wiring, Wiring)
        known: dict[str, dict[str, str]] = {}
        for job_id in world.account.job_ids:
            if world.account.jobs.progress(job_id) is not None:
                for execution in world.account.jobs.executions(job_id):
                    known.setdefault(execution.thing, {})[job_id] = execution.status.value
        for name in (name for name in self._every if name in member.names):
            world.lost[name] = None
            world.trace.emit(name, "shard.lost", executions=known.get(name, {}))
        for device in (name for name in self._every if name in member.names):
            for end in wiring.far_devices.ends.of(device):
                wiring.far_devices.take(Call(world.clock.now_us, device, end.number, "gone", (Ended.LOST,)))
        self._end_when_finished(world.clock.now_us)

    def _hand(self, device: str, number: int, arrival: Any) -> None:
        if device not in self.world.lost:
            self._of[device].waiting.append((device, number, arrival))

    def _next_us(self) -> int:
        """The next instant in which the cloud can have something to do, or to hear; all shards may run through it."""
        if any(member.waiting or member.told for member in self.members):
            return self.world.clock.now_us
        own_us = self.world.clock.next_us
        return min(NEVER_US if own_us is None else own_us, *(member.last.bound_us for member in self.members))

    def _pass(self, at_us: int) -> None:
        """Everybody runs through that instant: first the shards, then the cloud."""
        if self._judged(at_us):
            return
        self._asked_us = at_us
        asked = [it for it in self.members if it.waiting or it.told or it.last.next_us <= at_us]
        for member in asked:
            waiting, member.waiting = member.waiting, []
            told, member.told = member.told, []
            member.send(Window(at_us, waiting, told))
        self.windows += 1
        self.on_window(at_us)
        for member, answer in self._answers(asked):
            member.last = _done(answer)
        self._take(at_us, [member.last for member in asked])

    def _take(self, at_us: int, done: Sequence[Done]) -> None:
        """What came of a window enters the trace, and is said to the cloud, which goes through the instant with it."""
        self._steps_left = [member.last.steps_left for member in self.members]
        if not self._record(one.records for one in done):
            return
        clock = self.world.clock
        if at_us > clock.now_us:
            clock.run(at_us)  # up to the beginning of that instant
        now_us = self.world.clock.now_us
        wiring = self.world.wiring
        assert isinstance(wiring, Wiring)
        for one in done:
            for call in one.calls:
                _in_time(call, now_us)
                if call.what == "open" and call.args[0].certificate:
                    wiring.identity(call.device)  # it was issued where the device is, and the same is known here
                wiring.far_devices.take(call)
        clock.run_through(at_us)

    def _record(self, parts: Iterable[list[Told]]) -> bool:
        """Whether all of these records are part of the run, which may end with one of them."""
        for record in merge(*parts, key=itemgetter(0)):
            if self._judged(record[0]):
                return False
            self.world.trace.take(*record)
        return True

    def _once_over(self, at_us: int, fn: Callable[[], None]) -> None:
        self._judging = at_us, fn

    def _judged(self, at_us: int) -> bool:
        """Whether the run is over before this instant, by what happened until then."""
        if self._judging is not None and self._judging[0] < at_us:
            (_, judge), self._judging = self._judging, None
            judge()
        return self._end_us <= at_us

    def _end_at(self, at_us: int) -> None:
        self._end_us = min(self._end_us, at_us)

    def _watch(self, record: Record) -> None:
        """What the cloud says of a device, its shard hears; and the run ends a while after the last thing to do."""
        cloud = record.track.endswith(TRACK_SUFFIX)
        if cloud and record.kind == "execution":
            member = self._of.get(record.track.removesuffix(TRACK_SUFFIX))
            if member is not None and not member.lost:
                member.told.append((record.at_us, record.track, record.kind, record.data))
        if cloud or record.kind == "step":
            self._end_when_finished(record.at_us)

    def _end_when_finished(self, at_us: int) -> None:
        if not self.world.ending and not any(self._steps_left):
            self.world.ending = self.world.finished
            if self.world.ending:
                self._end_at(at_us + SETTLE_US)

    def _finish(self) -> list[Summary]:
        """Everybody comes to the end, which may show that it should have been earlier."""
        while True:
            self._judged(self._end_us)
            end_us = self._end_us
            left = [member for member in self.members if not member.lost]
            left = [member for member, _ in self._answers(left, methodcaller("rewind", end_us - 1))]
            for member in left:
                member.send(Finish(end_us, tuple(files_wanted(self._scenario.expect))))
            summaries = [_summary(answer) for _, answer in self._answers(left)]
            self._record(summary.records for summary in summaries)
            if self._judged(end_us) and self._end_us < end_us:
                continue
            self.world.clock.run(end_us)
            found = {name: view for summary in summaries for name, view in summary.devices.items()}
            self.world.views = {name: found[name] for name in self._every if name in found}
            return summaries


def run_sharded(
    scenario: Scenario,
    options: RunOptions,
    plan: ShardPlan,
    observers: Sequence[Observer] = (),
    attendants: Sequence[Attendant] = (),
) -> RunResult:
    """A run in memory whose devices live in several processes."""
    hub = Hub(scenario, options, plan)
    try:
        return hub.run(observers, attendants)
    except LostShard as lost:
        return hub.degraded(str(lost))
    finally:
        hub.close()


def _in_time(call: Call, now_us: int) -> None:
    assert call.at_us == now_us, f"said at {call.at_us}, heard at {now_us}: {call}"


def _done(answer: Answer) -> Done:
    assert isinstance(answer, Done)
    return answer


def _summary(answer: Answer) -> Summary:
    assert isinstance(answer, Summary)
    return answer
