"""Jobs, server faults and rules of a scenario: AWS's members, what AWS refuses, and where a mistake is pointed at."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from botocore.session import get_session
from pydantic import ValidationError

from sim.errors import SpecError
from sim.jobs.rules import AWS_QUOTAS, RELAXED_QUOTAS, JobRules
from sim.kernel.clock import EPOCH_S
from sim.mqtt.rules import AWS, RELAXED
from sim.scenario.loader import load_scenario
from sim.scenario.schema_faults import Fault
from sim.scenario.schema_jobs import Job
from sim.scenario.schema_rules import Rules

JOB = {"jobId": "j", "targets": ["dev"], "document": "{}"}
GOOD = """\
version: 1
name: good
fleet:
  - name: dev
    model: EG915U
    firmware: EG915UEUABR03A20M08_OCPU_QPY
cloud: {buckets: {box: {k: {text: x}}}}
"""


def only_problem(folder: Path, text: str) -> tuple[int, int, str]:
    file = folder / "good.yaml"
    file.write_text(GOOD + text)
    with pytest.raises(SpecError) as caught:
        load_scenario(file)
    (problem,) = caught.value.problems
    return problem.line, problem.column, problem.message


def members(**more: Any) -> dict[str, Any]:
    return Job.model_validate({**JOB, **more}).members("{}", ["arn"], EPOCH_S)


# Members


def test_keys_are_those_of_create_job_and_a_few_of_ours() -> None:
    model = get_session().get_service_model("iot").operation_model("CreateJob").input_shape
    known = {info.alias or name for name, info in Job.model_fields.items()}
    assert known - set(model.members) == {"at", "steps"}
    left_out = {"jobTemplateArn", "documentParameters", "destinationPackageVersions"}
    assert set(model.members) - known == left_out


def test_what_is_not_given_is_not_sent() -> None:
    assert members() == {"document": "{}", "targets": ["arn"], "targetSelection": "SNAPSHOT"}


def test_members_go_out_as_they_came() -> None:
    given = {
        "description": "all",
        "jobExecutionsRolloutConfig": {
            "maximumPerMinute": 100,
            "exponentialRate": {
                "baseRatePerMinute": 5,
                "incrementFactor": 1.5,
                "rateIncreaseCriteria": {"numberOfSucceededThings": 10},
            },
        },
        "abortConfig": {
            "criteriaList": [
                {
                    "failureType": "ALL",
                    "action": "CANCEL",
                    "thresholdPercentage": 2.5,
                    "minNumberOfExecutedThings": 20,
                }
            ]
        },
        "timeoutConfig": {"inProgressTimeoutInMinutes": 10},
        "jobExecutionsRetryConfig": {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 2}]},
        "namespaceId": "fw",
        "tags": [{"Key": "team", "Value": "meters"}],
        "presignedUrlConfig": {"roleArn": "arn:aws:iam::123456789012:role/mine", "expiresInSec": 60},
    }
    sent = members(**given)
    assert {name: sent[name] for name in given} == given


@pytest.mark.parametrize(
    ("text", "sent"),
    [("2026-01-01T08:30", "2026-01-01T08:30"), ("+30m", "2026-01-01T00:31"), ("+1d", "2026-01-02T00:01")],
)
def test_times_count_from_the_creation_and_are_whole_minutes(text: str, sent: str) -> None:
    job = Job.model_validate({**JOB, "schedulingConfig": {"startTime": text}})
    assert job.members("{}", ["arn"], EPOCH_S + 20)["schedulingConfig"]["startTime"] == sent


# Mistakes


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"jobExecutionsRolloutConfig": {"maximumPerMinute": 0}}, "maximumPerMinute"),
        ({"jobExecutionsRolloutConfig": {"exponentialRate": {"baseRatePerMinute": 5}}}, "Field required"),
        ({"abortConfig": {"criteriaList": []}}, "criteriaList"),
        ({"timeoutConfig": {"inProgressTimeoutInMinutes": 10_081}}, "inProgressTimeoutInMinutes"),
        ({"jobExecutionsRetryConfig": {"criteriaList": [{"failureType": "ALL", "numberOfRetries": 11}]}}, "Retries"),
        ({"schedulingConfig": {"startTime": "tomorrow"}}, "is not a time"),
        ({"schedulingConfig": {"startTime": "+30"}}, "needs a unit"),
        ({"schedulingConfig": {"maintenanceWindows": [{"startTime": "x", "durationInMinutes": 5}]}}, "CONTINUOUS|cron"),
        ({"description": "x" * 2029}, "description"),
        ({"namespaceId": "a b"}, "namespaceId"),
        ({"document": '"${aws:iot:s3-presigned-url:https://b.s3.amazonaws.com/k}"'}, "role ARN is required"),
        ({"at": "10s", "steps": [{"at": "5s", "cancel": {}}]}, "after the job is created"),
        ({"steps": [{"at": "5s", "cancel": {}, "delete": {}}]}, "exactly one of cancel, delete, associate"),
        ({"steps": [{"at": "5s", "associate": {"targets": []}}]}, "at least 1"),
    ],
)
def test_what_aws_would_refuse_is_refused_before_the_run(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        members(**more)


JOBS = "jobs:\n  - jobId: j\n    targets: [dev]\n    document: []\n"


@pytest.mark.parametrize(
    ("lines", "place", "message"),
    [
        (
            "    abortConfig: {criteriaLists: []}\n",
            (12, 19),
            "unknown key 'criteriaLists'; did you mean 'criteriaList'?",
        ),
        (
            "    jobExecutionsRolloutConfig:\n      exponentialRate:\n        incrementFaktor: 2\n"
            "        baseRatePerMinute: 1\n        incrementFactor: 2\n        rateIncreaseCriteria: {}\n",
            (14, 9),
            "did you mean 'incrementFactor'?",
        ),
        ("    jobExecutionsRolloutConfig: {maximumPerMinute: -1}\n", (12, 33), "at 'maximumPerMinute' failed"),
        ("    targetSelection: SNAPSHUT\n", (12, 22), "did you mean 'SNAPSHOT'?"),
        ("    steps: [{at: 5s, associate: {targets: [dve]}}]\n", (12, 44), "unknown device or group 'dve'"),
        ("    steps: [{at: 5s, cancle: {}}]\n", (12, 22), "did you mean 'cancel'?"),
    ],
)
def test_mistakes_in_a_job_are_told_at_their_place(
    tmp_path: Path, lines: str, place: tuple[int, int], message: str
) -> None:
    file = tmp_path / "good.yaml"
    file.write_text(GOOD + JOBS + lines)
    with pytest.raises(SpecError) as caught:
        load_scenario(file)
    found = [(it.line, it.column, it.message) for it in caught.value.problems]
    assert any((line, column) == place and message in text for line, column, text in found), found


@pytest.mark.parametrize(
    ("fault", "column", "message"),
    [
        ("rate_limited: {bucket: box, key: k, rate: 20KiB}", 53, "a rate needs a unit"),
        ("rate_limited: {bucket: box, key: k}", 11, "key 'rate' is missing"),
        ("stalled: {bucket: box, key: k, after: 5, for: 1m}", 49, "a size needs a unit"),
        ("truncated: {bucket: box, key: kk, after: 5B}", 41, "unknown key of bucket 'box'"),
        ("truncated: {bucket: box, key: k, after: 5B, time: 1}", 55, "did you mean 'times'?"),
        ("truncated: {bucket: box, key: k, after: 5B, times: 0}", 62, "greater than or equal to 1"),
        ("http_status: {bucket: box, key: k, status: 200}", 54, "greater than or equal to 400"),
        ("redirected: {bucket: box, key: k, to: x, status: 300}", 60, "300 is not"),
        ("trunkated: {bucket: box, key: k}", 11, "did you mean 'truncated'?"),
    ],
)
def test_mistakes_in_a_server_fault(tmp_path: Path, fault: str, column: int, message: str) -> None:
    line, at, text = only_problem(tmp_path, f"faults: [{{{fault}}}]\n")
    assert (line, at) == (8, column)
    assert message in text


def test_server_fault_in_full() -> None:
    fault = {"bucket": "b", "key": "k", "after": "64KiB", "for": "5m", "times": 2, "from": "1h"}
    stalled = Fault.model_validate({"stalled": fault}).stalled
    assert stalled is not None
    assert (stalled.after_bytes, stalled.for_us, stalled.times, stalled.from_us) == (
        65_536,
        300_000_000,
        2,
        3_600_000_000,
    )


# Rules

SWITCHES = {
    "statusDetails": ("details", "strict"),
    "terminalUpdate": ("terminal_update", "TerminalStateReached"),
    "unknownThing": ("unknown_thing", "empty"),
    "restartedStep": ("restarted_step", "kept"),
    "startNotifies": ("start_notifies", True),
    "windowCloseNotifies": ("window_close_notifies", True),
    "leftGroup": ("left_group", "started_go_on"),
    "counted": ("counted", "attempts"),
    "queuedDeletion": ("queued_deletion", "forced"),
    "throttles": ("throttles", "aws"),
}


@pytest.mark.parametrize(("key", "switch"), SWITCHES.items(), ids=SWITCHES)
def test_each_switch_of_the_jobs_service_has_its_key(key: str, switch: tuple[str, Any]) -> None:
    name, value = switch
    usual = Rules().jobs
    assert getattr(usual, name) != value
    assert Rules.model_validate({key: value}).jobs == dataclasses.replace(usual, **{name: value})


def test_no_switch_is_without_a_key() -> None:
    named = {name for name, _ in SWITCHES.values()} | {"quotas", "schedule_minima"}  # these two follow `limits`
    assert {field.name for field in dataclasses.fields(JobRules)} == named


@pytest.mark.parametrize(("word", "quotas"), [("aws", AWS_QUOTAS), ("relaxed", RELAXED_QUOTAS)])
def test_limits_are_quotas_and_least_times(word: str, quotas: Any) -> None:
    rules = Rules.model_validate({"limits": word}).jobs
    assert (rules.quotas, rules.schedule_minima) == (quotas, word)


def test_rules_of_the_broker() -> None:
    assert (Rules().broker, Rules.model_validate({"mqtt": "relaxed"}).broker) == (AWS, RELAXED)


def test_a_mistake_in_the_rules_is_pointed_at(tmp_path: Path) -> None:
    file = tmp_path / "good.yaml"
    file.write_text(GOOD.replace("cloud: {", "cloud: {rules: {statusDetail: lenient}, "))
    with pytest.raises(SpecError, match="did you mean 'statusDetails'"):
        load_scenario(file)
