"""Timeouts and retries, against figures worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest
from jobs_bench import T0, Bench

from sim.jobs.documents import JobError
from sim.jobs.messages import Status
from sim.jobs.rules import JobRules

MINUTE_S = 60


def timed(minutes: int) -> dict[str, Any]:
    return {"timeoutConfig": {"inProgressTimeoutInMinutes": minutes}}


def retried(**numbers: int) -> dict[str, Any]:
    criteria = [{"failureType": name, "numberOfRetries": number} for name, number in numbers.items()]
    return {"jobExecutionsRetryConfig": {"criteriaList": criteria}}


def seconds_left(bench: Bench) -> int | None:
    found: int | None = bench.ask("j/get")["execution"].get("approximateSecondsBeforeTimedOut")
    return found


# In-progress and step timers


def test_documented_case_of_a_20_minute_timer_and_three_step_timers() -> None:
    bench = Bench()
    bench.job("j", **timed(20))
    bench.ask("start-next")  # 12:00
    assert seconds_left(bench) == 20 * MINUTE_S - 1
    bench.wait(5 * MINUTE_S)
    bench.update("j", "IN_PROGRESS", stepTimeoutInMinutes=7)  # 12:05, due 12:12
    assert seconds_left(bench) == 7 * MINUTE_S - 1
    bench.wait(5 * MINUTE_S)
    bench.update("j", "IN_PROGRESS", stepTimeoutInMinutes=5)  # 12:10, due 12:15
    assert seconds_left(bench) == 5 * MINUTE_S - 1
    bench.wait(3 * MINUTE_S)
    bench.update("j", "IN_PROGRESS", stepTimeoutInMinutes=9)  # 12:13, due 12:20 and not 12:22
    assert seconds_left(bench) == 7 * MINUTE_S - 1
    bench.wait(7 * MINUTE_S - 1)
    assert bench.status("j") == (Status.IN_PROGRESS, 5)
    bench.wait(1)
    assert bench.now_s == T0 + 20 * MINUTE_S
    assert bench.status("j") == (Status.TIMED_OUT, 6)
    assert bench.told == ["notify", "notify-next"]
    assert bench.service.due_s() is None


def test_ten_minutes_show_599_seconds_at_the_start_as_live_aws_does() -> None:
    bench = Bench()
    bench.job("j", **timed(10))
    assert "approximateSecondsBeforeTimedOut" not in bench.ask("j/get")["execution"]
    started = bench.ask("start-next")["execution"]
    assert started["approximateSecondsBeforeTimedOut"] == 599
    shown = bench.control.describe_execution("t", "j", bench.now_s + 9)["execution"]
    assert shown["approximateSecondsBeforeTimedOut"] == 590


def test_progress_does_not_prolong_the_in_progress_timer() -> None:
    bench = Bench()
    bench.job("j", **timed(2))
    bench.update("j", "IN_PROGRESS")
    bench.wait(MINUTE_S)
    bench.update("j", "IN_PROGRESS", statusDetails={"p": "50"})
    bench.wait(MINUTE_S)
    assert bench.status("j")[0] is Status.TIMED_OUT
    assert bench.service.executions("j")[0].details == {"p": "50"}


def test_queued_execution_never_times_out() -> None:
    bench = Bench()
    bench.job("j", **timed(1))
    bench.wait(365 * 86_400)
    assert bench.status("j") == (Status.QUEUED, 1)


def test_step_timer_alone_cancelled_kept_and_ended() -> None:
    bench = Bench()
    bench.create("j")
    bench.ask("start-next", {"stepTimeoutInMinutes": 1})
    bench.update("j", "IN_PROGRESS", stepTimeoutInMinutes=-1)
    bench.wait(600)
    assert bench.status("j")[0] is Status.IN_PROGRESS
    bench.update("j", "IN_PROGRESS", stepTimeoutInMinutes=2)
    bench.wait(100)
    bench.update("j", "IN_PROGRESS")
    bench.wait(20)
    assert bench.status("j")[0] is Status.TIMED_OUT


def test_finished_execution_leaves_no_timer() -> None:
    bench = Bench()
    bench.job("j", **timed(1))
    bench.ask("start-next", {"stepTimeoutInMinutes": 1})
    bench.update("j", "SUCCEEDED")
    assert bench.service.due_s() is None
    bench.wait(3600)
    assert bench.status("j") == (Status.SUCCEEDED, 3)


def test_device_that_reports_after_the_timeout_is_told_the_state() -> None:
    bench = Bench()
    bench.job("j", **timed(1))
    bench.ask("start-next")
    bench.wait(61)
    answer = bench.update("j", "SUCCEEDED")
    assert answer["code"] == "InvalidStateTransition"
    assert answer["executionState"] == {"status": "TIMED_OUT", "versionNumber": 3}


def test_step_timer_may_be_set_while_queued_but_runs_only_in_progress() -> None:
    """A step timer begins with the start that brings it."""
    bench = Bench()
    bench.create("j")
    bench.update("j", "IN_PROGRESS", stepTimeoutInMinutes=1)
    bench.wait(60)
    assert bench.status("j")[0] is Status.TIMED_OUT


@pytest.mark.parametrize(("choice", "left_s"), [("set", 299), ("kept", 119)])
def test_start_next_of_a_started_job_and_its_step_timer(choice: Any, left_s: int) -> None:
    bench = Bench(rules=JobRules(restarted_step=choice))
    bench.create("j")
    bench.ask("start-next", {"stepTimeoutInMinutes": 2})
    again = bench.ask("start-next", {"stepTimeoutInMinutes": 5})["execution"]
    assert (again["approximateSecondsBeforeTimedOut"], again["versionNumber"]) == (left_s, 2)


def test_new_timeout_is_for_those_that_start_later() -> None:
    bench = Bench("t", "u")
    bench.job("j", "t", "u", **timed(1))
    bench.ask("start-next")
    bench.control.update_job("j", timed(10), bench.now_s)
    bench.ask("start-next", thing="u")
    bench.wait(60)
    assert [bench.status("j", thing)[0] for thing in "tu"] == [Status.TIMED_OUT, Status.IN_PROGRESS]
    bench.wait(540)
    assert bench.status("j", "u")[0] is Status.TIMED_OUT


def test_timer_that_runs_is_not_set_again_in_the_second_of_its_start() -> None:
    bench = Bench()
    bench.job("j", **timed(1))
    bench.ask("start-next")
    bench.control.update_job("j", timed(10), bench.now_s)
    bench.update("j", "IN_PROGRESS")
    assert seconds_left(bench) == 59


def test_deleted_execution_leaves_no_timer() -> None:
    bench = Bench()
    bench.job("j", **timed(1))
    bench.ask("start-next")
    bench.control.delete_execution("t", "j", 1, bench.now_s, force=True)
    assert bench.service.due_s() is None
    bench.wait(60)
    assert bench.shown("j")["status"] == "COMPLETED"


@pytest.mark.parametrize("minutes", [0, -1, 10_081, "5", 1.5, True])
def test_bad_timeout(minutes: Any) -> None:
    with pytest.raises(JobError, match="inProgressTimeoutInMinutes"):
        Bench().job("j", **timed(minutes))


# Retries


def test_failed_attempt_is_retried_until_the_number_is_used_up() -> None:
    bench = Bench()
    bench.job("j", **retried(FAILED=2))
    for number in (1, 2, 3):
        assert [it["executionNumber"] for it in bench.ask("get")["queuedJobs"]] == [number]
        assert bench.status("j") == (Status.QUEUED, 1)
        assert bench.shown("j")["status"] == "IN_PROGRESS"
        bench.now_s += 10
        bench.update("j", "FAILED", expectedVersion=1)
    assert bench.told == ["notify", "notify-next"]
    assert bench.process("j") == {"Failed": 1}
    assert (bench.shown("j")["status"], bench.shown("j")["completedAt"]) == ("COMPLETED", T0 + 30)
    attempts = bench.service.attempts("j", "t")
    assert [(it.number, it.retry, it.status, it.queued_at_s) for it in attempts] == [
        (1, 0, Status.FAILED, T0),
        (2, 1, Status.FAILED, T0 + 10),
        (3, 2, Status.FAILED, T0 + 20),
    ]


def test_former_attempt_stays_finished_and_can_be_named() -> None:
    bench = Bench()
    bench.job("j", **retried(FAILED=1))
    bench.update("j", "FAILED", statusDetails={"why": "x"})
    assert bench.ask("j/get", {"executionNumber": 1})["code"] == "TerminalStateReached"
    assert bench.update("j", "SUCCEEDED", executionNumber=1)["code"] == "InvalidStateTransition"
    assert bench.ask("j/get")["execution"]["executionNumber"] == 2
    assert bench.update("j", "SUCCEEDED", executionNumber=2)["?"] == "accepted"
    first = bench.control.describe_execution("t", "j", bench.now_s, number=1)["execution"]
    assert (first["status"], first["statusDetails"]) == ("FAILED", {"detailsMap": {"why": "x"}})


@pytest.mark.parametrize(
    ("retries", "ends", "statuses"),
    [
        ({"FAILED": 1}, ["TIMED_OUT"], ["TIMED_OUT"]),
        ({"TIMED_OUT": 1}, ["TIMED_OUT", "FAILED"], ["TIMED_OUT", "FAILED"]),
        ({"FAILED": 1, "TIMED_OUT": 1}, ["FAILED", "TIMED_OUT", "FAILED"], ["FAILED", "TIMED_OUT", "FAILED"]),
        ({"ALL": 2}, ["FAILED", "TIMED_OUT", "FAILED"], ["FAILED", "TIMED_OUT", "FAILED"]),
        ({"ALL": 3}, ["REJECTED"], ["REJECTED"]),
        ({"ALL": 3}, ["FAILED", "SUCCEEDED"], ["FAILED", "SUCCEEDED"]),
        ({"FAILED": 0}, ["FAILED"], ["FAILED"]),
    ],
)
def test_what_is_retried(retries: dict[str, int], ends: list[str], statuses: list[str]) -> None:
    bench = Bench()
    bench.job("j", **timed(1), **retried(**retries))
    for end in ends:
        bench.ask("start-next")
        if end == "TIMED_OUT":
            bench.wait(60)
        else:
            bench.update("j", end)
    assert [it.status for it in bench.service.attempts("j", "t")] == statuses
    assert bench.shown("j")["status"] == "COMPLETED"


def test_started_execution_of_a_thing_that_left_is_not_retried() -> None:
    bench = Bench(rules=JobRules(left_group="started_go_on"))
    bench.groups["g"] = ["t"]
    bench.job("j", "g", targetSelection="CONTINUOUS", **retried(FAILED=3))
    bench.ask("start-next")
    bench.regroup("g")
    bench.update("j", "FAILED")
    assert len(bench.service.attempts("j", "t")) == 1


def test_cancelled_job_and_execution_are_not_retried() -> None:
    bench = Bench("t", "u")
    bench.job("j", "t", "u", **retried(FAILED=3))
    bench.control.cancel_execution("t", "j", bench.now_s)
    assert len(bench.service.attempts("j", "t")) == 1
    bench.ask("start-next", thing="u")
    bench.control.cancel_job("j", bench.now_s)
    bench.ask("j/update", {"status": "FAILED"}, "u")
    assert len(bench.service.attempts("j", "u")) == 1


@pytest.mark.parametrize(
    "retries",
    [{"FAILED": 6, "TIMED_OUT": 5}, {"ALL": 1, "FAILED": 1}, {"ALL": 11}, {"FAILED": -1}, {"REJECTED": 1}, {}],
)
def test_bad_retry_configuration(retries: dict[str, int]) -> None:
    with pytest.raises(JobError) as caught:
        Bench().job("j", **retried(**retries))
    assert caught.value.exception == "InvalidRequestException"


def test_update_may_only_end_retries() -> None:
    bench = Bench()
    bench.job("j", **retried(FAILED=3))
    with pytest.raises(JobError, match="may only set it to 0"):
        bench.control.update_job("j", retried(FAILED=4), bench.now_s)
    bench.control.update_job("j", retried(FAILED=0), bench.now_s)
    bench.update("j", "FAILED")
    assert bench.shown("j")["status"] == "COMPLETED"


@pytest.mark.parametrize(("counted", "process"), [("things", {"Queued": 1}), ("attempts", {"Queued": 1, "Failed": 2})])
def test_counts_are_of_things_or_of_attempts(counted: Any, process: dict[str, int]) -> None:
    bench = Bench(rules=JobRules(counted=counted))
    bench.job("j", **retried(FAILED=2))
    bench.update("j", "FAILED")
    bench.update("j", "FAILED")
    assert bench.process("j") == process
    bench.control.delete_execution("t", "j", 1, bench.now_s)
    assert bench.process("j") == ({"Queued": 1} if counted == "things" else {"Queued": 1, "Failed": 1})
