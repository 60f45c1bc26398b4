"""Who holds the time of a served cloud: pause, one step, on again, faster or slower.

Rules: while it is held no event of the simulation happens, sockets go on, and clients outside wait for their answers.
Orders of the workbench are let through: they act at the instant at which time stands. What a step is, the trace says:
time goes on until the next thing that is recorded, and stands again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim.errors import QpyotaError
from sim.kernel.clock import Clock
from sim.trace import Record, Trace

SPEED_MAX = 1000.0
"""ESTIMATE: no machine keeps up with more."""

Json = dict[str, Any]


class ClockError(QpyotaError):
    """An order to the clock that it cannot obey."""


class Baton:
    """Of one clock in paced time. `changed()` is called when time stands or goes."""

    def __init__(self, clock: Clock, trace: Trace) -> None:
        self._clock = clock
        self._held = self._stepping = self._passing = self._watching = False
        self._trace = trace
        self.changed: Callable[[], None] = lambda: None

    @property
    def standing(self) -> Json:
        """How time goes now."""
        speed = self._clock.loop.speed
        return {"paused": self._held or self._passing, "speed": speed, "t": self._clock.now_us}

    def take(self, order: Json) -> Json:
        """Obey `{"to": "pause" | "resume" | "step" | "speed", "value": x}`. ClockError when it cannot be."""
        match order.get("to"):
            case "pause":
                self._stepping = False
                self._hold()
            case "resume":
                self.let_go()
            case "step":
                self._step()
            case "speed":
                self._set_speed(order.get("value"))
            case "show":
                pass
            case other:
                raise ClockError(f"the clock knows pause, resume, step and speed, not {other!r}")
        return self.standing

    def let_go(self) -> None:
        """Time goes on, and nobody holds it."""
        self._stepping = False
        self._let_go()

    def let_through(self) -> None:
        """Something from outside is to have its turn, whether time stands or not."""
        if self._held:
            self._let_go()
            self._passing = True

    def turned(self) -> None:
        """It has its turn at this instant; after that time stands again, if it did."""
        if self._passing:
            self._clock.at_last(self._pass)

    def _pass(self) -> None:
        if self._passing:
            self._passing = False
            self._hold()

    def _hold(self) -> None:
        self._passing = False
        if not self._held:
            self._held = True
            self._clock.loop.holds += 1
            self.changed()

    def _let_go(self) -> None:
        self._passing = False
        if self._held:
            self._held = False
            loop = self._clock.loop
            loop.holds -= 1
            loop.speed = loop.speed  # the wall went on meanwhile: the pace is counted from now

    def _step(self) -> None:
        if not self._watching:
            self._watching = True
            self._trace.observe(self._seen)
        self._stepping = True
        self._let_go()

    def _seen(self, _record: Record) -> None:
        if self._stepping:
            self._stepping = False
            self._hold()

    def _set_speed(self, value: object) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= SPEED_MAX:
            raise ClockError(f"a speed is more than 0 and at most {SPEED_MAX:g}, not {value!r}")
        self._clock.loop.speed = float(value)
