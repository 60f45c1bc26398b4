"""Who comes, goes or is deleted while a job rolls out or is being judged."""

from __future__ import annotations

from jobs_bench import Bench

ONE_A_MINUTE = {"maximumPerMinute": 1}


def rolling(*members: str) -> Bench:
    """A CONTINUOUS job for group g at one thing a minute; its first has been served."""
    bench = Bench("t", "u", "v")
    bench.groups["g"] = list(members)
    bench.job("j", "g", targetSelection="CONTINUOUS", jobExecutionsRolloutConfig=ONE_A_MINUTE)
    return bench


def served(bench: Bench) -> list[str]:
    return [it.thing for it in bench.service.executions("j")]


def test_rollout_of_a_snapshot_completes_when_those_that_wait_are_deleted() -> None:
    bench = Bench("t", "u")
    bench.job("j", "t", "u", jobExecutionsRolloutConfig=ONE_A_MINUTE)
    bench.update("j", "SUCCEEDED")
    bench.service.remove_thing("u", bench.now_s)
    assert bench.shown("j")["status"] == "IN_PROGRESS"
    bench.wait(60)
    assert bench.shown("j")["status"] == "COMPLETED"
    assert bench.service.all_terminal()


def test_who_joins_does_not_wait_for_the_rollout() -> None:
    bench = rolling("t", "u")
    bench.regroup("g", "t", "u", "v")
    assert served(bench) == ["t", "v"]


def test_who_leaves_while_waiting_gets_nothing() -> None:
    bench = rolling("t", "u", "v")
    bench.regroup("g", "t", "v")
    bench.wait(120)
    assert served(bench) == ["t", "v"]


def test_who_leaves_while_waiting_and_comes_back_is_served_once() -> None:
    bench = rolling("t", "u")
    bench.regroup("g", "t")
    bench.regroup("g", "t", "u")
    assert served(bench) == ["t", "u"]
    bench.wait(120)
    assert [it.number for it in bench.service.executions("j")] == [1, 1]
    assert not bench.shown("j")["isConcurrent"]


def test_deleting_an_execution_changes_the_ratio_by_which_a_job_is_aborted() -> None:
    bench = Bench("t", "u", "v", "w")
    most = {"failureType": "FAILED", "action": "CANCEL", "thresholdPercentage": 60, "minNumberOfExecutedThings": 2}
    bench.job("j", "t", "u", "v", "w", abortConfig={"criteriaList": [most]})
    for thing, status in (("t", "SUCCEEDED"), ("u", "SUCCEEDED"), ("v", "FAILED")):
        bench.ask("j/update", {"status": status}, thing)
    bench.control.delete_execution("t", "j", 1, bench.now_s)
    assert bench.shown("j")["status"] == "IN_PROGRESS"  # deleting by itself aborts nothing
    bench.ask("j/update", {"status": "FAILED"}, "w")
    assert bench.shown("j")["status"] == "CANCELED"  # 2 of 3; it would have been 2 of 4


def test_empty_rollout_minutes_do_not_keep_a_deleted_job() -> None:
    bench = Bench("t", "u")
    bench.job("j", "t", "u", jobExecutionsRolloutConfig=ONE_A_MINUTE)
    bench.control.delete_job("j", bench.now_s, force=True)
    bench.wait(1)
    assert bench.service.due_s() is None
    bench.job("j", "u")
    assert bench.status("j", "u") == ("QUEUED", 1)
