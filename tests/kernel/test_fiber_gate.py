"""An interpreter's lock: who holds it runs, everybody else waits and then goes on in the order in which it was due."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.kernel.clock import Clock
from sim.kernel.fibers import Fiber, Gate, Signal, current


@pytest.fixture
def clock():
    return Clock()


def start(clock, gate, fn):
    return Fiber(clock, fn, lambda _error: None, "", gate)


def holder(clock, gate, for_us, seen):
    def body():
        gate.hold()
        current().sleep(for_us)
        seen.append(("holder", clock.now_us))
        gate.open()

    return body


def test_others_wait_and_the_holder_goes_on(clock):
    gate, seen = Gate(clock), []

    def other():
        current().sleep(10)
        seen.append(("other", clock.now_us))

    start(clock, gate, other)
    start(clock, gate, holder(clock, gate, 100, seen))
    clock.run(200)
    assert seen == [("holder", 100), ("other", 100)]


@given(due=st.lists(st.integers(1, 150), max_size=12))
def test_what_was_due_happens_at_the_opening_in_the_order_in_which_it_was_due(due):
    clock = Clock()
    gate, seen = Gate(clock), []

    def sleeper(number, at_us):
        def body():
            current().sleep(at_us)
            seen.append((clock.now_us, number))

        return body

    for number, at_us in enumerate(due):
        start(clock, gate, sleeper(number, at_us))
    start(clock, gate, holder(clock, gate, 100, []))
    clock.run(1000)
    assert seen == [(max(100, at_us), number) for at_us, number in sorted((at, n) for n, at in enumerate(due))]


def test_a_signal_that_comes_meanwhile_is_not_lost(clock):
    gate, signal, seen = Gate(clock), Signal(clock), []

    def waiter():
        seen.append((current().wait(signal, 500), clock.now_us))

    start(clock, gate, waiter)
    clock.after(5, lambda: start(clock, gate, holder(clock, gate, 100, [])))
    clock.after(50, signal.notify)
    clock.run(1000)
    assert seen == [(True, 105)]


def test_native_work_waits_at_the_same_gate(clock):
    gate, seen = Gate(clock), []

    def poll():
        if not gate.stops(None, poll):
            seen.append(clock.now_us)

    start(clock, gate, holder(clock, gate, 100, []))
    clock.after(30, poll)
    clock.run(200)
    assert seen == [100]
    poll()
    assert seen == [100, 200]


def test_an_interrupt_of_a_fiber_that_waits_at_the_gate_wakes_it_once(clock):
    gate, seen = Gate(clock), []

    def sleeper():
        try:
            current().sleep(10)
        except KeyboardInterrupt:
            seen.append(("interrupted", clock.now_us))
        current().sleep(50)
        seen.append(("slept", clock.now_us))

    fiber = start(clock, gate, sleeper)
    clock.after(5, lambda: start(clock, gate, holder(clock, gate, 100, [])))
    clock.after(20, fiber.interrupt, KeyboardInterrupt())
    clock.run(1000)
    assert seen == [("interrupted", 105), ("slept", 155)]


def test_a_holder_that_is_killed_opens_the_gate_on_its_way_out(clock):
    gate, seen = Gate(clock), []

    def body():
        gate.hold()
        try:
            current().sleep(1000)
        finally:
            gate.open()

    fiber = start(clock, gate, body)
    start(clock, gate, lambda: seen.append(clock.now_us))
    clock.after(40, fiber.kill)
    clock.run(200)
    assert seen == [40]
