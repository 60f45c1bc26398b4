"""The slow way to try a cut, and the only one that takes nothing for granted: the flow from its start, a real cut armed
in the flash, real boots to the end. The merge sweep must agree with it wherever the two are compared."""

from __future__ import annotations

from collections.abc import Sequence

from sim.errors import QpyotaError
from sim.flash.torn import Torn
from sim.kernel.power import PowerLoss
from sim.sweep.clean_run import BOOT_LOOP, Station, live_until_rest
from sim.sweep.flow import Flow, Judgement
from sim.sweep.result import Verdict

SECOND_CUT_SEED = 1 << 32
"""Seeds of second cuts are this plus their point, so that they are torn in another way than first ones."""

CutPoint = tuple[int, Torn]


def torn_seed(number: int, point: int) -> int:
    """The seed of the `number`-th cut, from 0, at operation `point`."""
    return number * SECOND_CUT_SEED + point


def try_cuts(flow: Flow, stations: Sequence[Station], cuts: Sequence[CutPoint]) -> Judgement:
    """Cut at these operations, and judge how it ends. The second counts from when power returned; AssertionError when
    there is no such operation."""
    asked = next(s.asked for s in reversed(stations) if s.ops and s.first_op <= cuts[0][0])
    flow.nor.restore(flow.start)
    for number, (point, shape) in enumerate(cuts):
        flow.nor.arm_cut(point, shape, torn_seed(number, point))
        try:
            if number == 0:
                for _ in flow.ask():
                    pass
            live_until_rest(flow)
        except PowerLoss:
            flow.nor.power_on()
        except QpyotaError:
            break  # it ended before there was a cut
        else:
            break
    else:
        return judged(flow, asked)
    raise AssertionError(f"{flow.name}: the run ends before operation {point}, so there is nothing to cut")


def judged(flow: Flow, asked: bool) -> Judgement:
    """Boot what a cut left until it rests, and judge it. An error on the way is a device that does not work."""
    try:
        return flow.judge(asked) if live_until_rest(flow) else BOOT_LOOP
    except (QpyotaError, AssertionError) as error:
        return Judgement(Verdict.BRICKED, f"{type(error).__name__}: {error}")
