"""How a request topic is read and how the other topics are named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.jobs import topics
from sim.jobs.topics import JobsRequest, Operation, parse_request

THINGS = st.from_regex(topics.THING_NAME, fullmatch=True)
JOBS = st.from_regex(topics.JOB_ID, fullmatch=True)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "sensors/1",
        "$aws/things/t/shadow/get",
        "$aws/things/t/jobs",
        "$aws/things/t/jobs/",
        "$aws/things/t/jobs/notify",
        "$aws/things/t/jobs/notify-next",
        "$aws/things/t/jobs/get/accepted",
        "$aws/things/t/jobs/j/update/rejected",
        "$aws/things/t/jobs/j/get/#",
        "$aws/things/+/jobs/get",
        "$aws/things/t/jobs/j\n/get",
        "$aws/things/t/jobs/ü/get",
        "$aws/things/t/jobs/" + "j" * 300 + "/get",
    ],
)
def test_topic_that_gets_no_answer_at_all(topic: str) -> None:
    assert parse_request(topic) is None


@pytest.mark.parametrize(
    "tail", ["x", "j/delete", "x/y/z", "get/", "/get", "$next/update", "$other/get", "j/get/", "j.1/get"]
)
def test_unknown_tail_is_a_request_without_operation(tail: str) -> None:
    assert parse_request(f"$aws/things/t/jobs/{tail}") == JobsRequest("t", None)


def test_thing_name_that_is_too_long_or_empty_has_no_operation() -> None:
    assert parse_request("$aws/things//jobs/get") == JobsRequest("", None)
    assert parse_request(f"$aws/things/{'t' * 129}/jobs/get") == JobsRequest("t" * 129, None)


@pytest.mark.parametrize("job_id", ["get", "start-next", "notify", "notify-next", "update"])
def test_job_named_like_an_operation_is_still_a_job_one_level_down(job_id: str) -> None:
    assert parse_request(topics.describe("t", job_id)) == JobsRequest("t", Operation.DESCRIBE, job_id)
    assert parse_request(topics.update("t", job_id)) == JobsRequest("t", Operation.UPDATE, job_id)


@given(thing=THINGS, job_id=JOBS)
def test_every_request_topic_reads_back(thing: str, job_id: str) -> None:
    assert parse_request(topics.get_pending(thing)) == JobsRequest(thing, Operation.GET_PENDING)
    assert parse_request(topics.start_next(thing)) == JobsRequest(thing, Operation.START_NEXT)
    assert parse_request(topics.describe(thing, job_id)) == JobsRequest(thing, Operation.DESCRIBE, job_id)
    assert parse_request(topics.describe(thing, topics.NEXT)) == JobsRequest(thing, Operation.DESCRIBE, "$next")
    assert parse_request(topics.update(thing, job_id)) == JobsRequest(thing, Operation.UPDATE, job_id)


@given(thing=THINGS, job_id=JOBS)
def test_answers_and_notifications_are_never_requests(thing: str, job_id: str) -> None:
    request = topics.update(thing, job_id)
    for topic in (topics.accepted(request), topics.rejected(request), topics.notify(thing), topics.notify_next(thing)):
        assert parse_request(topic) is None


def test_names_on_the_wire() -> None:
    assert topics.get_pending("T") == "$aws/things/T/jobs/get"
    assert topics.start_next("T") == "$aws/things/T/jobs/start-next"
    assert topics.accepted(topics.describe("T", "$next")) == "$aws/things/T/jobs/$next/get/accepted"
    assert topics.rejected(topics.update("T", "j")) == "$aws/things/T/jobs/j/update/rejected"
    assert topics.notify("T") == "$aws/things/T/jobs/notify"
    assert topics.notify_next("T") == "$aws/things/T/jobs/notify-next"
