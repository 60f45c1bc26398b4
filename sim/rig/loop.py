"""A thread with an event loop: where a rig's time passes, and where its cloud answers programs of this machine.

Everything of the simulation is done on this thread, so nothing of it needs a lock. Whoever calls from another thread
waits for the answer; a notebook, whose own thread has a loop already, is such another thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from sim.errors import SpecError

P = ParamSpec("P")
T = TypeVar("T")


class LoopThread:
    """Runs from its making to `close`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="qpyota", daemon=True)
        self._thread.start()

    @property
    def is_here(self) -> bool:
        """Whether the caller is on this thread."""
        return threading.current_thread() is self._thread

    def call(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`fn(...)` on this thread; what it raises is raised here."""
        if self.is_here:
            return fn(*args, **kwargs)

        async def work() -> T:
            return fn(*args, **kwargs)

        return self.finish(work())

    def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for what takes its time. SpecError on this very thread, which would wait for itself."""
        if self.is_here or not self._thread.is_alive():
            work.close()
            what = "this is asked for while time passes already" if self.is_here else "the rig is closed"
            raise SpecError(f"{what}; wait for it before or after")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """End the loop and the thread; harmless when it has ended."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
