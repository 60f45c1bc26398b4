"""What was recorded of a boot on an equal flash, played on this device: its time passes, its flash follows.

The flash is looked at by nobody while the bootloader works, so it stays what it was until the passage is over, or until
somebody looks (`settle`): then it becomes what the steps up to this moment have made of it. Steps are told at their
moments as far as somebody follows them: who waits for a point of the update, or looks at the wall clock.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from sim.boot.bootloader import BootOutcome, BootStep
from sim.flash.nor import Nor
from sim.flash.recorded import RECORDINGS, Mark, Passage, Recording, mark_now, place
from sim.kernel.clock import Clock, Story

Stepped = Callable[[BootStep], None]
"""Called at the moment of a step."""


class Playback:
    """A passage of one recorded boot, from this moment on."""

    __slots__ = ("_began", "_clock", "_moments", "_nor", "_passage", "_start_us", "_told")

    def __init__(self, clock: Clock, nor: Nor, passage: Passage) -> None:
        self._clock = clock
        self._nor = nor
        self._passage = passage
        self._began = mark_now(nor)
        self._moments = _moments(passage.recording)
        self._start_us = clock.now_us - self._moments[passage.first + 1]
        self._told = 0  # the mark of the step that was told last

    def run(self, stepped: Stepped, told_from: float | None) -> Story:
        """Story whose value is what the last mark yielded, the outcome at the end of the boot. `stepped` hears of the
        first step that checks or changes something, and of those from this progress on; None: of no more."""
        marks, last, clock, begun = self._passage.recording.marks, self._passage.last, self._clock, False
        for number in self._steps():
            step: BootStep = marks[number].value
            begins = not begun and step.kind != "images"
            if begins or (told_from is not None and step.progress >= told_from):
                wait_us = self._start_us + self._moments[number] - clock.now_us
                if wait_us > 0:
                    yield wait_us
                self._told = number
                stepped(step)
                begun = begun or begins
            if begun and told_from is None:
                break
        wait_us = self._start_us + self._moments[last + 1] - clock.now_us
        if wait_us > 0:
            yield wait_us
        self._place(marks[last])
        ended: BootStep | BootOutcome = marks[last].value
        return ended

    def settle(self) -> None:
        """Make the flash what it is at this moment; what is to be done at this very instant is not done yet, unless
        it was told."""
        now, passed_us = self._passage.last, self._clock.now_us - self._start_us
        for number in reversed(self._steps()):
            now = number
            if self._moments[number] < passed_us or number == self._told:
                break
        self._place(self._passage.recording.marks[now])

    def _steps(self) -> range:
        """Numbers of the marks that are steps."""
        return range(self._passage.first + 1, self._passage.last + (not self._passage.to_the_end))

    def _place(self, mark: Mark) -> None:
        place(self._nor, self._began, self._passage.base, mark)


@lru_cache(maxsize=RECORDINGS)  # a fleet plays the same few
def _moments(boot: Recording) -> tuple[int, ...]:
    """How long after the start each mark is reached, and last when all is over. Its flash and processor time follow a
    step."""
    moments, apply_us = [0], 0
    for number, mark in enumerate(boot.marks):
        apply_us += mark.value.apply_us if 0 < number < len(boot.marks) - 1 else 0
        moments.append(mark.busy_us + apply_us)
    return tuple(moments)
