"""What each device's upgrades cost, counted from the trace and its flash: bytes, room, time, restarts, wear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Protocol

from sim.cloud.account import TRACK_SUFFIX
from sim.flash.nor import Nor
from sim.trace import Record, Trace


@dataclass(frozen=True, slots=True)
class Cost:
    """One job on one device. `seconds` of simulation time from its first IN_PROGRESS to its end; `staged_bytes` is the
    most that lay in flash besides the images at one time; `erases` of all sectors, `max_erases` of the busiest one."""

    device: str
    job: str
    status: str
    downloaded_bytes: int
    staged_bytes: int
    seconds: float
    reboots: int
    erases: int
    max_erases: int

    def to_json(self) -> dict[str, Any]:
        """By name, as a result has it."""
        return dict(zip(Cost.__slots__, _fields(self), strict=True))


_fields = attrgetter(*Cost.__slots__)


@dataclass
class _Running:
    started_us: int
    erases_before: int
    downloaded_bytes: int = 0
    staged_bytes: int = 0
    reboots: int = 0


@dataclass
class Unmatched:
    """What a serial line's peer could make nothing of: the first text, and how many."""

    text: str
    count: int = 1


class Flashed(Protocol):
    """What has a flash that wears."""

    @property
    def nor(self) -> Nor: ...


class Tally:
    """An observer of the trace. Jobs of one device are taken to run one after another, as AWS hands them out."""

    def __init__(self, devices: Mapping[str, Flashed]) -> None:
        self._devices = devices
        self._running: dict[str, tuple[str, _Running]] = {}
        self.costs: list[Cost] = []
        self.unmatched: dict[tuple[str, int], Unmatched] = {}
        """(device, port) → what its peer reported."""

    def listen(self, trace: Trace) -> None:
        """Count what it tells from now on."""
        trace.observe(self._execution, ("execution",))
        trace.observe(self._http, ("http",))
        trace.observe(self._staged, ("update.requested", "mini.staged", "app.staged"))
        trace.observe(self._reset, ("reset",))
        trace.observe(self._unmatched, ("peer.unmatched",))

    def _http(self, record: Record) -> None:
        job = self._running.get(record.track)
        if job is not None:
            job[1].downloaded_bytes += record.data.get("bytes", 0)

    def _staged(self, record: Record) -> None:
        job = self._running.get(record.track)
        if job is not None:
            job[1].staged_bytes += record.data.get("bytes", 0)

    def _reset(self, record: Record) -> None:
        job = self._running.get(record.track)
        if job is not None:
            job[1].reboots += 1

    def _unmatched(self, record: Record) -> None:
        line, text = (record.track, record.data["port"]), record.data["text"]
        if line in self.unmatched:
            self.unmatched[line].count += 1
        else:
            self.unmatched[line] = Unmatched(text)

    def _execution(self, record: Record) -> None:
        device, status = record.track.removesuffix(TRACK_SUFFIX), str(record.data["new"])
        running = self._running.get(device)
        if status == "IN_PROGRESS" and running is None:
            begun = _Running(record.at_us, self._devices[device].nor.all_erases())
            self._running[device] = (str(record.data["job"]), begun)
        elif status not in ("QUEUED", "IN_PROGRESS") and running is not None and running[0] == record.data["job"]:
            del self._running[device]
            self.costs.append(self._cost(device, status, running, record.at_us))

    def _cost(self, device: str, status: str, running: tuple[str, _Running], ended_us: int) -> Cost:
        job, counted = running
        nor = self._devices[device].nor
        return Cost(
            device=device,
            job=job,
            status=status,
            downloaded_bytes=counted.downloaded_bytes,
            staged_bytes=counted.staged_bytes,
            seconds=round((ended_us - counted.started_us) / 1_000_000, 3),
            reboots=counted.reboots,
            erases=nor.all_erases() - counted.erases_before,
            max_erases=nor.max_erase_count(),
        )
