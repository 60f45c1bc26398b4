"""Jobs with a namespace are announced on a topic of their own as well."""

from __future__ import annotations

from jobs_bench import T0, Bench

from sim.jobs import topics

TOPIC = "$aws/things/t/jobs/notify-namespace-"


def told(bench: Bench) -> list[tuple[str, list[str]]]:
    """Namespaces told of by the last call, each with the jobs that its list has."""
    return [
        (topic.removeprefix(TOPIC), [it["jobId"] for entries in body["jobs"].values() for it in entries])
        for topic, body in bench.published()
        if topic.startswith(TOPIC)
    ]


def test_job_with_a_namespace_is_announced_there_and_in_notify() -> None:
    bench = Bench()
    bench.job("j", namespaceId="fw")
    assert bench.told == ["notify", "notify-namespace-fw", "notify-next"]
    assert told(bench) == [("fw", ["j"])]
    assert bench.published()[1][1]["timestamp"] == T0


def test_list_of_a_namespace_has_its_jobs_only() -> None:
    bench = Bench()
    bench.job("a", namespaceId="fw")
    bench.job("b")
    assert told(bench) == []
    bench.job("c", namespaceId="app")
    assert told(bench) == [("app", ["c"])]
    bench.job("d", namespaceId="fw")
    assert told(bench) == [("fw", ["a", "d"])]


def test_progress_tells_nothing_and_the_end_an_empty_list() -> None:
    bench = Bench()
    bench.job("a", namespaceId="fw")
    bench.job("b")
    bench.update("a", "IN_PROGRESS")
    assert told(bench) == []
    bench.update("b", "FAILED")
    assert told(bench) == []
    bench.update("a", "SUCCEEDED")
    assert told(bench) == [("fw", [])]


def test_hidden_job_is_announced_when_its_window_opens() -> None:
    bench = Bench()
    bench.groups["all"] = ["t"]
    windows = {"maintenanceWindows": [{"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 60}]}
    bench.job("j", "all", namespaceId="fw", targetSelection="CONTINUOUS", schedulingConfig=windows)
    assert told(bench) == []
    bench.wait(2 * 3600)
    assert told(bench) == [("fw", ["j"])]


def test_topic_of_a_namespace_is_not_a_request() -> None:
    assert topics.parse_request(TOPIC + "fw") is None
