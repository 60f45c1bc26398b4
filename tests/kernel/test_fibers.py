"""Fibers: sleeping, waiting, dying. A dead fiber may never act again."""

import pytest

from sim.kernel.clock import Clock
from sim.kernel.fibers import KILL_TRIES, Fiber, Signal, current
from sim.kernel.power import PowerLoss


@pytest.fixture
def clock():
    return Clock()


def start(clock, fn, ends=None):
    return Fiber(clock, fn, (ends if ends is not None else []).append)


def test_a_killed_fiber_unwinds_and_reports_power_loss(clock):
    ends, seen = [], []

    def body():
        try:
            current().sleep(100)
        finally:
            seen.append("finally")

    fiber = start(clock, body, ends)
    clock.after(10, fiber.kill)
    clock.run(200)
    assert seen == ["finally"]
    assert isinstance(ends[0], PowerLoss)
    assert clock.now_us == 200


def test_except_exception_does_not_catch_a_power_cut(clock):
    seen = []

    def body():
        try:
            current().sleep(100)
        except Exception:
            seen.append("swallowed")

    fiber = start(clock, body)
    clock.after(10, fiber.kill)
    clock.run(200)
    assert seen == []


def test_a_fiber_that_swallows_everything_is_parked_and_never_acts(clock):
    tries = []

    def body():
        while True:
            try:
                current().sleep(1)
            except BaseException:
                tries.append(clock.now_us)

    fiber = start(clock, body)
    clock.after(10, fiber.kill)
    clock.run(1000)
    assert len(tries) == KILL_TRIES + 1
    assert set(tries) == {10}


def test_killing_before_the_first_step_runs_nothing(clock):
    seen = []
    start(clock, lambda: seen.append("ran")).kill()
    clock.run(10)
    assert seen == []


def test_a_fiber_may_kill_another_and_goes_on_itself(clock):
    seen = []

    def victim():
        current().sleep(1000)

    other = start(clock, victim)

    def killer():
        current().sleep(5)
        other.kill()
        current().sleep(5)
        seen.append(clock.now_us)

    start(clock, killer)
    clock.run(100)
    assert seen == [10]
    assert other.ended


def test_waiters_wake_in_order_of_arrival_and_time_out(clock):
    signal, seen = Signal(clock), []

    def waiter(name, timeout_us):
        def body():
            seen.append((name, current().wait(signal, timeout_us), clock.now_us))

        return body

    start(clock, waiter("a", None))
    start(clock, waiter("b", 5))
    start(clock, waiter("c", None))
    clock.after(7, signal.notify)
    clock.after(8, signal.notify_all)
    clock.run(20)
    assert seen == [("b", False, 5), ("a", True, 7), ("c", True, 8)]


def test_a_story_runs_inside_a_fiber_and_gives_its_value_and_errors(clock):
    def story():
        yield 3
        return clock.now_us

    def failing():
        yield 1
        raise OSError(28)

    seen = []

    def body():
        seen.append(current().run(story()))
        with pytest.raises(OSError, match="28"):
            current().run(failing())
        seen.append("after")

    start(clock, body)
    clock.run(10)
    assert seen == [3, "after"]


def test_a_killed_story_runs_its_finally(clock):
    seen = []

    def story():
        try:
            yield 100
        finally:
            seen.append("closed")

    fiber = start(clock, lambda: current().run(story()))
    clock.after(1, fiber.kill)
    clock.run(10)
    assert seen == ["closed"]


def interrupted(clock, rest, at_us=40):
    """Times at which a fiber was interrupted and woke later, when it rests as `rest` does and is interrupted once."""
    seen = []

    def body():
        try:
            rest()
        except KeyboardInterrupt:
            seen.append(("interrupted", clock.now_us))
        current().sleep(500)
        seen.append(("woke", clock.now_us))

    fiber = start(clock, body)
    clock.after(at_us, fiber.interrupt, KeyboardInterrupt())
    clock.run(2000)
    return seen


def test_an_interrupt_ends_a_sleep_whose_end_then_wakes_nobody(clock):
    assert interrupted(clock, lambda: current().sleep(100)) == [("interrupted", 40), ("woke", 540)]


def test_an_interrupt_ends_a_wait_whose_signal_and_limit_then_wake_nobody(clock):
    signal = Signal(clock)
    clock.after(60, signal.notify)
    assert interrupted(clock, lambda: current().wait(signal, 80)) == [("interrupted", 40), ("woke", 540)]
    assert not signal.notify()


def test_an_interrupt_waits_for_the_end_of_a_story(clock):
    def story():
        yield 100

    def rest():
        current().run(story())
        current().check()

    assert interrupted(clock, rest) == [("interrupted", 100), ("woke", 600)]


def test_an_interrupt_of_a_busy_fiber_comes_with_its_next_check_unless_it_is_taken_back(clock):
    seen = []

    def body():
        me = current()
        me.interrupt(KeyboardInterrupt())
        me.calm()
        me.check()
        me.interrupt(KeyboardInterrupt())
        try:
            me.sleep(10)
        except KeyboardInterrupt:
            seen.append(clock.now_us)

    start(clock, body)
    clock.run(100)
    assert seen == [0]


def test_an_interrupt_of_an_ended_or_dead_fiber_does_nothing(clock):
    ends = []
    fiber = start(clock, lambda: None, ends)
    other = start(clock, lambda: current().sleep(50), ends)
    clock.after(5, other.kill)
    clock.after(10, fiber.interrupt, KeyboardInterrupt())
    clock.after(10, other.interrupt, KeyboardInterrupt())
    clock.run(100)
    assert ends[0] is None
    assert isinstance(ends[1], PowerLoss)
    assert len(ends) == 2
