"""What one run of a rollout came to: devices that failed, how long it took, bytes and messages. Read off the trace.

A device has failed when its last execution of the job ended FAILED, REJECTED or TIMED_OUT, whether or not the job was
already cancelled, or when it is bricked. Times are from the creation of the job on, to the success of a share of all
devices it was meant for. Bytes and messages are those of all devices in the whole run: answers of the artifact server,
and MQTT messages that a device published or received, without connects and pings.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.cloud.account import TRACK_SUFFIX, job_track
from sim.errors import QpyotaError
from sim.lab.runs import Played, Task
from sim.scenario.loader import load_scenario
from sim.scenario.runner import run_scenario
from sim.scenario.schema import Scenario
from sim.trace import Record
from sim.units import US_PER_S

FAILED = ("FAILED", "REJECTED", "TIMED_OUT")
SHARES = (50, 95, 100)
"""Per cent of the devices, for the times."""


@dataclass(frozen=True, slots=True)
class Measure:
    """`times_s` by share: None if it never came. `problems` are those of a run that is incomplete."""

    targets: int
    succeeded: int
    failed: int
    bricked: int
    aborted: bool
    times_s: dict[int, float | None]
    downloaded_bytes: int
    messages: int
    problems: tuple[str, ...]


class Watch:
    """An observer of one job."""

    def __init__(self, scenario: Scenario, job_id: str) -> None:
        job = next(job for job in scenario.jobs if job.job_id == job_id)
        self._job_id, self._began_us, self._track = job_id, job.at_us, job_track(job_id)
        self._targets = len(dict.fromkeys(name for target in job.targets for name in scenario.things(target)))
        self._last: dict[str, str] = {}
        self._success_us: dict[str, int] = {}
        self._bricked: dict[str, None] = {}
        self._aborted = False
        self._bytes = self._messages = 0

    def __call__(self, record: Record) -> None:
        kind = record.kind
        if kind in ("mqtt.in", "mqtt.out"):
            self._messages += 1
        elif kind == "http":
            self._bytes += record.data.get("bytes", 0)
        elif kind == "bricked":
            self._bricked[record.track] = None
        elif kind == "execution" and record.data["job"] == self._job_id:
            self._execution(record)
        elif kind == "job" and record.track == self._track:
            self._aborted |= record.data["new"] == "CANCELED"

    def _execution(self, record: Record) -> None:
        device, status = record.track.removesuffix(TRACK_SUFFIX), str(record.data["new"])
        self._last[device] = status
        if status == "SUCCEEDED":
            self._success_us.setdefault(device, record.at_us)

    def measure(self, problems: list[str]) -> Measure:
        """What it came to."""
        failed = {device: None for device, status in self._last.items() if status in FAILED} | self._bricked
        return Measure(
            targets=self._targets,
            succeeded=sum(status == "SUCCEEDED" for status in self._last.values()),
            failed=len(failed),
            bricked=len(self._bricked),
            aborted=self._aborted,
            times_s={share: self._time_s(share) for share in SHARES},
            downloaded_bytes=self._bytes,
            messages=self._messages,
            problems=tuple(problems),
        )

    def _time_s(self, share: int) -> float | None:
        needed = -(-self._targets * share // 100)
        times = sorted(self._success_us.values())
        return None if len(times) < needed else round((times[needed - 1] - self._began_us) / US_PER_S, 3)


def measured(job_id: str, task: Task) -> Played[Measure]:
    """Run a task, and look at this job."""
    try:
        scenario = load_scenario(task.path, task.settings)
        watch = Watch(scenario, job_id)
        result = run_scenario(scenario, task.options, [watch])
    except QpyotaError as error:
        return Played(task, None, str(error), error.exit_code)
    return Played(task, watch.measure(result.problems))
