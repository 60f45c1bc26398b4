"""The control plane: what operators may do, what they are shown, and AWS's name for each refusal."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from jobs_bench import ROLE, T0, Bench

from sim.jobs.control import JobFilter
from sim.jobs.documents import JobError
from sim.jobs.messages import Status
from sim.jobs.paging import SCAN_MAX, Page, page_of
from sim.jobs.rules import JobRules, Quotas
from sim.jobs.service import Changed, JobChanged
from sim.jobs.spec import job_spec
from sim.jobs.topics import Operation

S3 = "${aws:iot:s3-presigned-url:https://qpyota.s3.us-west-2.amazonaws.com/a.py}"


@pytest.fixture
def bench() -> Bench:
    bench = Bench("t", "u")
    bench.groups["g"] = ["t"]
    bench.job("j")
    return bench


def refusal(act: Callable[[], Any]) -> str:
    with pytest.raises(JobError) as caught:
        act()
    return caught.value.exception


INVALID, MISSING = "InvalidRequestException", "ResourceNotFoundException"
STATE, CONFLICT, LIMIT = "InvalidStateTransitionException", "VersionConflictException", "LimitExceededException"


# Refusals: operation, circumstances, AWS's exception


@pytest.mark.parametrize(
    ("exception", "act"),
    [
        (MISSING, lambda c: c.describe_job("none", T0)),
        (MISSING, lambda c: c.get_job_document("none")),
        (MISSING, lambda c: c.update_job("none", {}, T0)),
        (MISSING, lambda c: c.cancel_job("none", T0)),
        (MISSING, lambda c: c.delete_job("none", T0)),
        (MISSING, lambda c: c.associate_targets("none", ["arn:x"], T0)),
        (MISSING, lambda c: c.list_executions_for_job("none", Page())),
        (MISSING, lambda c: c.list_executions_for_thing("none", Page())),
        (MISSING, lambda c: c.describe_execution("t", "none", T0)),
        (MISSING, lambda c: c.describe_execution("none", "j", T0)),
        (MISSING, lambda c: c.describe_execution("t", "j", T0, number=2)),
        (MISSING, lambda c: c.cancel_execution("u", "j", T0)),
        (MISSING, lambda c: c.delete_execution("t", "j", 2, T0)),
        (INVALID, lambda c: c.cancel_job("j", T0, reason_code="lower")),
        (INVALID, lambda c: c.cancel_job("j", T0, reason_code="X" * 129)),
        (INVALID, lambda c: c.cancel_job("j", T0, comment="x" * 2029)),
        (INVALID, lambda c: c.cancel_job("j", T0, comment="a\x07b")),
        (INVALID, lambda c: c.associate_targets("j", ["arn:x"], T0)),
        (INVALID, lambda c: c.list_jobs(JobFilter(status="DONE"), Page())),
        (INVALID, lambda c: c.list_jobs(JobFilter(selection="SOME"), Page())),
        (INVALID, lambda c: c.list_jobs(JobFilter(), Page(max_results=0))),
        (INVALID, lambda c: c.list_jobs(JobFilter(), Page(max_results=251))),
        (INVALID, lambda c: c.list_jobs(JobFilter(), Page(token="x"))),
        (INVALID, lambda c: c.list_jobs(JobFilter(), Page(token="é"))),
        (INVALID, lambda c: c.list_executions_for_job("j", Page(), status="DONE")),
        (INVALID, lambda c: c.update_job("j", {"timeoutConfig": 5}, T0)),
        (INVALID, lambda c: c.update_job("j", {"description": ""}, T0)),
        (INVALID, lambda c: c.cancel_execution("t", "j", T0, details={"a": 5})),
        (CONFLICT, lambda c: c.cancel_execution("t", "j", T0, expected_version=2)),
        (STATE, lambda c: c.delete_job("j", T0)),
    ],
)
def test_refused(bench: Bench, exception: str, act: Callable[[Any], Any]) -> None:
    assert refusal(lambda: act(bench.control)) == exception
    assert bench.status("j") == (Status.QUEUED, 1)
    assert bench.shown("j")["status"] == "IN_PROGRESS"


@pytest.mark.parametrize(
    "members",
    [
        {"targets": []},
        {"targets": None},
        {"targets": "arn:aws:iot:us-west-2:123456789012:thing/t"},
        {"targets": [5]},
        {"targets": ["t"]},
        {"targets": ["arn:aws:iot:eu-west-1:123456789012:thing/t"]},
        {"targets": ["arn:aws:iot:us-west-2:999999999999:thing/t"]},
        {"targets": ["arn:aws:iot:us-west-2:123456789012:policy/t"]},
        {"document": None},
        {"document": "{"},
        {"document": '"' + "x" * 32_767 + '"'},
        {"document": json.dumps([S3])},
        {"document": json.dumps([S3]), "presignedUrlConfig": {"expiresInSec": 60}},
        {"presignedUrlConfig": {"roleArn": "short"}},
        {"presignedUrlConfig": {"roleArn": ROLE, "expiresInSec": 59}},
        {"presignedUrlConfig": {"roleArn": ROLE, "expiresInSec": 3601}},
        {"targetSelection": "BOTH"},
        {"description": "x" * 2029},
        {"description": 5},
        {"documentSource": "x" * 1351},
        {"namespaceId": "a b"},
        {"destinationPackageVersions": ["x"]},
        {"tags": [{"Key": f"k{n}", "Value": ""} for n in range(51)]},
        {"tags": [{"Value": "v"}]},
        {"documentParameters": {"a": "b"}},
        {"jobTemplateArn": "arn:aws:iot:us-west-2:123456789012:jobtemplate/x"},
        {"jobExecutionsRolloutConfig": {"maximumPerMinute": 1001}},
        {"jobExecutionsRolloutConfig": {"maximumPerMinute": "5"}},
        {"jobExecutionsRolloutConfig": {"exponentialRate": {"baseRatePerMinute": 1, "incrementFactor": 2}}},
        {"abortConfig": {"criteriaList": []}},
        {"abortConfig": {}},
        {"timeoutConfig": {"inProgressTimeoutInMinutes": 10_081}},
    ],
    ids=lambda members: json.dumps(members)[:70],
)
def test_create_job_that_is_refused(bench: Bench, members: dict[str, Any]) -> None:
    assert refusal(lambda: bench.job("k", **members)) == INVALID
    assert refusal(lambda: bench.shown("k")) == MISSING


def exponential(base: Any = 10, factor: Any = 2, most: Any = 100, **criteria: Any) -> dict[str, Any]:
    rate = {"baseRatePerMinute": base, "incrementFactor": factor, "rateIncreaseCriteria": criteria}
    return {"jobExecutionsRolloutConfig": {"maximumPerMinute": most, "exponentialRate": rate}}


@pytest.mark.parametrize(
    "members",
    [
        exponential(0, numberOfNotifiedThings=1),
        exponential(factor=1, numberOfNotifiedThings=1),
        exponential(factor=5.1, numberOfNotifiedThings=1),
        exponential(factor=1.55, numberOfNotifiedThings=1),
        exponential(factor=float("nan"), numberOfNotifiedThings=1),
        exponential(numberOfNotifiedThings=0),
        exponential(),
        exponential(numberOfNotifiedThings=1, numberOfSucceededThings=1),
        exponential(200, numberOfNotifiedThings=1),
    ],
)
def test_exponential_rate_that_is_refused(bench: Bench, members: dict[str, Any]) -> None:
    assert refusal(lambda: bench.job("k", **members)) == INVALID


@pytest.mark.parametrize(
    "change",
    [
        {"thresholdPercentage": 0},
        {"thresholdPercentage": 100.01},
        {"thresholdPercentage": 1.005},
        {"thresholdPercentage": None},
        {"minNumberOfExecutedThings": 0},
        {"minNumberOfExecutedThings": None},
        {"failureType": "SUCCEEDED"},
        {"failureType": None},
        {"action": "PAUSE"},
        {"action": None},
    ],
)
def test_abort_criterion_that_is_refused(bench: Bench, change: dict[str, Any]) -> None:
    good = {"failureType": "ALL", "action": "CANCEL", "thresholdPercentage": 1, "minNumberOfExecutedThings": 1}
    assert refusal(lambda: bench.job("k", abortConfig={"criteriaList": [{**good, **change}]})) == INVALID


@pytest.mark.parametrize("target", ["thing/nobody", "thinggroup/nothing"])
def test_target_that_does_not_exist(bench: Bench, target: str) -> None:
    arn = f"arn:aws:iot:us-west-2:123456789012:{target}"
    assert refusal(lambda: bench.job("k", targets=[arn])) == MISSING


def test_job_that_exists_even_with_the_same_body(bench: Bench) -> None:
    assert refusal(lambda: bench.job("j")) == "ResourceAlreadyExistsException"


@pytest.mark.parametrize("finish", ["cancel", "complete", "delete"])
@pytest.mark.parametrize("again", ["cancel", "update", "delete"])
def test_finished_job(bench: Bench, finish: str, again: str) -> None:
    if finish == "complete":
        bench.update("j", "SUCCEEDED")
    else:
        bench.control.cancel_job("j", T0)
    if finish == "delete":
        bench.control.delete_job("j", T0)
    acts: dict[str, Callable[[], Any]] = {
        "cancel": lambda: bench.control.cancel_job("j", T0),
        "update": lambda: bench.control.update_job("j", {"description": "x"}, T0),
        "delete": lambda: bench.control.delete_job("j", T0),
    }
    if again == "delete" and finish != "delete":
        acts[again]()
        assert bench.shown("j")["status"] == "DELETION_IN_PROGRESS"
    else:
        assert refusal(acts[again]) == (STATE if again == "delete" else INVALID)


@pytest.mark.parametrize("status", ["QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED", "CANCELED"])
@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("act", ["cancel_execution", "delete_execution"])
def test_execution_in_each_status(bench: Bench, act: str, force: bool, status: str) -> None:
    if status == "CANCELED":
        bench.control.cancel_execution("t", "j", T0)
    elif status != "QUEUED":
        bench.update("j", status)
    number = () if act == "cancel_execution" else (1,)
    terminal = status not in ("QUEUED", "IN_PROGRESS")
    fine = status == "QUEUED" or (status == "IN_PROGRESS" and force) or (terminal and act == "delete_execution")

    def run() -> Any:
        return getattr(bench.control, act)("t", "j", *number, T0, force=force)

    if not fine:
        assert refusal(run) == STATE
        return
    run()
    if act == "delete_execution":
        assert bench.update("j", "FAILED")["code"] == "ResourceNotFound"
        assert refusal(lambda: bench.control.describe_execution("t", "j", T0)) == MISSING
    else:
        found = bench.control.describe_execution("t", "j", T0)["execution"]
        assert (found["status"], found["forceCanceled"]) == ("CANCELED", force)
    assert bench.shown("j")["status"] == "COMPLETED"


def test_queued_execution_needs_force_to_be_deleted_when_the_rule_says_so() -> None:
    bench = Bench(rules=JobRules(queued_deletion="forced"))
    bench.job("j")
    assert refusal(lambda: bench.control.delete_execution("t", "j", 1, T0)) == STATE
    bench.control.delete_execution("t", "j", 1, T0, force=True)


def test_cancelled_execution_keeps_the_details_of_the_operator(bench: Bench) -> None:
    bench.last = bench.control.cancel_execution("t", "j", T0, expected_version=1, details={"why": "recalled"})
    assert bench.changed() == [Changed("t", "j", Status.QUEUED, Status.CANCELED, 2, {"why": "recalled"}, "")]


# Quotas and throttles


@pytest.mark.parametrize(
    ("quotas", "act"),
    [
        (Quotas(active_jobs=1), lambda b: b.job("k")),
        (Quotas(deletions_at_once=0), lambda b: b.control.delete_job("j", T0, force=True)),
        (Quotas(templates=0), lambda b: b.service.templates.create("x", {"description": "d", "document": "{}"}, T0)),
    ],
)
def test_quota(quotas: Quotas, act: Callable[[Bench], Any]) -> None:
    bench = Bench(rules=JobRules(quotas=quotas))
    bench.job("j")
    assert refusal(lambda: act(bench)) == LIMIT


def test_job_being_cancelled_or_deleted_counts_as_concurrent() -> None:
    names = [f"t{n}" for n in range(50)]
    bench = Bench(*names, rules=JobRules(quotas=Quotas(concurrent_jobs=1)))
    bench.job("j", *names)
    bench.wait(3)
    for act in (bench.control.cancel_job, bench.control.delete_job):
        act("j", bench.now_s)
        assert refusal(lambda: bench.job("k", "t0")) == LIMIT
        assert not bench.service.all_terminal()
        bench.wait(4)
    bench.job("k", "t0")


def test_number_of_targets() -> None:
    names = [f"t{n}" for n in range(101)]
    bench = Bench(*names)
    assert refusal(lambda: bench.job("j", *names)) == INVALID
    bench.job("j", *names[:100])


def test_reads_and_writes_of_devices_are_throttled_apart_and_by_the_second() -> None:
    bench = Bench(rules=JobRules(throttles="aws"))
    bench.job("j")
    for _ in range(100):
        assert bench.ask("get")["?"] == bench.ask("j/get")["?"] == "accepted"
    refused = bench.ask("$next/get", {"clientToken": "c"})
    assert (refused["code"], refused["clientToken"]) == ("RequestThrottled", "c")
    for _ in range(200):
        assert bench.update("j", "IN_PROGRESS")["?"] == "accepted"
    assert bench.ask("start-next")["code"] == "RequestThrottled"
    assert bench.status("j") == (Status.IN_PROGRESS, 201)
    assert refusal(lambda: bench.service.ask(Operation.START_NEXT, "t", "", b"{}", T0)) == "ThrottlingException"
    bench.now_s += 1
    assert bench.ask("get")["?"] == "accepted"


def test_control_plane_is_throttled_by_operation() -> None:
    bench = Bench(rules=JobRules(throttles="aws"))
    for _ in range(10):
        bench.service.admit("CreateJob", T0)
    assert refusal(lambda: bench.service.admit("CreateJob", T0)) == "ThrottlingException"
    bench.service.admit("DescribeJob", T0)
    bench.service.admit("CreateJob", T0 + 1)


# What is shown


def test_describe_job_gives_everything_back(bench: Bench) -> None:
    members: dict[str, Any] = {
        "description": "second",
        "presignedUrlConfig": {"roleArn": ROLE, "expiresInSec": 60},
        "jobExecutionsRolloutConfig": {"maximumPerMinute": 50},
        "abortConfig": {
            "criteriaList": [
                {"failureType": "ALL", "action": "CANCEL", "thresholdPercentage": 5.5, "minNumberOfExecutedThings": 1}
            ]
        },
        "timeoutConfig": {"inProgressTimeoutInMinutes": 5},
        "jobExecutionsRetryConfig": {"criteriaList": [{"failureType": "ALL", "numberOfRetries": 1}]},
        "namespaceId": "ns",
    }
    bench.now_s += 5
    bench.job("k", "g", "u", targetSelection="CONTINUOUS", documentSource="https://s3/x", tags=[], **members)
    assert bench.control.describe_job("k", bench.now_s) == {
        "documentSource": "https://s3/x",
        "job": {
            "jobArn": "arn:aws:iot:us-west-2:123456789012:job/k",
            "jobId": "k",
            "targetSelection": "CONTINUOUS",
            "status": "IN_PROGRESS",
            "targets": [bench.arns.group("g"), bench.arns.thing("u")],
            "createdAt": T0 + 5,
            "lastUpdatedAt": T0 + 5,
            "isConcurrent": True,
            "jobProcessDetails": {
                "processingTargets": [bench.arns.group("g"), bench.arns.thing("u")],
                "numberOfCanceledThings": 0,
                "numberOfSucceededThings": 0,
                "numberOfFailedThings": 0,
                "numberOfRejectedThings": 0,
                "numberOfQueuedThings": 1,
                "numberOfInProgressThings": 0,
                "numberOfRemovedThings": 0,
                "numberOfTimedOutThings": 0,
            },
            **members,
        },
    }
    assert bench.control.created("k") == {
        "jobArn": "arn:aws:iot:us-west-2:123456789012:job/k",
        "jobId": "k",
        "description": "second",
    }


def test_document_is_told_as_it_is_stored(bench: Bench) -> None:
    text = f'{{ "url" : "{S3}" }}'
    bench.job("k", document=text, presignedUrlConfig={"roleArn": ROLE})
    assert bench.control.get_job_document("k") == {"document": text}
    assert bench.ask("k/get")["execution"]["jobDocument"] == {"url": f'https://qpyota/a.py?"3600"at{T0}'}


def test_update_is_shown_and_dated(bench: Bench) -> None:
    bench.control.update_job("j", {"description": "new", "timeoutConfig": None}, T0 + 9)
    assert (bench.shown("j")["description"], bench.shown("j")["lastUpdatedAt"]) == ("new", T0 + 9)


def test_jobs_are_listed_by_what_is_wanted(bench: Bench) -> None:
    bench.job("k", "g", targetSelection="CONTINUOUS", namespaceId="ns")
    bench.job("l", "u")
    bench.ask("l/update", {"status": "SUCCEEDED"}, "u")

    def listed(**wanted: Any) -> list[str]:
        return [it["jobId"] for it in bench.control.list_jobs(JobFilter(**wanted), Page())["jobs"]]

    assert listed() == ["j", "k", "l"]
    assert listed(status="COMPLETED") == ["l"]
    assert listed(selection="CONTINUOUS") == listed(group=bench.arns.group("g")) == listed(namespace="ns") == ["k"]
    assert listed(selection="SNAPSHOT", status="IN_PROGRESS") == ["j"]
    (entry,) = bench.control.list_jobs(JobFilter(status="COMPLETED"), Page())["jobs"]
    assert entry == {
        "jobArn": bench.arns.job("l"),
        "jobId": "l",
        "targetSelection": "SNAPSHOT",
        "status": "COMPLETED",
        "createdAt": T0,
        "lastUpdatedAt": T0,
        "completedAt": T0,
        "isConcurrent": False,
    }


def test_executions_are_listed_for_a_job_and_for_a_thing() -> None:
    names = [f"t{n}" for n in range(5)]
    bench = Bench(*names)
    retries = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 1}]}
    bench.job("j", *names, jobExecutionsRetryConfig=retries)
    bench.ask("j/update", {"status": "FAILED"}, "t1")
    seen, token = list[Any](), None
    while True:
        answer = bench.control.list_executions_for_job("j", Page(2, token))
        assert len(answer["executionSummaries"]) <= 2
        seen += answer["executionSummaries"]
        token = answer.get("nextToken")
        if token is None:
            break
    assert [it["thingArn"].rpartition("/")[2] for it in seen] == [*names, "t1"]
    assert seen[-1]["jobExecutionSummary"] == {
        "status": "QUEUED",
        "queuedAt": T0,
        "lastUpdatedAt": T0,
        "executionNumber": 2,
        "retryAttempt": 1,
    }
    mine = bench.control.list_executions_for_thing("t1", Page(), job_id="j")["executionSummaries"]
    assert [(it["jobId"], it["jobExecutionSummary"]["status"]) for it in mine] == [("j", "FAILED"), ("j", "QUEUED")]
    failed = bench.control.list_executions_for_job("j", Page(), status="FAILED")["executionSummaries"]
    assert len(failed) == 1
    assert bench.control.list_executions_for_thing("t1", Page(), job_id="k") == {"executionSummaries": []}


def test_filtered_page_never_looks_at_a_whole_fleet() -> None:
    looked = []
    found, token = page_of(range(10 * SCAN_MAX), Page(), lambda it: looked.append(it) is not None)
    assert (found, len(looked)) == ([], SCAN_MAX)
    assert token is not None
    assert page_of(range(SCAN_MAX + 2), Page(3, token)) == ([SCAN_MAX, SCAN_MAX + 1], None)


# CONTINUOUS jobs


def continuous(*members: str) -> Bench:
    bench = Bench("t", "u", "v")
    bench.groups.update({"g": list(members), "h": []})
    bench.job("j", "g", targetSelection="CONTINUOUS")
    return bench


def test_snapshot_of_an_empty_group_completes_at_once_and_a_continuous_job_stays() -> None:
    bench = continuous()
    bench.job("k", "g")
    assert bench.shown("k")["status"] == "COMPLETED"
    assert bench.shown("j")["status"] == "IN_PROGRESS"
    assert bench.jobs_changed() == [JobChanged("k", None, "IN_PROGRESS"), JobChanged("k", "IN_PROGRESS", "COMPLETED")]


def test_who_joins_gets_an_execution_at_once_and_is_told() -> None:
    bench = continuous("t")
    bench.job("snapshot", "g")
    bench.regroup("g", "t", "u")
    assert [it.thing for it in bench.service.executions("snapshot")] == ["t"]
    assert [topic for topic, _ in bench.published()] == [f"$aws/things/u/jobs/{it}" for it in ("notify", "notify-next")]
    bench.regroup("g", "t", "u")
    assert bench.last == []


@pytest.mark.parametrize(
    ("started", "choice", "status"),
    [
        (False, "removed", "REMOVED"),
        (True, "removed", "REMOVED"),
        (False, "started_go_on", "REMOVED"),
        (True, "started_go_on", "IN_PROGRESS"),
    ],
)
def test_who_leaves(started: bool, choice: Any, status: str) -> None:
    bench = Bench("t", rules=JobRules(left_group=choice))
    bench.groups["g"] = ["t"]
    bench.job("j", "g", targetSelection="CONTINUOUS")
    if started:
        bench.ask("start-next")
    bench.regroup("g")
    assert bench.status("j")[0] == status


def test_who_comes_back_gets_a_new_attempt_with_fresh_retries() -> None:
    bench = Bench("t")
    bench.groups["g"] = ["t"]
    retries = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 1}]}
    bench.job("j", "g", targetSelection="CONTINUOUS", jobExecutionsRetryConfig=retries)
    bench.update("j", "FAILED")
    bench.regroup("g")
    bench.regroup("g", "t")
    bench.update("j", "FAILED")
    numbers = [(it.number, it.retry, it.status.value) for it in bench.service.attempts("j", "t")]
    assert numbers == [(1, 0, "FAILED"), (2, 1, "REMOVED"), (3, 0, "FAILED"), (4, 1, "QUEUED")]


def test_attempt_numbers_are_never_given_twice() -> None:
    bench = continuous("t")
    bench.control.delete_execution("t", "j", 1, T0)
    bench.regroup("g")
    bench.regroup("g", "t")
    assert [it.number for it in bench.service.attempts("j", "t")] == [2]


def test_attempt_numbers_are_never_given_twice_when_all_were_deleted_from_the_last_to_the_first() -> None:
    bench = continuous("t")
    for members in ([], ["t"]):
        bench.regroup("g", *members)
    for number in (2, 1):
        bench.control.delete_execution("t", "j", number, T0)
    for members in ([], ["t"]):
        bench.regroup("g", *members)
    assert [it.number for it in bench.service.attempts("j", "t")] == [3]


def test_who_comes_back_while_still_at_it_goes_on() -> None:
    bench = Bench("t", rules=JobRules(left_group="started_go_on"))
    bench.groups["g"] = ["t"]
    bench.job("j", "g", targetSelection="CONTINUOUS")
    bench.ask("start-next")
    bench.regroup("g")
    bench.regroup("g", "t")
    assert [(it.number, it.status) for it in bench.service.attempts("j", "t")] == [(1, Status.IN_PROGRESS)]


def test_thing_in_two_targeted_groups_stays_until_it_has_left_both() -> None:
    bench = Bench("t")
    bench.groups.update({"g": ["t"], "h": ["t"]})
    bench.job("j", "g", "h", targetSelection="CONTINUOUS")
    bench.regroup("g")
    assert bench.status("j") == (Status.QUEUED, 1)
    bench.regroup("h")
    assert bench.status("j")[0] is Status.REMOVED


def test_job_is_aimed_at_further_groups() -> None:
    bench = continuous("t")
    bench.groups["h"] = ["t", "u"]
    bench.control.associate_targets("j", bench.aim(["h", "g"]), T0, comment="more")
    bench.wait(1)
    assert [it.thing for it in bench.service.executions("j")] == ["t", "u"]
    assert (bench.shown("j")["targets"], bench.shown("j")["comment"]) == (bench.aim(["g", "h"]), "more")
    bench.regroup("h", "v")
    assert bench.status("j", "v") == (Status.QUEUED, 1)
    many = [bench.arns.thing(f"x{n}") for n in range(99)]
    assert refusal(lambda: bench.control.associate_targets("j", many, T0)) == LIMIT


def test_cancelled_continuous_job_takes_nobody() -> None:
    bench = continuous("t")
    bench.control.cancel_job("j", T0)
    assert bench.regroup("g", "t", "u") == []


def test_deleted_thing_is_removed_from_its_jobs_and_its_namesake_knows_nothing() -> None:
    bench = continuous("t", "u")
    bench.job("k", "t")
    bench.last = bench.service.remove_thing("t", T0)
    assert [(it.job_id, it.new) for it in bench.changed()] == [("j", "REMOVED"), ("k", "REMOVED")]
    assert bench.shown("k")["status"] == "COMPLETED"
    assert bench.ask("get")["code"] == "ResourceNotFound"
    listed = bench.control.list_executions_for_job("k", Page())["executionSummaries"]
    assert [it["jobExecutionSummary"]["status"] for it in listed] == ["REMOVED"]
    bench.service.add_thing("t")
    assert bench.ask("k/get")["code"] == "ResourceNotFound"
    assert bench.control.list_executions_for_thing("t", Page()) == {"executionSummaries": []}
    assert bench.ask("start-next") == {"?": "accepted", "timestamp": T0}


# Events


def test_events_are_off_until_enabled_and_tell_of_jobs_and_executions(bench: Bench) -> None:
    bench.update("j", "FAILED")
    assert not any("/events/" in topic for topic, _ in bench.published())
    bench.service.set_events(jobs=True, executions=True)
    bench.job("k", description="d")
    bench.update("k", "SUCCEEDED", statusDetails={"a": "b"})
    events = {topic: body for topic, body in bench.published() if "/events/" in topic}
    assert list(events) == ["$aws/events/jobExecution/k/succeeded", "$aws/events/job/k/completed"]
    execution, job = events.values()
    assert execution == {
        "eventType": "JOB_EXECUTION",
        "eventId": execution["eventId"],
        "operation": "succeeded",
        "jobId": "k",
        "thingArn": bench.arns.thing("t"),
        "status": "SUCCEEDED",
        "timestamp": T0,
        "statusDetails": {"a": "b"},
    }
    assert (job["eventType"], job["status"], job["description"], job["completedAt"]) == ("JOB", "COMPLETED", "d", T0)
    assert job["jobProcessDetails"]["numberOfSucceededThings"] == 1
    bench.job("l")
    bench.last = [
        *bench.control.cancel_job("l", T0),
        *bench.control.delete_job("l", T0),
        *bench.service.advance(T0 + 1),
    ]
    assert [topic for topic, _ in bench.published() if "/events/" in topic] == [
        "$aws/events/job/l/cancellation_in_progress",
        "$aws/events/jobExecution/l/canceled",
        "$aws/events/job/l/canceled",
        "$aws/events/job/l/deletion_in_progress",
        "$aws/events/jobExecution/l/deleted",
        "$aws/events/job/l/deleted",
    ]
    ids = [body["eventId"] for topic, body in bench.published() if "/events/" in topic]
    assert len({*ids, execution["eventId"], job["eventId"]}) == 8


# Data plane over HTTPS


def test_https_answers_with_documents_as_text_and_without_timestamps(bench: Bench) -> None:
    ask = bench.service.ask
    assert ask(Operation.GET_PENDING, "t", "", b"", T0).answer["queuedJobs"][0]["jobId"] == "j"
    found = ask(Operation.DESCRIBE, "t", "$next", b"{}", T0).answer["execution"]
    assert (found["jobDocument"], found["thingName"]) == ('{"job":"j"}', "t")
    bare = ask(Operation.DESCRIBE, "t", "j", b'{"includeJobDocument":false}', T0).answer["execution"]
    assert "jobDocument" not in bare
    started = ask(Operation.START_NEXT, "t", "", b'{"statusDetails":{"a":"b"}}', T0)
    assert [type(it).__name__ for it in started.effects] == ["Changed"]
    body = b'{"status":"SUCCEEDED","includeJobExecutionState":true,"includeJobDocument":true}'
    updated = ask(Operation.UPDATE, "t", "j", body, T0)
    assert updated.answer == {
        "executionState": {"status": "SUCCEEDED", "statusDetails": {"a": "b"}, "versionNumber": 3},
        "jobDocument": '{"job":"j"}',
    }
    assert ask(Operation.START_NEXT, "t", "", b"", T0).answer == {}


@pytest.mark.parametrize(
    ("exception", "operation", "job_id", "body"),
    [
        (INVALID, Operation.UPDATE, "j", b"{}"),
        (INVALID, Operation.UPDATE, "j", b"["),
        (INVALID, Operation.UPDATE, "$next", b'{"status":"FAILED"}'),
        (INVALID, Operation.DESCRIBE, "a b", b""),
        (MISSING, Operation.DESCRIBE, "k", b""),
        (MISSING, Operation.UPDATE, "k", b'{"status":"FAILED"}'),
        (STATE, Operation.UPDATE, "j", b'{"status":"FAILED","expectedVersion":9}'),
        (STATE, Operation.UPDATE, "done", b'{"status":"FAILED"}'),
        ("TerminalStateException", Operation.DESCRIBE, "done", b""),
    ],
)
def test_https_refusals(bench: Bench, exception: str, operation: Operation, job_id: str, body: bytes) -> None:
    bench.job("done")
    bench.update("done", "SUCCEEDED")
    assert refusal(lambda: bench.service.ask(operation, "t", job_id, body, T0)) == exception


def test_unknown_thing_may_see_empty_lists_when_the_rule_says_so() -> None:
    bench = Bench(rules=JobRules(unknown_thing="empty", terminal_update="TerminalStateReached"))
    assert bench.ask("get", thing="nobody")["queuedJobs"] == []
    assert bench.ask("start-next", thing="nobody")["code"] == "ResourceNotFound"
    bench.job("j")
    bench.update("j", "SUCCEEDED")
    refused = bench.update("j", "FAILED")
    assert (refused["code"], "executionState" in refused) == ("TerminalStateReached", False)


# Templates


@pytest.fixture
def templates(bench: Bench) -> Any:
    return bench.service.templates


def test_template_lends_its_members_and_the_job_has_the_last_word(bench: Bench, templates: Any) -> None:
    window = {"startTime": "0 0 * * ? *", "durationInMinutes": 60}
    timeout, rollout = {"inProgressTimeoutInMinutes": 5}, {"maximumPerMinute": 7}
    members = {"description": "d", "document": '{"from":"template"}', "timeoutConfig": timeout}
    created = templates.create(
        "x", {**members, "jobExecutionsRolloutConfig": rollout, "maintenanceWindows": [window]}, T0
    )
    arn = created["jobTemplateArn"]
    assert created == {"jobTemplateArn": bench.arns.of("jobtemplate", "x"), "jobTemplateId": "x"}
    body = {
        "targets": bench.aim(["g"]),
        "jobTemplateArn": arn,
        "targetSelection": "CONTINUOUS",
        "timeoutConfig": {"inProgressTimeoutInMinutes": 9},
    }
    bench.last = bench.control.create_job(job_spec("k", body, templates.members(arn)), T0)
    shown = bench.shown("k")
    assert (shown["jobTemplateArn"], shown["description"]) == (arn, "d")
    assert (shown["timeoutConfig"], shown["jobExecutionsRolloutConfig"]) == ({"inProgressTimeoutInMinutes": 9}, rollout)
    assert shown["schedulingConfig"] == {"maintenanceWindows": [window]}
    assert bench.ask("k/get")["execution"]["jobDocument"] == {"from": "template"}
    templates.delete("x")
    assert bench.control.get_job_document("k") == {"document": '{"from":"template"}'}


def test_template_made_of_a_job(bench: Bench, templates: Any) -> None:
    bench.job("k", timeoutConfig={"inProgressTimeoutInMinutes": 5})
    templates.create("x", {"description": "d", "jobArn": bench.arns.job("k")}, T0 + 3)
    assert templates.describe("x") == {
        "jobTemplateArn": bench.arns.of("jobtemplate", "x"),
        "jobTemplateId": "x",
        "createdAt": T0 + 3,
        "description": "d",
        "document": '{"job": "k"}',
        "timeoutConfig": {"inProgressTimeoutInMinutes": 5},
    }
    (listed,) = templates.list(Page())["jobTemplates"]
    assert set(listed) == {"jobTemplateArn", "jobTemplateId", "description", "createdAt"}


@pytest.mark.parametrize(
    ("exception", "act"),
    [
        (MISSING, lambda it: it.describe("none")),
        (MISSING, lambda it: it.delete("none")),
        (MISSING, lambda it: it.members("arn:aws:iot:us-west-2:123456789012:jobtemplate/none")),
        (MISSING, lambda it: it.members("arn:aws:iot:us-west-2::jobtemplate/AWS-None:1.0")),
        (MISSING, lambda it: it.describe_managed("AWS-None")),
        (MISSING, lambda it: it.describe_managed("AWS-Reboot", "9.9")),
        (INVALID, lambda it: it.members("arn:aws:iot:us-west-2:123456789012:job/j")),
        (INVALID, lambda it: it.create("a b", {"description": "d", "document": "{}"}, T0)),
        (INVALID, lambda it: it.create("y", {"document": "{}"}, T0)),
        (INVALID, lambda it: it.create("y", {"description": "d"}, T0)),
        (INVALID, lambda it: it.create("y", {"description": "d", "document": "{"}, T0)),
        (INVALID, lambda it: it.create("y", {"description": "d", "document": "{}", "abortConfig": {}}, T0)),
        ("ConflictException", lambda it: it.create("x", {"description": "d", "document": "{}"}, T0)),
    ],
)
def test_templates_that_are_refused(templates: Any, exception: str, act: Callable[[Any], Any]) -> None:
    templates.create("x", {"description": "d", "document": "{}"}, T0)
    assert refusal(lambda: act(templates)) == exception


def test_managed_template_takes_its_parameters(bench: Bench, templates: Any) -> None:
    names = [it["templateName"] for it in templates.list_managed(Page())["managedJobTemplates"]]
    assert "AWS-Reboot" in names
    (one,) = templates.list_managed(Page(), name="AWS-Download-File")["managedJobTemplates"]
    shown = templates.describe_managed("AWS-Download-File", "1.0")
    required = [it["key"] for it in shown["documentParameters"] if not it["optional"]]
    assert required == ["downloadUrl", "filePath"]
    arn = one["templateArn"]
    body = {"targets": bench.aim(["t"]), "jobTemplateArn": arn, "documentParameters": {"downloadUrl": 'x"y'}}
    assert refusal(lambda: job_spec("k", body, templates.members(arn))) == INVALID
    body["documentParameters"] = {"downloadUrl": 'x"y', "filePath": "/p", "other": "z"}
    assert refusal(lambda: job_spec("k", body, templates.members(arn))) == INVALID
    body["documentParameters"] = {"downloadUrl": 'x"y', "filePath": "/p"}
    bench.control.create_job(job_spec("k", body, templates.members(arn)), T0)
    document = bench.ask("k/get")["execution"]["jobDocument"]
    assert document["steps"][0]["action"]["input"]["args"] == ['x"y', "/p"]
    assert bench.shown("k")["documentParameters"] == body["documentParameters"]
