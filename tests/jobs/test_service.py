"""The service as a device meets it: requests, answers, refusals, odd input. Unhappy paths first."""

from __future__ import annotations

from typing import Any

import pytest
from jobs_bench import T0, Bench

from sim.jobs.documents import JobError
from sim.jobs.messages import Status
from sim.jobs.service import Changed, Reply

S3 = "${aws:iot:s3-presigned-url:https://qpyota.s3.us-west-2.amazonaws.com/a.py}"


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.create("j")
    return bench


def refused(answer: dict[str, Any], code: str) -> bool:
    return (answer["?"], answer.get("code")) == ("rejected", code)


def test_refusal_quotes_only_the_beginning_of_a_long_value(bench: Bench) -> None:
    assert len(bench.ask("j/update", {"status": "X" * 100_000})["message"]) < 300


@pytest.mark.parametrize("topic", ["a/b", "$aws/things/t/jobs/notify", "$aws/things/t/jobs/get/accepted"])
def test_topic_that_is_not_ours_to_answer_has_no_effects(bench: Bench, topic: str) -> None:
    assert bench.service.handle("t", topic, b"{}", T0) == []


# Versions


def test_without_expected_version_the_last_writer_wins(bench: Bench) -> None:
    bench.update("j", "IN_PROGRESS", statusDetails={"by": "one"})
    bench.update("j", "IN_PROGRESS", statusDetails={"by": "two"})
    assert bench.ask("j/get")["execution"]["statusDetails"] == {"by": "two"}
    assert bench.status("j") == (Status.IN_PROGRESS, 3)


# Good answers


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


def test_numbers_and_booleans_in_details_become_text(bench: Bench) -> None:
    payload = b'{"status":"IN_PROGRESS","statusDetails":{"a":37,"b":-1,"c":true,"d":1.50,"e":1e999,"f":"x"}}'
    bench.ask("j/update", payload)
    details = {"a": "37", "b": "-1", "c": "true", "d": "1.50", "e": "1e999", "f": "x"}
    assert bench.ask("j/get")["execution"]["statusDetails"] == details


def test_details_that_two_things_report_alike_are_kept_once() -> None:
    bench = Bench("t", "u")
    bench.create("j", "t", "u")
    for thing in ("t", "u"):
        body = b'{"status":"FAILED","statusDetails":{"step":"one"},"clientToken":"%s"}' % thing.encode()
        bench.service.handle(thing, f"$aws/things/{thing}/jobs/j/update", body, T0)
    mine, other = bench.service.executions("j")
    assert mine.details == {"step": "one"}
    assert mine.details is other.details


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


def test_a_document_is_whole_whatever_stands_in_it() -> None:
    bench = Bench()
    bench.create("first")
    for number, document in enumerate(
        [[None], {"jobDocument": None}, '"jobDocument":null', "\ud800", [{"a": []}, {}, 1.5]]
    ):
        bench.create(f"j{number}", document=document)
        for sent in ({}, {"clientToken": '"jobDocument":null'}):
            answer = bench.ask(f"j{number}/get", sent)
            assert answer["execution"]["jobDocument"] == document
            assert answer.get("clientToken") == sent.get("clientToken")
        update = {"status": "SUCCEEDED", "includeJobDocument": True, "clientToken": '","jobDocument":null'}
        assert bench.ask(f"j{number}/update", update)["jobDocument"] == document


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
