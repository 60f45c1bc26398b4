"""Six thousand requests that no device should send, always the same ones: each is answered once, where it belongs.

Topics and JSON are put together from text, so that members may come twice, numbers may be endless and nothing need fit.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jobs_bench import Bench
from tables import CODES

from sim.jobs.service import Changed, Effect, Publish, Reply

BATCH, BATCHES = 12, 500
PREFIX = "$aws/things/t/jobs/"
MEMBERS = (
    "status",
    "statusDetails",
    "expectedVersion",
    "executionNumber",
    "includeJobDocument",
    "includeJobExecutionState",
    "stepTimeoutInMinutes",
    "clientToken",
    "jobId",
    "thingName",
    "key",
    "",
    "__proto__",
)
VALUES = (
    *('"IN_PROGRESS"', '"SUCCEEDED"', '"FAILED"', '"QUEUED"', '"failed"'),
    *("null", "true", "false", "0", "1", "2", "-1", "60", '"1"', '"-1"', '""', '" 1"', '"١"', '"１"'),
    *("NaN", "Infinity", "-Infinity", "nan", "1e999", "-1e-999", "1.0", "1.5", "-0", "01", "+1", ".5", "0x10"),
    *("9" * 18, "9" * 19, "9" * 5000, "-" + "9" * 400, "0." + "1" * 5000, "1E+400"),
    *('"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', '"\\u2028"', '"\\n"', '"\n"', '"\\x"', '"open', "'1'"),
    *('"💥"', '"ǘ"', '"' + "x" * 1024 + '"', '"' + "x" * 1025 + '"', '"' + "ü" * 40_000 + '"'),
    *(
        "{}",
        "[]",
        '{"a":"b"}',
        '{"a":1}',
        '{"a":true}',
        '{"a":null}',
        '{"a":{}}',
        '{"a":[]}',
        '{"":"x"}',
        '{"a":"x","a":"y"}',
    ),
    *('{"a b":"x"}', '{"a":"\\u0007"}', '{"a":1e999}', '{"a":NaN}', '{"a":"' + "x" * 1025 + '"}', '{"ü":"x"}'),
    "{" + ",".join(f'"k{n}":"x"' for n in range(11)) + "}",
    *("[" * depth + "]" * depth for depth in (2, 500, 3000, 50_000)),
    *('{"a":' * depth + "1" + "}" * depth for depth in (2, 500, 3000)),
    *("[" * 500, "}", ",", ":", "/* */1", "undefined"),
)
values = st.sampled_from(VALUES) | st.text(max_size=8).map(json.dumps)
members = st.tuples(st.sampled_from(MEMBERS), values).map(lambda it: f"{json.dumps(it[0])}:{it[1]}")
objects = st.lists(members, max_size=6).map(lambda it: "{" + ",".join(it) + "}")
sensible = st.sampled_from(["FAILED", "IN_PROGRESS"]).map(lambda it: json.dumps({"status": it}))
texts = (objects | objects | sensible | values | st.text()).map(lambda it: it.encode("utf-8", "surrogatepass"))
wrapped = st.tuples(st.sampled_from([b"\xef\xbb\xbf", b" \r\n\t", b"\0", b"\xff"]), texts).map(b"".join)
payloads = texts | texts | texts | wrapped | st.binary(max_size=40)

ours = st.sampled_from(
    [
        "get",
        "start-next",
        "a/get",
        "$next/get",
        "a/update",
        "b/update",
        "c/update",
        "none/update",
        "get/get",
        "get/update",
    ]
)
odd = st.sampled_from(
    ["a", "a/", "/get", "a//get", "$next", "$next/update", "$/get", "a/get/x", "-", "a/../get", "A" * 65 + "/get"]
)
answered = (ours | ours | odd).map(lambda it: PREFIX + it)
foreign = st.sampled_from(
    [
        "",
        "$aws/things/t/jobs",
        PREFIX,
        PREFIX + "notify",
        PREFIX + "notify-next",
        PREFIX + "get/accepted",
        PREFIX + "a/update/rejected",
        PREFIX + "a/+",
        PREFIX + "#",
        PREFIX + "ü/get",
        PREFIX + "a\0/get",
        PREFIX + "a\n/get",
        PREFIX + "\ud800/get",
        PREFIX + "x" * 300,
        "$aws/things/t/shadow/get",
        "$aws/things/t/u/jobs/get",
        "$AWS/things/t/jobs/get",
        "/" + PREFIX + "get",
        "x/" + PREFIX + "get",
    ]
) | st.text().filter(lambda it: not it.startswith("$aws/things/"))
requests = st.tuples(st.one_of(answered, answered, answered, foreign.map(lambda it: "!" + it)), payloads)


def loads(payload: bytes) -> Any:
    """Strict JSON."""
    return json.loads(payload, parse_constant=lambda name: 1 / 0)


def records(bench: Bench) -> Any:
    attempts = [bench.service.attempts(job, thing) for job in "abc" for thing in "tu" if (job, thing) != ("c", "u")]
    return attempts, bench.service.pending("t"), bench.service.pending("u"), bench.service.due_s()


def check(effects: list[Effect], topic: str, before: Any, after: Any) -> None:
    reply, *others = effects
    assert isinstance(reply, Reply)
    assert not any(isinstance(it, Reply) for it in others)
    body = loads(reply.payload)
    assert isinstance(body["timestamp"], int)
    for effect in others:
        assert not isinstance(effect, Publish) or loads(effect.write())
    if reply.topic == f"{topic}/rejected":
        assert body["code"] in CODES
        assert body["code"] != "InternalError"
        assert len(body["message"]) < 400
        assert ("executionState" in body) == (body["code"] in ("InvalidStateTransition", "VersionMismatch"))
        assert (others, after) == ([], before)
    else:
        assert reply.topic == f"{topic}/accepted"
        changes = sum(isinstance(it, Changed) for it in others)
        if topic.endswith("update"):
            assert changes in (1, 2)  # the second is a retry
        else:
            assert changes <= topic.endswith("start-next")


@settings(max_examples=BATCHES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(batch=st.lists(requests, min_size=BATCH, max_size=BATCH))
def test_any_bytes_on_any_topic_are_answered_once_and_a_refusal_changes_nothing(batch: list[tuple[str, bytes]]) -> None:
    bench = Bench("t", "u")
    for job in "abc":
        bench.job(
            job,
            "t",
            *"u" * (job != "c"),
            jobExecutionsRetryConfig={"criteriaList": [{"failureType": "ALL", "numberOfRetries": 5}]},
        )
    for topic, payload in batch:
        before = records(bench)
        effects = bench.service.handle("t", topic.removeprefix("!"), payload, bench.now_s)
        if topic.startswith("!"):
            assert effects == []
            assert records(bench) == before
        else:
            check(effects, topic, before, records(bench))


def test_there_are_six_thousand_of_them() -> None:
    assert BATCH * BATCHES >= 6000
