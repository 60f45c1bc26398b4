"""Policy documents against questions: what matches, what wins, and what is refused when a policy is made."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.cloud.policy import Asker, PolicyError, Verdict, decide, parse

ARN = "arn:aws:iot:us-west-2:123456789012:"
THING = "${iot:Connection.Thing.ThingName}"
DEVICE = Asker("meter-1", "meter-1", "meter", {"site": "north", "mask": "a*"}, "serial 7")
LOOSE = Asker("meter-1")  # its certificate is not attached to the thing of its name


def statement(resource: str | list[str], action: str | list[str] = "iot:Publish", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def may(document: str, resource: str, action: str = "iot:Publish", asker: Asker = DEVICE) -> bool:
    return decide([document], asker, action, ARN + resource) is Verdict.ALLOWED


# What is refused when a policy is made


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("{", "not JSON"),
        ("[" * 2000, "not JSON"),
        ("[]", "not a JSON object"),
        ('{"Statement": []}', "no Statement"),
        ('{"Version": "2020-01-01", "Statement": [{}]}', "Version must be"),
        (policy({"Effect": "allow", "Action": "a", "Resource": "*"}), "Effect"),
        (policy({"Effect": "Allow", "Resource": "*"}), "no Action"),
        (policy({"Effect": "Allow", "Action": [], "Resource": "*"}), "no Action"),
        (policy({"Effect": "Allow", "Action": ["a", 1], "Resource": "*"}), "no Action"),
        (policy({"Effect": "Allow", "Action": "a"}), "no Resource"),
        (policy({"Effect": "Allow", "Action": "a", "Resource": "a\0b"}), "no Resource"),
        (policy({"Effect": "Allow", "NotAction": "a", "Resource": "*"}), "NotAction is not emulated"),
        (policy({"Effect": "Allow", "Action": "a", "NotResource": "*"}), "NotResource is not emulated"),
        (policy(statement("*${aws:SourceIp}")), "aws:SourceIp"),
        (policy(statement("*", Condition=[])), "Condition"),
        (policy(statement("*", Condition={"Bool": {}})), "no keys"),
        (policy(statement("*", Condition={"Bool": {"iot:Connection.Thing.IsAttached": "maybe"}})), "not emulated"),
        (policy(statement("*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})), "IpAddress on aws:SourceIp"),
        (policy(statement("*", Condition={"StringNotLike": {"iot:ClientId": "a"}})), "StringNotLike"),
        (policy(statement("x" * 2048)), "2048 characters"),
    ],
)
def test_a_document_that_cannot_be_evaluated_is_refused(document: str, why: str) -> None:
    with pytest.raises(PolicyError, match=re.escape(why)):
        parse(document)


# One statement


@pytest.mark.parametrize(
    ("pattern", "resource", "matches"),
    [
        ("topic/a", "topic/a", True),
        ("topic/a", "topic/ab", False),
        ("topic/a", "topic/A", False),
        ("topic/a*", "topic/a", True),
        ("topic/a*", "topic/a/b/c", True),
        ("topic/*/c", "topic/a/b/c", True),
        ("topic/*/c", "topic/c", False),
        ("topic/a*a", "topic/a", False),
        ("topic/*b*b*", "topic/ab", False),
        ("topic/*b*b*", "topic/abxb", True),
        ("topic/a?c", "topic/abc", True),
        ("topic/a?c", "topic/ac", False),
        ("topic/a?", "topic/a", False),
        ("topic/*?z*", "topic/z", False),
        ("topic/*?z*", "topic/azb", True),
        ("topic/?*", "topic/", False),
        ("*", "client/x", True),
        ("topic/*", "topicfilter/a", False),
        # A filter is a text: its wildcards are not the policy's.
        ("topicfilter/a/+", "topicfilter/a/b", False),
        ("topicfilter/a/b", "topicfilter/a/+", False),
        ("topicfilter/a/#", "topicfilter/a/#", True),
        ("topicfilter/a/*", "topicfilter/a/#", True),
        ("topicfilter/${*}", "topicfilter/a", False),
        ("topicfilter/${*}/${?}/${$}x", "topicfilter/*/?/$x", True),
        # Variables.
        (f"topic/$aws/things/{THING}/jobs/*", "topic/$aws/things/meter-1/jobs/get", True),
        (f"topic/$aws/things/{THING}/jobs/*", "topic/$aws/things/meter-2/jobs/get", False),
        (f"topicfilter/$aws/things/{THING}/jobs/*", "topicfilter/$aws/things/+/jobs/#", False),
        ("topic/${iot:Connection.Thing.ThingTypeName}", "topic/meter", True),
        ("topic/${iot:Connection.Thing.Attributes[site]}/x", "topic/north/x", True),
        ("topic/${iot:Connection.Thing.Attributes[none]}*", "topic/x", False),
        ("topic/${iot:Connection.Thing.Attributes[mask]}", "topic/abc", False),
        ("topic/${iot:Connection.Thing.Attributes[mask]}", "topic/a*", True),
        ("topic/${iot:Connection.Thing.IsAttached}", "topic/true", True),
        ("topic/${iot:ClientId}?", "topic/meter-1x", True),
        ("topic/${iot:Certificate.Subject.CommonName}", "topic/serial 7", True),
    ],
)
def test_resources(pattern: str, resource: str, matches: bool) -> None:
    assert may(policy(statement(ARN + pattern)), resource) is matches
    assert may(policy(statement([ARN + "topic/other", ARN + pattern])), resource) is matches


@pytest.mark.parametrize(
    ("action", "asked", "matches"),
    [
        ("iot:Publish", "iot:Publish", True),
        ("iot:publish", "iot:Publish", True),
        ("iot:*", "iot:Connect", True),
        ("iot:*", "iotjobsdata:DescribeJobExecution", False),
        ("iotjobsdata:*", "iotjobsdata:UpdateJobExecution", True),
        ("iot:?ublish", "iot:Publish", True),
        ("iot:Publish", "iot:RetainPublish", False),
        (["iot:Connect", "iot:RetainPublish"], "iot:RetainPublish", True),
        ("*", "iot:Receive", True),
    ],
)
def test_actions(action: str | list[str], asked: str, matches: bool) -> None:
    assert may(policy(statement("*", action)), "topic/a", asked) is matches


@pytest.mark.parametrize(
    "variable",
    [THING, "${iot:Connection.Thing.ThingTypeName}", "${iot:Connection.Thing.Attributes[site]}"],
)
def test_a_thing_variable_has_no_value_without_an_attached_certificate(variable: str) -> None:
    assert not may(policy(statement(f"{ARN}topic/{variable}*")), "topic/meter-1", asker=LOOSE)
    assert not may(policy(statement(f"{ARN}topic/{variable}*")), "topic/", asker=LOOSE)


@pytest.mark.parametrize("client_id", ["*", "?", "+", "#", "a/b", "$aws", "a b", "a\n", "${iot:ClientId}"])
def test_a_client_cannot_choose_an_id_that_means_more_than_itself(client_id: str) -> None:
    own = policy(statement(ARN + "topic/${iot:ClientId}/*"))
    assert not may(own, f"topic/{client_id}/x", asker=Asker(client_id))


IS_ATTACHED = "iot:Connection.Thing.IsAttached"


@pytest.mark.parametrize(
    ("condition", "device", "loose"),
    [
        ({}, True, True),
        ({"Bool": {IS_ATTACHED: "true"}}, True, False),
        ({"Bool": {IS_ATTACHED: ["False"]}}, False, True),
        ({"StringEquals": {"iot:ClientId": ["meter-1", "x"]}}, True, True),
        ({"StringEquals": {"iot:ClientId": "meter-*"}}, False, False),
        ({"StringLike": {"iot:ClientId": "meter-?"}}, True, True),
        ({"StringEquals": {"iot:ClientId": THING}}, True, False),
        ({"Bool": {IS_ATTACHED: "true"}, "StringLike": {"iot:ClientId": "other*"}}, False, False),
    ],
)
def test_conditions(condition: dict[str, Any], device: bool, loose: bool) -> None:
    document = policy(statement("*", Condition=condition))
    assert (may(document, "topic/a"), may(document, "topic/a", asker=LOOSE)) == (device, loose)


# Several statements


def test_nobody_said_anything_is_not_yes() -> None:
    assert decide([], DEVICE, "iot:Publish", ARN + "topic/a") is Verdict.SILENT
    assert decide([policy(statement("x"))], DEVICE, "iot:Publish", ARN + "topic/a") is Verdict.SILENT


@pytest.mark.parametrize("order", [1, -1])
def test_a_deny_wins_in_any_order_and_from_any_document(order: int) -> None:
    rules = [statement("*", "iot:*"), statement(ARN + "topic/secret*", Effect="Deny")][::order]
    for documents in ([policy(*rules)], list(map(policy, rules))):
        verdicts = [decide(documents, DEVICE, "iot:Publish", ARN + f"topic/{it}") for it in ("open", "secret/x")]
        assert verdicts == [Verdict.ALLOWED, Verdict.DENIED]


PIECES = st.sampled_from(["topic/", "a", "b", "*", "?", "/", "+", THING, "${iot:ClientId}"])
STATEMENTS = st.builds(
    statement,
    st.lists(PIECES, min_size=1, max_size=6).map("".join),
    st.sampled_from(["iot:Publish", "iot:*", "iot:Connect", "*"]),
    Effect=st.sampled_from(["Allow", "Deny"]),
    Condition=st.sampled_from([{}, {"Bool": {IS_ATTACHED: "true"}}, {"StringLike": {"iot:ClientId": "m*"}}]),
)
QUESTIONS = st.tuples(
    st.sampled_from([DEVICE, LOOSE, Asker("b")]),
    st.sampled_from(["iot:Publish", "iot:Connect"]),
    st.text("ab/+topicmer-1", max_size=12),
)


@settings(max_examples=300)
@given(st.lists(STATEMENTS, max_size=4), STATEMENTS, QUESTIONS)
def test_another_deny_never_allows_more_and_another_allow_never_forbids(
    given: list[dict[str, Any]], added: dict[str, Any], question: tuple[Asker, str, str]
) -> None:
    before = [policy(it) for it in given]
    was, now = decide(before, *question), decide([*before, policy(added)], *question)
    if added["Effect"] == "Deny":
        assert now is was or now is Verdict.DENIED
    else:
        assert now is was or (was, now) == (Verdict.SILENT, Verdict.ALLOWED)


@settings(max_examples=300)
@given(st.text("ab*?.", max_size=8), st.text("ab.", max_size=8))
def test_wildcards_match_as_a_regular_expression_would(pattern: str, text: str) -> None:
    wanted = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    expected = re.fullmatch(wanted, text, re.DOTALL) is not None
    assert may(policy(statement(ARN + pattern)), text) is expected
