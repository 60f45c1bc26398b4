"""Thresholds judged by what was counted. One that nothing was measured for does not hold: it says so."""

from __future__ import annotations

from collections.abc import Iterator

from sim.fleet.histogram import ERROR
from sim.fleet.stats import Stats
from sim.scenario.metrics import METRICS
from sim.scenario.result import ThresholdResult
from sim.scenario.schema_reports import Thresholds
from sim.scenario.thresholds import Condition, Selector, parse_condition, parse_selector
from sim.units import format_duration, format_size

NOTHING = "nothing was measured"


class Judge:
    """The thresholds of a scenario, parsed; `stats` is what they are judged by."""

    def __init__(self, thresholds: Thresholds, stats: Stats) -> None:
        self._stats = stats
        self._all: list[tuple[Selector, Condition, bool]] = []
        for key, limits in thresholds.items():
            selector = parse_selector(key)
            metric = METRICS[selector.metric]
            self._all += [(selector, parse_condition(limit.expr, metric), limit.abort_on_fail) for limit in limits]

    @property
    def may_abort(self) -> bool:
        """Whether any threshold ends a run that breaks it."""
        return any(aborts for _, _, aborts in self._all)

    def broken(self) -> str:
        """The first threshold with abortOnFail that is broken already; "" when there is none."""
        for selector, condition, aborts in self._all:
            value = self._value(selector, condition, final=False) if aborts else None
            if value is not None and not condition.holds(value):
                return f"{selector}  {condition.expr}"
        return ""

    def results(self, aborted_by: str = "") -> Iterator[ThresholdResult]:
        """All of them, in the scenario's order."""
        for selector, condition, _ in self._all:
            value = self._value(selector, condition, final=not aborted_by)
            holds = value is not None and condition.holds(value)
            yield ThresholdResult(
                metric=str(selector),
                expr=condition.expr,
                passed=holds,
                value=value,
                shown=NOTHING if value is None else _shown(selector, condition, value),
                aborted=f"{selector}  {condition.expr}" == aborted_by,
            )

    def _value(self, selector: Selector, condition: Condition, *, final: bool) -> float | None:
        kind = METRICS[selector.metric].kind
        if kind == "rate":
            good, total = self._stats.rate(selector, final=final)
            return good / total if total else None
        if kind == "counter":
            return self._stats.counter(selector)
        trend = self._stats.trend(selector)
        if condition.aggregate == "count":
            return trend.count
        if not trend.count:
            return None
        match condition.aggregate:
            case "avg":
                return trend.mean
            case "min":
                return trend.least
            case "max":
                return trend.most
            case "med":
                return trend.percentile(0.5)
        return trend.percentile(condition.share)


def _shown(selector: Selector, condition: Condition, value: float) -> str:
    metric = METRICS[selector.metric]
    if metric.kind == "rate":
        return f"{value:.2%}"
    if condition.aggregate == "count":
        return format_size(int(value)) if metric.unit == "bytes" else f"{int(value)}"
    about = f" ± {ERROR:.0%}" if condition.aggregate in ("p(N)", "med") else ""
    return format_duration(round(value)) + about
