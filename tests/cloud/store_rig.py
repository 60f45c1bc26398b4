"""An account with a keeper behind it, another one brought back from the same database, and how to compare them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any

from aws_rig import Face
from signed_rig import signed

from sim.cloud.account import Account
from sim.cloud.api.router import Plane
from sim.cloud.sigv4 import OPERATOR
from sim.cloud.store.database import Database
from sim.cloud.store.keeper import Keeper
from sim.cloud.store.objects import Objects
from sim.jobs.agenda import Agenda
from sim.jobs.rules import JobRules
from sim.jobs.throttle import Throttle
from sim.kernel.clock import Clock
from sim.mqtt.switchboard import Payload, Request
from sim.ports import HttpResponse
from sim.trace import Trace

RULES = JobRules(schedule_minima="relaxed", throttles="aws")


class Hearer(Face):
    """Notes all that leaves the account, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[Any, ...]] = []

    def reply(self, connection: str, topic: str, payload: bytes) -> None:
        self.heard.append(("reply", connection, topic, payload))

    def publish(self, topic: str, payload: Payload, qos: int = 0) -> None:
        self.heard.append(("publish", topic, payload if isinstance(payload, bytes) else payload(), qos))

    def acknowledge(self, connection: str, packet_id: int) -> None:
        self.heard.append(("acknowledge", connection, packet_id))


class Kept:
    """An account that is kept in a folder; the first one there begins, later ones go on."""

    def __init__(self, folder: Path, rules: JobRules = RULES) -> None:
        self.clock = Clock("memory")
        self.database = Database(folder / "cloud.db")
        self.account = Account(self.clock, Trace(self.clock), seed=7, rules=rules)
        self.face = Hearer()
        self.account.face = self.face
        self.keeper = Keeper(self.database, Objects(folder / "objects"), self.account)
        try:
            self.went_on = self.keeper.load()
        except BaseException:
            self.close()
            raise

    def begin(self) -> None:
        self.account.resume(RULES, OPERATOR)
        self.keeper.begin({})

    def rest(self, plane: Plane, method: str, target: str, body: Any = b"", **headers: str) -> HttpResponse:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.account.respond(signed(plane, method, target, raw, **headers), self.clock.epoch_s)

    def iot(self, method: str, target: str, body: Any = b"") -> HttpResponse:
        return self.rest(Plane.CONTROL, method, target, body)

    def device(self, thing: str, topic: str, body: Any = None, packet_id: int = 0) -> None:
        payload = json.dumps(body or {}).encode()
        self.account.on_request(Request("c", thing, f"$aws/things/{thing}/jobs/{topic}", payload, packet_id))

    def pass_time(self, seconds: float) -> None:
        self.clock.run(self.clock.now_us + round(seconds * 1_000_000))

    def close(self) -> None:
        self.database.close()
        self.clock.close()


@contextmanager
def kept(folder: Path, rules: JobRules = RULES) -> Iterator[Kept]:
    with closing(Kept(folder, rules)) as made:
        yield made


def records(account: Account) -> Any:
    """All that an account is, down to counters and the order of entries, without what is forgotten on purpose."""
    above: list[int] = []

    def walk(it: Any) -> Any:
        if isinstance(it, str | bytes | int | float | None):
            return it
        if isinstance(it, Throttle | MethodType | FunctionType | type) or id(it) in above:
            return getattr(it, "__qualname__", type(it).__name__)
        above.append(id(it))
        if isinstance(it, Agenda):  # when it drops its dead entries is its own affair
            found: Any = [it._entered, list(it._due.items())]
        elif isinstance(it, list | tuple):
            found = [walk(item) for item in it]
        elif isinstance(it, dict):
            found = [(walk(name), walk(item)) for name, item in it.items()]
        else:
            made = it.__reduce_ex__(4)
            parts = (made,) if isinstance(made, str) else made
            found = [walk(list(part) if isinstance(part, Iterator) else part) for part in parts]
        above.pop()
        return found

    return walk(account.state())
