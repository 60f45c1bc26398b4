"""What became of every job execution, told from the trace: for sentences, and to know at once how many are where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sim.cloud.account import TRACK_SUFFIX
from sim.jobs.messages import Status
from sim.trace import Record, Trace
from sim.units import format_duration

CHANGES_KEPT = 40
"""Of one execution; a device that reports its progress for ever replaces the last one."""
TOLD_MOST = 3
"""Executions that a sentence tells of one by one."""

BAD = (Status.FAILED, Status.REJECTED, Status.TIMED_OUT)


class Change(NamedTuple):
    """An execution became `status` at that time; `details` are those of its last report in it."""

    at_us: int
    status: str
    details: Mapping[str, str]

    def __str__(self) -> str:
        told = ", ".join(f"{name} {value}" for name, value in self.details.items())
        return f"{self.status} at {format_duration(self.at_us)}" + (f" ({told})" if told else "")


class Histories:
    """An observer of the trace."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, list[Change]]] = {}
        self._counts: dict[str, Counter[str]] = {}

    def listen(self, trace: Trace) -> None:
        """Note what it tells from now on."""
        trace.observe(self._changed, ("execution",))

    def _changed(self, record: Record) -> None:
        data = record.data
        things = self._of.setdefault(data["job"], {})
        changes = things.setdefault(record.track.removesuffix(TRACK_SUFFIX), [])
        counts = self._counts.setdefault(data["job"], Counter())
        change = Change(record.at_us, data["new"], data["details"])
        if changes:
            counts[changes[-1].status] -= 1
        if changes and (changes[-1].status == change.status or len(changes) == CHANGES_KEPT):
            same = changes[-1].status == change.status
            changes[-1] = Change(changes[-1].at_us if same else change.at_us, change.status, change.details)
        else:
            changes.append(change)
        counts[change.status] += 1

    @property
    def jobs(self) -> Iterable[str]:
        """Ids of all jobs that ever had an execution."""
        return self._of

    def all_are(self, job_id: str, status: str) -> bool:
        """Whether the job has executions, and all of them have this status."""
        counts = self._counts.get(job_id, Counter())
        return counts[status] > 0 and counts[status] == counts.total()

    def changes(self, job_id: str, thing: str) -> list[Change]:
        """Of one execution, oldest first."""
        return list(self._of.get(job_id, {}).get(thing, ()))

    def sentence_of(self, job_id: str, thing: str) -> str:
        """What one execution did."""
        return f"{thing} was {_steps(self.changes(job_id, thing))}"

    def sentence(self, job_id: str) -> str:
        """What the executions of a job did."""
        things = self._of.get(job_id, {})
        if not things:
            return "it has no execution"
        if len(things) <= TOLD_MOST:
            return "; ".join(self.sentence_of(job_id, thing) for thing in things)
        counts = {status: number for status, number in sorted(self._counts[job_id].items()) if number}
        told = ", ".join(f"{number} {status}" for status, number in counts.items())
        worst = next((thing for thing, changes in things.items() if changes[-1].status in BAD), "")
        if not worst:
            return f"of {len(things)} executions, {told}"
        return f"of {len(things)} executions, {told}; {self.sentence_of(job_id, worst)}"


def _steps(changes: list[Change]) -> str:
    """Details only where they say why: of the last one."""
    *earlier, last = changes
    return ", then ".join([*(str(change._replace(details={})) for change in earlier), str(last)])
