"""The agenda with its lists does everything in the order in which stock SimPy does it."""

import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st
from simpy.core import EmptySchedule, Infinity

from sim.kernel.agenda import LAST, LATE, SWEEP_EACH, Agenda, Hands, Stock, Timer

ENTRIES = st.recursive(
    st.just(()),
    lambda below: st.lists(
        st.tuples(st.integers(0, LAST), st.sampled_from([0, 0, 0, 1, 1, 2]), st.booleans(), below), max_size=4
    ).map(tuple),
    max_leaves=25,
)
"""What each event schedules when it happens: priority, delay, whether it may be cancelled, and what it schedules."""


def played(env, entries):
    seen = []

    def happen(name, below):
        seen.append((env.now, name))
        plan(name, below)

    def plan(name, entries):
        for number, (priority, delay, cancelable, below) in enumerate(entries):
            args = f"{name}.{number}", below
            if cancelable:
                env.schedule(Timer(happen, args), priority, delay)
            else:
                env.call_at(env.now + delay, happen, args, priority)

    plan("", entries)
    env.run()
    return seen


@given(ENTRIES)
def test_any_agenda_is_done_in_the_order_of_simpy(entries):
    hands = Hands()
    seen = played(Agenda(hands), entries)
    assert seen == played(Stock(), entries)
    assert hands.now_us == max((at_us for at_us, _ in seen), default=0)


@pytest.mark.parametrize("env", [Agenda(), Stock()], ids=["ours", "stock"])
def test_a_call_whose_time_has_passed_is_made_now(env):
    seen = []
    env.call_at(5, env.call_at, (3, lambda: seen.append(env.now), ()))
    env.run()
    assert seen == [5]


def stories(env):
    """Processes, events, timeouts and conditions of SimPy's own, several of them in one instant."""
    seen, event = [], env.event()

    def waits(name):
        seen.append((env.now, name, (yield event | env.timeout(5))))
        seen.append((env.now, name, (yield env.timeout(0, "at once"))))

    def succeeds():
        yield env.timeout(3)
        event.succeed("came")
        seen.append((env.now, "succeeded", None))
        yield env.timeout(2)

    for name in "ab":
        env.process(waits(name))
    env.run(until=env.process(succeeds()))
    return [(at, name, None if value is None else str(type(value))) for at, name, value in seen], env.now


def test_processes_and_conditions_of_simpy_run_on_it():
    assert stories(Agenda()) == stories(simpy.Environment())


def test_an_event_that_failed_and_that_nobody_takes_ends_the_run():
    env = Agenda()
    env.event().fail(ValueError("nobody took it"))
    with pytest.raises(ValueError, match="nobody took it"):
        env.run()


def test_it_goes_on_up_to_a_time_and_all_that_this_instant_brings_about():
    env, seen = Agenda(), []

    def happen(name, *then):
        seen.append((env.now, name))
        for priority, *entry in then:
            env.schedule(Timer(happen, tuple(entry)), priority)

    env.schedule(Timer(happen, ("first", (LATE, "late", (LAST, "last")))), delay=5)
    env.schedule(Timer(happen, ("second",)), delay=6)
    env.advance(4)
    assert (seen, env.now) == ([], 0)
    env.advance(5)
    assert (seen, env.now) == ([(5, "first"), (5, "late"), (5, "last")], 5)
    env.schedule(Timer(happen, ("now",)), delay=0)
    env.advance(4)  # that time is over: nothing happens, not even what is due now
    assert len(seen) == 3
    env.advance()
    assert seen[3:] == [(5, "now"), (6, "second")]


def test_it_halts_after_what_says_so_and_goes_on_with_the_rest():
    env, seen = Agenda(), []

    def halt():
        env.halted = True

    for number in range(3):
        env.schedule(Timer(seen.append, (number,)), delay=1)
        env.schedule(Timer(halt, ()), delay=1)
    env.advance()
    assert seen == [0]
    env.advance()
    assert seen == [0, 1]
    env.advance(once=True)
    assert seen == [0, 1, 2]


def test_what_comes_next_is_now_while_something_is_due_at_once():
    env = Agenda()
    assert env.peek() == Infinity
    env.schedule(Timer(print, ()), delay=7)
    assert env.peek() == 7
    env.schedule(Timer(env.schedule, (Timer(print, ()), LATE)), delay=0)
    assert env.peek() == 0
    env.step()
    assert env.peek() == 0
    env.step()
    assert (env.now, env.peek()) == (0, 7)
    env.clear()
    with pytest.raises(EmptySchedule):
        env.step()


@given(st.lists(st.tuples(st.integers(1, 50), st.booleans()), max_size=60), st.integers(1, 20))
def test_cancelled_timers_are_swept_out_and_the_others_keep_their_order(planned, sweep_from):
    def seen(env):
        done = []
        for number, (delay, cancelled) in enumerate(planned):
            timer = Timer(lambda number=number: done.append((env.now, number)), ())
            env.schedule(timer, delay=delay)
            if cancelled:
                timer.cancel()
        env.run(until=60)
        return done

    swept = Agenda()
    swept._sweep_at = sweep_from
    assert seen(swept) == seen(simpy.Environment())


def test_the_heap_does_not_grow_with_what_was_cancelled():
    agenda, most = Agenda(), 0
    for _ in range(5 * SWEEP_EACH):
        timer = Timer(print, ())
        agenda.schedule(timer, delay=10**9)
        timer.cancel()
        most = max(most, len(agenda._queue))
    assert most <= SWEEP_EACH + 1
