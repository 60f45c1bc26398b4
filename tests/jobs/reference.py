"""A second Jobs service, as small and slow as can be: what the real one must agree with, step by step.

Every rule is written out from the facts in the plainest way, with all executions in one list. It knows no rollout pace,
no schedules and no abort. An operation returns "" or the code of its refusal; `told` gathers what each thing is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tables import TERMINAL, WHO_MAY

Told = tuple[str, str, tuple[str, ...]]
"""Thing, `notify` or `notify-next`, and what it lists as `job#number`."""


@dataclass
class Attempt:
    thing: str
    job: str
    number: int
    made: int
    queued_s: int
    retry: int = 0
    status: str = "QUEUED"
    version: int = 1
    timers: dict[str, int] = field(default_factory=dict)
    due: tuple[int, int] | None = None
    """When it times out: the second, and its place among all that is due then."""
    known: bool = True
    """Whether the thing is still the one it was made for."""

    @property
    def pending(self) -> bool:
        return self.status not in TERMINAL

    @property
    def name(self) -> str:
        return f"{self.job}#{self.number}"


@dataclass
class Job:
    target: str
    continuous: bool
    retries: dict[str, int]
    minutes: int | None
    status: str = "IN_PROGRESS"
    gone: tuple[int, int] | None = None
    used: dict[tuple[str, str], int] = field(default_factory=dict)
    highest: dict[str, int] = field(default_factory=dict)


class Reference:
    """Things, groups, jobs and attempts. The caller moves the time with `wait`."""

    def __init__(self, things: Iterable[str], groups: Iterable[str], now_s: int) -> None:
        self.things = set(things)
        self.groups: dict[str, list[str]] = {name: [] for name in groups}
        self.jobs: dict[str, Job] = {}
        self.attempts: list[Attempt] = []
        self.told: list[Told] = []
        self.now_s = now_s
        self._joined: dict[str, dict[str, None]] = {name: {} for name in self.things}
        self._made = 0
        self._entered = 0

    # What can be seen

    def offered(self, thing: str) -> list[Attempt]:
        mine = [it for it in self.attempts if it.thing == thing and it.pending]
        return sorted(mine, key=lambda it: (it.status == "QUEUED", it.queued_s, it.made))

    def latest(self, thing: str, job: str, number: int | None = None) -> Attempt | None:
        mine = [it for it in self.attempts if (it.thing, it.job) == (thing, job) and number in (None, it.number)]
        return max(mine, key=lambda it: it.number, default=None)

    def counted(self, job: str) -> Iterator[Attempt]:
        for thing in dict.fromkeys(it.thing for it in self.attempts if it.job == job):
            found = self.latest(thing, job)
            assert found is not None
            yield found

    # Devices

    def start_next(self, thing: str, step: int | None) -> str:
        if thing not in self.things:
            return "ResourceNotFound"
        before = self.offered(thing)
        if before:
            if before[0].status == "QUEUED":
                self._move(before[0], "IN_PROGRESS")
            self._step(before[0], step)
            self._tell(thing, before)
        return ""

    def update(self, thing: str, job: str, status: str, expected: int | None, step: int | None) -> str:
        if status in ("QUEUED", "CANCELED"):
            return "InvalidRequest"
        found = self.latest(thing, job)
        if thing not in self.things or found is None or not found.known:
            return "ResourceNotFound"
        if not found.pending:
            return "InvalidStateTransition"
        if expected not in (None, found.version):
            return "VersionMismatch"
        before = self.offered(thing)
        self._move(found, status)
        self._step(found, step)
        self._follow(found, before)
        return ""

    # Operators

    def create(self, name: str, job: Job) -> str:
        if name in self.jobs:
            return "ResourceAlreadyExistsException"
        self.jobs[name] = job
        for thing in [it for it in self.groups.get(job.target, [job.target]) if it in self.things]:
            if job.continuous:
                self._joined[thing][name] = None
            self._queue(thing, name)
        self._complete(name)
        return ""

    def cancel_job(self, name: str, force: bool) -> str:
        job = self.jobs.get(name)
        if job is None:
            return "ResourceNotFoundException"
        if job.status != "IN_PROGRESS":
            return "InvalidRequestException"
        self._close(name, "CANCELED")
        for found in list(self.counted(name)):
            if found.status == "QUEUED" or (force and found.status == "IN_PROGRESS"):
                self._end(found, "CANCELED")
        return ""

    def delete_job(self, name: str, force: bool) -> str:
        job = self.jobs.get(name)
        if job is None:
            return "ResourceNotFoundException"
        if job.gone is not None or not (force or job.status != "IN_PROGRESS"):
            return "InvalidStateTransitionException"
        self._close(name, "DELETION_IN_PROGRESS")
        self._entered += 1
        job.gone = self.now_s + 1, self._entered
        return ""

    def cancel_execution(self, thing: str, job: str, force: bool) -> str:
        found = self.latest(thing, job)
        if found is None:
            return "ResourceNotFoundException"
        if not found.pending or (found.status == "IN_PROGRESS" and not force):
            return "InvalidStateTransitionException"
        self._end(found, "CANCELED")
        return ""

    def delete_execution(self, thing: str, job: str, number: int, force: bool) -> str:
        found = self.latest(thing, job, number)
        if found is None:
            return "ResourceNotFoundException"
        if found.status == "IN_PROGRESS" and not force:
            return "InvalidStateTransitionException"
        before = self.offered(thing)
        self.attempts.remove(found)
        self._tell(thing, before)
        self._complete(job)
        return ""

    # The rest of the cloud

    def join(self, group: str, thing: str) -> None:
        self.groups[group].append(thing)
        for name, job in self.jobs.items():
            if job.continuous and job.status == "IN_PROGRESS" and job.target == group:
                self._joined[thing][name] = None
                self._queue(thing, name)

    def leave(self, group: str, thing: str) -> None:
        self.groups[group].remove(thing)
        for name in [it for it in self._joined[thing] if self.jobs[it].target == group]:
            self._remove(thing, name)

    def remove_thing(self, thing: str) -> None:
        for members in self.groups.values():
            members[:] = [it for it in members if it != thing]
        for name in list(self._joined[thing]):
            self._remove(thing, name)
        for found in self.offered(thing):
            self._end(found, "REMOVED")
        self.things.remove(thing)
        for it in self.attempts:
            it.known = it.known and it.thing != thing

    def wait(self, seconds: int) -> None:
        """Second by second what is due: attempts that time out, jobs that go."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s += 1
            while due := min((it for it in self._due() if it[0][0] <= self.now_s), default=None, key=lambda it: it[0]):
                if isinstance(due[1], Attempt):
                    self._end(due[1], "TIMED_OUT")
                else:
                    self._forget(due[1])

    def _due(self) -> Iterator[tuple[tuple[int, int], Attempt | str]]:
        yield from ((it.due, it) for it in self.attempts if it.pending and it.due)
        yield from ((job.gone, name) for name, job in self.jobs.items() if job.gone)

    # The rules

    def _queue(self, thing: str, name: str, retry: int = 0) -> None:
        job, before = self.jobs[name], self.offered(thing)
        if not retry:
            job.used = {key: used for key, used in job.used.items() if key[0] != thing}
        self._append(thing, name, retry)
        self._tell(thing, before)

    def _append(self, thing: str, name: str, retry: int) -> None:
        job = self.jobs[name]
        job.highest[thing] = number = job.highest.get(thing, 0) + 1
        self._made += 1
        self.attempts.append(Attempt(thing, name, number, self._made, self.now_s, retry))

    def _move(self, found: Attempt, status: str) -> None:
        assert status in WHO_MAY[found.status]
        minutes = self.jobs[found.job].minutes
        if found.status == "QUEUED" and status == "IN_PROGRESS" and minutes:
            found.timers["start"] = self.now_s + 60 * minutes
            self._enter(found)
        found.status = status
        found.version += 1

    def _step(self, found: Attempt, step: int | None) -> None:
        if step == -1:
            found.timers.pop("step", None)
        elif step is not None:
            found.timers["step"] = self.now_s + 60 * step
        self._enter(found)

    def _enter(self, found: Attempt) -> None:
        due_s = min(found.timers.values(), default=None)
        if due_s is None:
            found.due = None
        elif found.due is None or found.due[0] != due_s:
            self._entered += 1
            found.due = due_s, self._entered

    def _remove(self, thing: str, name: str) -> None:
        del self._joined[thing][name]
        found = self.latest(thing, name)
        if found is not None and found.pending:
            self._end(found, "REMOVED")

    def _end(self, found: Attempt, status: str) -> None:
        before = self.offered(found.thing)
        self._move(found, status)
        self._follow(found, before)

    def _follow(self, found: Attempt, before: list[Attempt]) -> None:
        """Retry, tell, complete."""
        job = self.jobs[found.job]
        member = not job.continuous or found.job in self._joined[found.thing]
        if found.status in ("FAILED", "TIMED_OUT") and job.status == "IN_PROGRESS" and member:
            kind = "ALL" if "ALL" in job.retries else found.status
            used = job.used.get((found.thing, kind), 0)
            if used < job.retries.get(kind, 0):
                job.used[found.thing, kind] = used + 1
                self._append(found.thing, found.job, found.retry + 1)
        self._tell(found.thing, before)
        self._complete(found.job)

    def _complete(self, name: str) -> None:
        job = self.jobs[name]
        if job.status == "IN_PROGRESS" and not job.continuous and not any(it.pending for it in self.counted(name)):
            self._close(name, "COMPLETED")

    def _close(self, name: str, status: str) -> None:
        self.jobs[name].status = status
        for joined in self._joined.values():
            joined.pop(name, None)

    def _forget(self, name: str) -> None:
        del self.jobs[name]
        for thing in dict.fromkeys(it.thing for it in self.attempts if it.job == name):
            before = self.offered(thing)
            self.attempts = [it for it in self.attempts if (it.thing, it.job) != (thing, name)]
            self._tell(thing, before)

    def _tell(self, thing: str, before: list[Attempt]) -> None:
        was, now = [it.name for it in before], [it.name for it in self.offered(thing)]
        if set(was) != set(now):
            self.told.append((thing, "notify", tuple(now)))
        if was[:1] != now[:1]:
            self.told.append((thing, "notify-next", tuple(now[:1])))
