"""What was counted of a fleet, in the words of Prometheus: a collector that copies the numbers when it is asked.

Rules: nothing is done between two questions. Names are those of `sim/scenario/metrics.py` with `qpyota_` before and the
unit behind, in base units; no tag is a device's name. Histograms have fixed bounds, into which the buckets of 8 % are
added up.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import CollectorRegistry

from sim import __version__
from sim.device.module import Module
from sim.fleet.histogram import Histogram
from sim.fleet.stats import Stats
from sim.kernel.clock import Clock
from sim.scenario.metrics import METRICS
from sim.units import US_PER_S

BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 86400.0)
"""Bounds of all histograms. A value counts below a bound when its bucket of 8 % lies below it as a whole."""
CONTENT_TYPE = CONTENT_TYPE_LATEST


class FleetCollector:
    """A Collector of prometheus_client. `devices` by name are asked for their state and flash operations."""

    def __init__(self, stats: Stats, devices: Mapping[str, Module], clock: Clock) -> None:
        self._stats = stats
        self._devices = devices
        self._clock = clock

    def text(self) -> bytes:
        """All metrics, in the text format."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """Every family with its samples."""
        yield from self._standing()
        for name, metric in METRICS.items():
            if metric.kind == "trend":
                yield self._histogram(name)
            elif metric.kind == "counter" and name not in ("devices_bricked", "flash_ops"):
                yield self._counter(name)
        yield from self._process()

    def _standing(self) -> Iterator[Metric]:
        states: dict[tuple[str, str], int] = {}
        bricked, ops = dict.fromkeys(self._models(), 0), dict.fromkeys(self._models(), 0)
        for module in self._devices.values():
            model = module.model.variant
            states[module.state, model] = states.get((module.state, model), 0) + 1
            bricked[model] += module.bricked
            ops[model] += module.nor.ops
        devices = GaugeMetricFamily("qpyota_devices", "devices by state", labels=["state", "model"])
        for (state, model), number in sorted(states.items()):
            devices.add_metric([state, model], number)
        dead = GaugeMetricFamily("qpyota_devices_bricked", METRICS["devices_bricked"].text, labels=["model"])
        flash = CounterMetricFamily("qpyota_flash_ops", METRICS["flash_ops"].text, labels=["model"])
        for model in sorted(bricked):
            dead.add_metric([model], bricked[model])
            flash.add_metric([model], ops[model])
        yield from (devices, dead, flash)

    def _models(self) -> list[str]:
        return list(dict.fromkeys(module.model.variant for module in self._devices.values()))

    def _counter(self, name: str) -> Metric:
        labels = METRICS[name].all_tags
        unit = "_bytes" if METRICS[name].unit == "bytes" else ""
        base = name.removesuffix("_bytes") + unit
        family = CounterMetricFamily(f"qpyota_{base}", METRICS[name].text, labels=labels)
        for (metric, tags), number in self._stats.counters.items():
            if metric == name:
                told = dict(tags)
                family.add_metric([told[label] for label in labels], number)
        return family

    def _histogram(self, name: str) -> Metric:
        labels = METRICS[name].all_tags
        family = HistogramMetricFamily(f"qpyota_{name}_seconds", METRICS[name].text, labels=labels)
        for (metric, tags), histogram in self._stats.trends.items():
            if metric == name:
                told = dict(tags)
                values = [told[label] for label in labels]
                family.add_metric(values, buckets_s(histogram), sum_value=histogram.total / US_PER_S)
        return family

    def _process(self) -> Iterator[Metric]:
        pace = self._clock.loop.pace
        ratio = GaugeMetricFamily("qpyota_sim_time_ratio", "simulated time to what the speed asked for", pace.ratio)
        lag = GaugeMetricFamily("qpyota_loop_lag_seconds", "how late instants were", labels=["quantile"])
        summary = pace.lag.summary_ms()
        for quantile, word in (("0.5", "p50"), ("0.99", "p99"), ("1", "max")):
            lag.add_metric([quantile], summary[word] / 1000)
        build = GaugeMetricFamily("qpyota_build_info", "versions", labels=["version", "python"])
        build.add_metric([__version__, platform.python_version()], 1)
        yield from (ratio, lag, build)


def buckets_s(histogram: Histogram) -> list[tuple[str, float]]:
    """How many values are below each of BOUNDS_S, and all of them, as prometheus_client takes it."""
    uppers = list(histogram.cumulative())
    found: list[tuple[str, float]] = []
    for bound in BOUNDS_S:
        below = [seen for upper_us, seen in uppers if upper_us <= bound * US_PER_S]
        found.append((str(bound), below[-1] if below else 0))
    return [*found, ("+Inf", histogram.count)]
