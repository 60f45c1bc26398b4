"""Thresholds: limits on what a run measures, `p(95) < 6m` of `ota_duration{network:cat1}`.

A threshold is an aggregate, a comparison and a value with the unit of its metric. What is wrong with one is a
ValueError with the character (from 0) at which it is wrong. Nothing is evaluated by Python.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sim.scenario.document import Place
from sim.scenario.expect import suggest
from sim.scenario.metrics import AGGREGATES, METRICS, Metric
from sim.scenario.references import Finding
from sim.units import parse_duration_us, parse_share, parse_size_bytes

COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_SELECTOR = re.compile(r"([A-Za-z_]\w*)\s*(?:\{(.*)\})?\s*\Z", re.DOTALL)
_EXPR = re.compile(r"\s*([A-Za-z]+(?:\([^)]*\))?)\s*(<=|>=|==|!=|<|>)\s*(.*?)\s*\Z", re.DOTALL)
_PERCENTILE = re.compile(r"p\((\d{1,2}(?:\.\d{1,3})?|100)\)\Z")
EXPR_CHARS = 200


class Wrong(ValueError):  # noqa: N818 - a finding, not a defect
    """What is wrong, and at which character."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric, or the part of it that has all these tags."""

    metric: str
    tags: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        inside = ",".join(f"{name}:{value}" for name, value in self.tags)
        return self.metric + (f"{{{inside}}}" if inside else "")


@dataclass(frozen=True, slots=True)
class Condition:
    """`aggregate` is a name of AGGREGATES, for percentiles `p` with `share`; `limit` in the unit of the aggregate."""

    expr: str
    aggregate: str
    compare: str
    limit: float
    share: float = 0.0

    def holds(self, value: float) -> bool:
        """Whether a measured value keeps to the limit."""
        return COMPARE[self.compare](value, self.limit)


def parse_selector(text: str) -> Selector:
    """`ota_duration{job:wave-1,network:cat1}`; Wrong for anything else."""
    match = _SELECTOR.match(text)
    if match is None:
        raise Wrong(0, f"{text!r} is not a metric, e.g. ota_duration{{job:wave-1}}")
    name, inside = match[1], match[2]
    if name not in METRICS:
        raise Wrong(0, f"unknown metric {name!r}{suggest(name, METRICS)}; there are {', '.join(METRICS)}")
    tags: list[tuple[str, str]] = []
    at = match.start(2)
    for part in [] if inside is None else inside.split(","):
        tag, _, value = (word.strip() for word in part.partition(":"))
        known = METRICS[name].all_tags
        if tag not in known:
            raise Wrong(at, f"{name} has no tag {tag!r}{suggest(tag, known)}; it has {', '.join(known)}")
        if not value:
            raise Wrong(at, f"the tag {tag!r} needs a value: {{{tag}:VALUE}}")
        if tag in dict(tags):
            raise Wrong(at, f"the tag {tag!r} is already given")
        tags.append((tag, value))
        at += len(part) + 1
    return Selector(name, tuple(tags))


def parse_condition(text: str, metric: Metric) -> Condition:
    """`p(95) < 6m` as a limit on `metric`; Wrong for anything else."""
    match = _EXPR.match(text) if len(text) <= EXPR_CHARS else None
    if match is None:
        example = {"rate": "rate > 98%", "trend": "p(95) < 6m", "counter": "count == 0"}[metric.kind]
        raise Wrong(0, f"{text[:40]!r} is not a threshold, e.g. {example}")
    word, compare, value = match[1], match[2], match[3]
    known = AGGREGATES[metric.kind]
    aggregate, share = word, 0.0
    if percentile := _PERCENTILE.match(word):
        aggregate, share = "p(N)", float(percentile[1]) / 100
    elif word.startswith("p("):
        raise Wrong(match.start(1), f"{word!r} is not a percentile, e.g. p(95) or p(99.9)")
    if aggregate not in known or word == "p(N)":
        raise Wrong(match.start(1), f"this metric has no {word!r}{suggest(word, known)}; it has {', '.join(known)}")
    try:
        limit = _limit(value, aggregate, metric)
    except ValueError as error:
        raise Wrong(match.start(3), str(error)) from None
    return Condition(text.strip(), aggregate, compare, limit, share)


def _limit(text: str, aggregate: str, metric: Metric) -> float:
    if aggregate == "rate":
        return parse_share(text)
    if aggregate != "count":
        return parse_duration_us(text)
    if metric.unit == "bytes":
        return parse_size_bytes(text)
    if not re.fullmatch(r"\d{1,15}", text):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def threshold_problems(data: Any, names: dict[str, list[str]]) -> Iterator[Finding]:
    """All that is wrong with `thresholds` of a scenario's plain data. `names`: known values of some tags."""
    found = data.get("thresholds") if isinstance(data, dict) else None
    for key, conditions in found.items() if isinstance(found, dict) else ():
        place: Place = ("thresholds", key)
        try:
            selector = parse_selector(key)
        except Wrong as error:
            yield place, str(error), -1 - error.offset
            continue
        for tag, value in selector.tags:
            if tag in names and value not in names[tag]:
                hint = suggest(value, names[tag]) or f"; there are {', '.join(names[tag])}"
                yield place, f"unknown {tag} {value!r}{hint}", -1 - key.index(value)
        for index, condition in enumerate(conditions if isinstance(conditions, list) else []):
            at: Place = (*place, index)
            if isinstance(condition, dict):
                at, condition = (*at, "expr"), condition.get("expr")
            try:
                if isinstance(condition, str):
                    parse_condition(condition, METRICS[selector.metric])
            except Wrong as error:
                yield at, str(error), error.offset
