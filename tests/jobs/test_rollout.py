"""Who is notified when: rollouts, aborts, cancellations and deletions against figures worked out by hand."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs_bench import T0, Bench

from sim.jobs.documents import JobError
from sim.jobs.messages import Status
from sim.jobs.rollout import Pace, rate_of
from sim.jobs.rules import RELAXED_QUOTAS, JobRules
from sim.jobs.service import Changed
from sim.jobs.spec import Rollout


def fleet(number: int, **rules: Any) -> Bench:
    """So many things, all in group `all`."""
    names = [f"t{n:06}" for n in range(number)]
    bench = Bench(*names, rules=JobRules(**rules))
    bench.groups["all"] = names
    return bench


def exponential(base: int, factor: float, most: int | None = None, **step: int) -> dict[str, Any]:
    rate = {"baseRatePerMinute": base, "incrementFactor": factor, "rateIncreaseCriteria": step}
    return {"exponentialRate": rate} if most is None else {"exponentialRate": rate, "maximumPerMinute": most}


def notified_in(bench: Bench, seconds: int = 60) -> list[str]:
    """Things that got an execution in the next so many seconds, the present one included."""
    effects = [*bench.service.advance(bench.now_s), *bench.wait(seconds - 1)]
    bench.now_s += 1
    return [it.thing for it in effects if isinstance(it, Changed) and it.old is None]


def per_minute(bench: Bench, job: Any) -> list[int]:
    """Executions created in each minute from the creation of the job to the last one."""
    first = len([it for it in job if isinstance(it, Changed)])
    numbers = [first + len(notified_in(bench))]
    while bench.shown("j")["isConcurrent"]:
        numbers.append(len(notified_in(bench)))
    return numbers


# Pace


def test_documented_table_50_per_minute_doubling_with_each_thousand_notified() -> None:
    bench = fleet(5000)
    config = exponential(50, 2, 1000, numberOfNotifiedThings=1000)
    numbers = per_minute(bench, bench.job("j", "all", jobExecutionsRolloutConfig=config))
    # The documentation: 50 up to 1,000 notified, 100 up to 2,000, 200 up to 3,000, 400 up to 4,000, 800 beyond.
    # The rate holds for whole minutes, so the third minute at 400 goes on from 3,800 to 4,200.
    assert numbers == [50] * 20 + [100] * 10 + [200] * 5 + [400] * 3 + [800]
    assert sum(numbers) == 5000


def test_growth_by_succeeded_things_waits_for_them() -> None:
    bench = fleet(100)
    config = exponential(10, 1.5, numberOfSucceededThings=10)
    bench.job("j", "all", jobExecutionsRolloutConfig=config)
    assert len(notified_in(bench)) == 9  # and one at creation
    assert len(notified_in(bench)) == 10
    for number in range(10):
        bench.ask("j/update", {"status": "SUCCEEDED"}, f"t{number:06}")
    assert len(notified_in(bench)) == 15
    assert len(notified_in(bench)) == 15


@pytest.mark.parametrize(
    ("notified", "rate"), [(0, 10), (99, 10), (100, 15), (200, 22), (300, 33), (400, 50), (500, 60), (10**9, 60)]
)
def test_fractions_of_a_rate_are_cut_and_the_maximum_holds(notified: int, rate: int) -> None:
    rollout = Rollout(60, 10, Fraction(3, 2), 100, "notified")
    assert rate_of(rollout, notified, 0, 1000, 1000) == rate


@pytest.mark.parametrize(("rate", "first_seconds"), [(1000, [17, 17, 16]), (60, [1, 1, 1]), (50, [1, 1, 1]), (1, [1])])
def test_constant_rate_is_spread_over_the_minute(rate: int, first_seconds: list[int]) -> None:
    bench = fleet(3 * rate)
    created = bench.job("j", "all", jobExecutionsRolloutConfig={"maximumPerMinute": rate})
    seconds = [len([it for it in created if isinstance(it, Changed)])]
    while bench.now_s < T0 + 179:
        bench.wait(1)
        seconds.append(len(bench.changed()))
    assert seconds[: len(first_seconds)] == first_seconds
    assert [sum(seconds[at : at + 60]) for at in (0, 60, 120)] == [rate] * 3
    assert max(seconds) - min(seconds) <= 1


def test_without_configuration_the_pace_is_1000_a_minute() -> None:
    bench = fleet(1001)
    created = bench.job("j", "all")
    assert len([it for it in created if isinstance(it, Changed)]) + len(notified_in(bench)) - 0 == 1000
    assert len(notified_in(bench)) == 1


def test_advance_that_comes_late_does_everything_at_its_own_time() -> None:
    prompt, late = fleet(100), fleet(100)
    for bench in (prompt, late):
        bench.job("j", "all", jobExecutionsRolloutConfig={"maximumPerMinute": 25})
    prompt.wait(600)
    late.service.advance(T0 + 600)
    assert late.service.executions("j") == prompt.service.executions("j")
    assert late.service.executions("j")[-1].queued_at_s == T0 + 3 * 60 + 57  # (59 + 25 * 58) / 60 is 25


@given(rate=st.integers(1, 6000), minutes=st.integers(1, 4))
def test_every_minute_of_any_pace_serves_exactly_its_rate(rate: int, minutes: int) -> None:
    pace = Pace.begin(rate, T0)
    served = {T0: pace.take(T0)}
    while (now_s := pace.next_s()) < T0 + 60 * minutes:
        if pace.new_minute(now_s):
            pace.turn(rate, now_s)
        served[now_s] = pace.take(now_s)
    for minute in range(minutes):
        start_s = T0 + 60 * minute
        assert sum(number for at_s, number in served.items() if start_s <= at_s < start_s + 60) == rate
    assert all(before < after for before, after in pairwise(served))


# Before a thing's turn


def test_thing_has_no_execution_before_its_turn() -> None:
    bench = fleet(3)
    bench.job("j", "all", jobExecutionsRolloutConfig={"maximumPerMinute": 1})
    assert bench.ask("j/get", thing="t000001")["code"] == "ResourceNotFound"
    assert bench.ask("j/update", {"status": "SUCCEEDED"}, "t000001")["code"] == "ResourceNotFound"
    assert bench.ask("get", thing="t000001")["queuedJobs"] == []
    assert "execution" not in bench.ask("start-next", thing="t000001")
    with pytest.raises(JobError, match="does not exist"):
        bench.control.describe_execution("t000001", "j", bench.now_s)
    assert bench.process("j") == {"Queued": 1}
    bench.wait(59)
    assert bench.ask("j/get", thing="t000001")["code"] == "ResourceNotFound"
    bench.wait(1)
    assert bench.ask("j/get", thing="t000001")["execution"]["queuedAt"] == T0 + 60


def test_job_is_concurrent_and_not_complete_while_things_wait() -> None:
    bench = fleet(2)
    bench.job("j", "all", jobExecutionsRolloutConfig={"maximumPerMinute": 1})
    assert bench.shown("j")["isConcurrent"]
    assert bench.shown("j")["jobProcessDetails"]["processingTargets"] == [bench.arns.group("all")]
    bench.ask("j/update", {"status": "SUCCEEDED"}, "t000000")
    assert bench.shown("j")["status"] == "IN_PROGRESS"
    assert not bench.service.all_terminal()
    bench.wait(60)
    assert not bench.shown("j")["isConcurrent"]
    assert "processingTargets" not in bench.shown("j")["jobProcessDetails"]
    bench.ask("j/update", {"status": "FAILED"}, "t000001")
    assert (bench.shown("j")["status"], bench.shown("j")["completedAt"]) == ("COMPLETED", T0 + 60)
    assert bench.service.all_terminal()
    assert bench.service.due_s() is None


def test_thing_deleted_or_made_again_before_its_turn_gets_nothing() -> None:
    bench = fleet(4)
    bench.job("j", "all", jobExecutionsRolloutConfig={"maximumPerMinute": 1})
    bench.service.remove_thing("t000001", bench.now_s)
    bench.service.remove_thing("t000002", bench.now_s)
    bench.service.add_thing("t000002")
    bench.wait(60)
    assert [it.thing for it in bench.service.executions("j")] == ["t000000", "t000003"]


def test_update_of_the_rollout_is_for_the_remaining_things() -> None:
    bench = fleet(200)
    bench.job("j", "all", jobExecutionsRolloutConfig={"maximumPerMinute": 10})
    bench.control.update_job("j", {"jobExecutionsRolloutConfig": {"maximumPerMinute": 120}}, bench.now_s)
    bench.wait(59)
    assert bench.process("j") == {"Queued": 10}
    assert len(notified_in(bench, 61)) == 120


@pytest.mark.parametrize("number", [1001, 0, -1])
def test_pace_beyond_the_quota(number: int) -> None:
    bench = fleet(1)
    with pytest.raises(JobError, match="maximumPerMinute") as caught:
        bench.job("j", "all", jobExecutionsRolloutConfig={"maximumPerMinute": number})
    assert caught.value.exception == "InvalidRequestException"


def test_relaxed_quotas_let_a_load_test_go_faster() -> None:
    bench = fleet(5000, quotas=RELAXED_QUOTAS)
    created = bench.job("j", "all", jobExecutionsRolloutConfig={"maximumPerMinute": 300_000})
    assert len([it for it in created if isinstance(it, Changed)]) == 5000


# Abort


def abort(failure: str, percent: float, minimum: int) -> dict[str, Any]:
    criterion = {"failureType": failure, "action": "CANCEL"}
    return {"criteriaList": [{**criterion, "thresholdPercentage": percent, "minNumberOfExecutedThings": minimum}]}


def test_abort_at_5_percent_after_200() -> None:
    bench = fleet(5000)
    bench.job("j", "all", abortConfig=abort("FAILED", 5, 200))
    bench.wait(59)
    assert bench.process("j") == {"Queued": 1000}
    for number in range(5):
        bench.ask("j/update", {"status": "IN_PROGRESS"}, f"t{900 + number:06}")
    for number in range(1, 200):  # every twentieth fails: 9 of 199, far above 5 percent of the first hundred
        bench.ask("j/update", {"status": "FAILED" if number % 20 == 0 else "SUCCEEDED"}, f"t{number:06}")
    assert bench.shown("j")["status"] == "IN_PROGRESS"
    bench.ask("j/update", {"status": "FAILED"}, "t000200")  # 10 of 200
    shown = bench.shown("j")
    assert (shown["status"], shown["forceCanceled"], shown["reasonCode"]) == ("CANCELED", False, "ABORT_CRITERIA_MET")
    assert shown["isConcurrent"]
    assert bench.process("j") == {"Succeeded": 190, "Failed": 10, "InProgress": 5, "Canceled": 17, "Queued": 778}
    # 795 to cancel at 1000 a minute: (59 + 1000 n) / 60 reaches 795 with the 48th second.
    bench.wait(46)
    assert bench.shown("j")["isConcurrent"]
    bench.wait(1)
    assert not bench.shown("j")["isConcurrent"]
    assert bench.process("j") == {"Succeeded": 190, "Failed": 10, "InProgress": 5, "Canceled": 795}
    bench.wait(3600)
    assert len(bench.service.executions("j")) == 1000
    assert bench.ask("j/update", {"status": "SUCCEEDED"}, "t000900")["?"] == "accepted"


@pytest.mark.parametrize(("percent", "aborts_at"), [(50, 4), (50.01, None), (49.99, 4), (100, None), (0.01, 4)])
def test_threshold_is_exact_and_waits_for_the_minimum(percent: float, aborts_at: int | None) -> None:
    bench = fleet(10)
    bench.job("j", "all", abortConfig=abort("REJECTED", percent, 4))
    for number, status in enumerate(["REJECTED", "SUCCEEDED", "FAILED", "REJECTED", "SUCCEEDED"], start=1):
        assert bench.shown("j")["status"] == "IN_PROGRESS"
        bench.ask("j/update", {"status": status}, f"t{number - 1:06}")
        if number == aborts_at:
            assert bench.shown("j")["status"] == "CANCELED"
            return
    assert aborts_at is None


@pytest.mark.parametrize(
    ("failure", "statuses", "aborts"),
    [
        ("ALL", ["FAILED", "REJECTED"], True),
        ("FAILED", ["FAILED", "REJECTED"], False),
        ("TIMED_OUT", ["FAILED", "REJECTED"], False),
        ("ALL", ["SUCCEEDED", "FAILED"], False),
    ],
)
def test_what_counts_as_failure(failure: str, statuses: list[str], aborts: bool) -> None:
    bench = fleet(3)
    bench.job("j", "all", abortConfig=abort(failure, 100, 2))
    for number, status in enumerate(statuses):
        bench.ask("j/update", {"status": status}, f"t{number:06}")
    assert (bench.shown("j")["status"] == "CANCELED") == aborts


def test_timeouts_abort_and_an_attempt_that_is_retried_is_not_final() -> None:
    bench = fleet(2)
    retries = {"criteriaList": [{"failureType": "TIMED_OUT", "numberOfRetries": 1}]}
    timeout = {"inProgressTimeoutInMinutes": 1}
    config = {"abortConfig": abort("TIMED_OUT", 50, 1), "timeoutConfig": timeout, "jobExecutionsRetryConfig": retries}
    bench.job("j", "all", **config)
    bench.ask("start-next", thing="t000000")
    bench.wait(60)
    assert bench.shown("j")["status"] == "IN_PROGRESS"
    bench.ask("start-next", thing="t000000")
    bench.wait(60)
    assert bench.shown("j")["status"] == "CANCELED"
    assert bench.process("j") == {"TimedOut": 1, "Canceled": 1}


def test_abort_stops_retries() -> None:
    bench = fleet(3)
    retries = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 5}]}
    bench.job("j", "all", abortConfig=abort("REJECTED", 50, 1), jobExecutionsRetryConfig=retries)
    bench.ask("j/update", {"status": "IN_PROGRESS"}, "t000000")
    bench.ask("j/update", {"status": "REJECTED"}, "t000001")
    bench.ask("j/update", {"status": "FAILED"}, "t000000")
    assert bench.process("j") == {"Failed": 1, "Rejected": 1, "Canceled": 1}


# Gradual cancelling and deleting


def test_cancelling_goes_on_at_a_thousand_a_minute_and_a_quick_device_wins() -> None:
    bench = fleet(2500, quotas=RELAXED_QUOTAS)
    bench.job("j", "all", jobExecutionsRolloutConfig={"maximumPerMinute": 600_000})
    assert bench.process("j") == {"Queued": 2500}
    strict = fleet(2000)
    strict.job("j", "all")
    strict.wait(120)
    strict.last = strict.control.cancel_job("j", strict.now_s, reason_code="STOP_1", comment="enough")
    assert strict.process("j") == {"Queued": 1983, "Canceled": 17}
    assert strict.ask("j/update", {"status": "IN_PROGRESS"}, "t001999")["?"] == "accepted"
    strict.wait(59)
    assert strict.process("j") == {"Queued": 999, "InProgress": 1, "Canceled": 1000}
    strict.wait(60)
    assert strict.process("j") == {"InProgress": 1, "Canceled": 1999}
    shown = strict.shown("j")
    assert (shown["status"], shown["reasonCode"], shown["comment"]) == ("CANCELED", "STOP_1", "enough")
    assert not shown["isConcurrent"]


def test_forced_cancel_ends_started_executions_and_their_devices_learn_it() -> None:
    bench = fleet(2)
    bench.job("j", "all")
    bench.ask("start-next", thing="t000000")
    bench.last = bench.control.cancel_job("j", bench.now_s, force=True)
    assert bench.told == ["notify", "notify-next"] * 2
    answer = bench.ask("j/update", {"status": "SUCCEEDED"}, "t000000")
    assert (answer["code"], answer["executionState"]) == (
        "InvalidStateTransition",
        {"status": "CANCELED", "versionNumber": 3},
    )
    assert bench.control.describe_execution("t000000", "j", bench.now_s)["execution"]["forceCanceled"]


def test_deleting_is_seen_then_gradual_then_over_and_the_id_is_free() -> None:
    bench = fleet(1500)
    bench.job("j", "all")
    bench.wait(90)
    bench.ask("start-next", thing="t001499")
    bench.control.delete_job("j", bench.now_s, force=True)
    assert bench.shown("j")["status"] == "DELETION_IN_PROGRESS"
    assert len(bench.service.executions("j")) == 1500
    bench.wait(60)
    assert len(bench.service.executions("j")) == 500
    assert bench.ask("get", thing="t000000")["queuedJobs"] == []
    bench.wait(30)
    with pytest.raises(JobError, match="does not exist"):
        bench.shown("j")
    assert bench.ask("j/update", {"status": "SUCCEEDED"}, "t001499")["code"] == "ResourceNotFound"
    assert bench.service.counts() == dict.fromkeys(Status, 0)
    assert bench.service.all_terminal()
    bench.job("j", "all")
    assert bench.ask("j/get", thing="t000000")["execution"]["executionNumber"] == 1
