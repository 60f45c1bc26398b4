"""Work shared out among processes: the order of the answers, and workers that are ended."""

from __future__ import annotations

import multiprocessing
import time
from contextlib import closing

from sim.scenario.processes import as_finished, in_processes


def slow(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def test_answers_come_in_the_order_of_the_work_whoever_is_first() -> None:
    work = [0.3, 0.0, 0.1]
    assert in_processes(slow, work, 3) == work
    assert in_processes(slow, work, 1) == work


def test_who_stops_listening_ends_the_workers_in_the_middle_of_their_work() -> None:
    before = set(multiprocessing.active_children())
    with closing(as_finished(slow, [0.0, 500.0, 500.0], 2)) as answers:
        assert next(answers) == (0, 0.0)
    assert set(multiprocessing.active_children()) == before
