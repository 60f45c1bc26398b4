"""The words of measuring: which metrics there are, of what kind and unit, and by which tags they can be told apart.

One vocabulary for thresholds of scenarios, reports and Prometheus. Prometheus puts `qpyota_` before a name and its
unit behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["rate", "trend", "counter"]
"""A share of a whole; how values are spread; a number of things that happened."""
Unit = Literal["us", "bytes", ""]

ENTRY_TAGS = ("model", "network", "group")
"""Tags of a device, which every metric has."""

AGGREGATES: dict[Kind, tuple[str, ...]] = {
    "rate": ("rate",),
    "trend": ("avg", "min", "med", "max", "count", "p(N)"),
    "counter": ("count",),
}


@dataclass(frozen=True, slots=True)
class Metric:
    """`tags` besides those of a device. `text` is for people."""

    kind: Kind
    unit: Unit
    tags: tuple[str, ...]
    text: str

    @property
    def all_tags(self) -> tuple[str, ...]:
        """Every tag by which it can be selected."""
        return self.tags + ENTRY_TAGS


METRICS: dict[str, Metric] = {
    "job_succeeded": Metric("rate", "", ("job",), "executions that succeeded, of all (on the way: of the ended ones)"),
    "job_terminal": Metric("rate", "", ("job",), "executions that came to an end, of all"),
    "job_executions": Metric("counter", "", ("job", "status"), "how often executions came to a status"),
    "ota_duration": Metric("trend", "us", ("job", "status"), "from the first IN_PROGRESS of an execution to its end"),
    "ota_phase_duration": Metric("trend", "us", ("job", "phase"), "what each phase of an upgrade took"),
    "mqtt_connect_duration": Metric("trend", "us", (), "from the wish to connect to CONNACK"),
    "mqtt_request_duration": Metric("trend", "us", (), "from the wish to update an execution to its answer"),
    "mqtt_requests_unanswered": Metric("counter", "", (), "updates of an execution that were never answered"),
    "mqtt_messages": Metric("counter", "", ("direction",), "messages to and from devices"),
    "http_download_bytes": Metric("counter", "bytes", (), "bytes that devices downloaded"),
    "flash_ops": Metric("counter", "", (), "erases and page programs of flash"),
    "faults": Metric("counter", "", ("kind",), "what struck devices"),
    "devices_bricked": Metric("counter", "", (), "devices that no longer boot"),
}


@dataclass(frozen=True, slots=True)
class MetricRow:
    """What was measured of one metric with one set of tags.

    Of a rate, `total` are the good ones of `count`; of a trend, `total`, `least` and `most` are in its unit, and
    `buckets` those of a histogram.
    """

    metric: str
    tags: dict[str, str]
    count: int
    total: int
    least: int = 0
    most: int = 0
    buckets: dict[int, int] | None = None
