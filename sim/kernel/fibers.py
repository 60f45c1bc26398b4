"""Script threads as greenlets on the simulation's hub. The only place that imports greenlet.

A fiber runs until it sleeps or waits, then the hub (whoever steps SimPy) goes on. Killing throws PowerLoss into
it; a fiber that swallows that may never act again: each later call throws once more, and after `KILL_TRIES` it
is parked for good. `run` drives a story from inside a fiber, so that the same
story serves a script and a built-in process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import simpy
from greenlet import getcurrent, greenlet

from sim.kernel.clock import Clock, Story, Timer
from sim.kernel.power import PowerLoss

KILL_TRIES = 8
"""Throws of PowerLoss into one fiber before it is left parked."""


class Signal:
    """Something fibers wait for. `notify` wakes the first waiter, `notify_all` all, in order of arrival."""

    __slots__ = ("_clock", "_waiting")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: list[_Wait] | None = None

    def notify(self) -> bool:
        """Wake the fiber that waits longest; False when nobody waits."""
        while self._waiting:
            if self._waiting.pop(0).wake(True):
                return True
        return False

    def notify_all(self) -> None:
        """Wake everybody who waits now."""
        waiting, self._waiting = self._waiting, None
        for one in waiting or ():
            one.wake(True)

    def _join(self, waiting: _Wait) -> None:
        if self._waiting is None:
            self._waiting = []
        self._waiting.append(waiting)


class Gate:
    """An interpreter's lock: while one fiber holds it, nothing else behind it goes on, whatever wakes it.

    What was due meanwhile happens when it opens, in the order in which it was due.
    """

    __slots__ = ("_clock", "_holder", "_waiting")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._holder: Fiber | None = None
        self._waiting: list[tuple[Callable[..., object], tuple[Any, ...]]] = []

    def hold(self) -> None:
        """The calling fiber keeps the lock until it opens the gate."""
        self._holder = current()

    def open(self) -> None:
        """Everybody may go on."""
        self._holder = None
        waiting, self._waiting = self._waiting, []
        for fn, args in waiting:
            self._clock.after(0, fn, *args)

    def stops(self, fiber: Fiber | None, fn: Callable[..., object], *args: Any) -> bool:
        """True when `fiber`, or native work for None, has to wait; then `fn` is called when the gate opens."""
        if self._holder is None or self._holder is fiber:
            return False
        self._waiting.append((fn, args))
        return True


class _Wait:
    __slots__ = ("clock", "fiber", "open", "timer")

    def __init__(self, fiber: Fiber, clock: Clock) -> None:
        self.fiber = fiber
        self.clock = clock
        self.open = True
        self.timer: Timer | None = None

    def wake(self, value: object) -> bool:
        if not self.open or self.fiber.dead:
            return False
        self.open = False
        if self.timer is not None:
            self.timer.cancel()
        self.clock.after(0, self.fiber._resume, value)
        return True


class Fiber:
    """One thread of a script. `on_end(error)` is called in the fiber when it ends; error is None if it returned."""

    __slots__ = ("_clock", "_fn", "_glet", "_kills", "_nap", "_on_end", "_pending", "dead", "ended", "gate", "name")

    def __init__(
        self,
        clock: Clock,
        fn: Callable[[], object],
        on_end: Callable[[BaseException | None], None],
        name: str = "",
        gate: Gate | None = None,
    ) -> None:
        self._clock = clock
        self.gate = gate
        self._fn = fn
        self._on_end = on_end
        self._kills = 0
        self._nap: Timer | _Wait | None = None
        self._pending: BaseException | None = None
        self._glet = greenlet(self._body)
        self.dead = False
        self.ended = False
        self.name = name
        clock.after(0, self._resume, None)

    def sleep(self, delay_us: int) -> None:
        """Let time pass. Only from inside this fiber, as all calls below but `kill`."""
        self.check()
        self._nap = self._clock.after(delay_us, self._resume, None)
        self._park()
        self.check()

    def wait(self, signal: Signal, timeout_us: int | None = None) -> bool:
        """Wait until the signal wakes this fiber: True; False when the time is over first."""
        self.check()
        waiting = _Wait(self, self._clock)
        signal._join(waiting)
        if timeout_us is not None:
            waiting.timer = self._clock.after(timeout_us, waiting.wake, False)
        self._nap = waiting
        woken = bool(self._park())
        self.check()
        return woken

    def run(self, story: Story) -> Any:
        """Drive a story to its end and give its return value; its exceptions come out here."""
        self.check()
        value: object = None
        try:
            while True:
                try:
                    wait = story.send(value)
                except StopIteration as stop:
                    return stop.value
                value = self._await(wait)
        finally:
            story.close()

    def park(self) -> NoReturn:
        """Never go on."""
        while True:
            self._park()

    def check(self) -> None:
        """PowerLoss when this fiber was killed: a dead thread may not act on the world. Else what interrupts it."""
        if self.dead:
            self._die()
        if self._pending is not None:
            error, self._pending = self._pending, None
            raise error

    def interrupt(self, error: BaseException) -> None:
        """Have `error` raised in this fiber: at once out of a sleep or a wait, else where it is checked next.

        A story that it runs is not disturbed.
        """
        self._pending = error
        nap, self._nap = self._nap, None
        if isinstance(nap, _Wait):
            nap.wake(False)
        elif nap is not None:
            nap.cancel()
            self._clock.after(0, self._resume, None)

    def calm(self) -> None:
        """Forget an interrupt that was not raised yet."""
        self._pending = None

    def kill(self) -> None:
        """End this fiber. From inside another fiber it takes effect when that one yields."""
        if self.dead or self.ended:
            return
        self.dead = True
        nap = self._nap.timer if isinstance(self._nap, _Wait) else self._nap
        if nap is not None:
            nap.cancel()  # it is still in the queue, and would hold what this fiber has until then
        if self._glet.dead or not self._glet:
            self.ended = True
        elif current() is None:
            self._throw()
        else:
            self._clock.after(0, self._throw)

    def _await(self, wait: simpy.Event | int) -> object:
        if isinstance(wait, int):
            self._clock.after(wait, self._resume, None)
        elif wait.callbacks is None:
            return wait.value
        else:
            wait.callbacks.append(lambda ev: self._resume(ev.value))
        return self._park()

    def _body(self) -> None:
        error: BaseException | None = None
        try:
            self._fn()
        except BaseException as exc:  # noqa: BLE001 - whatever a script throws ends this thread only
            error = exc
        self.ended = True
        try:
            self._on_end(error)
        finally:
            del error  # its traceback holds this frame, and with it all that the thread had
            self._let_go()

    def _let_go(self) -> None:
        """It is over: what it was to do, and the greenlet that has run it, hold it no more."""
        self._fn = self._on_end = _nothing
        del self._glet.fiber, self._glet

    def _resume(self, value: object) -> None:
        if self.dead or self.ended:
            return
        if self.gate is not None and self.gate.stops(self, self._resume, value):
            self._nap = None  # it is due already; an interrupt must not wake it a second time
        else:
            self._switch(value)

    def _switch(self, value: object) -> None:
        glet = self._glet
        hub = getcurrent()
        if glet.parent is not hub:
            glet.parent = hub
        glet.fiber = self
        glet.switch(value) if glet else glet.switch()

    def _throw(self) -> None:
        if not self.ended:
            self._glet.parent = getcurrent()
            self._glet.throw(PowerLoss)

    def _park(self) -> object:
        value = self._glet.parent.switch()
        self._nap = None
        if self.dead:
            self._die()
        return value

    def _die(self) -> None:
        self._kills += 1
        if self._kills <= KILL_TRIES:
            raise PowerLoss
        while True:
            self._glet.parent.switch()


def _nothing(*_values: object) -> None:
    pass


def current() -> Fiber | None:
    """The fiber that runs now; None in the hub."""
    return getattr(getcurrent(), "fiber", None)
