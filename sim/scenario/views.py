"""What `expect` lines can look into: what a run has come to, as frozen values.

Rules: an expression reaches the fields and properties here that have no leading underscore, and nothing else. What was
not measured is None, so that no comparison with a limit holds by accident.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field


class View:
    """Base of the objects an expression can look into by attribute."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Counts(View):
    """How many executions have each status; a status that nobody has counts 0."""

    by_status: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ExecutionView(View):
    """One job execution: `status`, `version` (AWS versionNumber) and `details` (statusDetails).

    What it took (Tally's cost of the last attempt) is None until it has ended: `seconds` of simulation time,
    `downloaded_bytes`, `staged_bytes` (the most that lay in flash besides the images), `reboots`, `erases` of sectors.
    """

    status: str
    version: int
    details: Mapping[str, str]
    seconds: float | None = None
    downloaded_bytes: int | None = None
    staged_bytes: int | None = None
    reboots: int | None = None
    erases: int | None = None


@dataclass(frozen=True, slots=True)
class JobView(View):
    """A job: `execution` by thing name, `executions` counted by status, `status` if all agree, else MIXED.

    `job_status` is that of the job itself, DELETED when there is none any more; `waiting` counts things that have no
    execution yet. The numbers by status are also there by name: `queued`, `succeeded`, …
    """

    execution: Mapping[str, ExecutionView]
    job_status: str = "DELETED"
    waiting: int = 0

    @property
    def status(self) -> str:
        """The status that all executions share; `MIXED` when they differ, `NONE` when there is none."""
        found = {execution.status for execution in self.execution.values()}
        return found.pop() if len(found) == 1 else ("MIXED" if found else "NONE")

    @property
    def executions(self) -> Counts:
        """Number of executions by status."""
        return count(self.execution.values())

    @property
    def queued(self) -> int:
        return self._number("QUEUED")

    @property
    def in_progress(self) -> int:
        return self._number("IN_PROGRESS")

    @property
    def succeeded(self) -> int:
        return self._number("SUCCEEDED")

    @property
    def failed(self) -> int:
        return self._number("FAILED")

    @property
    def rejected(self) -> int:
        return self._number("REJECTED")

    @property
    def timed_out(self) -> int:
        return self._number("TIMED_OUT")

    @property
    def canceled(self) -> int:
        return self._number("CANCELED")

    @property
    def removed(self) -> int:
        return self._number("REMOVED")

    def _number(self, status: str) -> int:
        return sum(execution.status == status for execution in self.execution.values())


@dataclass(frozen=True, slots=True)
class DeviceView(View):
    """A device: version of the `firmware` that runs (None if none does), number of `boots`, whether `bricked`;
    `up_bytes` and `down_bytes` on the air, as its operator counts them. Of its flash, as long as it is in this process:
    `sector_erases` in all, `worst_sector` (erases of the most worn one), `flash_ops` (erases and page programs).

    `_read` gives a file's content by its absolute path, None if there is no such file.
    """

    firmware: str | None
    boots: int
    bricked: bool
    _read: Callable[[str], bytes | None] = field(repr=False)
    up_bytes: int = 0
    down_bytes: int = 0
    sector_erases: int | None = None
    worst_sector: int | None = None
    flash_ops: int | None = None

    def file(self, path: str) -> str | None:
        """Text of a file of the device, None if there is none."""
        content = self._read(path)
        return None if content is None else content.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class FleetView(View):
    """All devices: one by `device[NAME]`, the number of bricked ones, and the bytes of all."""

    _by_name: Mapping[str, DeviceView]

    def __len__(self) -> int:
        return len(self._by_name)

    @property
    def bricked(self) -> int:
        """How many devices are bricked."""
        return sum(device.bricked for device in self._by_name.values())

    @property
    def up_bytes(self) -> int:
        """Bytes that all devices sent."""
        return sum(device.up_bytes for device in self._by_name.values())

    @property
    def down_bytes(self) -> int:
        """Bytes that came in at all devices."""
        return sum(device.down_bytes for device in self._by_name.values())


@dataclass(frozen=True, slots=True)
class HostView(View):
    """A host: `connections` taken or made, those whose moves are all `finished`, `unmet` expectations, web `requests`
    or datagrams, and the text `received` last."""

    connections: int
    finished: int
    unmet: int
    requests: int
    received: str


@dataclass(frozen=True, slots=True)
class SeenView(View):
    """Records of one kind in the trace, of all devices: how many (`count`), and the `most_per_second` of any second."""

    count: int = 0
    most_per_second: int = 0


@dataclass(frozen=True, slots=True)
class Namespace:
    """What an expression's names stand for."""

    device: FleetView
    job: Mapping[str, JobView]
    executions: Counts
    host: Mapping[str, HostView] = field(default_factory=dict)
    seen: Mapping[str, SeenView] = field(default_factory=dict)


def count(executions: Collection[ExecutionView]) -> Counts:
    """Executions counted by status, in order of the status' name."""
    statuses = sorted(execution.status for execution in executions)
    return Counts({status: statuses.count(status) for status in statuses})
