"""What a fleet does, as numbers: an observer of the trace that counts, and keeps nothing of a device that rests.

Rules: it changes nothing and stamps nothing; every time is the trace's, so that numbers repeat as the trace does. What
a request took counts from the moment the device wanted it. Of a device there is a reference to its tags; more only
while it connects, waits for an answer or is upgraded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from sim.cloud.account import TRACK_SUFFIX
from sim.fleet.histogram import Histogram
from sim.fleet.phases import PHASE_KINDS, phase_after
from sim.jobs.messages import PENDING
from sim.scenario.metrics import MetricRow
from sim.scenario.thresholds import Selector
from sim.trace import Record

ANSWERS = ("/accepted", "/rejected")
OPEN = tuple(status.value for status in PENDING)
"""Statuses of executions that have not ended."""
WAITING_MAX = 16
"""Updates of one execution that one device may wait for; older ones count as unanswered."""


@dataclass(frozen=True, slots=True, eq=False)
class Tags:
    """What all devices of a fleet entry have in common. Compared by identity, as it is looked up at every record."""

    model: str
    network: str
    group: str

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """As pairs, for a series."""
        return (("model", self.model), ("network", self.network), ("group", self.group))


Series = tuple[str, tuple[tuple[str, str], ...]]
"""A metric and its tags."""


@dataclass(slots=True)
class _Upgrade:
    """An execution that is under way: since when, and its phase since when."""

    job: str
    since_us: int
    phase: str = ""
    phase_us: int = 0


@dataclass(slots=True)
class Counted:
    """A number of statuses of executions, by status."""

    by_status: dict[str, int] = field(default_factory=dict)

    def move(self, old: str | None, new: str | None) -> None:
        """An execution went from a status to another; None: it was not there, or is there no more."""
        for status, change in ((old, -1), (new, 1)):
            if status is not None:
                self.by_status[status] = self.by_status.get(status, 0) + change


class Stats:
    """`tags` of each device by name."""

    def __init__(self, tags: Mapping[str, Tags]) -> None:
        self._tags = tags
        self.counters: dict[Series, int] = {}
        self.trends: dict[Series, Histogram] = {}
        self.executions: dict[Series, Counted] = {}
        """Executions by status (latest attempts), for each job and tags."""
        self._upgrades: dict[str, _Upgrade] = {}
        self._connecting: dict[str, int] = {}
        self._waiting: dict[str, dict[str, list[int]]] = {}
        self._failed: dict[tuple[str, str], str] = {}
        self._series: dict[tuple[str, Tags, tuple[tuple[str, str], ...]], Series] = {}
        self._readers: dict[str, Callable[[str, Record], None]] = {
            **dict.fromkeys(PHASE_KINDS, self._on_phase),
            "http": self._on_http,
            "mqtt.connect": self._on_connect,
            "mqtt.connack": self._on_connack,
            "mqtt.closed": self._on_closed,
            "mqtt.out": self._on_out,
            "mqtt.in": self._on_in,
            "link.lost": self._on_link_lost,
            "fault": self._on_fault,
            "shard.lost": self._on_shard_lost,
        }

    def __call__(self, record: Record) -> None:
        """Take note of a record."""
        if record.kind == "execution":
            self._on_execution(record.track.removesuffix(TRACK_SUFFIX), record)
        elif (reader := self._readers.get(record.kind)) is not None and record.track in self._tags:
            reader(record.track, record)

    def finish(self) -> None:
        """The run is over: what is still waited for was not answered."""
        for device in list(self._waiting):
            self._forget(device)

    def count(self, metric: str, device: str, number: int = 1, **more: str) -> None:
        """So many more of a counter."""
        key = self._key(metric, device, more)
        self.counters[key] = self.counters.get(key, 0) + number

    def _measure(self, metric: str, device: str, value_us: int, **more: str) -> None:
        key = self._key(metric, device, more)
        if key not in self.trends:
            self.trends[key] = Histogram()
        self.trends[key].add(value_us)

    def _key(self, metric: str, device: str, more: dict[str, str]) -> Series:
        tags = self._tags[device]
        found = tuple(more.items())
        key = self._series.get((metric, tags, found))
        if key is None:
            key = self._series[metric, tags, found] = (metric, found + tags.pairs())
        return key

    # Executions and phases

    def _on_execution(self, device: str, record: Record) -> None:
        if device not in self._tags:
            return
        job, old, new = record.data["job"], record.data["old"], record.data["new"]
        if old == new:
            return
        key = self._key("job", device, {"job": job})
        counted = self.executions.setdefault(key, Counted())
        earlier = self._failed.pop((device, job), None)
        counted.move(earlier if old is None else old, new)
        if new is not None:
            self.count("job_executions", device, job=job, status=new)
        if new is not None and new not in OPEN:
            if new != "SUCCEEDED":
                self._failed[device, job] = new
            self._end_upgrade(device, job, new, record.at_us)
        elif new == "IN_PROGRESS" and device not in self._upgrades:
            self._upgrades[device] = _Upgrade(job, record.at_us)

    def _end_upgrade(self, device: str, job: str, status: str, at_us: int) -> None:
        upgrade = self._upgrades.get(device)
        if upgrade is not None and upgrade.job == job:
            self._enter(device, "", at_us)
            del self._upgrades[device]
            self._measure("ota_duration", device, at_us - upgrade.since_us, job=job, status=status)

    def _enter(self, device: str, phase: str, at_us: int) -> None:
        """A phase of an upgrade begins, so the one before ends; "" is between phases."""
        upgrade = self._upgrades.get(device)
        if upgrade is None:
            return
        if upgrade.phase:
            self._measure("ota_phase_duration", device, at_us - upgrade.phase_us, job=upgrade.job, phase=upgrade.phase)
        upgrade.phase, upgrade.phase_us = phase, at_us

    def _on_phase(self, device: str, record: Record) -> None:
        upgrade = self._upgrades.get(device)
        if upgrade is not None:
            phase = phase_after(record.kind, record.data, upgrade.phase)
            if phase is not None:
                self._enter(device, phase, record.at_us)
        if record.kind == "power.cut":
            self.count("faults", device, kind="power_cut")
            self._forget(device)
        elif record.kind == "bricked":
            self.count("devices_bricked", device)

    # The network

    def _on_http(self, device: str, record: Record) -> None:
        self.count("http_download_bytes", device, record.data.get("bytes", 0))

    def _on_connect(self, device: str, record: Record) -> None:
        self._connecting[device] = record.at_us

    def _on_connack(self, device: str, record: Record) -> None:
        since_us = self._connecting.pop(device, None)
        if since_us is not None and record.data["code"] == 0:
            self._measure("mqtt_connect_duration", device, record.at_us - since_us)

    def _on_closed(self, device: str, _: Record) -> None:
        self._forget(device)

    def _on_link_lost(self, device: str, _: Record) -> None:
        self.count("faults", device, kind="link_loss")

    def _on_fault(self, device: str, record: Record) -> None:
        self.count("faults", device, kind=record.data["what"])

    def _on_shard_lost(self, device: str, record: Record) -> None:
        """Nothing is known of it any more: its executions are none of the ones that count."""
        for job, status in record.data["executions"].items():
            self.executions[self._key("job", device, {"job": job})].move(status, None)
        self._upgrades.pop(device, None)
        self._connecting.pop(device, None)
        self._waiting.pop(device, None)
        self._tags = {name: tags for name, tags in self._tags.items() if name != device}

    def _on_out(self, device: str, record: Record) -> None:
        self.count("mqtt_messages", device, direction="out")
        topic: str = record.data["topic"]
        if topic.startswith("$aws/things/") and topic.endswith("/update"):
            waiting = self._waiting.setdefault(device, {}).setdefault(topic, [])
            waiting.append(record.at_us)
            if len(waiting) > WAITING_MAX:
                waiting.pop(0)
                self.count("mqtt_requests_unanswered", device)

    def _on_in(self, device: str, record: Record) -> None:
        self.count("mqtt_messages", device, direction="in")
        topic: str = record.data["topic"]
        if not topic.endswith(ANSWERS):
            return
        asked, waiting = topic.rpartition("/")[0], self._waiting.get(device)
        if waiting and asked in waiting:
            self._measure("mqtt_request_duration", device, record.at_us - waiting[asked].pop(0))
            if not waiting[asked]:
                del waiting[asked]

    def _forget(self, device: str) -> None:
        """Its connection is gone, and with it every answer."""
        self._connecting.pop(device, None)
        waiting = self._waiting.pop(device, None)
        if waiting:
            self.count("mqtt_requests_unanswered", device, sum(map(len, waiting.values())))

    # Reading

    def rate(self, selector: Selector, *, final: bool) -> tuple[int, int]:
        """How many of how many. On the way only what has ended counts, since the rest may yet come well."""
        total = Counted()
        for (_, tags), counted in self.executions.items():
            if _has(tags, selector):
                for status, number in counted.by_status.items():
                    total.by_status[status] = total.by_status.get(status, 0) + number
        ended = sum(number for status, number in total.by_status.items() if status not in OPEN)
        good = ended if selector.metric == "job_terminal" else total.by_status.get("SUCCEEDED", 0)
        return good, sum(total.by_status.values()) if final else ended

    def trend(self, selector: Selector) -> Histogram:
        """All that was measured of a metric."""
        merged = Histogram()
        for (metric, tags), histogram in self.trends.items():
            if metric == selector.metric and _has(tags, selector):
                merged.merge(histogram)
        return merged

    def counter(self, selector: Selector) -> int:
        """How many there were."""
        found = self.counters.items()
        return sum(number for (metric, tags), number in found if metric == selector.metric and _has(tags, selector))

    def rows(self) -> Iterator[MetricRow]:
        """Every series with its numbers; rates as they are at the end."""
        for _, tags in self.executions:
            for metric in ("job_succeeded", "job_terminal"):
                good, total = self.rate(Selector(metric, tags), final=True)
                yield MetricRow(metric, dict(tags), total, good)
        for (metric, tags), found in self.trends.items():
            yield MetricRow(metric, dict(tags), found.count, found.total, found.least, found.most, found.buckets)
        for (metric, tags), number in self.counters.items():
            yield MetricRow(metric, dict(tags), number, number)


def _has(tags: tuple[tuple[str, str], ...], selector: Selector) -> bool:
    return all(pair in tags for pair in selector.tags)
