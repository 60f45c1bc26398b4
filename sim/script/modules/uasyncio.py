"""`uasyncio` of MicroPython 1.13, without streams: tasks, sleep, time-outs, gather, Event, Lock."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sim.script import event_loop
from sim.script.event_loop import Awaitable, CancelledError, EventLoop, Pause, Steps, Task
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime


def make(rt: ScriptRuntime) -> ModuleType:
    loop = EventLoop(rt)

    def sleep_us(delay_us: float) -> Awaitable:
        def steps() -> Steps:
            yield Pause(rt.now_us + max(0, int(delay_us)))

        return Awaitable(steps())

    def wait_for_us(awaitable: Any, timeout_us: float | None) -> Awaitable:
        return Awaitable(_wait_for(loop, awaitable, None if timeout_us is None else int(timeout_us)))

    def gather(*awaitables: Any, return_exceptions: bool = False) -> Awaitable:
        return Awaitable(_gather([loop.task(one) for one in awaitables], return_exceptions))

    class Loop:
        create_task = staticmethod(loop.task)

        @staticmethod
        def run_until_complete(awaitable: Any) -> Any:
            return loop.run(loop.task(awaitable))

        @staticmethod
        def run_forever() -> None:
            loop.run(None)

        @staticmethod
        def close() -> None:
            pass

    return namespace(
        "uasyncio",
        run=lambda awaitable: loop.run(loop.task(awaitable)),
        create_task=loop.task,
        current_task=lambda: loop.current,
        get_event_loop=lambda *_sizes: Loop,
        new_event_loop=lambda: Loop,
        sleep=lambda seconds: sleep_us(seconds * 1_000_000),
        sleep_ms=lambda ms: sleep_us(ms * 1000),
        wait_for=lambda awaitable, seconds: wait_for_us(awaitable, None if seconds is None else seconds * 1_000_000),
        wait_for_ms=lambda awaitable, ms: wait_for_us(awaitable, None if ms is None else ms * 1000),
        gather=gather,
        Task=Task,
        Event=_event(loop),
        Lock=_lock(loop),
        CancelledError=CancelledError,
        TimeoutError=event_loop.TimeoutError,
    )


def _wait_for(loop: EventLoop, awaitable: Any, timeout_us: int | None) -> Steps:
    task = loop.task(awaitable)
    if timeout_us is None:
        return (yield from task.__await__())
    task.was_awaited = True
    try:
        if not task.finished:
            yield Pause(loop.rt.now_us + timeout_us, task.waiters)
    except CancelledError:
        task.cancel()
        raise
    if task.finished:
        return (yield from task.__await__())
    task.cancel()
    while not task.finished:
        yield Pause(waiters=task.waiters)
    raise event_loop.TimeoutError


def _gather(tasks: list[Task], return_exceptions: bool) -> Steps:
    found: list[Any] = []
    for task in tasks:
        task.was_awaited = True
    try:
        for task in tasks:
            try:
                found.append((yield from task.__await__()))
            except Exception as error:
                if not return_exceptions:
                    raise
                found.append(error)
    except CancelledError:
        for task in tasks:
            task.cancel()
        raise
    return found


def _event(loop: EventLoop) -> type:
    class Event:
        def __init__(self) -> None:
            self._set = False
            self._waiters: list[Task] = []

        def is_set(self) -> bool:
            return self._set

        def set(self) -> None:
            self._set = True
            loop.wake_all(self._waiters)

        def clear(self) -> None:
            self._set = False

        def wait(self) -> Awaitable:
            def steps() -> Steps:
                while not self._set:
                    yield Pause(waiters=self._waiters)
                return True

            return Awaitable(steps())

    return Event


def _lock(loop: EventLoop) -> type:
    class Lock:
        def __init__(self) -> None:
            self._held = False
            self._waiters: list[Task] = []

        def locked(self) -> bool:
            return self._held

        def release(self) -> None:
            if not self._held:
                raise RuntimeError("Lock not acquired")
            self._held = False
            if self._waiters:
                loop.wake(self._waiters[0])

        def acquire(self) -> Awaitable:
            def steps() -> Steps:
                while self._held:
                    yield Pause(waiters=self._waiters)
                self._held = True
                return True

            return Awaitable(steps())

        def __aenter__(self) -> Awaitable:
            return self.acquire()

        def __aexit__(self, *_error: object) -> Awaitable:
            self.release()
            return Awaitable(_nothing())

    return Lock


def _nothing() -> Steps:
    return
    yield
