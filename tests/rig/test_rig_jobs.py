"""Waiting for jobs: what counts as reached, and what is told when it is not."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rig_rig import AWS_OTA

from sim.errors import SpecError
from sim.jobs.documents import JobError
from sim.jobs.messages import Status
from sim.kernel.clock import Clock
from sim.rig import Rig, Unmet
from sim.rig.histories import CHANGES_KEPT, Histories
from sim.trace import Trace


def test_succeeded_gives_what_the_job_came_to(rig: Rig) -> None:
    device = rig.device("QuecPython_OTA", script=AWS_OTA)
    job = rig.cloud.create_job("j", device, package=rig.packages(device).diff())
    view = job.wait("SUCCEEDED", timeout="10m")
    assert (view.succeeded, view.failed, job.status, job.job_status) == (1, 0, "SUCCEEDED", "COMPLETED")
    assert list(job.executions) == ["QuecPython_OTA"]
    assert [line.split()[0] for line in job.history("QuecPython_OTA")] == ["QUEUED", "IN_PROGRESS", "SUCCEEDED"]
    assert (device.boots, device.firmware) == (2, "EG915UEUABR01A02M08_OCPU_QPY")
    assert job.wait("SUCCEEDED", timeout="0s") == view  # no time is needed for what is there
    assert "SUCCEEDED" in repr(job)


def test_statuses_on_the_way_are_met(rig: Rig) -> None:
    device = rig.device()
    job = rig.cloud.create_job("j", device, package=rig.packages(device).diff())
    job.wait("QUEUED")
    job.wait("IN_PROGRESS", timeout="1m")
    job.wait("COMPLETED", timeout="10m")


def test_a_timeout_tells_where_the_execution_stands(rig: Rig) -> None:
    device = rig.device("meter")
    job = rig.cloud.create_job("j", device, package=rig.packages(device).diff())
    with pytest.raises(Unmet) as caught:
        job.wait("SUCCEEDED", timeout="20s")
    sentence, replay = str(caught.value).split("\n")
    assert sentence.startswith("job j did not become SUCCEEDED within 20s: it is IN_PROGRESS; meter was QUEUED at 0s, ")
    assert "then IN_PROGRESS at 7." in sentence
    assert sentence.endswith("(step downloading, progress 0)") or "progress" in sentence
    assert replay == "replay: the command"
    assert rig.clock.now_s == 20


def test_what_cannot_happen_any_more_is_told_at_once_with_its_reason(rig: Rig) -> None:
    device = rig.device("meter")
    job = rig.cloud.create_job("j", device, document={"operation": "dance"})
    with pytest.raises(
        Unmet, match=r"cannot any more: it is COMPLETED; meter was QUEUED at 0s, then REJECTED at .* not understood"
    ):
        job.wait("SUCCEEDED", timeout="10m")
    assert rig.clock.now_s < 60


def test_a_job_that_was_canceled_does_not_complete(rig: Rig) -> None:
    device = rig.device()
    job = rig.cloud.create_job("j", device, package=rig.packages(device).diff())
    rig.clock.run_for("20s")
    job.cancel(force=True)
    assert job.wait("CANCELED", timeout="0s").canceled == 1
    with pytest.raises(Unmet, match=r"cannot any more: it is CANCELED; .* then CANCELED at 20s"):
        job.wait("COMPLETED")
    with pytest.raises(JobError):
        job.cancel()


def test_many_executions_are_counted_and_the_worst_is_told(rig: Rig) -> None:
    rig.fleet.add(12, model="EC200A")
    struck = rig.faults.corrupt_download("fleet", share=0.5)
    assert 0 < len(struck) < 12
    job = rig.cloud.create_job("j", rig.fleet, package=rig.packages().diff(model="EC200A"))
    with pytest.raises(Unmet) as caught:
        job.wait("SUCCEEDED", timeout="30m")
    told = f"of 12 executions, {len(struck)} FAILED, {12 - len(struck)} SUCCEEDED; "
    assert told in caught.value.sentence
    assert f"{struck[0]} was QUEUED at 0s" in caught.value.sentence
    assert "CRC-32" in caught.value.sentence
    assert job.view.failed == len(struck)


def test_a_staged_rollout_is_not_over_with_its_first_things(rig: Rig) -> None:
    rig.fleet.add(5)
    job = rig.cloud.create_job(
        "j", rig.fleet, package=rig.packages().diff(model="EG915U"), jobExecutionsRolloutConfig={"maximumPerMinute": 1}
    )
    assert job.wait("SUCCEEDED", timeout="1h").succeeded == 5
    assert rig.clock.now_s > 240


def test_unknown_words_and_jobs(rig: Rig) -> None:
    device = rig.device()
    job = rig.cloud.create_job("wave-1", device, document={})
    with pytest.raises(SpecError, match="'SUCCEDED' is no status; did you mean 'SUCCEEDED'"):
        job.wait("SUCCEDED")
    with pytest.raises(SpecError, match="there is no job 'wave1' in the cloud; did you mean 'wave-1'"):
        rig.job("wave1").wait("SUCCEEDED")
    with pytest.raises(JobError, match="already exists"):
        rig.cloud.create_job("wave-1", device, document={})
    with pytest.raises(SpecError, match="unknown device or group 'nobody'"):
        rig.cloud.create_job("w", "nobody", document={})
    with pytest.raises(SpecError, match="a package or a document"):
        rig.cloud.create_job("w", device)
    with pytest.raises(SpecError, match="no device, no fleet"):
        rig.cloud.create_job("w", 7, document={})
    with pytest.raises(SpecError, match="unknown key 'abortConfg'; did you mean 'abortConfig'"):
        rig.cloud.create_job("w", device, document={}, abortConfg={})
    with Rig() as empty, pytest.raises(SpecError, match="no device yet"):
        empty.cloud.create_job("w", "x", document={})
    assert [one.job_id for one in rig.cloud.jobs] == ["wave-1"]


def test_boto3_drives_the_same_cloud(rig: Rig) -> None:
    device = rig.device("meter")
    iot, s3 = rig.cloud.boto3("iot"), rig.cloud.boto3("s3")
    package = rig.packages(device).diff()
    s3.create_bucket(Bucket="releases", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    s3.put_object(Bucket="releases", Key="fw", Body=package.files[0].data)
    document = package.document(["${aws:iot:s3-presigned-url:https://releases.s3.us-west-2.amazonaws.com/fw}"])
    iot.create_job(
        jobId="by-boto3",
        targets=[iot.describe_thing(thingName="meter")["thingArn"]],
        document=json.dumps(document),
        presignedUrlConfig={"roleArn": "arn:aws:iam::123456789012:role/r", "expiresInSec": 600},
    )
    assert rig.clock.now_us == 0  # a call takes no time
    rig.job("by-boto3").wait("SUCCEEDED", timeout="10m")
    answer = iot.describe_job_execution(jobId="by-boto3", thingName="meter")["execution"]
    assert answer["status"] == "SUCCEEDED"
    assert answer["lastUpdatedAt"].timestamp() == rig.clock.epoch_s


def test_a_program_that_polls_with_the_virtual_sleep(rig: Rig) -> None:
    device = rig.device()
    rig.cloud.create_job("j", device, package=rig.packages(device).diff())
    iot, polls = rig.cloud.boto3("iot"), 0
    while iot.describe_job(jobId="j")["job"]["status"] != "COMPLETED":
        polls += 1
        rig.clock.sleep(30)
    assert 3 <= polls <= 10


def test_boto3_is_answered_while_another_thread_waits(rig: Rig) -> None:
    rig.fleet.add(20)
    iot = rig.cloud.boto3("iot")
    seen: list[str] = []

    def poll() -> None:
        seen.append(iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"])

    rig.cloud.create_job("j", rig.fleet, package=rig.packages().diff(model="EG915U"))
    other = threading.Thread(target=poll)
    other.start()
    while other.is_alive():
        rig.clock.run_for("1s")
    assert seen


def test_env_leads_a_client_here(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    for name, value in rig.cloud.env().items():
        monkeypatch.setenv(name, value)
    client = boto3.session.Session().client("iot")
    rig.device("meter")
    assert [thing["thingName"] for thing in client.list_things()["things"]] == ["meter"]
    client.close()


def test_without_boto3_it_says_what_to_install(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from sim.errors import MachineError

    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(MachineError, match="pip install boto3"):
        rig.cloud.boto3("iot")


def test_a_defect_while_boto3_was_answered_is_raised_at_the_next_wait(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.config import Config
    from botocore.exceptions import ClientError

    iot = rig.cloud.boto3("iot", config=Config(retries={"total_max_attempts": 1}))

    def broken(*_: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(rig.scene.account, "respond", broken)
    with pytest.raises(ClientError):
        iot.list_things()
    with pytest.raises(ZeroDivisionError, match="planted"):
        rig.clock.run_for("1s")
    rig.clock.run_for("1s")


def test_upload_takes_bytes_and_files(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"file")
    url = rig.cloud.upload("b", "x.bin")
    assert url == "https://qpyota.s3.us-west-2.amazonaws.com/b"
    assert rig.scene.account.artifacts.get("qpyota", "b") == b"file"
    rig.cloud.upload("b", b"bytes", bucket="other")
    assert rig.scene.account.artifacts.get("other", "b") == b"bytes"
    with pytest.raises(SpecError, match=r"nope\.bin cannot be read"):
        rig.cloud.upload("b", "nope.bin")


def test_histories_are_bounded() -> None:
    histories = Histories()
    trace = Trace(Clock())
    histories.listen(trace)
    for number in range(3 * CHANGES_KEPT):
        status = ("QUEUED", "IN_PROGRESS")[number % 2]
        trace.emit("t@cloud", "execution", job="j", old="", new=status, version=number, details={"n": str(number)})
    assert len(histories.changes("j", "t")) == CHANGES_KEPT
    assert histories.all_are("j", "IN_PROGRESS")
    assert not histories.all_are("j", "QUEUED")
    assert histories.sentence("other") == "it has no execution"


STEPS = st.lists(st.tuples(st.sampled_from("jk"), st.sampled_from("abc"), st.sampled_from(list(Status))), max_size=30)


@given(STEPS)
def test_histories_count_as_one_would_by_hand(steps: list[tuple[str, str, Status]]) -> None:
    histories = Histories()
    trace = Trace(Clock())
    histories.listen(trace)
    by_hand: dict[str, dict[str, list[str]]] = {}
    for now_us, (job, thing, status) in enumerate(steps):
        data = {"job": job, "old": "", "new": status.value, "version": 1, "details": {}}
        trace.take(now_us, f"{thing}@cloud", "execution", data)
        known = by_hand.setdefault(job, {}).setdefault(thing, [])
        if not known or known[-1] != status.value:
            known.append(status.value)
    assert list(histories.jobs) == list(by_hand)
    for job, things in by_hand.items():
        latest = {changes[-1] for changes in things.values()}
        for status in Status:
            assert histories.all_are(job, status.value) == (latest == {status.value})
        for thing, changes in things.items():
            assert [change.status for change in histories.changes(job, thing)] == changes
            assert changes[-1] in histories.sentence_of(job, thing)
