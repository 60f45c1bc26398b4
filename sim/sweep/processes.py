"""Work shared out among processes. The answers come in the order of the work, whoever did it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

_Work = TypeVar("_Work")
_Answer = TypeVar("_Answer")


def in_processes(call: Callable[[_Work], _Answer], work: list[_Work], jobs: int) -> list[_Answer]:
    """`call` of each piece of work, by so many processes; by this one if one is enough."""
    if jobs <= 1 or len(work) <= 1:
        return [call(piece) for piece in work]
    context = multiprocessing.get_context("spawn")  # a fork would take threads of the caller along
    with ProcessPoolExecutor(min(jobs, len(work)), mp_context=context) as pool:
        return list(pool.map(call, work))
