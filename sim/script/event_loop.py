"""The event loop of a script's `uasyncio`: tasks in order of time, one at a time, in the thread that runs the loop.

A task pauses by yielding a Pause: until a time, until somebody wakes it, or either. A loop with nothing to do waits in
the runtime, so other threads of the script go on. One boot has one loop, as one interpreter has.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from sim.kernel.fibers import Signal
from sim.kernel.power import PowerLoss
from sim.script.runtime import ScriptRuntime

SWITCH_US = 50
"""ESTIMATE: what it takes to go on with a task; it also keeps tasks that never sleep from stopping time."""


class CancelledError(BaseException):
    """Thrown into a task that was cancelled."""


class TimeoutError(Exception):  # noqa: A001 - the device's name
    """`wait_for` has waited long enough."""


@dataclass(slots=True)
class Pause:
    """Until `due_us`, if it is given, or until the task is taken out of `waiters` and woken."""

    due_us: int | None = None
    waiters: list[Task] | None = None


Steps = Generator[Pause, Any, Any]


class Awaitable:
    """Something to await once, made of steps that do not run before that. CPython asks for `__await__`; MicroPython
    goes through it as a generator."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def __await__(self) -> Steps:
        return self._steps

    def __iter__(self) -> Awaitable:
        return self

    def __next__(self) -> Pause:
        return next(self._steps)

    def send(self, value: Any) -> Pause:
        return self._steps.send(value)

    def throw(self, error: BaseException) -> Pause:
        return self._steps.throw(error)

    def close(self) -> None:
        self._steps.close()


@dataclass(slots=True, eq=False)
class Task:
    """A coroutine on its way. `finished` with `value` or `error`."""

    loop: EventLoop
    coroutine: Any
    finished: bool = False
    value: Any = None
    error: BaseException | None = None
    waiters: list[Task] = field(default_factory=list)
    was_awaited: bool = False
    thrown: BaseException | None = None
    """What is thrown into it when it goes on."""
    ticket: int = 0
    paused_on: list[Task] | None = None

    def done(self) -> bool:
        return self.finished

    def cancel(self) -> bool:
        """Have CancelledError thrown into it; False when it is over already."""
        if self.finished:
            return False
        if self is self.loop.current:
            raise RuntimeError("can't cancel self")
        self.thrown = CancelledError()
        self.loop.wake(self)
        return True

    def __iter__(self) -> Awaitable:
        return Awaitable(self.__await__())

    def __await__(self) -> Steps:
        self.was_awaited = True
        while not self.finished:
            yield Pause(waiters=self.waiters)
        if self.error is not None:
            raise self.error
        return self.value


class EventLoop:
    """The tasks of one boot."""

    def __init__(self, rt: ScriptRuntime) -> None:
        self.rt = rt
        self.current: Task | None = None
        self._queue: list[tuple[int, int, Task]] = []
        self._tickets = 0
        self._news = Signal(rt.clock)
        self._tasks: dict[int, Task] = {}
        rt.at_end.append(self._abandon)

    def task(self, awaitable: Any) -> Task:
        """A task for a coroutine; a task is its own."""
        if isinstance(awaitable, Task):
            return awaitable
        if not hasattr(awaitable, "send") and not hasattr(awaitable, "__await__"):
            raise TypeError("coroutine expected")
        coroutine = awaitable if hasattr(awaitable, "send") else awaitable.__await__()
        made = Task(self, coroutine)
        self._tasks[id(made)] = made
        self._schedule(made, self.rt.now_us)
        return made

    def wake(self, task: Task) -> None:
        """Have a paused task go on now."""
        self._schedule(task, self.rt.now_us)

    def wake_all(self, waiters: list[Task]) -> None:
        """Have all of these go on, in their order."""
        for task in list(waiters):
            self.wake(task)

    def run(self, main: Task | None) -> Any:
        """Run tasks until `main` is over; its value, or its error. None: for ever."""
        if main is not None:
            main.was_awaited = True
        while main is None or not main.finished:
            self._step(self._next())
        if main.error is not None:
            raise main.error
        return main.value

    def _next(self) -> Task:
        """The task that is due first, after waiting for it."""
        while True:
            while self._queue and self._queue[0][1] != self._queue[0][2].ticket:
                heapq.heappop(self._queue)
            if not self._queue:
                self.rt.wait(self._news)
                continue
            left_us = self._queue[0][0] - self.rt.now_us
            if left_us > 0:
                self.rt.wait(self._news, left_us)
                continue
            self.rt.sleep_us(SWITCH_US)
            return heapq.heappop(self._queue)[2]

    def _step(self, task: Task) -> None:
        if task.paused_on is not None and task in task.paused_on:
            task.paused_on.remove(task)
        task.ticket, task.paused_on = 0, None
        self.current = task
        try:
            thrown, task.thrown = task.thrown, None
            pause = task.coroutine.send(None) if thrown is None else task.coroutine.throw(thrown)
        except StopIteration as stop:
            self._end(task, stop.value, None)
        except PowerLoss:
            raise
        except (Exception, CancelledError) as error:  # noqa: BLE001 - the task keeps it for whoever awaits it
            self._end(task, None, error)
        else:
            self._pause(task, pause)
        finally:
            self.current = None

    def _pause(self, task: Task, pause: Any) -> None:
        if not isinstance(pause, Pause):  # a bare yield: let the others run
            pause = Pause(self.rt.now_us)
        if pause.waiters is not None:
            pause.waiters.append(task)
            task.paused_on = pause.waiters
        if pause.due_us is not None:
            self._schedule(task, pause.due_us)

    def _end(self, task: Task, value: Any, error: BaseException | None) -> None:
        task.finished, task.value, task.error = True, value, error
        self._tasks.pop(id(task), None)
        if error is not None and not task.was_awaited and not task.waiters and not isinstance(error, CancelledError):
            self.rt.report(error, "task")
        self.wake_all(task.waiters)

    def _schedule(self, task: Task, due_us: int) -> None:
        self._tickets += 1
        task.ticket = self._tickets
        heapq.heappush(self._queue, (due_us, task.ticket, task))
        self._news.notify()

    def _abandon(self) -> None:
        """The boot is over: end every coroutine now, where nothing that it does on its way out reaches the world."""
        for task in list(self._tasks.values()):
            try:
                task.coroutine.close()
            except BaseException:  # noqa: BLE001 - it is dead, whatever it says
                continue
