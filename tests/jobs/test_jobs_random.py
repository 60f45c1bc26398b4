"""The service against a tiny reference model under random operations, and against arbitrary bytes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from jobs_bench import T0, Bench

from sim.jobs.messages import Status
from sim.jobs.service import Changed, Publish, Reply

THINGS = ("t", "u")
JOBS = ("a", "b", "c", "d")
TERMINAL = ("SUCCEEDED", "FAILED", "REJECTED")

things = st.sampled_from(THINGS)
jobs = st.sampled_from(JOBS)
statuses = st.sampled_from(["QUEUED", "IN_PROGRESS", "IN_PROGRESS", *TERMINAL, "CANCELED"])


class JobsMachine(RuleBasedStateMachine):
    """The model is a status and a version for each (thing, job), and the order of creation."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(*THINGS)
        self.model: dict[tuple[str, str], tuple[str, int]] = {}
        self.frozen: dict[tuple[str, str], Any] = {}

    @initialize()
    def begin(self) -> None:
        self.bench.create("a", *THINGS)
        self.model = {(thing, "a"): ("QUEUED", 1) for thing in THINGS}

    def offered(self, thing: str) -> list[str]:
        mine = [(job, status) for (owner, job), (status, _) in self.model.items() if owner == thing]
        started = [job for job, status in mine if status == "IN_PROGRESS"]
        return started + [job for job, status in mine if status == "QUEUED"]

    def check_told(self, thing: str, before: list[str]) -> None:
        after = self.offered(thing)
        expected = ["notify"] * (set(before) != set(after)) + ["notify-next"] * (before[:1] != after[:1])
        assert self.bench.told == expected

    @rule(job=jobs, thing=things)
    def create(self, job: str, thing: str) -> None:
        if any(known == job for _, known in self.model):
            return
        before = self.offered(thing)
        self.bench.create(job, thing)
        self.model[thing, job] = ("QUEUED", 1)
        self.check_told(thing, before)

    @rule(thing=things)
    def start_next(self, thing: str) -> None:
        before = self.offered(thing)
        answer = self.bench.ask("start-next", thing=thing)
        if not before:
            assert "execution" not in answer
            return
        status, version = self.model[thing, before[0]]
        self.model[thing, before[0]] = ("IN_PROGRESS", version + (status == "QUEUED"))
        assert answer["execution"]["jobId"] == before[0]
        assert answer["execution"]["versionNumber"] == self.model[thing, before[0]][1]
        self.check_told(thing, before)

    @rule(thing=things, job=jobs, status=statuses, expected=st.none() | st.integers(1, 4))
    def update(self, thing: str, job: str, status: str, expected: int | None) -> None:
        before = self.offered(thing)
        answer = self.bench.ask(f"{job}/update", {"status": status, "expectedVersion": expected}, thing)
        known = self.model.get((thing, job))
        code = None
        if status in ("QUEUED", "CANCELED"):
            code = "InvalidRequest"
        elif known is None:
            code = "ResourceNotFound"
        elif known[0] in TERMINAL:
            code = "InvalidStateTransition"
        elif expected not in (None, known[1]):
            code = "VersionMismatch"
        assert answer.get("code") == code
        if code is None and known is not None:
            self.model[thing, job] = (status, known[1] + 1)
        else:
            assert len(self.bench.last) == 1
            assert ("executionState" in answer) == (code in ("InvalidStateTransition", "VersionMismatch"))
        self.check_told(thing, before)

    @rule(thing=things, job=jobs)
    def describe(self, thing: str, job: str) -> None:
        answer = self.bench.ask(f"{job}/get", thing=thing)
        known = self.model.get((thing, job))
        if known is None:
            assert answer["code"] == "ResourceNotFound"
        elif known[0] in TERMINAL:
            assert answer["code"] == "TerminalStateReached"
        else:
            assert (answer["execution"]["status"], answer["execution"]["versionNumber"]) == known

    @rule(seconds=st.integers(0, 100))
    def wait(self, seconds: int) -> None:
        self.bench.now_s += seconds

    @invariant()
    def agrees_with_the_model(self) -> None:
        found = {
            (it.thing, it.job_id): it
            for job in JOBS
            if any(job == known for _, known in self.model)
            for it in self.bench.service.executions(job)
        }
        assert {name: (it.status.value, it.version) for name, it in found.items()} == self.model
        for name, execution in found.items():
            if not execution.pending:
                assert self.frozen.setdefault(name, execution) == execution

    @invariant()
    def head_and_lists_agree(self) -> None:
        for thing in THINGS:
            offered = self.offered(thing)
            lists = self.bench.ask("get", thing=thing)
            assert [it["jobId"] for it in lists["inProgressJobs"] + lists["queuedJobs"]] == offered
            following = self.bench.ask("$next/get", thing=thing).get("execution")
            assert (following and following["jobId"]) == (offered[0] if offered else None)

    @invariant()
    def counts_add_up(self) -> None:
        counts = self.bench.service.counts()
        for status in Status:
            assert counts[status] == sum(known == status for known, _ in self.model.values())
        assert self.bench.service.all_terminal() == (not any(self.offered(thing) for thing in THINGS))


TestJobsMachine = JobsMachine.TestCase
TestJobsMachine.settings = settings(max_examples=120, stateful_step_count=30, deadline=None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
names = ["status", "statusDetails", "expectedVersion", "executionNumber", "includeJobDocument", "clientToken"]
names += ["includeJobExecutionState", "stepTimeoutInMinutes"]
near_requests = st.dictionaries(
    st.sampled_from(names), json_values | st.sampled_from(["FAILED", "1", 1, True]), max_size=8
).map(lambda body: json.dumps(body).encode())
tails = st.sampled_from(["get", "start-next", "j/get", "$next/get", "j/update", "k/update", "j/x"])
topics = tails.map(lambda tail: f"$aws/things/t/jobs/{tail}") | st.text()


@settings(max_examples=400, deadline=None)
@given(topic=topics, payload=near_requests | st.binary())
def test_any_bytes_on_any_topic_have_effects_and_never_raise(topic: str, payload: bytes) -> None:
    bench = Bench()
    bench.create("j")
    effects = bench.service.handle("t", topic, payload, T0)
    replies = [it for it in effects if isinstance(it, Reply)]
    assert len(replies) <= 1
    assert effects[:1] == replies
    for effect in effects:
        if isinstance(effect, Reply | Publish):
            json.loads(effect.payload, parse_constant=lambda name: 1 / 0)
    changes = [it for it in effects if isinstance(it, Changed)]
    assert bench.status("j")[1] == 1 + len(changes)
    if replies and replies[0].topic.endswith("/rejected"):
        assert len(effects) == 1
