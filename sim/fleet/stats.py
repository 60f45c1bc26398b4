"""What a fleet does, as numbers: an observer of the trace that counts, and keeps nothing of a device that rests.

Rules: it changes nothing and stamps nothing; every time is the trace's, so that numbers repeat as the trace does. What
a request took counts from the moment the device wanted it. Of a device there is a reference to its tags; more only
while it connects, waits for an answer or is upgraded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sim.cloud.account import TRACK_SUFFIX
from sim.fleet.histogram import Histogram
from sim.fleet.phases import PHASE_KINDS, phase_after
from sim.jobs.messages import PENDING
from sim.scenario.metrics import MetricRow
from sim.scenario.thresholds import Selector
from sim.trace import Observer, Record, Trace

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


Pairs = tuple[tuple[str, str], ...]
"""Tags of a series by name."""
Series = tuple[str, Pairs]
"""A metric and its tags."""

OUT, IN = (("direction", "out"),), (("direction", "in"),)


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


@dataclass(slots=True)
class _Number:
    """What a counter has come to."""

    value: int = 0


class Stats:
    """`tags_of` a device, by its name; None: it is none of those that are counted."""

    def __init__(self, tags_of: Callable[[str], Tags | None]) -> None:
        self._tags_of = tags_of
        self.trends: dict[Series, Histogram] = {}
        self.executions: dict[Series, Counted] = {}
        """Executions by status (latest attempts), for each job and tags."""
        self._counters: dict[Series, _Number] = {}
        self._upgrades: dict[str, _Upgrade] = {}
        self._connecting: dict[str, int] = {}
        self._waiting: dict[str, list[tuple[str, int]]] = {}  # topics of updates and since when, oldest first
        self._failed: dict[tuple[str, str], str] = {}
        # What is counted on, found without its whole name: by the tags of its devices and its own.
        self._numbers: dict[tuple[str, Tags, Pairs], _Number] = {}
        self._spreads: dict[tuple[str, Tags, Pairs], Histogram] = {}
        self._lost: set[str] = set()

    def listen(self, trace: Trace) -> None:
        """Take note of what it tells from now on."""
        readers: dict[str, Observer] = {
            **dict.fromkeys(PHASE_KINDS, self._on_phase),
            "execution": self._on_execution,
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
        for kind, reader in readers.items():
            trace.observe(reader, (kind,))

    def finish(self) -> None:
        """The run is over: what is still waited for was not answered."""
        for device in list(self._waiting):
            self._forget(device)

    @property
    def counters(self) -> dict[Series, int]:
        """What each has come to."""
        return {series: number.value for series, number in self._counters.items()}

    def count(self, metric: str, device: str, number: int = 1, more: Pairs = ()) -> None:
        """So many more of a counter, if the device is one of those that are counted."""
        tags = self._tags_of(device)
        if tags is not None:
            self._count(metric, tags, number, more)

    def _count(self, metric: str, tags: Tags, number: int, more: Pairs = ()) -> None:
        key = metric, tags, more
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = self._counters.setdefault((metric, more + tags.pairs()), _Number())
        found.value += number

    def _measure(self, metric: str, tags: Tags, value_us: int, more: Pairs = ()) -> None:
        key = metric, tags, more
        found = self._spreads.get(key)
        if found is None:
            found = self._spreads[key] = self.trends.setdefault((metric, more + tags.pairs()), Histogram())
        found.add(value_us)

    # Executions and phases

    def _on_execution(self, record: Record) -> None:
        job, old, new = record.data["job"], record.data["old"], record.data["new"]
        if old == new:
            return
        device = record.track.removesuffix(TRACK_SUFFIX)
        tags = self._tags_of(device)
        if tags is None:
            return
        of_job: Pairs = (("job", job),)
        counted = self.executions.setdefault(("job", of_job + tags.pairs()), Counted())
        earlier = self._failed.pop((device, job), None) if self._failed else None
        counted.move(earlier if old is None else old, new)
        if new is None:
            return
        self._count("job_executions", tags, 1, (*of_job, ("status", new)))
        if new not in OPEN:
            if new != "SUCCEEDED":
                self._failed[device, job] = new
            self._end_upgrade(device, tags, job, new, record.at_us)
        elif new == "IN_PROGRESS" and device not in self._upgrades:
            self._upgrades[device] = _Upgrade(job, record.at_us)

    def _end_upgrade(self, device: str, tags: Tags, job: str, status: str, at_us: int) -> None:
        upgrade = self._upgrades.get(device)
        if upgrade is not None and upgrade.job == job:
            self._enter(upgrade, tags, "", at_us)
            del self._upgrades[device]
            self._measure("ota_duration", tags, at_us - upgrade.since_us, (("job", job), ("status", status)))

    def _enter(self, upgrade: _Upgrade, tags: Tags, phase: str, at_us: int) -> None:
        """A phase of an upgrade begins, so the one before ends; "" is between phases."""
        if upgrade.phase:
            more = ("job", upgrade.job), ("phase", upgrade.phase)
            self._measure("ota_phase_duration", tags, at_us - upgrade.phase_us, more)
        upgrade.phase, upgrade.phase_us = phase, at_us

    def _on_phase(self, record: Record) -> None:
        device, kind = record.track, record.kind
        upgrade = self._upgrades.get(device)
        if upgrade is not None:
            phase, tags = phase_after(kind, record.data, upgrade.phase), self._tags_of(device)
            if phase is not None and tags is not None:
                self._enter(upgrade, tags, phase, record.at_us)
        if kind == "power.cut":
            self.count("faults", device, more=(("kind", "power_cut"),))
            self._forget(device)
        elif kind == "bricked":
            self.count("devices_bricked", device)

    # The network

    def _on_http(self, record: Record) -> None:
        self.count("http_download_bytes", record.track, record.data.get("bytes", 0))

    def _on_connect(self, record: Record) -> None:
        self._connecting[record.track] = record.at_us

    def _on_connack(self, record: Record) -> None:
        since_us = self._connecting.pop(record.track, None)
        if since_us is not None and record.data["code"] == 0:
            tags = self._tags_of(record.track)
            if tags is not None:
                self._measure("mqtt_connect_duration", tags, record.at_us - since_us)

    def _on_closed(self, record: Record) -> None:
        self._forget(record.track)

    def _on_link_lost(self, record: Record) -> None:
        self.count("faults", record.track, more=(("kind", "link_loss"),))

    def _on_fault(self, record: Record) -> None:
        self.count("faults", record.track, more=(("kind", record.data["what"]),))

    def _on_shard_lost(self, record: Record) -> None:
        """Nothing is known of it any more: its executions are none of the ones that count."""
        device = record.track
        tags = self._tags_of(device)
        if tags is None:
            return
        for job, status in record.data["executions"].items():
            self.executions["job", (("job", job), *tags.pairs())].move(status, None)
        self._upgrades.pop(device, None)
        self._connecting.pop(device, None)
        self._waiting.pop(device, None)
        if not self._lost:
            everybody = self._tags_of
            self._tags_of = lambda name: None if name in self._lost else everybody(name)
        self._lost.add(device)

    def _on_out(self, record: Record) -> None:
        device, topic = record.track, record.data["topic"]
        tags = self._tags_of(device)
        if tags is None:
            return
        self._count("mqtt_messages", tags, 1, OUT)
        if topic.endswith("/update") and topic.startswith("$aws/things/"):
            waiting = self._waiting.get(device)
            if waiting is None:
                self._waiting[device] = [(topic, record.at_us)]
                return
            waiting.append((topic, record.at_us))
            alike = [one for one in waiting if one[0] == topic]
            if len(alike) > WAITING_MAX:
                waiting.remove(alike[0])
                self._count("mqtt_requests_unanswered", tags, 1)

    def _on_in(self, record: Record) -> None:
        device = record.track
        tags = self._tags_of(device)
        if tags is None:
            return
        self._count("mqtt_messages", tags, 1, IN)
        waiting, topic = self._waiting.get(device), record.data["topic"]
        if waiting is None or not topic.endswith(ANSWERS):
            return
        asked = topic.rpartition("/")[0]
        for number, (update, since_us) in enumerate(waiting):
            if update == asked:
                self._measure("mqtt_request_duration", tags, record.at_us - since_us)
                del waiting[number]
                break
        if not waiting:
            del self._waiting[device]

    def _forget(self, device: str) -> None:
        """Its connection is gone, and with it every answer."""
        self._connecting.pop(device, None)
        waiting = self._waiting.pop(device, None)
        if waiting:
            self.count("mqtt_requests_unanswered", device, len(waiting))

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
        found = self._counters.items()
        return sum(it.value for (metric, tags), it in found if metric == selector.metric and _has(tags, selector))

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
