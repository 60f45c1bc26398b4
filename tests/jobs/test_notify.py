"""When a device is told unasked, and what: the table of the developer guide, row by row."""

from __future__ import annotations

from typing import Any

import pytest
from jobs_bench import T0, Bench

from sim.jobs.execution import Actor, JobExecution
from sim.jobs.messages import Status
from sim.jobs.notify import announcements, pending_order

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
    assert [kind for kind in kinds if kind != "Changed"] == ["Reply", "Publish", "Publish"]
    assert bench.told == BOTH


# Rows whose cause is the cloud, on the rule itself: it sees nothing but the list before and after.


def executions() -> list[JobExecution]:
    return [JobExecution("t", job_id, 1, n, n, n) for n, job_id in enumerate("abc")]


def told(before: list[JobExecution], after: list[JobExecution]) -> list[str]:
    found = announcements("t", pending_order(before), pending_order(after), lambda _: {}, T0)
    return [topic.rpartition("/")[2] for topic, _ in found]


@pytest.mark.parametrize(("index", "expected"), [(0, BOTH), (1, LIST), (2, LIST)])
@pytest.mark.parametrize(
    ("first", "last", "actor"),
    [
        (None, Status.CANCELED, Actor.OPERATOR),
        (None, Status.REMOVED, Actor.SERVICE),
        (Status.IN_PROGRESS, Status.CANCELED, Actor.OPERATOR_FORCED),
        (Status.IN_PROGRESS, Status.TIMED_OUT, Actor.SERVICE),
        (Status.IN_PROGRESS, Status.REMOVED, Actor.SERVICE),
    ],
)
def test_pending_execution_ended_by_the_cloud(
    index: int, expected: list[str], first: Status | None, last: Status, actor: Actor
) -> None:
    before = executions()
    if first is not None:  # all three run, so that the order stays
        before = [it.advance(first, Actor.DEVICE, 5) for it in before]
    after = list(before)
    after[index] = before[index].advance(last, actor, 9)
    assert told(before, after) == expected


@pytest.mark.parametrize(("index", "expected"), [(0, BOTH), (1, LIST)])
def test_deleted_execution(index: int, expected: list[str]) -> None:
    before = executions()
    assert told(before, before[:index] + before[index + 1 :]) == expected


def test_new_attempt_at_the_only_job_is_another_first_execution() -> None:
    failed = JobExecution("t", "a", 1, 1, 1, 1).advance(Status.FAILED, Actor.DEVICE, 5)
    again = JobExecution("t", "a", 2, 2, 5, 5)
    assert told([failed], [failed, again]) == BOTH
    assert told([JobExecution("t", "a", 1, 1, 1, 1)], [failed, again]) == BOTH


def test_new_attempt_behind_another_job() -> None:
    other = JobExecution("t", "b", 1, 2, 2, 2)
    assert told([other], [other, JobExecution("t", "a", 2, 3, 5, 5)]) == LIST


def test_queued_executions_that_become_visible() -> None:
    assert told([], executions()) == BOTH


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
    started = JobExecution("t", "s", 1, 9, 9, 9).advance(Status.IN_PROGRESS, Actor.DEVICE, 9)
    early, first, second = (
        JobExecution("t", n, 1, seq, at, 9) for n, seq, at in (("e", 5, 1), ("f", 2, 4), ("g", 3, 4))
    )
    done = early.advance(Status.FAILED, Actor.DEVICE, 9)
    assert pending_order([second, first, done, early, started]) == (started, early, first, second)


def test_jobs_queued_in_the_same_second_keep_the_order_of_creation() -> None:
    bench = Bench()
    for job_id in ("z", "a", "m"):
        bench.create(job_id)
    assert [it["jobId"] for it in bench.ask("get")["queuedJobs"]] == ["z", "a", "m"]
