"""What a device is told unasked, to the letter. When it is told is in `told_table.py`."""

from __future__ import annotations

from typing import Any

import pytest
from jobs_bench import T0, Bench

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


def test_answer_comes_before_notify_and_notify_before_notify_next(bench: Bench) -> None:
    bench.update("a", "SUCCEEDED")
    kinds = [type(effect).__name__ for effect in bench.last]
    assert [kind for kind in kinds if "Changed" not in kind] == ["Reply", "Publish", "Publish"]
    assert bench.told == BOTH


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
