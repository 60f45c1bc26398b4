"""The one clock. SimPy owns time; it counts whole microseconds from the start of the run.

Three modes of one schedule: `memory` steps SimPy alone; `virtual` runs real sockets and jumps whenever no byte
is in flight; `paced` is `virtual` held back to wall time × speed. Nothing in the model reads any other clock.

Timers are scheduled objects with a callback (no process, no generator): about twice as cheap as a SimPy timeout. A
call that nobody can cancel (`call_at`) is cheaper still.
Arrivals from a network enter through `handover`, after everything else of their instant, so that the order does
not depend on the transport.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from heapq import heappush
from typing import TYPE_CHECKING, Any, Literal

import simpy
from simpy.events import NORMAL, URGENT

from sim.kernel.agenda import LAST, LATE, Agenda, Hands, Stock, Timer

__all__ = ["EPOCH_S", "Clock", "Mode", "Story", "Timer"]

if TYPE_CHECKING:
    from sim.kernel.simloop import SimLoop

EPOCH_S = 1_767_225_600
"""Unix time at which a run starts unless told otherwise: 2026-01-01T00:00:00Z, so that URLs and timestamps repeat."""

Mode = Literal["memory", "virtual", "paced"]
Story = Generator[simpy.Event | int, Any, Any]
"""A device story: yields the microseconds that it lets pass, or an event of SimPy; returns its outcome."""


class Clock(Hands):
    """Time for one run. `speed` matters in paced mode only: virtual seconds per wall second.

    `start_s`: Unix time, in whole seconds, that the emulated world shows when the run starts.
    """

    def __init__(self, mode: Mode = "memory", speed: float = 1.0, start_s: int = EPOCH_S) -> None:
        self.mode: Mode = mode
        self.start_s = self._shown_s = start_s
        self.now_us = 0
        self.env = Agenda(self) if mode == "memory" else Stock(initial_time=0)
        self.call_at = self.env.call_at
        """`call_at(at_us, fn, args)`: as `after`, of a call that nobody cancels; at this instant if that has passed."""
        self.foretold: list[int] | None = None
        """A heap of the instants at which devices may say something; None where nobody asks."""
        self._loop: SimLoop | None = None
        if mode != "memory":
            from sim.kernel.simloop import SimLoop

            self._loop = SimLoop(self.env, self, speed if mode == "paced" else None)

    @property
    def epoch_s(self) -> int:
        """Now as Unix time in whole seconds; one number for all who ask within a second, since many keep it."""
        now_s = self.start_s + self.now_us // 1_000_000
        if now_s != self._shown_s:
            self._shown_s = now_s
        return self._shown_s

    @property
    def loop(self) -> SimLoop:
        """The asyncio loop of virtual and paced mode; memory mode has none."""
        assert self._loop is not None, "memory mode has no event loop"
        return self._loop

    def after(self, delay_us: int, fn: Callable[..., object], *args: Any) -> Timer:
        """Call `fn(*args)` in `delay_us` microseconds."""
        timer = Timer(fn, args)
        self.env.schedule(timer, NORMAL, delay_us)  # type: ignore[arg-type]
        return timer

    def handover(self, fn: Callable[..., object], *args: Any) -> None:
        """Call `fn(*args)` at this instant, after everything else that is due now."""
        self.call_at(0, fn, args, LATE)

    def at_last(self, fn: Callable[..., object], *args: Any) -> None:
        """Call `fn(*args)` at this instant, once no arrival of it is left either."""
        self.call_at(0, fn, args, LAST)

    def foretell(self, at_us: int) -> None:
        """A device may say something to the cloud then."""
        if self.foretold is not None:
            heappush(self.foretold, at_us)

    def event(self, wait: simpy.Event | int) -> simpy.Event:
        """What a story waits for, as an event, for those who step it by hand."""
        return self.env.timeout(wait) if isinstance(wait, int) else wait

    def first_at(self, at_us: int, fn: Callable[..., object], *args: Any) -> None:
        """Call `fn(*args)` when the clock shows `at_us`, before all else of that instant."""
        self.call_at(at_us, fn, args, URGENT)

    def stop_at(self, at_us: int) -> None:
        """End the run when the clock shows `at_us` (now, if that has passed), before all else of that instant."""
        self.first_at(at_us, self._stop)

    def run(self, until_us: int | None = None) -> None:
        """Let time pass until `until_us` or an earlier `stop_at`. Errors of the model come out here."""
        if until_us is not None:
            self.stop_at(until_us)
        if self._loop is not None:
            self._loop.run_simulation()
            return
        self._agenda.advance()

    @property
    def next_us(self) -> int | None:
        """When the next event is due; None: nothing is scheduled any more."""
        at_us = self.env.peek()
        return None if at_us == simpy.core.Infinity else int(at_us)

    def step(self) -> None:
        """In memory: let the next event happen, and time go on to it."""
        self.env.step()

    def run_through(self, until_us: int) -> None:
        """In memory: let all of the time to `until_us` pass, that instant and what it brings about included."""
        self._agenda.advance(until_us)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Time stands still inside, while sockets go on (virtual and paced mode)."""
        self.loop.holds += 1
        try:
            yield
        finally:
            self.loop.holds -= 1

    def close(self) -> None:
        """Drop what is still scheduled and close the loop. Time may no longer pass."""
        self.env._queue.clear()
        if isinstance(self.env, Agenda):
            self.env.clear()
        if self._loop is not None:
            self._loop.close()

    @property
    def _agenda(self) -> Agenda:
        assert isinstance(self.env, Agenda), "time passes by itself in memory only"
        return self.env

    def _stop(self) -> None:
        if self._loop is not None:
            self._loop.end_simulation()
        else:
            self._agenda.halted = True
