"""Work shared out among processes. What comes of it never depends on who did it, nor on who finished first.

Workers leave Ctrl-C to the process that started them, from their first moment on; it ends them, in the middle of their
work, when it is done with them for whatever reason.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TypeVar

_Work = TypeVar("_Work")
_Answer = TypeVar("_Answer")


def in_processes(call: Callable[[_Work], _Answer], work: Sequence[_Work], jobs: int) -> list[_Answer]:
    """`call` of each piece of work, by so many processes, in the order of the work; by this one if one is enough."""
    answers = dict(as_finished(call, work, jobs))
    return [answers[index] for index in range(len(work))]


def as_finished(
    call: Callable[[_Work], _Answer], work: Sequence[_Work], jobs: int
) -> Generator[tuple[int, _Answer], None, None]:
    """The same, one by one: (index of the work, answer) as they come. An iterator that is closed ends its workers."""
    if jobs <= 1 or len(work) <= 1:
        yield from enumerate(map(call, work))
        return
    context = multiprocessing.get_context("spawn")  # a fork would take threads of the caller along
    before = multiprocessing.active_children()
    pool = ProcessPoolExecutor(min(jobs, len(work)), mp_context=context)
    done = False
    try:
        with _interrupts_held():  # workers start here, and inherit that they hear of none
            index_of = {pool.submit(call, piece): index for index, piece in enumerate(work)}
        for future in as_completed(index_of):
            yield index_of[future], future.result()
        done = True
    finally:
        if not done:
            for worker in multiprocessing.active_children():
                if worker not in before:
                    worker.terminate()
        pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits until this is over. Masked for those who start here; noted, as a thread of a library may be the one
    that the system interrupts. Outside the main thread there is no Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    noted: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: noted.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
    if noted:
        raise KeyboardInterrupt
