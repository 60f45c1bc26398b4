"""A job of the cloud, as a program waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sim.errors import SpecError
from sim.jobs.messages import JobStatus, Status
from sim.rig.notebook import table
from sim.rig.words import duration_us
from sim.scenario.expect import suggest
from sim.scenario.runner import job_view
from sim.scenario.views import ExecutionView, JobView

if TYPE_CHECKING:
    from sim.rig.rig import Rig

_OF_EXECUTIONS = tuple(status.value for status in Status if status is not Status.CANCELED)
_OF_JOBS = (JobStatus.SCHEDULED.value, JobStatus.COMPLETED.value, JobStatus.CANCELED.value)
ROWS_SHOWN = 20


class Job:
    """`job_id` in the cloud, whoever created it. What it has come to is asked anew each time."""

    def __init__(self, rig: Rig, job_id: str) -> None:
        self._rig = rig
        self.job_id = job_id

    def wait(self, status: str, timeout: str = "1h") -> JobView:
        """Let virtual time pass until all of its executions have this status, or the job itself has it: SCHEDULED,
        COMPLETED, CANCELED. Gives what the job has come to. Unmet after `timeout`, or once it cannot happen any more.
        """
        if status not in (*_OF_EXECUTIONS, *_OF_JOBS):
            known = (*_OF_EXECUTIONS, *_OF_JOBS)
            raise SpecError(f"{status!r} is no status{suggest(status, known)}; there are {', '.join(known)}")
        limit_us = duration_us(timeout)
        self._require()
        self._rig.pass_time(limit_us, lambda: self._has(status) or self._is_over())
        if not self._rig.call(self._has, status):
            what = f"within {timeout}" if not self._rig.call(self._is_over) else "and cannot any more"
            raise self._rig.unmet(self._sentence(status, what))
        return self.view

    @property
    def view(self) -> JobView:
        """What it has come to now, as `expect` lines of scenarios see it."""
        return self._rig.call(job_view, self._rig.scene.account, self.job_id)

    @property
    def status(self) -> str:
        """The status that all executions share; MIXED when they differ, NONE when there is none."""
        return self.view.status

    @property
    def job_status(self) -> str:
        """That of the job itself; DELETED when there is none any more."""
        return self.view.job_status

    @property
    def executions(self) -> dict[str, ExecutionView]:
        """Each by the name of its thing."""
        return dict(self.view.execution)

    def history(self, thing: str) -> list[str]:
        """What the execution of a thing was, one after the other: `FAILED at 1m20s (reason …)`."""
        return [str(change) for change in self._rig.call(self._rig.scene.histories.changes, self.job_id, thing)]

    def cancel(self, *, force: bool = False) -> None:
        """CancelJob; `force` also ends executions that devices have begun. JobError when the cloud refuses."""
        self._rig.call(self._rig.scene.account.order, "cancel", self.job_id, {"force": force})

    def __repr__(self) -> str:
        view = self.view
        return f"<job {self.job_id}: {view.job_status}, {len(view.execution)} executions, {view.status}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        view = self.view
        rows = [
            (thing, one.status, ", ".join(f"{name} {value}" for name, value in one.details.items()))
            for thing, one in list(view.execution.items())[:ROWS_SHOWN]
        ]
        return {"text/plain": repr(self), "text/html": table(repr(self), ("thing", "status", "details"), rows)}

    # -- on the rig's thread

    def _has(self, status: str) -> bool:
        progress = self._rig.scene.account.jobs.progress(self.job_id)
        if progress is None:
            return False
        if status in _OF_JOBS:
            return progress[0] == status
        return progress[1] == 0 and self._rig.scene.histories.all_are(self.job_id, status)

    def _is_over(self) -> bool:
        progress = self._rig.scene.account.jobs.progress(self.job_id)
        return progress is None or progress[0] in (JobStatus.COMPLETED.value, JobStatus.CANCELED.value)

    # -- in words

    def _require(self) -> None:
        jobs = self._rig.scene.account.jobs
        if self._rig.call(jobs.progress, self.job_id) is None:
            known = sorted(self._rig.scene.histories.jobs)
            hint = suggest(self.job_id, known) or f"; there {'is ' + ', '.join(known) if known else 'is none'}"
            raise SpecError(f"there is no job {self.job_id!r} in the cloud{hint}")

    def _sentence(self, status: str, what: str) -> str:
        scene = self._rig.scene
        progress = self._rig.call(scene.account.jobs.progress, self.job_id)
        state = "deleted" if progress is None else progress[0]
        waiting = f", {progress[1]} things still wait for theirs" if progress is not None and progress[1] else ""
        story = self._rig.call(scene.histories.sentence, self.job_id)
        return f"job {self.job_id} did not become {status} {what}: it is {state}{waiting}; {story}"
