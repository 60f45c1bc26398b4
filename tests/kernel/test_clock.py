"""The clock: order of events, timers, ends of runs; the same in memory and over sockets."""

import pytest

from sim.kernel.clock import EPOCH_S, Clock


@pytest.fixture(params=["memory", "virtual"])
def clock(request):
    clock = Clock(request.param)
    yield clock
    clock.close()


def test_time_is_whole_microseconds_from_the_epoch(clock):
    seen = []
    clock.after(1_500_000, lambda: seen.append((clock.now_us, clock.epoch_s)))
    clock.run(2_000_000)
    assert seen == [(1_500_000, EPOCH_S + 1)]
    assert clock.now_us == 2_000_000


@pytest.mark.parametrize("mode", ["memory", "virtual", "paced"])
def test_it_shows_the_time_that_simpy_has_whoever_lets_it_pass(mode):
    clock, seen = Clock(mode, speed=1000), []

    def see():
        seen.append((clock.now_us, clock.env.now))

    for delay_us in (3, 7_000, 7_001, 20_000):
        clock.after(delay_us, see)
    if mode != "memory":
        clock.loop.call_later(0.01, see)
        clock.loop.call_later(0.03, see)
    clock.run(50_000)
    see()
    clock.close()
    assert [shown for shown, _ in seen] == [simpy for _, simpy in seen]
    assert [shown for shown, _ in seen if shown < 10_000] == [3, 7_000, 7_001]
    assert len(seen) == (5 if mode == "memory" else 7)


def test_a_run_may_start_at_another_time():
    clock = Clock("memory", start_s=2_000_000_000)
    clock.after(1_500_000, clock.stop_at, 0)
    clock.run()
    assert clock.epoch_s == 2_000_000_001
    clock.close()


def test_a_cancelled_timer_never_fires(clock):
    seen = []
    clock.after(10, seen.append, "cancelled").cancel()
    clock.after(10, seen.append, "kept")
    clock.run(20)
    assert seen == ["kept"]


def test_an_arrival_comes_after_everything_else_of_its_instant(clock):
    seen = []

    def now():
        clock.handover(seen.append, "arrival")
        clock.after(0, seen.append, "follow-up")
        seen.append("event")

    clock.after(5, now)
    clock.after(5, seen.append, "other event")
    clock.run(10)
    assert seen == ["event", "other event", "follow-up", "arrival"]


def test_a_run_ends_before_anything_else_of_that_instant_and_can_go_on(clock):
    seen = []
    clock.after(10, seen.append, "at the end")
    clock.run(10)
    assert seen == []
    clock.run(11)
    assert seen == ["at the end"]


def test_an_earlier_stop_wins(clock):
    clock.after(5, clock.stop_at, 7)
    clock.run(100)
    assert clock.now_us == 7


def test_what_a_story_waits_for_is_an_event_for_those_who_step_it(clock):
    event = clock.env.event()
    assert clock.event(event) is event
    clock.env.run(until=clock.event(5))
    assert clock.env.now == 5


def test_an_error_in_the_model_comes_out_of_run(clock):
    def broken():
        raise ZeroDivisionError("model")

    clock.after(1, broken)
    with pytest.raises(ZeroDivisionError):
        clock.run(10)
