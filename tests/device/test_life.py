"""A life ends at once, and nothing of it acts afterwards."""

import pytest

from sim.device.life import Life
from sim.kernel.clock import Clock
from sim.kernel.power import PowerLoss


class Owner:
    def __init__(self, clock, power_cut):
        self.clock, self.power_cut = clock, power_cut


def test_stories_and_timers_of_an_ended_life_never_act():
    clock, seen = Clock(), []
    life = Life(Owner(clock, lambda: seen.append("lost")))

    def story():
        try:
            while True:
                yield 10
                seen.append(clock.now_us)
        finally:
            seen.append("closed")

    life.spawn(story())
    life.after(15, seen.append, "timer before")
    life.after(35, seen.append, "timer after")
    clock.after(25, life.end)
    clock.run(100)
    assert seen == [10, "timer before", 20, "closed"]


def test_a_story_that_lets_no_time_pass_goes_on_behind_what_is_due_by_then():
    clock, seen = Clock(), []
    life = Life(Owner(clock, lambda: None))

    def story():
        clock.after(0, seen.append, "due before")
        yield 0
        seen.append(clock.now_us)

    clock.after(7, life.spawn, story())
    clock.after(7, seen.append, "due")
    clock.run(100)
    assert seen == ["due", "due before", 7]


def test_power_lost_in_a_story_is_told_once_and_the_others_are_not_disturbed_before():
    clock, seen = Clock(), []
    life = Life(Owner(clock, lambda: (seen.append("lost"), life.end())))

    def failing():
        yield 5
        raise PowerLoss

    def other():
        yield 5
        seen.append("same instant")
        yield 5
        seen.append("too late")

    life.spawn(failing())
    life.spawn(other())
    clock.run(100)
    assert seen == ["same instant", "lost"]


def test_a_story_may_end_its_own_life():
    clock, seen = Clock(), []
    life = Life(Owner(clock, lambda: seen.append("lost")))

    def story():
        yield 5
        life.end()
        seen.append("goes on to its next yield")
        yield 5
        seen.append("never")

    life.spawn(story())
    clock.run(100)
    assert seen == ["goes on to its next yield"]


def test_an_event_that_fails_ends_the_story_and_the_run():
    clock, seen = Clock(), []
    life, event = Life(Owner(clock, lambda: None)), clock.env.event()

    def story():
        try:
            yield event
            seen.append("never")
        finally:
            seen.append("closed")

    life.spawn(story())
    clock.after(5, event.fail, ValueError("what it waited for failed"))
    with pytest.raises(ValueError, match="what it waited for failed"):
        clock.run(100)
    assert seen == ["closed"]


def test_a_defect_in_a_story_comes_out_of_the_run_as_it_is():
    clock = Clock()
    life = Life(Owner(clock, lambda: None))

    def story():
        yield 5
        raise KeyError("a defect")

    life.spawn(story())
    with pytest.raises(KeyError, match="a defect"):
        clock.run(100)
    assert clock.now_us == 5


def test_what_has_come_already_is_not_waited_for():
    clock, seen = Clock(), []
    life, event = Life(Owner(clock, lambda: None)), clock.env.event()
    event.succeed("early")

    def story():
        yield 5
        seen.append((yield event))
        seen.append(clock.now_us)

    life.spawn(story())
    clock.run(100)
    assert seen == ["early", 5]
