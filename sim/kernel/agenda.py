"""SimPy's agenda, with a list for what is due at once: most events of a fleet are scheduled for this very instant.

Rules: the order is SimPy's own, by time, priority and the order of scheduling. Whatever was scheduled earlier for an
instant stands in SimPy's heap; what is scheduled within it, without a delay, is appended to the list of its priority,
which comes after what the heap holds of the same priority. Nothing of this is seen outside; `step` and `run` of SimPy's
Environment do what they always did. A call that nobody can cancel (`call_at`) is no event: its function and arguments
stand in the agenda themselves. Timers that were cancelled are swept out again and again: a fleet's would lie in the
heap for half an hour, nine of ten of its entries, and be popped one by one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any

import simpy
from simpy.core import EmptySchedule, Infinity, StopSimulation
from simpy.events import NORMAL

LATE = 2  # SimPy knows URGENT 0 and NORMAL 1; arrivals come after both
LAST = 3  # what devices said in an instant is taken together, once nothing else is left of it

SWEEP_EACH = 4096
"""Events from one look for cancelled timers to the next; four times as many as the heap holds, if that is more."""


class Timer:
    """A scheduled call. It looks like an event to SimPy and costs four attributes."""

    __slots__ = ("_ok", "args", "callbacks", "fn")
    _value = None

    def __init__(self, fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.fn: Callable[..., object] | None = fn
        self.args = args
        self._ok = True
        self.callbacks: Any = _FIRE

    @property
    def pending(self) -> bool:
        """Whether the call is still to be made."""
        return self.fn is not None

    def cancel(self) -> None:
        """The call will not be made; harmless when it already was."""
        self.fn = None
        self.args = ()


def _fire(timer: Timer) -> None:
    fn, timer.fn = timer.fn, None
    args, timer.args = timer.args, ()  # a timer may be among its own arguments
    if fn is not None:
        fn(*args)


_FIRE = (_fire,)


class Hands:
    """What shows the time: an attribute and not a property, since it is read more often than anything else."""

    now_us: int = 0
    """Microseconds since the start of the run. Kept by whoever lets time pass."""


class Stock(simpy.Environment):
    """SimPy's own, for time that passes beside real sockets."""

    def call_at(self, at_us: int, fn: Callable[..., object], args: tuple[Any, ...], priority: Any = NORMAL) -> None:
        """Call `fn(*args)` then, or at this instant if that has passed."""
        self.schedule(Timer(fn, args), priority, max(0, at_us - self._now))  # type: ignore[arg-type]


class Agenda(simpy.Environment):
    """Time in whole microseconds, from 0, as `hands` show it."""

    def __init__(self, hands: Hands | None = None) -> None:
        super().__init__(initial_time=0)
        self._hands = hands or Hands()
        for name in ("event", "timeout"):  # as SimPy does, but for subclasses
            setattr(self, name, getattr(self, name))
        self._urgent: deque[Any] = deque()
        self._soon: deque[Any] = deque()
        self._late: deque[Any] = deque()
        self._last: deque[Any] = deque()
        self._at_once = (self._urgent, self._soon, self._late, self._last)
        self._sweep_at = SWEEP_EACH
        self.halted = False
        """Set by what happens: `advance` returns after it."""

    def schedule(self, event: Any, priority: Any = NORMAL, delay: Any = 0) -> None:
        """As SimPy has it; priorities are those of SimPy, LATE and LAST."""
        number = next(self._eid)
        if delay or priority < 0:
            heappush(self._queue, (self._now + delay, priority, number, event))
            if number >= self._sweep_at:
                self._sweep(number)
        else:
            self._at_once[priority].append(event)

    def call_at(self, at_us: int, fn: Callable[..., object], args: tuple[Any, ...], priority: Any = NORMAL) -> None:
        """Call `fn(*args)` then, or at this instant if that has passed."""
        number = next(self._eid)
        if at_us > self._now:
            heappush(self._queue, (at_us, priority, number, (fn, args)))  # type: ignore[misc]
            if number >= self._sweep_at:
                self._sweep(number)
        else:
            self._at_once[priority].append((fn, args))

    def _sweep(self, number: int) -> None:
        """Forget timers that were cancelled: those of a fleet's connections would lie there for half an hour."""
        queue: list[Any] = self._queue
        queue[:] = [entry for entry in queue if type(entry[3]) is not Timer or entry[3].fn is not None]
        heapify(queue)
        self._sweep_at = number + max(SWEEP_EACH, 4 * len(queue))

    def clear(self) -> None:
        """Nothing that was scheduled happens any more."""
        self._queue.clear()
        for events in self._at_once:
            events.clear()

    def peek(self) -> Any:
        """When the next event is due; infinity if there is none."""
        if self._soon or self._late or self._last or self._urgent:
            return self._now
        return super().peek()

    def step(self) -> None:
        """Let the next event happen. EmptySchedule if there is none."""
        if self.peek() == Infinity:
            raise EmptySchedule
        self.advance(once=True)

    def advance(self, until: float = Infinity, *, once: bool = False) -> None:
        """Let happen what is due up to then, that instant and what it brings about included, until `halted` is set; or
        (`once`) the next event only."""
        queue: list[Any] = self._queue
        hands = self._hands
        urgent, soon, late, last = self._at_once
        unbounded = until == Infinity  # comparing a whole number with it each time is dear
        self.halted = self._now > until
        due: Any = True  # the heap may hold something of this very instant
        while not self.halted:
            if due and (due := self._due()) and not any(self._at_once[: queue[0][1]]):
                event = heappop(queue)[3]
            elif urgent:
                event = urgent.popleft()
            elif soon:
                event = soon.popleft()
            elif late:
                event = late.popleft()
            elif last:
                event = last.popleft()
            elif queue and (unbounded or queue[0][0] <= until):
                at_us, _, _, event = heappop(queue)
                self._now = hands.now_us = at_us
                due = queue and queue[0][0] <= at_us
            else:
                return
            if type(event) is tuple:
                fn, args = event
                fn(*args)
            elif type(event) is Timer:
                fn, event.fn = event.fn, None
                args, event.args = event.args, ()  # a timer may be among its own arguments
                if fn is not None:
                    fn(*args)
            else:
                self._happen(event)
            if once:
                return

    def _due(self) -> bool:
        """Whether the heap holds something of this instant: nothing that is scheduled within it is put there."""
        return bool(self._queue) and self._queue[0][0] <= self._now

    def _happen(self, event: Any) -> None:
        """Tell those who wait for it, as SimPy does."""
        callbacks, event.callbacks = event.callbacks, None
        try:
            for callback in callbacks:
                callback(event)
        except StopSimulation:
            event.callbacks = callbacks[callbacks.index(callback) + 1 :]
            self.schedule(event, -1)
            raise
        if not event._ok and not hasattr(event, "_defused"):
            error = type(event._value)(*event._value.args)
            error.__cause__ = event._value
            raise error
