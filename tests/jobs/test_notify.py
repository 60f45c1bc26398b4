"""When a device is told unasked, and what: the table of the developer guide, row by row."""

from __future__ import annotations

from typing import Any

import pytest
from jobs_bench import T0, Bench

from sim.jobs.documents import JobError
from sim.jobs.messages import Status
from sim.jobs.rules import JobRules

HOUR_S = 3600
BOTH, LIST, NEXT, NONE = ["notify", "notify-next"], ["notify"], ["notify-next"], list[str]()


@pytest.fixture
def bench() -> Bench:
    """Jobs a, b, c are queued in this order, one second apart."""
    bench = Bench()
    for job_id in "abc":
        bench.create(job_id)
        bench.now_s += 1
    return bench


def head(bench: Bench) -> str | None:
    """The job that notify-next of the last call names."""
    (body,) = [body for topic, body in bench.published() if topic.endswith("notify-next")]
    return body["execution"]["jobId"] if "execution" in body else None


def test_new_execution_on_an_empty_list() -> None:
    bench = Bench()
    bench.create("a")
    assert bench.told == BOTH
    assert head(bench) == "a"


def test_new_execution_behind_others(bench: Bench) -> None:
    bench.create("d")
    assert bench.told == LIST


def test_start_next_of_the_first_job(bench: Bench) -> None:
    bench.ask("start-next")
    assert bench.told == NONE


def test_first_job_set_in_progress(bench: Bench) -> None:
    bench.update("a", "IN_PROGRESS")
    assert bench.told == NONE


def test_progress(bench: Bench) -> None:
    bench.update("a", "IN_PROGRESS")
    bench.update("a", "IN_PROGRESS", statusDetails={"progress": "50"})
    assert bench.told == NONE


def test_later_job_set_in_progress_heads_the_list(bench: Bench) -> None:
    bench.update("c", "IN_PROGRESS")
    assert bench.told == NEXT
    assert head(bench) == "c"


def test_later_job_set_in_progress_that_was_queued_earlier_than_the_one_in_progress(bench: Bench) -> None:
    bench.update("c", "IN_PROGRESS")
    bench.update("b", "IN_PROGRESS")
    assert bench.told == NEXT
    assert head(bench) == "b"


def test_later_job_set_in_progress_behind_another_in_progress(bench: Bench) -> None:
    bench.update("a", "IN_PROGRESS")
    bench.update("c", "IN_PROGRESS")
    assert bench.told == NONE


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "REJECTED"])
def test_first_job_terminal(bench: Bench, status: str) -> None:
    bench.update("a", status)
    assert bench.told == BOTH
    assert head(bench) == "b"


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "REJECTED"])
def test_only_job_terminal(status: str) -> None:
    bench = Bench()
    bench.create("a")
    bench.ask("start-next")
    bench.update("a", status)
    assert bench.published() == [
        ("$aws/things/t/jobs/notify", {"timestamp": T0, "jobs": {}}),
        ("$aws/things/t/jobs/notify-next", {"timestamp": T0}),
    ]


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "REJECTED"])
def test_other_than_first_job_terminal(bench: Bench, status: str) -> None:
    bench.update("b", status)
    assert bench.told == LIST


def test_refused_request_tells_nothing(bench: Bench) -> None:
    bench.update("a", "SUCCEEDED", expectedVersion=9)
    assert bench.told == NONE


def test_answer_comes_before_notify_and_notify_before_notify_next(bench: Bench) -> None:
    bench.update("a", "SUCCEEDED")
    kinds = [type(effect).__name__ for effect in bench.last]
    assert [kind for kind in kinds if "Changed" not in kind] == ["Reply", "Publish", "Publish"]
    assert bench.told == BOTH


# Rows whose cause is the cloud


@pytest.fixture
def groups() -> Bench:
    """Jobs a, b, c are CONTINUOUS, each for a group of its own that holds the thing."""
    bench = Bench()
    for job_id in "abc":
        bench.groups[f"g{job_id}"] = ["t"]
        bench.job(job_id, f"g{job_id}", targetSelection="CONTINUOUS", timeoutConfig={"inProgressTimeoutInMinutes": 1})
    return bench


def cancel(bench: Bench, job_id: str) -> None:
    bench.last = bench.control.cancel_execution("t", job_id, bench.now_s)


def cancel_by_force(bench: Bench, job_id: str) -> None:
    bench.last = bench.control.cancel_execution("t", job_id, bench.now_s, force=True)


def cancel_job(bench: Bench, job_id: str) -> None:
    bench.last = bench.control.cancel_job(job_id, bench.now_s, force=True)


def leave(bench: Bench, job_id: str) -> None:
    bench.regroup(f"g{job_id}")


def delete(bench: Bench, job_id: str) -> None:
    bench.last = bench.control.delete_execution("t", job_id, 1, bench.now_s, force=True)


def delete_job(bench: Bench, job_id: str) -> None:
    bench.control.delete_job(job_id, bench.now_s, force=True)
    bench.wait(1)


@pytest.mark.parametrize(("job_id", "expected"), [("a", BOTH), ("b", LIST), ("c", LIST)])
@pytest.mark.parametrize("started", [False, True], ids=["queued", "started"])
@pytest.mark.parametrize("act", [cancel, cancel_by_force, cancel_job, leave, delete, delete_job])
def test_pending_execution_ended_by_the_cloud(
    groups: Bench, act: Any, job_id: str, expected: list[str], started: bool
) -> None:
    if started:  # all three run, so that the order stays
        for other in "abc":
            groups.update(other, "IN_PROGRESS")
    if act is cancel and started:
        with pytest.raises(JobError):
            act(groups, job_id)
        return
    act(groups, job_id)
    assert groups.told == expected


@pytest.mark.parametrize(("job_id", "expected"), [("a", BOTH), ("b", LIST), ("c", LIST)])
def test_execution_that_times_out(bench: Bench, job_id: str, expected: list[str]) -> None:
    for other in "abc":
        bench.update(other, "IN_PROGRESS", stepTimeoutInMinutes=1 if other == job_id else 2)
    bench.wait(60)
    assert bench.told == expected
    assert bench.status(job_id)[0] is Status.TIMED_OUT


@pytest.mark.parametrize(("others", "expected"), [([], BOTH), (["z"], BOTH)])
def test_retry_is_another_execution_and_goes_to_the_end(others: list[str], expected: list[str]) -> None:
    bench = Bench()
    retries = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 1}]}
    bench.job("a", jobExecutionsRetryConfig=retries)
    for other in others:
        bench.create(other)
    bench.now_s += 1
    bench.update("a", "FAILED")
    assert bench.told == expected
    (listed,) = [body for topic, body in bench.published() if topic.endswith("/notify")]
    assert [(it["jobId"], it["executionNumber"]) for it in listed["jobs"]["QUEUED"]] == [
        *((other, 1) for other in others),
        ("a", 2),
    ]


def test_retry_of_a_job_that_was_not_first() -> None:
    bench = Bench()
    bench.create("z")
    bench.job("a", jobExecutionsRetryConfig={"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 1}]})
    bench.update("a", "FAILED")
    assert bench.told == LIST


@pytest.mark.parametrize(("close_notifies", "closing"), [(False, NONE), (True, BOTH)])
def test_maintenance_window_opens_and_closes_over_a_queued_execution(close_notifies: bool, closing: list[str]) -> None:
    bench = Bench(rules=JobRules(window_close_notifies=close_notifies))
    bench.groups["g"] = ["t"]
    nightly = {"maintenanceWindows": [{"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 60}]}
    bench.job("a", "g", targetSelection="CONTINUOUS", schedulingConfig=nightly)
    assert bench.told == NONE
    bench.wait(2 * HOUR_S)
    assert bench.told == BOTH
    bench.wait(HOUR_S)
    assert bench.told == closing
    bench.wait(23 * HOUR_S)
    assert bench.told == BOTH


# Bodies


def test_notify_lists_by_status_in_order_and_leaves_out_empty_ones(bench: Bench) -> None:
    bench.update("b", "IN_PROGRESS")
    bench.now_s = T0 + 60
    bench.create("d")
    (topic, body), *_ = bench.published()
    assert topic == "$aws/things/t/jobs/notify"
    common: dict[str, Any] = {"executionNumber": 1}
    assert body == {
        "timestamp": T0 + 60,
        "jobs": {
            "IN_PROGRESS": [
                {
                    "jobId": "b",
                    "queuedAt": T0 + 1,
                    "startedAt": T0 + 3,
                    "lastUpdatedAt": T0 + 3,
                    "versionNumber": 2,
                    **common,
                }
            ],
            "QUEUED": [
                {"jobId": job_id, "queuedAt": at, "lastUpdatedAt": at, "versionNumber": 1, **common}
                for job_id, at in (("a", T0), ("c", T0 + 2), ("d", T0 + 60))
            ],
        },
    }


def test_notify_without_any_in_progress_has_only_the_queued() -> None:
    bench = Bench()
    bench.create("a")
    assert list(bench.published()[0][1]["jobs"]) == ["QUEUED"]


def test_notify_lists_at_most_ten_but_get_lists_all() -> None:
    bench = Bench()
    for n in range(12):
        bench.create(f"j{n}")
    assert [it["jobId"] for it in bench.published()[0][1]["jobs"]["QUEUED"]] == [f"j{n}" for n in range(10)]
    assert len(bench.ask("get")["queuedJobs"]) == 12


def test_notify_next_carries_the_execution_with_its_document(bench: Bench) -> None:
    bench.update("b", "IN_PROGRESS", statusDetails={"step": "x"})
    assert bench.published() == [
        (
            "$aws/things/t/jobs/notify-next",
            {
                "timestamp": T0 + 3,
                "execution": {
                    "jobId": "b",
                    "status": "IN_PROGRESS",
                    "statusDetails": {"step": "x"},
                    "queuedAt": T0 + 1,
                    "startedAt": T0 + 3,
                    "lastUpdatedAt": T0 + 3,
                    "versionNumber": 2,
                    "executionNumber": 1,
                    "jobDocument": {"job": "b"},
                },
            },
        )
    ]


def test_order_is_by_progress_then_time_of_queueing_then_creation() -> None:
    bench = Bench()
    for job_id, seconds in (("early", 1), ("first", 0), ("second", 1), ("late", 0)):
        bench.create(job_id)
        bench.now_s += seconds
    bench.update("late", "IN_PROGRESS")
    assert [it.job_id for it in bench.service.pending("t")] == ["late", "early", "first", "second"]


def test_jobs_queued_in_the_same_second_keep_the_order_of_creation() -> None:
    bench = Bench()
    for job_id in ("z", "a", "m"):
        bench.create(job_id)
    assert [it["jobId"] for it in bench.ask("get")["queuedJobs"]] == ["z", "a", "m"]


# Choices that can be made otherwise


def test_start_of_the_first_job_notifies_when_the_rule_says_so() -> None:
    bench = Bench(rules=JobRules(start_notifies=True))
    bench.create("a")
    bench.ask("start-next")
    assert bench.told == LIST
    bench.update("a", "IN_PROGRESS")
    assert bench.told == NONE
