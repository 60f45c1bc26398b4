"""All of the engine under random operations: rollouts, timers, retries, schedules, groups, cancelling, deleting.

The machine knows no rule of the engine. It watches the effects and holds them against what must be true of any history:
the transition table, versions, counts, one head, what a listening device has heard, and that nobody is
given a job twice unless a retry or a new membership says so.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from jobs_bench import Bench
from tables import TERMINAL, WHO_MAY

from sim.jobs.civil import minute_text
from sim.jobs.documents import JobError
from sim.jobs.effects import Changed, Effect, JobChanged, Publish
from sim.jobs.messages import Status
from sim.jobs.paging import Page
from sim.jobs.rules import JobRules

THINGS = ("t", "u", "v")
GROUPS = ("g", "h")
JOBS = ("a", "b", "c")
JOB_LEGAL = {
    None: {"IN_PROGRESS", "SCHEDULED"},
    "SCHEDULED": {"IN_PROGRESS", "COMPLETED", "CANCELED", "DELETION_IN_PROGRESS"},
    "IN_PROGRESS": {"SCHEDULED", "COMPLETED", "CANCELED", "DELETION_IN_PROGRESS"},
    "COMPLETED": {"DELETION_IN_PROGRESS"},
    "CANCELED": {"DELETION_IN_PROGRESS"},
    "DELETION_IN_PROGRESS": {None},
}

things = st.sampled_from(THINGS)
jobs = st.sampled_from(JOBS)
groups = st.sampled_from(GROUPS)
seconds = st.sampled_from([1, 2, 30, 60, 61, 300, 3600, 86_400])


class EngineMachine(RuleBasedStateMachine):
    """`seen` holds status and version of every attempt, by thing, job and number, as the effects told them."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(*THINGS, rules=JobRules(schedule_minima="relaxed", window_close_notifies=True))
        self.bench.groups.update({name: [] for name in GROUPS})
        self.alive = set(THINGS)
        self.seen: dict[tuple[str, str, int], tuple[str, int]] = {}
        self.job_status: dict[str, str] = {}
        self.retries: dict[str, dict[str, int]] = {}
        self.joined: Counter[tuple[str, str]] = Counter()
        self.heard: dict[str, tuple[str, int] | None] = dict.fromkeys(THINGS)
        self.listed: dict[str, list[tuple[str, int]]] = {name: [] for name in THINGS}

    # What the effects must look like

    def watch(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Changed):
                self.watch_execution(effect)
            elif isinstance(effect, JobChanged):
                assert effect.new in JOB_LEGAL[effect.old]
                assert self.job_status.get(effect.job_id) == effect.old
                if effect.new is None:
                    del self.job_status[effect.job_id]
                else:
                    self.job_status[effect.job_id] = effect.new
            elif isinstance(effect, Publish):
                self.hear(effect)

    def watch_execution(self, change: Changed) -> None:
        key = (change.thing, change.job_id, change.number)
        known = self.seen.get(key)
        if change.new is None:
            assert known is not None
            del self.seen[key]
        elif change.old is None:
            assert known is None
            assert (change.new, change.version) == ("QUEUED", 1)
            self.check_again(change)
            self.seen[key] = ("QUEUED", 1)
        else:
            assert known == (change.old, change.version - 1)
            assert change.new in WHO_MAY[change.old]
            self.seen[key] = (change.new, change.version)

    def check_again(self, change: Changed) -> None:
        """A further attempt has a reason: a retry that is left, or a membership since the last one."""
        before = self.seen.get((change.thing, change.job_id, change.number - 1))
        if change.number == 1 or before is None:
            return
        assert before[0] in TERMINAL
        if self.joined[change.thing, change.job_id] == 0:
            mine = [it for key, it in self.seen.items() if key[:2] == (change.thing, change.job_id)]
            assert before[0] in ("FAILED", "TIMED_OUT")
            assert len(mine) <= sum(self.retries[change.job_id].values())

    def hear(self, told: Publish) -> None:
        _, _, thing, _, kind = told.topic.split("/")
        body = json.loads(told.write())
        if kind == "notify":
            entries = [*body["jobs"].get("IN_PROGRESS", []), *body["jobs"].get("QUEUED", [])]
            self.listed[thing] = [(it["jobId"], it["executionNumber"]) for it in entries]
        else:
            found = body.get("execution")
            self.heard[thing] = found and (found["jobId"], found["executionNumber"])

    def attempt(self, act: Any, *args: Any, **named: Any) -> None:
        """An operation that may be refused; what is refused has no effect."""
        before = dict(self.seen)
        try:
            effects = act(*args, **named)
        except JobError:
            assert self.seen == before
            return
        self.watch(effects)

    # Operations

    @rule(
        job_id=jobs,
        aim=groups | things,
        continuous=st.booleans(),
        pace=st.sampled_from([None, 1, 1000]),
        retries=st.sampled_from([{}, {"FAILED": 1}, {"ALL": 2}, {"FAILED": 1, "TIMED_OUT": 1}]),
        timeout=st.sampled_from([None, 1]),
        abort=st.booleans(),
        schedule=st.sampled_from([{}, {}, {"start": 5}, {"end": 120}, {"end": 120, "how": "CANCEL"}, {"window": 1}]),
    )
    def create(self, job_id: str, aim: str, continuous: bool, **choice: Any) -> None:
        members: dict[str, Any] = {"targetSelection": "CONTINUOUS" if continuous else "SNAPSHOT"}
        if choice["pace"]:
            members["jobExecutionsRolloutConfig"] = {"maximumPerMinute": choice["pace"]}
        if choice["timeout"]:
            members["timeoutConfig"] = {"inProgressTimeoutInMinutes": choice["timeout"]}
        if choice["retries"]:
            criteria = [{"failureType": name, "numberOfRetries": it} for name, it in choice["retries"].items()]
            members["jobExecutionsRetryConfig"] = {"criteriaList": criteria}
        if choice["abort"]:
            criterion = {"failureType": "ALL", "action": "CANCEL"}
            members["abortConfig"] = {
                "criteriaList": [{**criterion, "thresholdPercentage": 50, "minNumberOfExecutedThings": 2}]
            }
        members["schedulingConfig"] = self.scheduled(choice["schedule"])
        known = job_id in self.job_status
        if not known:
            self.retries[job_id] = choice["retries"]
            for thing in THINGS:
                self.joined[thing, job_id] = 0
        self.attempt(self.bench.job, job_id, aim, **members)

    def scheduled(self, schedule: dict[str, Any]) -> dict[str, Any]:
        config: dict[str, Any] = {}
        minute_s = -(-self.bench.now_s // 60) * 60
        if "start" in schedule:
            config["startTime"] = minute_text(minute_s + 60 * schedule["start"])
        if "end" in schedule:
            config["endTime"] = minute_text(minute_s + 60 * schedule["end"])
        if "how" in schedule:
            config["endBehavior"] = schedule["how"]
        if "window" in schedule:
            config["maintenanceWindows"] = [{"startTime": "0 * * * ? *", "durationInMinutes": 10}]
        return config

    @rule(seconds=seconds)
    def wait(self, seconds: int) -> None:
        self.watch(self.bench.wait(seconds))

    @rule(thing=things, step=st.sampled_from([None, 1, -1]))
    def start_next(self, thing: str, step: int | None) -> None:
        self.bench.ask("start-next", {"stepTimeoutInMinutes": step}, thing)
        self.watch(self.bench.last)

    @rule(
        thing=things,
        job_id=jobs,
        status=st.sampled_from(["IN_PROGRESS", "FAILED", "FAILED", "SUCCEEDED", "REJECTED"]),
        step=st.sampled_from([None, None, 1]),
    )
    def update(self, thing: str, job_id: str, status: str, step: int | None) -> None:
        self.bench.ask(f"{job_id}/update", {"status": status, "stepTimeoutInMinutes": step}, thing)
        self.watch(self.bench.last)

    @rule(thing=things, group=groups)
    def move(self, thing: str, group: str) -> None:
        if thing not in self.alive:
            return
        members = [name for name in self.bench.groups[group] if name != thing]
        joins = len(members) == len(self.bench.groups[group])
        for job_id in JOBS:
            self.joined[thing, job_id] += joins
        self.watch(self.bench.regroup(group, *members, *([thing] if joins else [])))

    @rule(thing=things)
    def delete_or_make_thing(self, thing: str) -> None:
        if thing in self.alive:
            self.alive.remove(thing)
            for group in GROUPS:
                if thing in self.bench.groups[group]:
                    self.bench.groups[group].remove(thing)
            self.watch(self.bench.service.remove_thing(thing, self.bench.now_s))
            self.heard[thing], self.listed[thing] = None, []
        else:
            self.alive.add(thing)
            self.bench.service.add_thing(thing)

    @rule(job_id=jobs, group=groups)
    def associate(self, job_id: str, group: str) -> None:
        for thing in THINGS:
            self.joined[thing, job_id] += thing in self.bench.groups[group]
        targets = self.bench.aim([group])
        self.attempt(self.bench.control.associate_targets, job_id, targets, self.bench.now_s)

    @rule(job_id=jobs, force=st.booleans())
    def cancel_job(self, job_id: str, force: bool) -> None:
        self.attempt(self.bench.control.cancel_job, job_id, self.bench.now_s, force=force)

    @rule(job_id=jobs, force=st.booleans())
    def delete_job(self, job_id: str, force: bool) -> None:
        self.attempt(self.bench.control.delete_job, job_id, self.bench.now_s, force=force)

    @rule(thing=things, job_id=jobs, force=st.booleans())
    def cancel_execution(self, thing: str, job_id: str, force: bool) -> None:
        self.attempt(self.bench.control.cancel_execution, thing, job_id, self.bench.now_s, force=force)

    @rule(thing=things, job_id=jobs, number=st.integers(1, 3), force=st.booleans())
    def delete_execution(self, thing: str, job_id: str, number: int, force: bool) -> None:
        self.attempt(self.bench.control.delete_execution, thing, job_id, number, self.bench.now_s, force=force)

    # What must always hold

    def latest(self, job_id: str) -> dict[str, tuple[int, str]]:
        found: dict[str, tuple[int, str]] = {}
        for (thing, known, number), (status, _) in self.seen.items():
            if known == job_id:
                found[thing] = max(found.get(thing, (0, "")), (number, status))
        return found

    @invariant()
    def counts_add_up(self) -> None:
        total: Counter[str] = Counter()
        for job_id, status in self.job_status.items():
            shown = self.bench.shown(job_id)
            assert shown["status"] == status
            counted = Counter(it for _, it in self.latest(job_id).values())
            total += counted
            names = {it: it.replace("_", " ").title().replace(" ", "") for it in Status}
            assert self.bench.process(job_id) == {names[Status(it)]: number for it, number in counted.items()}
            listed = self.bench.control.list_executions_for_job(job_id, Page())["executionSummaries"]
            assert len(listed) == sum(key[1] == job_id for key in self.seen)
            pending = counted["QUEUED"] + counted["IN_PROGRESS"]
            if status == "IN_PROGRESS" and shown["targetSelection"] == "SNAPSHOT":
                assert pending or shown["isConcurrent"]
            if status == "COMPLETED":
                assert not pending
                assert not shown["isConcurrent"]
        assert {it: number for it, number in self.bench.service.counts().items() if number} == total

    @invariant()
    def listening_device_knows_its_head_and_its_list(self) -> None:
        for thing in sorted(self.alive):
            lists = self.bench.ask("get", thing=thing)
            pending = [(it["jobId"], it["executionNumber"]) for it in lists["inProgressJobs"] + lists["queuedJobs"]]
            following = self.bench.ask("$next/get", thing=thing).get("execution")
            head = following and (following["jobId"], following["executionNumber"])
            assert head == (pending[0] if pending else None) == self.heard[thing]
            assert sorted(pending) == sorted(self.listed[thing])
            for job_id, number in pending:
                assert self.seen[thing, job_id, number][0] not in TERMINAL
        for thing in set(THINGS) - self.alive:
            assert self.bench.ask("get", thing=thing)["code"] == "ResourceNotFound"

    @invariant()
    def nothing_is_left_behind(self) -> None:
        due_s = self.bench.service.due_s()
        assert due_s is None or due_s > self.bench.now_s
        if not self.job_status:
            assert due_s is None
            assert self.bench.service.all_terminal()


TestEngineMachine = EngineMachine.TestCase
TestEngineMachine.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
