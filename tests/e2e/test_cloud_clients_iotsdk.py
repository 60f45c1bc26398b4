"""awsiotsdk's IotJobsClient, Amazon's own device client, does a job over mutual TLS; without its key it is kept out."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from awscrt import mqtt
from awscrt.exceptions import AwsCrtError
from awsiot import iotjobs, mqtt_connection_builder
from cloud_up import ACCOUNT, REGION, Up

ONCE = mqtt.QoS.AT_LEAST_ONCE
WAIT_S = 20.0
ARN = f"arn:aws:iot:{REGION}:{ACCOUNT}:thing/"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A cloud at wall speed with two things and their keys."""
    made = Up(tmp_path_factory.mktemp("cloud"))
    made.start()
    for thing in ("sdk-1", "sdk-2"):
        made.qpyota("cloud", "issue", thing, "-o", str(made.data / "keys"))
    yield made
    made.stop()


@pytest.fixture
def connect(up: Up) -> Iterator[Callable[..., mqtt.Connection]]:
    """`connect(thing, keys_of)`: a connection of the SDK; closed at the end."""
    opened: list[mqtt.Connection] = []

    def open_as(thing: str, keys: str) -> mqtt.Connection:
        folder = up.data / "keys"
        connection = mqtt_connection_builder.mtls_from_path(
            endpoint="127.0.0.1",
            port=up.running.mqtt_port,
            cert_filepath=str(folder / f"{keys}.cert.pem"),
            pri_key_filepath=str(folder / f"{keys}.key.pem"),
            ca_filepath=str(folder / "ca.pem"),
            client_id=thing,
            clean_session=True,
        )
        connection.connect().result(WAIT_S)
        opened.append(connection)
        return connection

    yield open_as
    for connection in opened:
        connection.disconnect().result(WAIT_S)


class Told:
    """What came on one subscription, one by one."""

    def __init__(self) -> None:
        self._more = threading.Condition()
        self._messages: list[Any] = []

    def __call__(self, message: Any) -> None:
        with self._more:
            self._messages.append(message)
            self._more.notify()

    def next(self) -> Any:
        with self._more:
            assert self._more.wait_for(lambda: self._messages, WAIT_S), "nothing came"
            return self._messages.pop(0)


def subscribe(call: Callable[..., tuple[Future[Any], str]], request: Any) -> Told:
    told = Told()
    done, _ = call(request, ONCE, told)
    done.result(WAIT_S)
    return told


def test_a_name_that_the_certificate_does_not_belong_to_is_kept_out(connect: Callable[..., mqtt.Connection]) -> None:
    with pytest.raises(AwsCrtError):
        connect("sdk-2", "sdk-1")


def test_a_job_from_its_notification_to_the_next_and_empty_one(up: Up, connect: Callable[..., mqtt.Connection]) -> None:
    thing, control = "sdk-1", up.client("iot")
    jobs = iotjobs.IotJobsClient(connect(thing, thing))
    changed = subscribe(
        jobs.subscribe_to_next_job_execution_changed_events,
        iotjobs.NextJobExecutionChangedSubscriptionRequest(thing_name=thing),
    )
    listed = subscribe(
        jobs.subscribe_to_job_executions_changed_events,
        iotjobs.JobExecutionsChangedSubscriptionRequest(thing_name=thing),
    )
    started = subscribe(
        jobs.subscribe_to_start_next_pending_job_execution_accepted,
        iotjobs.StartNextPendingJobExecutionSubscriptionRequest(thing_name=thing),
    )
    refused = subscribe(
        jobs.subscribe_to_update_job_execution_rejected,
        iotjobs.UpdateJobExecutionSubscriptionRequest(thing_name=thing, job_id="+"),
    )
    updated = subscribe(
        jobs.subscribe_to_update_job_execution_accepted,
        iotjobs.UpdateJobExecutionSubscriptionRequest(thing_name=thing, job_id="sdk-job"),
    )
    control.create_job(jobId="sdk-job", targets=[ARN + thing], document=json.dumps({"operation": "install"}))
    execution = changed.next().execution
    assert (execution.job_id, execution.status, execution.job_document) == (
        "sdk-job",
        iotjobs.JobStatus.QUEUED,
        {"operation": "install"},
    )
    assert [it.job_id for it in listed.next().jobs[iotjobs.JobStatus.QUEUED]] == ["sdk-job"]

    pending = subscribe(
        jobs.subscribe_to_get_pending_job_executions_accepted,
        iotjobs.GetPendingJobExecutionsSubscriptionRequest(thing_name=thing),
    )
    ask = iotjobs.GetPendingJobExecutionsRequest(thing_name=thing)
    jobs.publish_get_pending_job_executions(ask, ONCE).result(WAIT_S)
    answer = pending.next()
    assert ([it.job_id for it in answer.queued_jobs], answer.in_progress_jobs) == (["sdk-job"], [])

    described = subscribe(
        jobs.subscribe_to_describe_job_execution_accepted,
        iotjobs.DescribeJobExecutionSubscriptionRequest(thing_name=thing, job_id="$next"),
    )
    jobs.publish_describe_job_execution(
        iotjobs.DescribeJobExecutionRequest(thing_name=thing, job_id="$next", client_token="t-1"), ONCE
    ).result(WAIT_S)
    found = described.next()
    assert (found.client_token, found.execution.job_id, found.execution.version_number) == ("t-1", "sdk-job", 1)
    assert abs(found.execution.queued_at.timestamp() - execution.queued_at.timestamp()) < 1

    jobs.publish_start_next_pending_job_execution(
        iotjobs.StartNextPendingJobExecutionRequest(thing_name=thing), ONCE
    ).result(WAIT_S)
    begun = started.next().execution
    assert (begun.status, begun.version_number) == (iotjobs.JobStatus.IN_PROGRESS, 2)

    update = iotjobs.UpdateJobExecutionRequest(
        thing_name=thing, job_id="sdk-job", status=iotjobs.JobStatus.SUCCEEDED, status_details={"took": "1 s"}
    )
    update.expected_version = begun.version_number
    jobs.publish_update_job_execution(update, ONCE).result(WAIT_S)
    updated.next()
    assert changed.next().execution is None
    assert listed.next().jobs == {}
    assert control.describe_job(jobId="sdk-job")["job"]["status"] == "COMPLETED"

    jobs.publish_update_job_execution(update, ONCE).result(WAIT_S)
    again = refused.next()
    assert again.code == iotjobs.RejectedErrorCode.INVALID_STATE_TRANSITION
    assert again.execution_state.status == iotjobs.JobStatus.SUCCEEDED
