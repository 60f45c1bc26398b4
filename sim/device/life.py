"""One life of a device, from power-on to the next reset or power cut. What belongs to a life ends with it.

Stories and timers are started through a life. When it ends they are closed at their next yield and never act again; a
story that ended its own life, by losing power in a flash operation, just unwinds. A story is run here and not as a
process of SimPy, because nobody waits for its end, and most of what it waits for is time, which needs no event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from simpy.events import URGENT

from sim.kernel.clock import Clock, Story, Timer
from sim.kernel.power import PowerLoss

PRUNE_AT = 32
"""Timers kept before those that are done are let go."""


class Powered(Protocol):
    """What lives."""

    clock: Clock

    def power_cut(self) -> None: ...


class Life:
    """Of `owner`, whose power is cut, at the same instant, when a story of this life lost it under its hands."""

    __slots__ = ("_owner", "_runs", "_timers", "alive")

    def __init__(self, owner: Powered) -> None:
        self._owner = owner
        self._runs: tuple[_Run, ...] = ()
        self._timers: tuple[Timer, ...] = ()
        self.alive = True

    def spawn(self, story: Story) -> None:
        """Run a story of this life, from this instant on, before anything else of it."""
        run = _Run(self, story)
        self._runs = (*self._runs, run)
        self._owner.clock.call_at(0, run, (), URGENT)

    def after(self, delay_us: int, fn: Callable[..., object], *args: Any) -> Timer:
        """Call `fn` later, unless this life is over by then."""
        timer = self._owner.clock.after(delay_us, self._if_alive, fn, args)
        if len(self._timers) >= PRUNE_AT:
            self._timers = tuple([known for known in self._timers if known.pending])
        self._timers = (*self._timers, timer)
        return timer

    def end(self) -> None:
        """Nothing of this life happens any more, and nothing that is still to come holds on to it."""
        self.alive = False
        for timer in self._timers:
            timer.cancel()
        self._timers = ()
        runs, self._runs = self._runs, ()
        for run in runs:
            run.close()

    def power_lost(self) -> None:
        """Power went inside a flash operation of this life."""
        if self.alive:
            self._owner.clock.after(0, self._if_alive, self._owner.power_cut, ())

    def _ended(self, ended: _Run) -> None:
        runs = self._runs
        if len(runs) == 1 and runs[0] is ended:
            self._runs = ()
        elif runs:
            self._runs = tuple([run for run in runs if run is not ended])

    def _if_alive(self, fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        if self.alive:
            fn(*args)


class _Run:
    """A story under way. It is what an event calls that the story waits for."""

    __slots__ = ("_life", "_story")

    def __init__(self, life: Life, story: Story) -> None:
        self._life = life
        self._story: Story | None = story

    def __call__(self, event: Any = None) -> None:
        """Go on: what the story waited for has come, its time has passed, or it begins."""
        story = self._story
        if story is None:
            return
        value = None
        if event is not None:
            value = event._value
            if not event._ok:
                self._finish()
                return  # the event, which nobody has taken, ends the simulation
        try:
            wait: Any = story.send(value)
            while type(wait) is not int and wait.callbacks is None:  # it has come already
                wait = story.send(wait._value)
        except StopIteration:
            self._finish()
        except PowerLoss:
            self._finish()
            self._life.power_lost()
        except BaseException:
            self._finish()
            raise
        else:
            life = self._life
            if not life.alive:
                self._finish()
            elif type(wait) is int:
                clock = life._owner.clock
                clock.call_at(clock.now_us + wait, self, ())
            else:
                wait.callbacks.append(self)

    def close(self) -> None:
        """End it here, unless it is the one that acts; that one ends at its next yield."""
        if self._story is not None and not self._story.gi_running:  # type: ignore[attr-defined]
            self._finish()

    def _finish(self) -> None:
        story, self._story = self._story, None
        self._life._ended(self)
        if story is not None:
            story.close()
