"""What the rows of `tables.py` are played on: verbs for devices and operators, and what a device hears.

One stage serves many rows; `renew` gives each an account of its own, with things t and u, on a full hour of the
emulated clock. This file has the verbs and the core without transport; the other two stages are in `wire_stages.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from jobs_bench import T0
from tables import Step

from sim.cloud.registry.records import Group
from sim.cloud.registry.registry import Registry
from sim.jobs.documents import JobError
from sim.jobs.rules import JobRules
from sim.jobs.service import Effect, JobService, Publish, Reply
from sim.jobs.spec import job_spec

HOUR_S = 3600
TIMES = ("timestamp", "queuedAt", "startedAt", "lastUpdatedAt")


@dataclass(frozen=True)
class Answer:
    """`code` "" for an accepted request; times in the body are seconds since the row began."""

    code: str
    body: Mapping[str, Any]
    status: int = 200


class Operator(Protocol):
    """The control plane. What is refused raises JobError or botocore's ClientError."""

    def create_job(self, job_id: str, targets: list[str], members: Mapping[str, Any]) -> None: ...
    def cancel_job(self, job_id: str, force: bool) -> None: ...
    def delete_job(self, job_id: str, force: bool) -> None: ...
    def cancel_execution(self, thing: str, job_id: str, force: bool) -> None: ...
    def delete_execution(self, thing: str, job_id: str, number: int, force: bool) -> None: ...
    def describe_execution(self, thing: str, job_id: str) -> Mapping[str, Any]: ...
    def create_group(self, name: str) -> None: ...
    def join(self, group: str, thing: str) -> None: ...
    def leave(self, group: str, thing: str) -> None: ...
    def delete_thing(self, thing: str) -> None: ...


class Stage:
    """The verbs of the tables over a few primitives."""

    kind: str
    operator: Operator
    start_s: int

    # Primitives

    def renew(self, rules: JobRules) -> None:
        raise NotImplementedError

    def send(self, thing: str, tail: str, body: Any) -> Answer:
        raise NotImplementedError

    def wait(self, seconds: int) -> None:
        raise NotImplementedError

    def heard(self) -> list[tuple[str, dict[str, Any]]]:
        """Notifications to t since the last call: `notify` or `notify-next`, and the body."""
        raise NotImplementedError

    def close(self) -> None:
        """End whatever runs."""

    def word(self, code: str) -> str:
        """What a rejected code is called here."""
        return code

    def form(self, answer: Mapping[str, Any], thing: str) -> Mapping[str, Any]:
        """How an accepted MQTT body without `timestamp` reads here."""
        return answer

    # Verbs

    def play(self, *steps: Step) -> Any:
        """The outcome of the last step."""
        outcome = None
        for step in steps:
            outcome = getattr(self, step.verb)(*step.args, **step.members)
        return outcome

    def ask(self, tail: str, body: Any = None, thing: str = "t") -> Answer:
        return self.send(thing, tail, {} if body is None else body)

    def update(self, job: str, status: str, thing: str = "t", **members: Any) -> Answer:
        return self.send(thing, f"{job}/update", {"status": status, **members})

    def start_next(self, **members: Any) -> Answer:
        return self.send("t", "start-next", members)

    def create(self, job: str, *targets: str, document: str = "", **members: Any) -> None:
        given = {"document": document or json.dumps({"job": job}), **members}
        self.operator.create_job(job, list(targets or ("t",)), given)

    def cancel(self, job: str, *, force: bool = False) -> None:
        self.operator.cancel_execution("t", job, force)

    def cancel_job(self, job: str, *, force: bool = False) -> None:
        self.operator.cancel_job(job, force)

    def delete(self, job: str, number: int, *, force: bool = False) -> None:
        self.operator.delete_execution("t", job, number, force)

    def delete_job(self, job: str, *, force: bool = False) -> None:
        self.operator.delete_job(job, force)
        self.wait(2)

    def group(self, name: str, *things: str) -> None:
        self.operator.create_group(name)
        for thing in things:
            self.operator.join(name, thing)

    def join(self, group: str, thing: str) -> None:
        self.operator.join(group, thing)

    def leave(self, group: str, thing: str) -> None:
        self.operator.leave(group, thing)

    def remove_thing(self, thing: str) -> None:
        self.operator.delete_thing(thing)

    # What rows look at

    def state(self, job: str) -> tuple[str, int]:
        """Status and version of t's latest attempt, as operators see it."""
        shown = self.operator.describe_execution("t", job)
        return shown["status"], shown["versionNumber"]

    def told(self) -> tuple[str, ...]:
        """`heard` in the words of the tables."""
        return tuple(_in_words(kind, body) for kind, body in self.heard())

    def since_start(self, value: Any) -> Any:
        """The same with times counted from the beginning of the row."""
        if isinstance(value, list):
            return [self.since_start(item) for item in value]
        if isinstance(value, dict):
            return {
                name: item - self.start_s if name in TIMES else self.since_start(item) for name, item in value.items()
            }
        return value


def _in_words(kind: str, body: Mapping[str, Any]) -> str:
    if kind == "notify":
        entries = [*body["jobs"].get("IN_PROGRESS", []), *body["jobs"].get("QUEUED", [])]
        assert all(body["jobs"].values()), "a status without jobs is left out"
    else:
        entries = [body["execution"]] if "execution" in body else []
        assert all("jobDocument" in it for it in entries)
    return " ".join([kind, *(attempt(it) for it in entries)])


def attempt(entry: Mapping[str, Any]) -> str:
    """An entry of a list in the words of the tables."""
    number = entry["executionNumber"]
    return entry["jobId"] if number == 1 else f"{entry['jobId']}#{number}"


def refusal(act: Callable[[], Any]) -> str:
    """Code or exception with which a step is refused; "" when it is not."""
    from botocore.exceptions import ClientError

    try:
        outcome = act()
    except JobError as error:
        return error.exception
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return outcome.code if isinstance(outcome, Answer) else ""


class Direct:
    """An operator at the service itself, with the real registry for groups."""

    def __init__(
        self, jobs: JobService, registry: Registry, now_s: Callable[[], int], carry: Callable[[list[Effect]], None]
    ) -> None:
        self._jobs = jobs
        self._registry = registry
        self._now_s = now_s
        self._carry = carry

    def create_job(self, job_id: str, targets: list[str], members: Mapping[str, Any]) -> None:
        arns = self._jobs.arns
        known = self._registry.groups.by_name
        aimed = [arns.group(name) if name in known else arns.thing(name) for name in targets]
        self._carry(self._jobs.control.create_job(job_spec(job_id, {**members, "targets": aimed}), self._now_s()))

    def cancel_job(self, job_id: str, force: bool) -> None:
        self._carry(self._jobs.control.cancel_job(job_id, self._now_s(), force=force))

    def delete_job(self, job_id: str, force: bool) -> None:
        self._carry(self._jobs.control.delete_job(job_id, self._now_s(), force=force))

    def cancel_execution(self, thing: str, job_id: str, force: bool) -> None:
        self._carry(self._jobs.control.cancel_execution(thing, job_id, self._now_s(), force=force))

    def delete_execution(self, thing: str, job_id: str, number: int, force: bool) -> None:
        self._carry(self._jobs.control.delete_execution(thing, job_id, number, self._now_s(), force=force))

    def describe_execution(self, thing: str, job_id: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._jobs.control.describe_execution(thing, job_id, self._now_s())["execution"]
        return found

    def create_group(self, name: str) -> None:
        self._registry.groups.create(Group(name, name, self._now_s()))

    def join(self, group: str, thing: str) -> None:
        self._registry.change_groups(thing, [group], [])
        self._carry(self._jobs.membership_changed(thing, self._now_s()))

    def leave(self, group: str, thing: str) -> None:
        self._registry.change_groups(thing, [], [group])
        self._carry(self._jobs.membership_changed(thing, self._now_s()))

    def delete_thing(self, thing: str) -> None:
        self._registry.delete_thing(thing, None)
        self._carry(self._jobs.remove_thing(thing, self._now_s()))


class Core(Stage):
    """The service alone, its effects read one by one."""

    kind = "core"

    def __init__(self) -> None:
        self.now_s = T0
        self._heard: list[tuple[str, dict[str, Any]]] = []

    def renew(self, rules: JobRules) -> None:
        self.now_s += HOUR_S - self.now_s % HOUR_S
        self.start_s = self.now_s
        self._heard.clear()
        self.jobs = JobService(lambda *_: "https://signed", rules=rules)
        registry = Registry(self.jobs.arns)
        self.jobs.use_targets(registry)
        for thing in "tu":
            registry.things.create(thing)
            self.jobs.add_thing(thing)
        self.operator = Direct(self.jobs, registry, lambda: self.now_s, self._carry)

    def send(self, thing: str, tail: str, body: Any) -> Answer:
        topic = f"$aws/things/{thing}/jobs/{tail}"
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        reply, *others = self.jobs.handle(thing, topic, payload, self.now_s)
        assert isinstance(reply, Reply), "the answer comes before what follows from it"
        assert not [it for it in others if isinstance(it, Reply)]
        self._carry(others)
        return read_reply(self, topic, reply.topic, reply.payload)

    def wait(self, seconds: int) -> None:
        end_s = self.now_s + seconds
        while (due_s := self.jobs.due_s()) is not None and due_s <= end_s:
            self.now_s = max(self.now_s, due_s)
            self._carry(self.jobs.advance(self.now_s))
        self.now_s = end_s

    def heard(self) -> list[tuple[str, dict[str, Any]]]:
        heard, self._heard = self._heard, []
        return heard

    def _carry(self, effects: list[Effect]) -> None:
        told = ((it.topic, it.write()) for it in effects if isinstance(it, Publish))
        self._heard += notifications(told)


def read_reply(stage: Stage, asked: str, topic: str, payload: bytes) -> Answer:
    """An MQTT answer; its timestamp must be the time of asking."""
    body = stage.since_start(json.loads(payload))
    assert body.pop("timestamp") >= 0
    if topic == f"{asked}/accepted":
        return Answer("", body)
    assert topic == f"{asked}/rejected"
    return Answer(body["code"], body)


def notifications(published: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Those to t among published messages."""
    for topic, payload in published:
        if topic in ("$aws/things/t/jobs/notify", "$aws/things/t/jobs/notify-next"):
            yield topic.rpartition("/")[2], json.loads(payload)
