"""An account that outlives its process: a snapshot of its state, and a journal of what changed it since.

`load` brings an account to where it was; from `begin` on each input is in the database before the account answers
anybody. `also` is called inside each transaction, for whatever has to be kept together with the account.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sim.cloud.account import Account, RefusedReplay
from sim.cloud.inputs import Input
from sim.cloud.store.database import Database
from sim.cloud.store.objects import Objects
from sim.cloud.store.values import pack, unpack
from sim.errors import MachineError
from sim.jobs.documents import JobError

JOURNAL_LIMIT = 10_000
"""ESTIMATE: entries before a new snapshot is taken; to replay this many takes two seconds at most."""

LATEST = "latest_s"
"""Fact: the account's time at its last change. Its clock never goes back behind it."""


class Keeper:
    """Keeps one account. `also` saves what belongs to the same moment."""

    def __init__(self, database: Database, objects: Objects, account: Account) -> None:
        self._database = database
        self._objects = objects
        self._account = account
        self._length = 0
        self._noted_s = 0
        self.also: Callable[[], None] = lambda: None

    def load(self) -> bool:
        """Bring the account to where it was; False when nothing is kept of it yet."""
        kept = self._database.snapshot()
        if kept is None:
            return False
        self._account.restore(unpack(kept, self._objects, self._account.ports))
        for number, entry in enumerate(self._database.journal(), 1):
            try:
                self._account.replay(unpack(entry, self._objects))
            except (RefusedReplay, JobError) as error:
                raise MachineError(f"the cloud's journal does not fit its state, at entry {number}: {error}") from None
        return True

    def begin(self, facts: Mapping[str, str]) -> None:
        """From now on every input is kept; `facts` are stated at the same moment."""
        self.take_snapshot(facts)
        self._account.journal = self._write

    def take_snapshot(self, facts: Mapping[str, str] | None = None) -> None:
        """Keep the state as it is, and drop the journal and the objects that are no longer needed."""
        state, needs = pack(self._account.state(), self._objects, self._account.ports)
        with self._database.together():
            self._database.take(state)
            for name, value in (facts or {}).items():
                self._database.state_fact(name, value)
            self.also()
        self._objects.keep_only(needs)
        self._length = 0

    def note_time(self, now_s: int, machine_s: int) -> None:
        """Keep the account's time where it is ahead of the machine's, which would not bring it back."""
        if now_s > max(machine_s, self._noted_s):
            with self._database.together():
                self._database.state_fact(LATEST, str(now_s))
            self._noted_s = now_s

    def _write(self, entry: Input) -> None:
        packed, _ = pack(entry, self._objects)
        with self._database.together():
            self._database.append(packed)
            self._database.state_fact(LATEST, str(entry.now_s))
            self.also()
        self._length += 1
        if self._length >= JOURNAL_LIMIT:
            self.take_snapshot()
