"""Calendar, cron expressions, scheduled starts and ends, maintenance windows. T0 is Thursday, 2026-01-01 00:00 UTC."""

from __future__ import annotations

import calendar
import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs_bench import T0, Bench

from sim.jobs.civil import date_of, days_of, minute_text, month_length, parse_minute, weekday
from sim.jobs.cron import parse_cron
from sim.jobs.documents import JobError
from sim.jobs.messages import Status
from sim.jobs.rules import JobRules, Quotas
from sim.jobs.schedule import parse_schedule

HOUR_S, DAY_S = 3600, 86_400


# Calendar and cron


@given(st.dates(datetime.date(1970, 1, 1), datetime.date(2199, 12, 31)))
def test_calendar_agrees_with_the_standard_library(date: datetime.date) -> None:
    days = days_of(date.year, date.month, date.day)
    assert days == (date - datetime.date(1970, 1, 1)).days
    assert date_of(days) == (date.year, date.month, date.day)
    assert weekday(days) == date.isoweekday() % 7 + 1
    assert month_length(date.year, date.month) == calendar.monthrange(date.year, date.month)[1]


@pytest.mark.parametrize("text", ["2026-02-29T00:00", "2026-13-01T00:00", "2026-01-01T24:00", "2026-01-01", "soon"])
def test_text_that_is_no_time(text: str) -> None:
    assert parse_minute(text) is None


@pytest.mark.parametrize("text", ["2026-01-01T00:00", "2028-02-29T23:59"])
def test_time_as_text_and_back(text: str) -> None:
    epoch_s = parse_minute(text)
    assert epoch_s is not None
    assert minute_text(epoch_s) == text


@pytest.mark.parametrize(
    ("expression", "next_times"),
    [
        ("cron(0 2 * * ? *)", ["2026-01-01T02:00", "2026-01-02T02:00"]),
        ("0 2 * * ? *", ["2026-01-01T02:00", "2026-01-02T02:00"]),
        ("cron(0/20 9-10 ? * MON-FRI *)", ["2026-01-01T09:00", "2026-01-01T09:20", "2026-01-01T09:40"]),
        ("cron(15 10,22 ? * SAT *)", ["2026-01-03T10:15", "2026-01-03T22:15", "2026-01-10T10:15"]),
        ("cron(0 8 1 * ? *)", ["2026-01-01T08:00", "2026-02-01T08:00"]),
        ("cron(0 8 L * ? *)", ["2026-01-31T08:00", "2026-02-28T08:00", "2026-03-31T08:00"]),
        ("cron(0 8 15W * ? *)", ["2026-01-15T08:00", "2026-02-16T08:00", "2026-03-16T08:00"]),
        ("cron(0 8 31W * ? *)", ["2026-01-30T08:00", "2026-03-31T08:00", "2026-05-29T08:00"]),
        ("cron(0 8 1W 2,8 ? *)", ["2026-02-02T08:00", "2026-08-03T08:00"]),
        ("cron(0 0 29 2 ? *)", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        ("cron(30 12 ? * 5L *)", ["2026-01-29T12:30", "2026-02-26T12:30"]),
        ("cron(30 12 ? * 6#3 *)", ["2026-01-16T12:30", "2026-02-20T12:30"]),
        ("cron(0 0 ? JUN,DEC 2 2027)", ["2027-06-07T00:00", "2027-06-14T00:00"]),
        ("cron(0 0 ? * L *)", ["2026-01-03T00:00", "2026-01-10T00:00"]),
    ],
)
def test_cron_expression(expression: str, next_times: list[str]) -> None:
    cron, found, at_s = parse_cron(expression), list[str](), T0
    for _ in next_times:
        matched = cron.next_at(at_s)
        assert matched is not None
        found.append(minute_text(matched))
        at_s = matched + 1
    assert found == next_times


def test_cron_matches_its_own_minute_and_may_have_no_match_left() -> None:
    assert parse_cron("0 0 * * ? *").next_at(T0) == T0
    assert parse_cron("0 0 * * ? 2025").next_at(T0) is None


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "cron()",
        "0 2 * * *",
        "0 2 * * * *",
        "0 2 ? * ? *",
        "60 2 * * ? *",
        "0 24 * * ? *",
        "0 2 32 * ? *",
        "0 2 32W * ? *",
        "0 2 1-5W * ? *",
        "0 2 W * ? *",
        "0 2 ? * 8 *",
        "0 2 ? * 6#6 *",
        "0 2 ? * MOON *",
        "0/0 2 * * ? *",
        "10-5 2 * * ? *",
        "a 2 * * ? *",
        "0 2 * 13 ? *",
        "-1 2 * * ? *",
        "٣ 2 * * ? *",
    ],
)
def test_cron_expression_that_is_refused(expression: str) -> None:
    windows = [{"startTime": expression or " ", "durationInMinutes": 60}]
    with pytest.raises(JobError, match=r"maintenanceWindows\.startTime"):
        parse_schedule({"maintenanceWindows": windows})


# Start and end


def at(minutes: int) -> str:
    return minute_text(T0 + 60 * minutes)


def test_nothing_is_handed_out_before_the_start() -> None:
    bench = Bench()
    bench.job("j", schedulingConfig={"startTime": at(30)})
    assert (bench.shown("j")["status"], bench.shown("j")["isConcurrent"]) == ("SCHEDULED", False)
    assert bench.ask("j/get")["code"] == "ResourceNotFound"
    assert not bench.service.all_terminal()
    bench.wait(30 * 60 - 1)
    assert bench.shown("j")["status"] == "SCHEDULED"
    bench.wait(1)
    assert bench.shown("j")["status"] == "IN_PROGRESS"
    assert bench.ask("j/get")["execution"]["queuedAt"] == T0 + 1800


@pytest.mark.parametrize(
    "config",
    [
        {"startTime": at(29)},
        {"startTime": at(366 * 24 * 60)},
        {"startTime": "tomorrow"},
        {"startTime": at(30), "endTime": at(59)},
        {"endTime": at(29)},
        {"startTime": at(30), "endTime": at(31 + 2 * 365 * 24 * 60)},
        {"startTime": at(30), "endBehavior": "CANCEL"},
        {"startTime": at(30), "endTime": at(90), "endBehavior": "EXPLODE"},
        {"maintenanceWindows": [{"startTime": "0 2 * * ? *", "durationInMinutes": 60}]},  # a SNAPSHOT job
        {"maintenanceWindows": [{"startTime": "0 2 * * ? *", "durationInMinutes": 1431}]},
        {"maintenanceWindows": [{"startTime": "0 2 * * ? *"}]},
        {"maintenanceWindows": ["0 2 * * ? *"]},
        "soon",
    ],
    ids=str,
)
def test_bad_schedule(config: Any) -> None:
    with pytest.raises(JobError) as caught:
        Bench().job("j", schedulingConfig=config)
    assert caught.value.exception == "InvalidRequestException"


def test_relaxed_minima_allow_a_start_in_a_minute() -> None:
    bench = Bench(rules=JobRules(schedule_minima="relaxed"))
    bench.job("j", schedulingConfig={"startTime": at(1), "endTime": at(2)})
    bench.wait(60)
    assert bench.status("j") == (Status.QUEUED, 1)


@pytest.mark.parametrize(
    ("behavior", "job", "process"),
    [
        (None, "IN_PROGRESS", {"Queued": 30, "InProgress": 1}),
        ("STOP_ROLLOUT", "IN_PROGRESS", {"Queued": 30, "InProgress": 1}),
        ("CANCEL", "CANCELED", {"InProgress": 1, "Canceled": 30}),
        ("FORCE_CANCEL", "CANCELED", {"Canceled": 31}),
    ],
)
def test_end_of_a_job_of_which_half_was_rolled_out(behavior: str | None, job: str, process: dict[str, int]) -> None:
    names = [f"t{n}" for n in range(60)]
    bench = Bench(*names)
    config = {"endTime": at(31)} | ({"endBehavior": behavior} if behavior else {})
    bench.job("j", *names, schedulingConfig=config, jobExecutionsRolloutConfig={"maximumPerMinute": 1})
    bench.ask("start-next", thing="t0")
    bench.wait(31 * 60)
    bench.wait(60)
    assert (bench.shown("j")["status"], bench.process("j")) == (job, process)
    assert len(bench.service.executions("j")) == 31
    bench.wait(86_400)
    assert len(bench.service.executions("j")) == 31


def test_job_that_ended_completes_with_its_last_execution() -> None:
    bench = Bench()
    bench.groups["g"] = ["t"]
    bench.job("j", "g", targetSelection="CONTINUOUS", schedulingConfig={"endTime": at(30)})
    bench.wait(1800)
    assert bench.shown("j")["status"] == "IN_PROGRESS"
    bench.update("j", "SUCCEEDED")
    assert bench.shown("j")["status"] == "COMPLETED"


def test_start_without_room_cancels_the_job() -> None:
    bench = Bench("t", "u", rules=JobRules(quotas=Quotas(concurrent_jobs=1)))
    bench.job("later", schedulingConfig={"startTime": at(30)})
    bench.now_s += 1790
    bench.job("now", "t", "u", jobExecutionsRolloutConfig={"maximumPerMinute": 1})
    with pytest.raises(JobError, match="concurrent") as caught:
        bench.job("third")
    assert caught.value.exception == "LimitExceededException"
    bench.wait(10)
    assert bench.shown("later")["status"] == "CANCELED"


# Maintenance windows


def windows(*entries: tuple[str, int]) -> dict[str, Any]:
    listed = [{"startTime": cron, "durationInMinutes": minutes} for cron, minutes in entries]
    return {"targetSelection": "CONTINUOUS", "schedulingConfig": {"maintenanceWindows": listed}}


def nightly(number: int = 1, **members: Any) -> Bench:
    names = [f"t{n}" for n in range(number)]
    bench = Bench(*names)
    bench.groups["g"] = names
    bench.job("j", "g", **windows(("cron(0 2 * * ? *)", 60)), **members)
    return bench


def test_job_is_scheduled_between_windows_and_in_progress_inside() -> None:
    bench = nightly()
    seen = []
    for _ in range(28):
        seen.append(bench.shown("j")["status"])
        bench.wait(HOUR_S)
    assert seen == ["IN_PROGRESS" if hour in (2, 26) else "SCHEDULED" for hour in range(28)]


def test_next_seven_openings_are_listed() -> None:
    bench = nightly()
    bench.wait(2 * HOUR_S + 60)
    openings = [it["startTime"] for it in bench.shown("j")["scheduledJobRollouts"]]
    assert openings == [f"2026-01-{day:02}T02:00" for day in range(2, 9)]


def test_rollout_goes_on_in_the_next_window() -> None:
    bench = nightly(100, jobExecutionsRolloutConfig={"maximumPerMinute": 1})
    bench.wait(3 * HOUR_S)
    assert bench.process("j") == {"Queued": 60}
    bench.wait(23 * HOUR_S)
    assert bench.process("j") == {"Queued": 61}
    bench.wait(HOUR_S)
    assert bench.process("j") == {"Queued": 100}


def test_queued_execution_is_withheld_outside_and_a_started_one_goes_on() -> None:
    bench = nightly(2)
    bench.wait(2 * HOUR_S)
    bench.ask("start-next", thing="t0")
    bench.wait(HOUR_S)
    assert [it["jobId"] for it in bench.ask("get", thing="t0")["inProgressJobs"]] == ["j"]
    assert bench.ask("get", thing="t1")["queuedJobs"] == []
    assert "execution" not in bench.ask("start-next", thing="t1")
    assert "execution" not in bench.ask("$next/get", thing="t1")
    assert bench.process("j") == {"Queued": 1, "InProgress": 1}
    assert bench.ask("j/update", {"status": "SUCCEEDED"}, "t0")["?"] == "accepted"
    bench.wait(23 * HOUR_S)
    assert bench.ask("start-next", thing="t1")["execution"]["executionNumber"] == 1


def test_retry_waits_for_the_next_window() -> None:
    retries = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 1}]}
    bench = nightly(1, jobExecutionsRetryConfig=retries)
    bench.wait(2 * HOUR_S)
    bench.ask("j/update", {"status": "FAILED"}, "t0")
    assert "execution" not in bench.ask("start-next", thing="t0")
    bench.wait(24 * HOUR_S)
    assert bench.ask("start-next", thing="t0")["execution"]["executionNumber"] == 2


def test_thing_that_joins_outside_a_window_sees_the_job_inside_the_next() -> None:
    bench = nightly(1)
    bench.service.add_thing("u")
    bench.wait(12 * HOUR_S)
    bench.regroup("g", "t0", "u")
    assert bench.ask("get", thing="u")["queuedJobs"] == []
    bench.wait(14 * HOUR_S)
    assert [it["jobId"] for it in bench.ask("get", thing="u")["queuedJobs"]] == ["j"]


def test_windows_that_overlap_are_one_and_a_job_made_inside_begins_at_once() -> None:
    bench = Bench()
    bench.groups["g"] = ["t"]
    bench.now_s += 2 * HOUR_S + 600
    bench.job("j", "g", **windows(("cron(0 2 * * ? *)", 60), ("cron(30 2 * * ? *)", 60)))
    assert bench.status("j") == (Status.QUEUED, 1)
    bench.wait(79 * 60)
    assert bench.shown("j")["status"] == "IN_PROGRESS"
    bench.wait(60)
    assert (bench.now_s - T0, bench.shown("j")["status"]) == (3 * HOUR_S + 1800, "SCHEDULED")


def test_cancelling_reaches_withheld_executions() -> None:
    bench = nightly(1)
    bench.wait(4 * HOUR_S)
    bench.last = bench.control.cancel_job("j", bench.now_s)
    assert bench.process("j") == {"Canceled": 1}
    assert bench.told == []
    assert bench.service.due_s() is None
