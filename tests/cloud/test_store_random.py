"""Whatever is asked, and wherever the process ends: what is brought back is what there was."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from store_rig import Kept, kept, records

from sim.cloud.api.router import Plane
from sim.jobs.targets import Arns

ARNS = Arns()
THINGS, GROUPS, JOBS, KEYS = ("t0", "t1", "t2"), ("g0", "g1", "d"), ("j0", "j1", "j2"), ("k0", "k1")
TRUST = "AssumeRolePolicyDocument=%7B%7D"
POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}'

thing, group, job, key = map(st.sampled_from, (THINGS, GROUPS, JOBS, KEYS))
flag = st.sampled_from(["true", "false"])
content = st.sampled_from([b"", b"small", b"a" * 70_000, b"b" * 70_000])
targets = st.lists(st.one_of(thing.map(ARNS.thing), group.map(ARNS.group)), min_size=1, max_size=3)
config = st.fixed_dictionaries(
    {},
    optional={
        "targetSelection": st.sampled_from(["SNAPSHOT", "CONTINUOUS"]),
        "timeoutConfig": st.just({"inProgressTimeoutInMinutes": 1}),
        "jobExecutionsRolloutConfig": st.just({"maximumPerMinute": 1}),
        "jobExecutionsRetryConfig": st.just({"criteriaList": [{"failureType": "ALL", "numberOfRetries": 2}]}),
        "tags": st.just([{"Key": "a", "Value": "b"}]),
    },
)


def _call(method: str, target: str, *parts: Any) -> Any:
    """A control plane request; `{}` in the target are filled from the first strategies, the last gives the body."""
    *labels, body = parts
    return st.tuples(*labels, body).map(
        lambda given: (
            lambda rig: rig.iot(method, target.format(*given[:-1]), given[-1] if given[-1] is not None else b"")
        )
    )


def _s3(method: str, target: str, *parts: Any, **headers: str) -> Any:
    *labels, body = parts
    return st.tuples(*labels, body).map(
        lambda given: lambda rig: rig.rest(Plane.S3, method, target.format(*given[:-1]), given[-1], **headers)
    )


def _device(topic: str, body: Any) -> Any:
    return st.tuples(thing, job, body).map(
        lambda given: lambda rig: rig.device(given[0], topic.format(given[1]), given[2], packet_id=1)
    )


nothing = st.none()
status = st.sampled_from(["IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED"])
update = st.fixed_dictionaries(
    {"status": status}, optional={"statusDetails": st.just({"step": "1"}), "stepTimeoutInMinutes": st.just(1)}
)
create_job = _call(
    "PUT", "/jobs/{}", job, st.tuples(targets, config).map(lambda it: {"targets": it[0], "document": "{}", **it[1]})
)
registry = st.one_of(
    _call("POST", "/things/{}", thing, st.sampled_from([{}, {"attributePayload": {"attributes": {"a": "1"}}}])),
    _call("DELETE", "/things/{}", thing, nothing),
    _call("POST", "/thing-groups/{}", st.sampled_from(GROUPS[:2]), st.just({})),
    _call("POST", "/dynamic-thing-groups/d", st.just({"queryString": "attributes.a:1"})),
    _call("DELETE", "/thing-groups/{}", group, nothing),
    _call(
        "PUT", "/thing-groups/addThingToThingGroup",
        st.tuples(thing, group).map(lambda it: {"thingName": it[0], "thingGroupName": it[1]}),
    ),
    _call(
        "PUT", "/thing-groups/removeThingFromThingGroup",
        st.tuples(thing, group).map(lambda it: {"thingName": it[0], "thingGroupName": it[1]}),
    ),
    _call("PUT", "/job-templates/x", st.just({"description": "d", "document": "{}"})),
    _call("PATCH", "/event-configurations", st.just({"eventConfigurations": {"JOB": {"Enabled": True}}})),
    _call("POST", "/keys-and-certificate?setAsActive=true", nothing),
    _call("POST", "/policies/p", st.just({"policyDocument": POLICY})),
    _call("GET", "/jobs", nothing),
    _call("POST", "/no/such/operation", nothing),
    st.just(lambda rig: rig.rest(Plane.IAM, "POST", "/", f"Action=CreateRole&RoleName=r&{TRUST}".encode())),
)  # fmt: skip
jobs = st.one_of(
    create_job,
    _call("PUT", "/jobs/{}/cancel?force={}", job, flag, st.just({"comment": "c"})),
    _call("DELETE", "/jobs/{}?force={}", job, flag, nothing),
    _call("PATCH", "/jobs/{}", job, st.just({"description": "d"})),
    _call("POST", "/jobs/{}/targets", job, targets.map(lambda it: {"targets": it})),
    _call("PUT", "/things/{}/jobs/{}/cancel?force={}", thing, job, flag, st.just({})),
    _call("DELETE", "/things/{}/jobs/{}/executionNumber/1?force={}", thing, job, flag, nothing),
)
s3 = st.one_of(
    _s3("PUT", "/bucket", st.just(b"")),
    _s3("PUT", "/bucket/{}", key, content),
    _s3("DELETE", "/bucket/{}", key, st.just(b"")),
    _s3("PUT", "/bucket?versioning", st.just(b"<V><Status>Enabled</Status></V>")),
    _s3("POST", "/bucket/{}?uploads", key, st.just(b"")),
    st.just(lambda rig: rig.keeper.take_snapshot()),
)
devices = st.one_of(
    _device("start-next", st.sampled_from([{}, {"stepTimeoutInMinutes": 1}])),
    _device("{}/update", update),
    _device("{}/update", update),
    _device("get", st.just({})),
)
time = st.sampled_from([0.5, 1.0, 61.0, 3600.0]).map(lambda seconds: lambda rig: rig.pass_time(seconds))
step = st.sampled_from([registry, jobs, s3, devices, devices, devices, time, time]).flatmap(lambda it: it)


def _people(rig: Kept) -> None:
    """Somebody to do things with, so that short sequences come somewhere."""
    for name in THINGS[:2]:
        assert rig.iot("POST", f"/things/{name}", {}).status == 200
    assert rig.iot("POST", "/thing-groups/g0", {}).status == 200
    assert rig.rest(Plane.S3, "PUT", "/bucket").status == 200
    member = {"thingName": "t1", "thingGroupName": "g0"}
    assert rig.iot("PUT", "/thing-groups/addThingToThingGroup", member).status == 200
    slow = {"jobExecutionsRolloutConfig": {"maximumPerMinute": 1}, "timeoutConfig": {"inProgressTimeoutInMinutes": 1}}
    retried = {"jobExecutionsRetryConfig": {"criteriaList": [{"failureType": "ALL", "numberOfRetries": 2}]}}
    both = [ARNS.thing(name) for name in THINGS[:2]]
    assert rig.iot("PUT", "/jobs/j0", {"targets": both, "document": "{}", **slow, **retried}).status == 200
    follows = {"targets": [ARNS.group("g0")], "document": "{}", "targetSelection": "CONTINUOUS"}
    assert rig.iot("PUT", "/jobs/j1", follows).status == 200


@settings(max_examples=30, deadline=None)
@given(st.lists(step, min_size=1, max_size=14))
def test_what_is_brought_back_at_any_moment_is_what_there_was(steps: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as name, kept(Path(name)) as live:
        live.begin()
        _people(live)
        for act in steps:
            act(live)
            with kept(Path(name)) as again:
                assert again.went_on
                assert records(again.account) == records(live.account)


@settings(max_examples=10, deadline=None)
@given(st.lists(step, min_size=6, max_size=14), st.integers(0, 13))
def test_an_account_that_was_brought_back_goes_on_as_the_other_would_have(steps: list[Any], at: int) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        with kept(Path(one)) as through:
            through.begin()
            _people(through)
            for act in steps:
                act(through)
            wanted, told = records(through.account), through.face.heard
        with kept(Path(other)) as first:
            first.begin()
            _people(first)
            for act in steps[:at]:
                act(first)
            elapsed_us, heard = first.clock.now_us, first.face.heard
        with kept(Path(other)) as second:
            second.clock.run(elapsed_us)
            second.begin()
            for act in steps[at:]:
                act(second)
            assert records(second.account) == wanted
            assert heard + second.face.heard == told
