"""The registry without any transport: queries, membership and what it tells jobs that follow groups."""

from __future__ import annotations

import contextlib

import pytest
from aws_rig import REGION, running
from hypothesis import given
from hypothesis import strategies as st

from sim.cloud.registry.pages import Span, page
from sim.cloud.registry.queries import Document, parse
from sim.cloud.registry.registry import Registry
from sim.jobs.documents import JobError
from sim.jobs.targets import Arns

ARN = f"arn:aws:iot:{REGION}:123456789012:"
METER = Document("meter-1", "meter", {"site": "a b", "floor": "3", "x": "1*"}, ["north", "all"])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("*", True),
        ("meter-1", True),
        ("meter-*", True),
        ("m?ter-?", True),
        ("m?ter", False),
        ("thingName:meter-1 AND attributes.floor:3", True),
        ("thingName:meter-1 attributes.floor:4", False),
        ("attributes.floor:4 OR thingTypeName:meter", True),
        ("attributes.floor:4 OR thingName:x AND thingTypeName:meter", False),
        ("NOT attributes.floor:4", True),
        ("NOT (attributes.floor:4 OR thingTypeName:meter)", False),
        ('attributes.site:"a b"', True),
        ("attributes.x:1\\*", True),
        ("attributes.x:2\\*", False),
        ("attributes.none:*", False),
        ("attributes.floor>2", True),
        ("attributes.floor>3", False),
        ("attributes.floor>=3 AND attributes.floor<=3", True),
        ("attributes.floor<10", True),
        ("attributes.site>1", False),
        ("thingGroupNames:north", True),
        ("thingGroupNames:south", False),
    ],
)
def test_queries(query: str, found: bool) -> None:
    assert parse(query)(METER) is found


@pytest.mark.parametrize(
    "query",
    [
        "",
        "   ",
        "(",
        ")",
        "a)",
        "AND",
        "a AND",
        "NOT",
        "OR a",
        '"',
        "shadow.reported.x:1",
        "connectivity.connected:true",
        "attributes.:1",
        "attributes.x>many",
        "attributes.x:[1 TO 5]",
        "a***b*c*d",
        "(" * 50 + "a" + ")" * 50,
        "NOT " * 50 + "a",
        " ".join(["a"] * 13),
        "a" * 1001,
        "a\\",
    ],
)
def test_queries_that_are_refused(query: str) -> None:
    with pytest.raises(JobError) as refused:
        parse(query)
    assert refused.value.exception == "InvalidQueryException"


@given(st.text(max_size=40) | st.text('()ab:*?>< "\\ANDORNT.[]', max_size=30))
def test_any_query_is_read_or_refused(query: str) -> None:
    with contextlib.suppress(JobError):
        assert parse(query)(METER) in (True, False)


@given(names=st.sets(st.text("abc", max_size=3)), size=st.integers(1, 5), descending=st.booleans())
def test_pages_show_every_name_once(names: set[str], size: int, descending: bool) -> None:
    seen, marker = [], None
    while True:
        shown, marker = page(names, Span(size, marker, descending))
        seen += shown
        if marker is None:
            break
    assert seen == sorted(names, reverse=descending)


def test_the_port_of_the_jobs_service() -> None:
    with running() as cloud:
        iot = cloud.client("iot")
        for name in ("a", "b"):
            iot.create_thing(thingName=name)
        iot.create_thing_group(thingGroupName="top")
        iot.create_thing_group(thingGroupName="low", parentGroupName="top")
        iot.add_thing_to_thing_group(thingName="a", thingGroupName="low")
        iot.create_dynamic_thing_group(thingGroupName="dyn", queryString="thingName:b")
        found = cloud.account.registry
        assert list(found.members(ARN + "thinggroup/top")) == ["a"]
        assert list(found.members(ARN + "thinggroup/dyn")) == ["b"]
        assert list(found.groups_of("a")) == [ARN + "thinggroup/top", ARN + "thinggroup/low"]
        assert list(found.groups_of("b")) == [ARN + "thinggroup/dyn"]
        known = [ARN + "thinggroup/top", ARN + "thing/a", ARN + "thinggroup/none", "top"]
        assert [found.exists(arn) for arn in known] == [True, False, False, False]


def test_a_continuous_job_follows_static_and_dynamic_groups() -> None:
    with running() as cloud:
        iot, device = cloud.client("iot"), cloud.client("iot-jobs-data")
        iot.create_thing_group(thingGroupName="top")
        iot.create_thing_group(thingGroupName="low", parentGroupName="top")
        iot.create_dynamic_thing_group(thingGroupName="hot", queryString="attributes.level>5")
        for name, group in (("static", "top"), ("dynamic", "hot")):
            targets = [f"{ARN}thinggroup/{group}"]
            iot.create_job(jobId=name, targets=targets, document="{}", targetSelection="CONTINUOUS")
        iot.create_thing(thingName="t")

        def queued() -> list[str]:
            cloud.pass_time(60)
            return [it["jobId"] for it in device.get_pending_job_executions(thingName="t")["queuedJobs"]]

        assert queued() == []
        iot.add_thing_to_thing_group(thingName="t", thingGroupName="low")
        assert queued() == ["static"]
        iot.update_thing(thingName="t", attributePayload={"attributes": {"level": "6"}})
        assert queued() == ["static", "dynamic"]
        assert cloud.face.topics()[:2] == ["$aws/things/t/jobs/notify", "$aws/things/t/jobs/notify-next"]
        iot.remove_thing_from_thing_group(thingName="t", thingGroupName="low")
        assert queued() == ["dynamic"]
        iot.update_dynamic_thing_group(thingGroupName="hot", thingGroupProperties={}, queryString="attributes.level>6")
        assert queued() == []
        iot.create_thing(thingName="hot", attributePayload={"attributes": {"level": "7"}})
        cloud.pass_time(60)
        assert len(device.get_pending_job_executions(thingName="hot")["queuedJobs"]) == 1
        iot.delete_dynamic_thing_group(thingGroupName="hot")
        cloud.pass_time(60)
        assert device.get_pending_job_executions(thingName="hot")["queuedJobs"] == []


def test_a_thing_deleted_and_made_again_is_another_one() -> None:
    with running() as cloud:
        iot, device = cloud.client("iot"), cloud.client("iot-jobs-data")
        first = iot.create_thing(thingName="t")["thingId"]
        iot.create_thing_group(thingGroupName="g")
        iot.add_thing_to_thing_group(thingName="t", thingGroupName="g")
        iot.create_job(jobId="j", targets=[ARN + "thing/t"], document="{}")
        iot.delete_thing(thingName="t")
        assert (
            iot.list_job_executions_for_job(jobId="j")["executionSummaries"][0]["jobExecutionSummary"]["status"]
            == "REMOVED"
        )
        assert iot.create_thing(thingName="t")["thingId"] != first
        assert device.get_pending_job_executions(thingName="t")["queuedJobs"] == []
        assert iot.list_things_in_thing_group(thingGroupName="g")["things"] == []


def test_a_refused_change_of_several_groups_changes_none() -> None:
    registry = Registry(Arns())
    registry.things.create("t")
    with running() as cloud:
        iot = cloud.client("iot")
        iot.create_thing(thingName="t")
        for name in ("a", "b"):
            iot.create_thing_group(thingGroupName=name)
        iot.create_thing_group(thingGroupName="b1", parentGroupName="b")
        iot.add_thing_to_thing_group(thingName="t", thingGroupName="a")
        change = {"thingName": "t", "thingGroupsToRemove": ["a"], "thingGroupsToAdd": ["b", "b1"]}
        with pytest.raises(iot.exceptions.InvalidRequestException, match="same hierarchy"):
            iot.update_thing_groups_for_thing(**change)
        assert [it["groupName"] for it in iot.list_thing_groups_for_thing(thingName="t")["thingGroups"]] == ["a"]
        with pytest.raises(JobError):
            registry.change_groups("t", ["none"], [])
