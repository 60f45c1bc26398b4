"""Work shared out among processes. What comes of it never depends on who did it, nor on who finished first.

Workers leave Ctrl-C to the process that started them; it ends them, in the middle of their work, when it is done with
them for whatever reason.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
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
    pool = ProcessPoolExecutor(min(jobs, len(work)), mp_context=context, initializer=_leave_interrupts)
    done = False
    try:
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


def _leave_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
