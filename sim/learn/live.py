"""When goals come to hold, and cease to, while a run goes on: what a page ticks while it plays the run's film.

An attendant that looks at the goals now and then. It adds nothing to the trace and draws nothing, so that a run with
it is the run without it. Looks are a second apart at first, and further apart the longer the run is. What a `metric`
comes to is known at the end only."""

from __future__ import annotations

from sim.learn.schema import Lab
from sim.scenario.expect import evaluate
from sim.scenario.result import RunResult
from sim.scenario.runner import namespace
from sim.scenario.sightings import Sightings, kinds_in
from sim.scenario.tally import Tally
from sim.scenario.world import World
from sim.units import US_PER_S

FIRST_APART_US = US_PER_S
APART_SHARE = 40
"""From 40 seconds on, the next look is a fortieth of the time so far away."""


class Ticks:
    """`changes[i]`: (simulation time in µs, whether goal number i holds from then on), from the beginning."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.changes: list[list[tuple[int, bool]]] = [[(0, False)] for _ in lab.goals]

    def begin(self, world: World) -> None:
        """Look from now on."""
        self._world = world
        self._tally = Tally(world.devices)
        self._seen = Sightings(kinds_in(goal.expect or "" for goal in self._lab.goals))
        self._tally.listen(world.trace)
        self._seen.listen(world.trace)
        world.clock.after(FIRST_APART_US, self._look)

    def end(self, world: World, result: RunResult) -> RunResult:
        """What holds in the end, thresholds among it."""
        expects, limits = iter(result.expects), iter(result.thresholds)
        for index, goal in enumerate(self._lab.goals):
            held = next(expects).passed if goal.expect is not None else next(limits).passed
            self._note(index, world.clock.now_us, held)
        return result

    def _look(self) -> None:
        world = self._world
        names = namespace(world, self._tally.costs, self._seen.views())
        for index, goal in enumerate(self._lab.goals):
            if goal.expect is not None:
                self._note(index, world.clock.now_us, evaluate(goal.expect, names).passed)
        world.clock.after(max(FIRST_APART_US, world.clock.now_us // APART_SHARE), self._look)

    def _note(self, index: int, at_us: int, held: bool) -> None:
        if self.changes[index][-1][1] != held:
            self.changes[index].append((at_us, held))
