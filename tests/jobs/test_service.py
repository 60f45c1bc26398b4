"""The service as a device meets it: requests, answers, refusals, odd input. Unhappy paths first."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jobs_bench import T0, Bench

from sim.jobs.documents import JobError
from sim.jobs.messages import Status
from sim.jobs.rules import JobRules
from sim.jobs.service import Changed, Reply

S3 = "${aws:iot:s3-presigned-url:https://qpyota.s3.us-west-2.amazonaws.com/a.py}"


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.create("j")
    return bench


def refused(answer: dict[str, Any], code: str) -> bool:
    return (answer["?"], answer.get("code")) == ("rejected", code)


# Bodies that are refused: the table of odd input


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"not json",
        b" ",
        b"[1,2]",
        b'"x"',
        b"5",
        b"null",
        b"NaN",
        b'{"key":NaN}',
        b"[" * 100_000,
        b'{"statusDetails":"{"a":"b"}"}',
    ],
)
@pytest.mark.parametrize("tail", ["get", "start-next", "j/get", "j/update"])
def test_not_a_json_object(bench: Bench, tail: str, payload: bytes) -> None:
    answer = bench.ask(tail, payload)
    assert refused(answer, "InvalidJson")
    assert set(answer) == {"?", "code", "message", "timestamp"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": None},
        {"status": "DONE"},
        {"status": "in_progress"},
        {"status": 5},
        {"status": ["FAILED"]},
        {"status": "QUEUED"},
        {"status": "CANCELED"},
        {"status": "TIMED_OUT"},
        {"status": "REMOVED"},
        {"status": "FAILED", "expectedVersion": "one"},
        {"status": "FAILED", "expectedVersion": ""},
        {"status": "FAILED", "expectedVersion": 1.5},
        {"status": "FAILED", "expectedVersion": True},
        {"status": "FAILED", "expectedVersion": {}},
        {"status": "FAILED", "expectedVersion": 10**30},
        {"status": "FAILED", "executionNumber": "x"},
        {"status": "FAILED", "includeJobDocument": "yes"},
        {"status": "FAILED", "includeJobExecutionState": 1},
        {"status": "FAILED", "stepTimeoutInMinutes": 0},
        {"status": "FAILED", "stepTimeoutInMinutes": -2},
        {"status": "FAILED", "stepTimeoutInMinutes": 10_081},
        {"status": "FAILED", "stepTimeoutInMinutes": 2.5},
        {"status": "FAILED", "statusDetails": "x"},
        {"status": "FAILED", "statusDetails": ["x"]},
        {"status": "FAILED", "statusDetails": 5},
        {"status": "FAILED", "statusDetails": {"a": None}},
        {"status": "FAILED", "statusDetails": {"a": {}}},
        {"status": "FAILED", "statusDetails": {"a": ["1"]}},
        {"status": "FAILED", "statusDetails": {"a": ""}},
        {"status": "FAILED", "statusDetails": {"a": "x" * 1025}},
        {"status": "FAILED", "statusDetails": {"a": "x\ny"}},
        {"status": "FAILED", "statusDetails": {"a": "\ud800"}},
        {"status": "FAILED", "statusDetails": {"": "x"}},
        {"status": "FAILED", "statusDetails": {"a b": "x"}},
        {"status": "FAILED", "statusDetails": {"k" * 129: "x"}},
        {"status": "FAILED", "statusDetails": {f"k{n}": "x" for n in range(11)}},
        {"status": "FAILED", "clientToken": {}},
    ],
    ids=lambda body: json.dumps(body)[:60],
)
def test_update_that_is_no_valid_request(bench: Bench, body: dict[str, Any]) -> None:
    assert refused(bench.ask("j/update", body), "InvalidRequest")
    assert bench.last[1:] == []
    assert bench.status("j") == (Status.QUEUED, 1)


@pytest.mark.parametrize("tail", ["start-next", "j/update"])
def test_bad_details_and_step_timeout_are_refused_wherever_they_count(bench: Bench, tail: str) -> None:
    for extra in ({"statusDetails": {"a": None}}, {"stepTimeoutInMinutes": 0}):
        assert refused(bench.ask(tail, {"status": "FAILED", **extra}), "InvalidRequest")


@pytest.mark.parametrize("tail", ["get", "j/get"])
def test_members_of_other_operations_are_ignored_whatever_they_hold(bench: Bench, tail: str) -> None:
    body = {"statusDetails": {"a": None}, "stepTimeoutInMinutes": 0, "status": 7, "jobId": "other", "thingName": 4}
    assert bench.ask(tail, body)["?"] == "accepted"


def test_text_of_a_missing_status(bench: Bench) -> None:
    assert bench.ask("j/update", {})["message"] == (
        "1 validation error detected: Value null at 'status' failed to satisfy constraint: Member must not be null"
    )


def test_refusal_quotes_only_the_beginning_of_a_long_value(bench: Bench) -> None:
    assert len(bench.ask("j/update", {"status": "X" * 100_000})["message"]) < 300


@pytest.mark.parametrize("tail", ["x", "x/y/z", "j/delete", "$next/update", "j.k/get"])
def test_unknown_topic_under_jobs(bench: Bench, tail: str) -> None:
    assert refused(bench.ask(tail, {"clientToken": "c"}), "InvalidTopic")


@pytest.mark.parametrize("topic", ["a/b", "$aws/things/t/jobs/notify", "$aws/things/t/jobs/get/accepted"])
def test_topic_that_is_not_ours_to_answer_has_no_effects(bench: Bench, topic: str) -> None:
    assert bench.service.handle("t", topic, b"{}", T0) == []


# Things and executions that do not exist


@pytest.mark.parametrize("tail", ["get", "start-next", "$next/get", "j/get", "j/update"])
def test_unknown_thing(bench: Bench, tail: str) -> None:
    assert refused(bench.ask(tail, {"status": "FAILED"}, thing="nobody"), "ResourceNotFound")


@pytest.mark.parametrize("tail", ["other/get", "other/update"])
def test_unknown_job(bench: Bench, tail: str) -> None:
    assert refused(bench.ask(tail, {"status": "FAILED"}), "ResourceNotFound")


def test_job_of_another_thing(bench: Bench) -> None:
    bench.service.add_thing("u")
    assert refused(bench.ask("j/get", thing="u"), "ResourceNotFound")


@pytest.mark.parametrize("tail", ["j/get", "j/update", "$next/get"])
@pytest.mark.parametrize("number", [0, 2, -1, "2"])
def test_attempt_that_does_not_exist(bench: Bench, tail: str, number: object) -> None:
    answer = bench.ask(tail, {"status": "FAILED", "executionNumber": number})
    assert refused(answer, "ResourceNotFound")
    assert "executionState" not in answer


@pytest.mark.parametrize("number", [1, "1", None])
def test_attempt_that_exists(bench: Bench, number: object) -> None:
    assert bench.ask("j/get", {"executionNumber": number})["execution"]["executionNumber"] == 1


# Versions


@pytest.mark.parametrize("expected", [99, "99", 0, -1])
def test_version_mismatch_tells_the_state(bench: Bench, expected: object) -> None:
    assert bench.update("j", "FAILED", expectedVersion=expected, clientToken="c") == {
        "?": "rejected",
        "code": "VersionMismatch",
        "message": f"Expected version {expected} but found version 1",
        "clientToken": "c",
        "timestamp": T0,
        "executionState": {"status": "QUEUED", "versionNumber": 1},
    }
    assert bench.status("j") == (Status.QUEUED, 1)


@pytest.mark.parametrize("expected", [1, "1", None])
def test_version_that_matches(bench: Bench, expected: object) -> None:
    assert bench.update("j", "IN_PROGRESS", expectedVersion=expected)["?"] == "accepted"
    assert bench.status("j") == (Status.IN_PROGRESS, 2)


def test_without_expected_version_the_last_writer_wins(bench: Bench) -> None:
    bench.update("j", "IN_PROGRESS", statusDetails={"by": "one"})
    bench.update("j", "IN_PROGRESS", statusDetails={"by": "two"})
    assert bench.ask("j/get")["execution"]["statusDetails"] == {"by": "two"}
    assert bench.status("j") == (Status.IN_PROGRESS, 3)


# Finished executions


@pytest.mark.parametrize("end", ["SUCCEEDED", "FAILED", "REJECTED"])
@pytest.mark.parametrize("again", ["IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED"])
def test_finished_execution_is_frozen_even_for_a_repeat(bench: Bench, end: str, again: str) -> None:
    bench.update("j", end, statusDetails={"a": "1"})
    bench.now_s += 60
    answer = bench.update("j", again, expectedVersion=1)
    assert refused(answer, "InvalidStateTransition")
    assert answer["executionState"] == {"status": end, "statusDetails": {"a": "1"}, "versionNumber": 2}
    assert bench.last[1:] == []


@pytest.mark.parametrize("end", ["SUCCEEDED", "FAILED", "REJECTED"])
def test_finished_execution_is_not_described(bench: Bench, end: str) -> None:
    bench.update("j", end)
    answer = bench.ask("j/get")
    assert refused(answer, "TerminalStateReached")
    assert "executionState" not in answer
    assert bench.ask("get")["queuedJobs"] == []


# Good answers


def test_get_lists_both_kinds_even_when_empty() -> None:
    assert Bench().ask("get") == {"?": "accepted", "inProgressJobs": [], "queuedJobs": [], "timestamp": T0}


@pytest.mark.parametrize("tail", ["$next/get", "start-next"])
def test_nothing_pending_is_accepted_without_an_execution(tail: str) -> None:
    assert Bench().ask(tail) == {"?": "accepted", "timestamp": T0}


@pytest.mark.parametrize("body", [None, b"", {}, {"key": 0}, {"clientToken": None}])
@pytest.mark.parametrize("tail", ["get", "start-next", "j/get", "$next/get"])
def test_empty_body_and_unknown_members(bench: Bench, tail: str, body: object) -> None:
    answer = bench.ask(tail, body)
    assert answer["?"] == "accepted"
    assert "clientToken" not in answer


def test_describe_shows_a_queued_execution(bench: Bench) -> None:
    shown = {
        "jobId": "j",
        "status": "QUEUED",
        "queuedAt": T0,
        "lastUpdatedAt": T0,
        "versionNumber": 1,
        "executionNumber": 1,
        "jobDocument": {"job": "j"},
    }
    assert bench.ask("j/get") == {"?": "accepted", "execution": shown, "timestamp": T0}
    assert bench.ask("$next/get") == {"?": "accepted", "execution": shown, "timestamp": T0}
    assert bench.status("j") == (Status.QUEUED, 1)


def test_describe_without_document(bench: Bench) -> None:
    assert "jobDocument" not in bench.ask("j/get", {"includeJobDocument": False})["execution"]


def test_next_is_in_progress_before_queued_then_oldest(bench: Bench) -> None:
    bench.create("k")
    bench.create("l")
    assert bench.ask("$next/get")["execution"]["jobId"] == "j"
    bench.update("l", "IN_PROGRESS")
    assert bench.ask("$next/get")["execution"]["jobId"] == "l"
    lists = bench.ask("get")
    assert [it["jobId"] for it in lists["inProgressJobs"]] == ["l"]
    assert [it["jobId"] for it in lists["queuedJobs"]] == ["j", "k"]


def test_start_next_starts_the_first_queued(bench: Bench) -> None:
    bench.now_s += 5
    answer = bench.ask("start-next", {"statusDetails": {"step": "begin"}, "clientToken": "c"})
    assert answer == {
        "?": "accepted",
        "execution": {
            "jobId": "j",
            "status": "IN_PROGRESS",
            "statusDetails": {"step": "begin"},
            "queuedAt": T0,
            "startedAt": T0 + 5,
            "lastUpdatedAt": T0 + 5,
            "versionNumber": 2,
            "executionNumber": 1,
            "jobDocument": {"job": "j"},
        },
        "timestamp": T0 + 5,
        "clientToken": "c",
    }


def test_start_next_returns_a_started_job_as_it_is(bench: Bench) -> None:
    bench.create("k")
    first = bench.ask("start-next", {"statusDetails": {"step": "begin"}})
    bench.now_s += 5
    second = bench.ask("start-next", {"statusDetails": {"step": "other"}})
    assert second["execution"] == first["execution"]
    assert bench.last[1:] == []


def test_start_next_sets_the_step_timer_of_a_started_job(bench: Bench) -> None:
    bench.ask("start-next", {"stepTimeoutInMinutes": 7})
    bench.now_s += 300
    bench.ask("start-next")
    assert bench.service.pending("t")[0].step_deadline_s == T0 + 420
    bench.ask("start-next", {"stepTimeoutInMinutes": "5"})
    assert bench.service.pending("t")[0].step_deadline_s == T0 + 600
    assert bench.status("j") == (Status.IN_PROGRESS, 2)


@pytest.mark.parametrize("minutes", [1, 10_080, "60"])
def test_update_sets_and_cancels_the_step_timer(bench: Bench, minutes: int | str) -> None:
    bench.update("j", "IN_PROGRESS", stepTimeoutInMinutes=minutes)
    assert bench.service.pending("t")[0].step_deadline_s == T0 + 60 * int(minutes)
    bench.update("j", "IN_PROGRESS", stepTimeoutInMinutes=-1)
    assert bench.service.pending("t")[0].step_deadline_s is None


def test_update_answers_with_nothing_but_the_time(bench: Bench) -> None:
    assert bench.update("j", "IN_PROGRESS") == {"?": "accepted", "timestamp": T0}


def test_update_answers_with_state_and_document_when_asked(bench: Bench) -> None:
    answer = bench.update(
        "j", "SUCCEEDED", includeJobExecutionState=True, includeJobDocument=True, statusDetails={"a": "b"}
    )
    assert answer == {
        "?": "accepted",
        "executionState": {"status": "SUCCEEDED", "statusDetails": {"a": "b"}, "versionNumber": 2},
        "jobDocument": {"job": "j"},
        "timestamp": T0,
    }


def test_state_without_details_has_no_empty_map(bench: Bench) -> None:
    answer = bench.update("j", "IN_PROGRESS", includeJobExecutionState=True, statusDetails={})
    assert answer["executionState"] == {"status": "IN_PROGRESS", "versionNumber": 2}


@pytest.mark.parametrize("status", ["IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED"])
def test_queued_execution_may_go_to_any_status_a_device_reports(bench: Bench, status: str) -> None:
    bench.update("j", status)
    assert bench.status("j") == (status, 2)


def test_numbers_and_booleans_in_details_become_text(bench: Bench) -> None:
    payload = b'{"status":"IN_PROGRESS","statusDetails":{"a":37,"b":-1,"c":true,"d":1.50,"e":1e999,"f":"x"}}'
    bench.ask("j/update", payload)
    details = {"a": "37", "b": "-1", "c": "true", "d": "1.50", "e": "1e999", "f": "x"}
    assert bench.ask("j/get")["execution"]["statusDetails"] == details


def test_strict_service_refuses_details_that_are_not_strings() -> None:
    bench = Bench(rules=JobRules(details="strict"))
    bench.create("j")
    for value in (37, True, 1.5):
        assert refused(bench.update("j", "IN_PROGRESS", statusDetails={"a": value}), "InvalidRequest")
    assert bench.update("j", "IN_PROGRESS", statusDetails={"a": "37"})["?"] == "accepted"


def test_details_at_their_limits(bench: Bench) -> None:
    details = {f"{n}{'k:_-' * 31}abc": "ü" * 1024 for n in range(10)}
    assert {len(name) for name in details} == {128}
    assert bench.update("j", "IN_PROGRESS", statusDetails=details)["?"] == "accepted"


@pytest.mark.parametrize(
    ("sent", "echoed"), [("c", "c"), ("", ""), ("\ud800", "\ud800"), ("ü" * 300, "ü" * 300), (5, "5")]
)
@pytest.mark.parametrize("tail", ["get", "j/get", "none/get", "j/update"])
def test_client_token_comes_back_in_both_kinds_of_answer(bench: Bench, tail: str, sent: object, echoed: str) -> None:
    assert bench.ask(tail, {"clientToken": sent})["clientToken"] == echoed


def test_request_about_another_thing_is_answered_and_recorded_with_its_author(bench: Bench) -> None:
    effects = bench.service.handle("u", "$aws/things/t/jobs/j/update", b'{"status":"FAILED"}', T0)
    assert [it.by for it in effects if isinstance(it, Changed)] == ["u"]


def test_every_change_is_recorded_and_nothing_else(bench: Bench) -> None:
    assert bench.changed() == [Changed("t", "j", None, Status.QUEUED, 1, {}, "")]
    bench.ask("start-next")
    assert bench.changed() == [Changed("t", "j", Status.QUEUED, Status.IN_PROGRESS, 2, {}, "t")]
    bench.update("j", "IN_PROGRESS", statusDetails={"p": 5})
    assert bench.changed() == [Changed("t", "j", Status.IN_PROGRESS, Status.IN_PROGRESS, 3, {"p": "5"}, "t")]
    bench.ask("j/get")
    assert bench.changed() == []


# Creation


@pytest.mark.parametrize("job_id", ["", "a b", "a:b", "$next", "ü", "j" * 65, "j\n"])
def test_bad_job_id(job_id: str) -> None:
    with pytest.raises(JobError, match="jobId") as caught:
        Bench().create(job_id)
    assert caught.value.exception == "InvalidRequestException"


@pytest.mark.parametrize("name", ["", "a b", "a/b", "+", "t" * 129])
def test_bad_thing_name(name: str) -> None:
    with pytest.raises(JobError, match="thingName"):
        Bench(name)


def test_job_that_exists(bench: Bench) -> None:
    with pytest.raises(JobError, match="job j already exists") as caught:
        bench.create("j")
    assert caught.value.exception == "ResourceAlreadyExistsException"


def test_target_that_does_not_exist_changes_nothing() -> None:
    bench = Bench("t")
    with pytest.raises(JobError, match="thing nobody does not exist") as caught:
        bench.create("j", "t", "nobody")
    assert caught.value.exception == "ResourceNotFoundException"
    assert bench.service.all_terminal()
    bench.create("j", "t")


def test_refused_document_changes_nothing() -> None:
    bench = Bench()
    with pytest.raises(JobError, match="role ARN is required"):
        bench.create("j", document=[S3])
    assert refused(bench.ask("j/get"), "ResourceNotFound")
    bench.create("j")


def test_snapshot_has_one_execution_for_each_thing_and_none_for_later_ones() -> None:
    bench = Bench("t", "u", "v")
    bench.create("j", "u", "t", "u")
    bench.service.add_thing("w")
    assert [it.thing for it in bench.service.executions("j")] == ["u", "t"]
    assert [topic for topic, _ in bench.published()] == [
        f"$aws/things/{thing}/jobs/{tail}" for thing in "ut" for tail in ("notify", "notify-next")
    ]
    assert refused(bench.ask("j/get", thing="v"), "ResourceNotFound")


def test_executions_are_numbered_in_the_order_of_creation() -> None:
    bench = Bench("t", "u")
    bench.create("j", "u", "t")
    bench.create("k", "t")
    found = [*bench.service.executions("j"), *bench.service.executions("k")]
    assert sorted(found, key=lambda it: it.sequence) == found
    assert [(it.thing, it.job_id, it.number) for it in found] == [("u", "j", 1), ("t", "j", 1), ("t", "k", 1)]


def test_adding_a_thing_again_keeps_its_executions(bench: Bench) -> None:
    bench.service.add_thing("t")
    assert bench.ask("j/get")["?"] == "accepted"


def test_counts_and_the_end() -> None:
    bench = Bench("t", "u")
    assert bench.service.all_terminal()
    bench.create("j", "t", "u")
    assert not bench.service.all_terminal()
    bench.update("j", "SUCCEEDED")
    assert {status: n for status, n in bench.service.counts().items() if n} == {"QUEUED": 1, "SUCCEEDED": 1}
    bench.ask("j/update", {"status": "REJECTED"}, thing="u")
    assert bench.service.all_terminal()
    assert set(bench.service.counts()) == set(Status)


# Presigned URLs


def test_url_is_signed_afresh_at_every_way_of_delivery() -> None:
    bench = Bench()
    bench.create("first")
    bench.create("j", document=[{"url": S3}, 'say "hi"'], presign_expires_s=60)

    def expected() -> list[object]:
        return [{"url": f'https://qpyota/a.py?"60"at{bench.now_s}'}, 'say "hi"']

    bench.now_s += 10
    assert bench.ask("j/get")["execution"]["jobDocument"] == expected()
    bench.now_s += 10
    bench.update("first", "SUCCEEDED")
    assert bench.published()[1][1]["execution"]["jobDocument"] == expected()
    bench.now_s += 10
    assert bench.ask("$next/get")["execution"]["jobDocument"] == expected()
    bench.now_s += 10
    assert bench.ask("start-next")["execution"]["jobDocument"] == expected()
    bench.now_s += 10
    assert bench.update("j", "FAILED", includeJobDocument=True)["jobDocument"] == expected()


def test_document_as_an_array_reaches_the_device_as_an_array() -> None:
    bench = Bench()
    document = [{"operation": "FOTA", "files": [{"fileVersion": "1"}]}]
    bench.create("j", document=document)
    assert bench.ask("j/get", {"key": 0})["execution"]["jobDocument"][0]["operation"] == "FOTA"


def test_text_beyond_ascii_goes_out_as_utf8() -> None:
    bench = Bench()
    bench.create("j", document="ü")
    reply = bench.service.handle("t", "$aws/things/t/jobs/j/get", b"", T0)[0]
    assert isinstance(reply, Reply)
    assert '"jobDocument":"ü"'.encode() in reply.payload


def test_walk_of_the_published_quecpython_example() -> None:
    """Vendor's sample script: polls by name, reports integers, never a version, and asks again after the end."""
    bench = Bench("QuecPython_OTA")
    thing = "QuecPython_OTA"
    document = [{"operation": "FOTA", "files": [{"fileVersion": "V2", "fileSource": {"url": S3}}]}]
    bench.create("jobfota", thing, document=document, presign_expires_s=3600)
    assert [it["jobId"] for it in bench.ask("get", {"key": 0}, thing)["queuedJobs"]] == ["jobfota"]
    assert refused(bench.ask("jobappota/get", {"key": 0}, thing), "ResourceNotFound")
    found = bench.ask("jobfota/get", {"key": 0}, thing)["execution"]["jobDocument"][0]
    assert found["files"][0]["fileSource"]["url"].startswith("https://qpyota/a.py")
    for progress in (37, 100, -1):
        body = {"status": "IN_PROGRESS", "statusDetails": {"progress": progress, "step": "downloading"}}
        assert bench.ask("jobfota/update", body, thing) == {"?": "accepted", "timestamp": T0}
    done = {"operation": "install", "state": "package installed and started"}
    bench.ask("jobfota/update", {"status": "SUCCEEDED", "statusDetails": done}, thing)
    assert bench.told == ["notify", "notify-next"]
    assert refused(bench.ask("jobfota/get", {"key": 0}, thing), "TerminalStateReached")
