"""A boot that was recorded on an equal flash, played on this device: its time passes, its flash follows.

The flash is looked at by nobody while the bootloader works, so it stays what it was until the boot is over, or until
somebody looks (`settle`): then it becomes what the steps up to this moment have made of it. Where somebody watches the
phases of an update, or the wall clock, every step is played at its moment.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from sim.boot.bootloader import BootOutcome, BootStep
from sim.flash.nor import Nor
from sim.flash.recorded import RECORDINGS, Mark, Recording, mark_now, place
from sim.kernel.clock import Clock, Story

Stepped = Callable[[BootStep], None]
"""Called at the moment of a step."""


class Playback:
    """One recorded boot, from this moment on."""

    def __init__(self, clock: Clock, nor: Nor, boot: Recording) -> None:
        self._clock = clock
        self._nor = nor
        self._boot = boot
        self._began = mark_now(nor)
        self._start_us = clock.now_us
        self._follows = False

    def run(self, stepped: Stepped, *, one_by_one: bool) -> Story:
        """Story whose value is the outcome. `stepped` hears of each step, or only of the first that checks or changes
        something when they are not played one by one."""
        self._follows = one_by_one
        steps, end_us = _timeline(self._boot)
        for mark, at_us in steps:
            if one_by_one or mark.value.kind != "images":
                yield from self._wait_until(at_us)
                if one_by_one:
                    place(self._nor, self._began, mark)
                stepped(mark.value)
                if not one_by_one:
                    break
        yield from self._wait_until(end_us)
        place(self._nor, self._began, self._boot.end)
        outcome: BootOutcome = self._boot.end.value
        return outcome

    def settle(self) -> None:
        """Make the flash what it is at this moment; what was to be done at this very instant is not done yet."""
        if self._follows:
            return
        passed_us, now = self._clock.now_us - self._start_us, None
        for mark, at_us in _timeline(self._boot)[0]:
            if now is None or at_us < passed_us:
                now = mark
        place(self._nor, self._began, now or self._boot.end)

    def _wait_until(self, at_us: int) -> Story:
        wait_us = self._start_us + at_us - self._clock.now_us
        if wait_us > 0:
            yield self._clock.timeout(wait_us)


@lru_cache(maxsize=RECORDINGS)  # a fleet plays the same few
def _timeline(boot: Recording) -> tuple[tuple[tuple[Mark, int], ...], int]:
    """Each step's mark, and how long after the start it is done; and when all is. Its flash and processor time follow a
    step."""
    steps, apply_us, busy_us = [], 0, 0
    for mark in boot.marks[:-1]:
        steps.append((mark, busy_us + apply_us))
        busy_us = mark.busy_us
        apply_us += mark.value.apply_us
    return tuple(steps), boot.end.busy_us + apply_us
