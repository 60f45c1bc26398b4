"""One operation costs the same in a small and in a large account; and an account's clock drives the engine."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from jobs_bench import T0, Bench

from sim.cloud.account import Account
from sim.jobs.control import JobFilter
from sim.jobs.paging import Page
from sim.jobs.rules import RELAXED_QUOTAS, JobRules
from sim.jobs.spec import job_spec
from sim.kernel.clock import Clock
from sim.mqtt.switchboard import Payload, Request
from sim.trace import Trace


def account_with(things: int, jobs: int) -> Bench:
    names = [f"t{n:05}" for n in range(things)]
    bench = Bench(*names, rules=JobRules(quotas=RELAXED_QUOTAS))
    bench.groups["g"] = names
    for number in range(jobs):
        bench.job(f"old{number}", names[-1])
        bench.ask(f"old{number}/update", {"status": "SUCCEEDED"}, names[-1])
    timers = {"timeoutConfig": {"inProgressTimeoutInMinutes": 60}}
    bench.job("j", "g", jobExecutionsRolloutConfig={"maximumPerMinute": 600_000}, **timers)
    bench.wait(1)
    for name in names[10:]:
        bench.ask("start-next", thing=name)
    return bench


def calls_of(act: Callable[[], Any]) -> int:
    """Calls made by an operation, of Python and of built-in functions: a measure that no other load disturbs."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(None)
    return calls


@pytest.fixture(scope="module")
def accounts() -> tuple[Bench, Bench]:
    return account_with(50, 2), account_with(3000, 200)


@pytest.mark.parametrize(
    "act",
    [
        lambda b: b.ask("get", thing="t00001"),
        lambda b: b.ask("j/get", thing="t00001"),
        lambda b: b.ask("start-next", {"stepTimeoutInMinutes": 5}, "t00002"),
        lambda b: b.ask("j/update", {"status": "IN_PROGRESS"}, "t00003"),
        lambda b: b.ask("j/update", {"status": "SUCCEEDED"}, "t00003"),
        lambda b: b.control.describe_job("j", T0),
        lambda b: b.control.describe_execution("t00001", "j", T0),
        lambda b: b.control.cancel_execution("t00004", "j", T0),
        lambda b: b.control.delete_execution("t00005", "j", 1, T0),
        lambda b: b.control.list_executions_for_job("j", Page(5)),
        lambda b: b.control.list_executions_for_thing("t00006", Page(5)),
        lambda b: b.control.list_jobs(JobFilter(), Page(2)),
        lambda b: b.job("new", "t00006"),
        lambda b: b.service.remove_thing("t00007", T0),
        lambda b: b.service.membership_changed("t00008", T0),
        lambda b: b.service.counts(),
        lambda b: b.service.all_terminal(),
        lambda b: b.service.due_s(),
    ],
)
def test_cost_does_not_grow_with_the_account(accounts: tuple[Bench, Bench], act: Callable[[Bench], Any]) -> None:
    small, large = (calls_of(lambda bench=bench: act(bench)) for bench in accounts)  # type: ignore[misc]
    assert large <= small + 12  # a heap of 3000 timers is a few steps deeper than one of 50


class Heard:
    """The broker's side of an account, which keeps what it is given."""

    def __init__(self) -> None:
        self.topics: list[str] = []

    def reply(self, connection: str, topic: str, payload: bytes) -> None:
        self.topics.append(topic)

    def publish(self, topic: str, payload: Payload, qos: int = 0) -> None:
        self.topics.append(topic)

    def acknowledge(self, connection: str, packet_id: int) -> None:
        raise AssertionError((connection, packet_id))


def test_an_accounts_clock_rolls_out_and_times_out() -> None:
    clock = Clock()
    account = Account(clock, Trace(clock), seed=1)
    account.face = heard = Heard()
    for number in range(5):
        account.register(f"t{number}")
    members = {
        "document": "{}",
        "targets": [account.jobs.arns.thing(f"t{number}") for number in range(5)],
        "jobExecutionsRolloutConfig": {"maximumPerMinute": 1},
        "timeoutConfig": {"inProgressTimeoutInMinutes": 3},
    }
    clock.after(500_000, lambda: account.carry(account.jobs.control.create_job(job_spec("j", members), clock.epoch_s)))
    clock.run(60_000_000 - 1)
    assert account.jobs.executions("j")[0].queued_at_s == T0
    assert heard.topics == [f"$aws/things/t0/jobs/{it}" for it in ("notify", "notify-next")]
    account.on_request(Request("c", "t0", "$aws/things/t0/jobs/start-next", json.dumps({}).encode()))
    clock.run(7 * 24 * 3600 * 1_000_000)
    assert [it.queued_at_s - T0 for it in account.jobs.executions("j")] == [0, 60, 120, 180, 240]
    first = account.jobs.executions("j")[0]
    assert (first.status, first.last_updated_at_s) == ("TIMED_OUT", T0 + 59 + 180)
    assert account.jobs.due_s() is None
