"""What the clock costs: timers, stories and script threads, beside bare SimPy in the same run.

`python benchmarks/kernel.py [--json]` prints events, seconds and the ratio to stock SimPy timeouts (1.00).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import simpy

from sim.kernel.clock import Clock
from sim.kernel.fibers import Fiber, current

PROCESSES = 1_000
ROUNDS = 200
EVENTS = PROCESSES * ROUNDS


def stock_timeouts() -> None:
    """1,000 SimPy processes, each waiting for 200 timeouts."""
    env = simpy.Environment()

    def process():
        for _ in range(ROUNDS):
            yield env.timeout(7)

    for _ in range(PROCESSES):
        env.process(process())
    env.run()


def timers() -> None:
    """The same number of `Clock.after` calls, 1,000 at a time."""
    clock = Clock()

    def again(left: int) -> None:
        if left:
            clock.after(7, again, left - 1)

    for _ in range(PROCESSES):
        clock.after(7, again, ROUNDS - 1)
    clock.run()


def stories() -> None:
    """1,000 stories (processes) on the clock."""
    clock = Clock()

    def story():
        for _ in range(ROUNDS):
            yield clock.timeout(7)

    for _ in range(PROCESSES):
        clock.env.process(story())
    clock.run()


def fibers() -> None:
    """1,000 script threads, each sleeping 200 times."""
    clock = Clock()

    def body() -> None:
        fiber = current()
        assert fiber is not None
        for _ in range(ROUNDS):
            fiber.sleep(7)

    for _ in range(PROCESSES):
        Fiber(clock, body, lambda _error: None)
    clock.run()


def seconds(work: Callable[[], None], repeats: int = 3) -> float:
    """Median of some runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def main() -> None:
    reference = seconds(stock_timeouts)
    rows = [{"case": "SimPy timeouts", "events": EVENTS, "seconds": reference, "ratio": 1.0}]
    for name, work in (("Clock.after", timers), ("stories", stories), ("script threads", fibers)):
        taken = seconds(work)
        rows.append({"case": name, "events": EVENTS, "seconds": taken, "ratio": reference / taken})
    if "--json" in sys.argv:
        print(json.dumps(rows))
        return
    print(f"{'case':<16}{'events':>10}{'seconds':>10}{'events/s':>12}{'ratio':>8}")
    for row in rows:
        rate = row["events"] / row["seconds"]
        print(f"{row['case']:<16}{row['events']:>10,}{row['seconds']:>10.3f}{rate:>12,.0f}{row['ratio']:>8.2f}")


if __name__ == "__main__":
    main()
