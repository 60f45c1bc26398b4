"""One life of a device, from power-on to the next reset or power cut. What belongs to a life ends with it.

Stories (SimPy processes) and timers are started through a life. When it ends they are closed at their next yield
and never act again; a story that ended its own life, by losing power in a flash operation, just unwinds.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from typing import Any

from sim.kernel.clock import Clock, Story, Timer
from sim.kernel.power import PowerLoss

PRUNE_AT = 32
"""Timers kept before those that are done are let go."""


class Life:
    """`on_power_loss` is called, at the same instant, when a story of this life lost power under its hands."""

    __slots__ = ("_clock", "_on_power_loss", "_stories", "_timers", "alive")

    def __init__(self, clock: Clock, on_power_loss: Callable[[], None]) -> None:
        self._clock = clock
        self._on_power_loss = on_power_loss
        self._stories: tuple[Generator[Any, Any, None], ...] = ()
        self._timers: tuple[Timer, ...] = ()
        self.alive = True

    def spawn(self, story: Story) -> None:
        """Run a story as a process of this life."""
        guarded = self._guard(story)
        self._stories = (*self._stories, guarded)
        self._clock.env.process(guarded)

    def after(self, delay_us: int, fn: Callable[..., object], *args: Any) -> Timer:
        """Call `fn` later, unless this life is over by then."""
        timer = self._clock.after(delay_us, self._if_alive, fn, args)
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
        stories, self._stories = self._stories, ()
        for story in stories:
            if inspect.getgeneratorstate(story) != inspect.GEN_RUNNING:
                story.close()

    def power_lost(self) -> None:
        """Power went inside a flash operation of this life."""
        if self.alive:
            self._clock.after(0, self._if_alive, self._on_power_loss, ())

    def _guard(self, story: Story) -> Generator[Any, Any, None]:
        value = None
        try:
            while self.alive:
                value = yield story.send(value)
        except StopIteration:
            pass
        except PowerLoss:
            self.power_lost()
        finally:
            story.close()
            # All but this one, which is the one that runs.
            self._stories = tuple([it for it in self._stories if inspect.getgeneratorstate(it) != inspect.GEN_RUNNING])

    def _if_alive(self, fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        if self.alive:
            fn(*args)
