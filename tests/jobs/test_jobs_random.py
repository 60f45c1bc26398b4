"""The service against the small one of `reference.py`, under random operations of devices, operators and the cloud.

After each step both must have refused alike, told every thing the same in the same order, and hold the same statuses
and versions. What is finished never changes again, and of what is pending there is one head.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from inspect import signature
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from jobs_bench import T0, Bench
from reference import Job, Reference, Told
from tables import TERMINAL

from sim.jobs.documents import JobError
from sim.jobs.effects import Effect, Publish
from sim.jobs.messages import Status

THINGS = ("t", "u")
GROUPS = ("g", "h")
JOBS = ("a", "b", "c", "d", "e")

WORDS = ("IN_PROGRESS", "IN_PROGRESS", "IN_PROGRESS", "SUCCEEDED", "FAILED", "FAILED", "REJECTED", "QUEUED")
RARELY = (False, False, False, True)
VALUES: Mapping[str, Sequence[Any]] = {
    "thing": THINGS,
    "group": GROUPS,
    "job": JOBS,
    "aim": (*GROUPS, *GROUPS, *THINGS),
    "pick": range(7),
    "status": (*WORDS, *WORDS, "CANCELED"),
    "expected": (None, None, None, None, None, None, 1, 2, 3),
    "step": (None, None, 1, 2, -1),
    "minutes": (None, 1, 1),
    "retries": ({}, {"FAILED": 1}, {"TIMED_OUT": 1}, {"ALL": 2}, {"FAILED": 1, "TIMED_OUT": 2}),
    "continuous": (False, True),
    "again": RARELY,
    "act": ("cancel_job", "cancel_job", "delete_job"),
    "delete": RARELY,
    "force": (False, True),
    "seconds": (1, 1, 59, 60, 61),
}
"""What the arguments of a step are drawn from."""


def drawn(*names: str) -> dict[str, Any]:
    return {name: st.sampled_from(VALUES[name]) for name in names}


class JobsMachine(RuleBasedStateMachine):
    """`bench` is the real service, `model` the small one."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(*THINGS)
        self.bench.groups.update({name: [] for name in GROUPS})
        self.model = Reference(THINGS, GROUPS, T0)
        self.frozen: dict[tuple[str, str, int], Any] = {}

    @initialize(**drawn("minutes", "retries"))
    def begin(self, minutes: int | None, retries: dict[str, int]) -> None:
        for thing in THINGS:
            self.move(thing, "g")
        self.create("g", True, minutes, retries, False)
        self.create("g", False, minutes, retries, False)

    # Asking both

    def one_of_them(self, pick: int) -> tuple[str, str, int]:
        """An attempt, the latest ones first; one that there is not when nobody has any."""
        known = self.model.attempts
        found = known[-1 - pick % len(known)] if known else None
        return (found.thing, found.job, found.number) if found else ("t", "a", 1)

    def compare_told(self, effects: list[Effect]) -> None:
        told, self.model.told = self.model.told, []
        heard = [read(it) for it in effects if isinstance(it, Publish)]
        for thing in THINGS:
            assert [it for it in heard if it[0] == thing] == [it for it in told if it[0] == thing]

    def device(self, thing: str, tail: str, body: Any, expected: str) -> dict[str, Any]:
        answer = self.bench.ask(tail, body, thing)
        assert answer.get("code", "") == expected
        if expected:
            assert len(self.bench.last) == 1
            assert ("executionState" in answer) == (expected in ("InvalidStateTransition", "VersionMismatch"))
        self.compare_told(self.bench.last)
        return answer

    def operate(self, act: Callable[..., list[Effect]], *args: Any, expected: str, **named: Any) -> None:
        effects: list[Effect] = []
        refused = ""
        try:
            effects = act(*args, **named)
        except JobError as error:
            refused = error.exception
        assert refused == expected
        self.compare_told(effects)

    # Devices

    @rule(**drawn("thing", "step"))
    def start_next(self, thing: str, step: int | None) -> None:
        offered = self.model.offered(thing)
        answer = self.device(thing, "start-next", {"stepTimeoutInMinutes": step}, self.model.start_next(thing, step))
        if thing in self.model.things:
            shown = answer.get("execution")
            head = offered[0] if offered else None
            assert (shown and (shown["jobId"], shown["executionNumber"], shown["versionNumber"])) == (
                head and (head.job, head.number, head.version)
            )

    @rule(**drawn("pick", "status", "expected", "step"))
    def update(self, pick: int, status: str, expected: int | None, step: int | None) -> None:
        thing, job, _ = self.one_of_them(pick)
        body = {"status": status, "expectedVersion": expected, "stepTimeoutInMinutes": step}
        self.device(thing, f"{job}/update", body, self.model.update(thing, job, status, expected, step))

    # Operators

    @rule(**drawn("aim", "continuous", "minutes", "retries", "again"))
    def create(self, aim: str, continuous: bool, minutes: int | None, retries: dict[str, int], again: bool) -> None:
        job = next((it for it in JOBS if (it in self.model.jobs) == again), "a")
        continuous = continuous and aim in GROUPS
        if aim in THINGS and aim not in self.model.things:
            return
        members: dict[str, Any] = {"targetSelection": "CONTINUOUS" if continuous else "SNAPSHOT"}
        if minutes:
            members["timeoutConfig"] = {"inProgressTimeoutInMinutes": minutes}
        if retries:
            criteria = [{"failureType": name, "numberOfRetries": it} for name, it in retries.items()]
            members["jobExecutionsRetryConfig"] = {"criteriaList": criteria}
        expected = self.model.create(job, Job(aim, continuous, retries, minutes))
        self.operate(self.bench.job, job, aim, expected=expected, **members)

    @rule(**drawn("job", "act", "force"))
    def end_job(self, job: str, act: str, force: bool) -> None:
        expected = getattr(self.model, act)(job, force)
        self.operate(getattr(self.bench.control, act), job, self.bench.now_s, expected=expected, force=force)

    @rule(**drawn("pick", "delete", "force"))
    def end_execution(self, pick: int, delete: bool, force: bool) -> None:
        thing, job, number = self.one_of_them(pick)
        if delete:
            expected = self.model.delete_execution(thing, job, number, force)
            self.frozen.pop((thing, job, number), None)
            act = partial(self.bench.control.delete_execution, thing, job, number)
        else:
            expected = self.model.cancel_execution(thing, job, force)
            act = partial(self.bench.control.cancel_execution, thing, job)
        self.operate(act, self.bench.now_s, expected=expected, force=force)

    # The rest of the cloud

    @rule(**drawn("thing", "group"))
    def move(self, thing: str, group: str) -> None:
        """Into the group, or out of it."""
        if thing not in self.model.things:
            return
        if thing in self.model.groups[group]:
            self.model.leave(group, thing)
        else:
            self.model.join(group, thing)
        self.bench.groups[group] = list(self.model.groups[group])
        self.compare_told(self.bench.service.membership_changed(thing, self.bench.now_s))

    @rule(**drawn("thing", "delete"))
    def delete_or_make_thing(self, thing: str, delete: bool) -> None:
        if thing in self.model.things and not delete:
            return
        if thing in self.model.things:
            self.model.remove_thing(thing)
            self.bench.groups.update({name: list(members) for name, members in self.model.groups.items()})
            self.compare_told(self.bench.service.remove_thing(thing, self.bench.now_s))
        else:
            self.model.things.add(thing)
            self.bench.service.add_thing(thing)

    @rule(**drawn("seconds"))
    def wait(self, seconds: int) -> None:
        self.model.wait(seconds)
        self.compare_told(self.bench.wait(seconds))
        self.frozen = {key: it for key, it in self.frozen.items() if key[1] in self.model.jobs}

    # What must always hold

    @invariant()
    def each_execution_is_described(self) -> None:
        for found in self.model.attempts:
            if found is not self.model.latest(found.thing, found.job) or found.thing not in self.model.things:
                continue
            answer = self.bench.ask(f"{found.job}/get", thing=found.thing)
            if not found.known:
                assert answer["code"] == "ResourceNotFound"
            elif not found.pending:
                assert answer["code"] == "TerminalStateReached"
            else:
                assert (answer["execution"]["status"], answer["execution"]["versionNumber"]) == (
                    found.status,
                    found.version,
                )

    @invariant()
    def both_hold_the_same(self) -> None:
        for job in JOBS:
            mine = [it for it in self.model.attempts if it.job == job]
            for thing in dict.fromkeys(it.thing for it in mine):
                found = {it.number: it for it in self.bench.service.attempts(job, thing)}
                assert {number: (it.status.value, it.version) for number, it in found.items()} == {
                    it.number: (it.status, it.version) for it in mine if it.thing == thing
                }
                for number, execution in found.items():
                    if execution.status in TERMINAL:
                        assert self.frozen.setdefault((thing, job, number), execution) == execution

    @invariant()
    def each_thing_sees_its_list_and_one_head(self) -> None:
        for thing in sorted(self.model.things):
            offered = [it.name for it in self.model.offered(thing)]
            lists = self.bench.ask("get", thing=thing)
            assert [
                f"{it['jobId']}#{it['executionNumber']}" for it in lists["inProgressJobs"] + lists["queuedJobs"]
            ] == offered
            head = self.bench.ask("$next/get", thing=thing).get("execution")
            assert names([head] if head else []) == offered[:1]

    @invariant()
    def counts_add_up(self) -> None:
        total: Counter[str] = Counter()
        for name, job in self.model.jobs.items():
            counted = Counter(it.status for it in self.model.counted(name))
            total += counted
            assert self.bench.shown(name)["status"] == job.status
            short = {it: it.replace("_", " ").title().replace(" ", "") for it in counted}
            assert self.bench.process(name) == {short[it]: number for it, number in counted.items()}
        assert {it: number for it, number in self.bench.service.counts().items() if number} == total
        assert set(self.bench.service.counts()) == set(Status)


def read(told: Publish) -> Told:
    """A notification in the reference's words."""
    _, _, thing, _, kind = told.topic.split("/")
    body = json.loads(told.write())
    if kind == "notify":
        listed = [*body["jobs"].get("IN_PROGRESS", []), *body["jobs"].get("QUEUED", [])]
    else:
        listed = [body["execution"]] if "execution" in body else []
    return thing, kind, tuple(names(listed))


def names(entries: list[Any]) -> list[str]:
    """Executions as the reference names them."""
    return [f"{it['jobId']}#{it['executionNumber']}" for it in entries]


TestJobsMachine = JobsMachine.TestCase
TestJobsMachine.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)

ACTS = {
    "update": 6,
    "start_next": 3,
    "wait": 3,
    "create": 2,
    "end_job": 1,
    "end_execution": 2,
    "move": 2,
    "delete_or_make_thing": 1,
}
"""The steps of the machine and how often each is taken in a walk."""
INVARIANTS = (
    JobsMachine.each_execution_is_described,
    JobsMachine.both_hold_the_same,
    JobsMachine.each_thing_sees_its_list_and_one_head,
    JobsMachine.counts_add_up,
)


def walk(seed: int, length: int) -> None:
    """The machine's own steps drawn by a plain generator: it goes deeper than a search for small examples does."""
    draw, machine = Random(seed), JobsMachine()

    def take(step: Callable[..., None]) -> None:
        step(**{name: draw.choice(VALUES[name]) for name in signature(step).parameters})
        for invariant_of in INVARIANTS:
            invariant_of(machine)

    take(machine.begin)
    for name in draw.choices(list(ACTS), weights=list(ACTS.values()), k=length):
        take(getattr(machine, name))


@pytest.mark.parametrize("seed", range(100))
def test_a_long_walk(seed: int) -> None:
    walk(seed, 80)
