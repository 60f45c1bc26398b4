"""Settings of a rollout, compared under the same luck: what each costs, and which may be chosen.

A setting may be chosen when the limit of P(more than k devices fail) is within the bound. The limits hold together:
with m settings each one has the confidence 1 - 0.05 / m (Bonferroni), so that picking the best of many does not make
it look better than it is. Among those, one that brings 95 % of the devices there (in the median) comes before one that
does not: a rollout that stops at once is cheap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from sim.lab.bands import CONFIDENCE, Band, median_band, runs_needed, upper_limit
from sim.lab.measure import SHARES, Measure
from sim.lab.runs import Played
from sim.scenario.schema_whatif import Bound
from sim.scenario.settings import Setting
from sim.units import format_duration

MIB = 1024**2
GOAL = 95
"""Per cent of the devices that a rollout is for."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What a MiB and a thousand messages cost, in one currency, whichever; None is not counted."""

    per_mib: float | None = None
    per_1000_messages: float | None = None

    def of(self, measure: Measure) -> float | None:
        """What a rollout costs, as far as prices are known."""
        if self.per_mib is None and self.per_1000_messages is None:
            return None
        data = measure.downloaded_bytes / MIB * (self.per_mib or 0.0)
        return data + measure.messages / 1000 * (self.per_1000_messages or 0.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """One setting. `over`: runs in which more than the bound's number failed; `limit`: of their probability."""

    settings: tuple[Setting, ...]
    runs: int
    failed: Band
    most_failed: int
    most_bricked: int
    aborted: int
    incomplete: int
    times_s: dict[int, Band]
    mib: Band
    messages: Band
    money: Band | None
    over: int | None
    limit: float | None

    @property
    def label(self) -> str:
        """Its values, for people."""
        return ", ".join(setting.text for setting in self.settings)

    @property
    def reaches(self) -> bool:
        """In the median, the devices get there."""
        return self.times_s[GOAL].median < inf


@dataclass(frozen=True, slots=True)
class Findings:
    """All answers, in the order of the settings, and what may be chosen: positions in `answers`."""

    answers: list[Answer]
    bound: Bound | None
    confidence_each: float
    keep: list[int]
    cheapest: int | None
    fastest: int | None


def find(
    cells: Sequence[tuple[Setting, ...]], played: Sequence[Played[Measure]], bound: Bound | None, prices: Prices
) -> Findings:
    """Everything that these runs tell. Cells without a run are left out."""
    each = 1 - (1 - CONFIDENCE) / len(cells)
    answers = []
    for number, settings in enumerate(cells):
        found = [one.answer for one in played if one.task.cell == number and one.answer is not None]
        if found:
            answers.append(_answer(settings, found, bound, prices, each))
    keep = [index for index, answer in enumerate(answers) if bound is not None and _keeps(answer, bound)]
    priced = [index for index in keep if answers[index].money is not None]
    return Findings(
        answers,
        bound,
        each,
        keep,
        min(priced, key=lambda index: _price(answers[index]), default=None),
        min(keep, key=lambda index: _pace(answers[index]), default=None),
    )


def _answer(
    settings: tuple[Setting, ...], found: list[Measure], bound: Bound | None, prices: Prices, confidence: float
) -> Answer:
    money = [cost for measure in found if (cost := prices.of(measure)) is not None]
    over = None if bound is None else sum(measure.failed > bound.failed for measure in found)
    return Answer(
        settings=settings,
        runs=len(found),
        failed=median_band([measure.failed for measure in found]),
        most_failed=max(measure.failed for measure in found),
        most_bricked=max(measure.bricked for measure in found),
        aborted=sum(measure.aborted for measure in found),
        incomplete=sum(bool(measure.problems) for measure in found),
        times_s={share: median_band([measure.times_s[share] for measure in found]) for share in SHARES},
        mib=median_band([measure.downloaded_bytes / MIB for measure in found]),
        messages=median_band([measure.messages for measure in found]),
        money=median_band(money) if money else None,
        over=over,
        limit=None if over is None else upper_limit(over, len(found), confidence),
    )


def _keeps(answer: Answer, bound: Bound) -> bool:
    return answer.limit is not None and answer.limit <= bound.probability and not answer.incomplete


def _price(answer: Answer) -> tuple[bool, float, float]:
    assert answer.money is not None
    return not answer.reaches, answer.money.median, answer.times_s[GOAL].median


def _pace(answer: Answer) -> tuple[float, float, float]:
    return answer.times_s[GOAL].median, answer.times_s[50].median, answer.mib.median


def conclusion(findings: Findings) -> list[str]:
    """What may be said of the bound, in sentences."""
    bound = findings.bound
    if not findings.answers:
        return ["no run was made"]
    if bound is None:
        return ["no bound is asked for: --more-than K --at-most 5% tells which settings keep it"]
    what = f"P(more than {bound.failed} failed) <= {bound.probability:.4g}"
    sure = f"{CONFIDENCE:.0%} confidence for all {len(findings.answers)} settings together"
    if not findings.keep:
        needed = runs_needed(bound.probability, findings.confidence_each)
        if any(not answer.over and not answer.incomplete for answer in findings.answers):
            return [
                f"no setting can be said to keep {what} with {sure}: "
                f"that takes {needed} runs of each without a bad one (--seeds {needed})"
            ]
        return [f"no setting keeps {what}: each had a run with more than {bound.failed} failed, or an incomplete one"]
    said = [f"{len(findings.keep)} of {len(findings.answers)} settings keep {what}, with {sure}"]
    if findings.cheapest is not None:
        said.append(f"the cheapest of them: {_named(findings.answers[findings.cheapest])}")
    else:
        said.append("which of them is the cheapest needs prices: --price-per-mib, --price-per-1000-messages")
    assert findings.fastest is not None
    said.append(f"the fastest of them: {_named(findings.answers[findings.fastest])}")
    return [*said, "this is the confidence in what the model does with other seeds, not in the model"]


def _named(answer: Answer) -> str:
    reach = answer.times_s[GOAL].median
    end = f"{GOAL} % after {seconds(reach)}" if answer.reaches else f"it does not get to {GOAL} %"
    money = f", {answer.money.median:.4g} a rollout" if answer.money is not None else ""
    return f"{answer.label} ({end}{money}, P <= {answer.limit:.3g})"


def seconds(value: float | None) -> str:
    """A time for people: `never` for infinity, `?` where the runs do not tell."""
    if value is None:
        return "?"
    return "never" if value == inf else format_duration(round(value) * 1_000_000)


def to_json(findings: Findings) -> dict[str, Any]:
    """All figures; `null` in a band is unknown, `"never"` is infinity."""
    return {
        "confidence": CONFIDENCE,
        "confidence_each_limit": findings.confidence_each,
        "bound": findings.bound and findings.bound.model_dump(),
        "settings": [_answer_json(answer) for answer in findings.answers],
        "keep": findings.keep,
        "cheapest": findings.cheapest,
        "fastest": findings.fastest,
        "conclusion": conclusion(findings),
    }


def _answer_json(answer: Answer) -> dict[str, Any]:
    bands = {"failed": answer.failed, "mib": answer.mib, "messages": answer.messages, "money": answer.money}
    bands |= {f"time_{share}_s": band for share, band in answer.times_s.items()}
    return {
        "settings": {setting.way: setting.text for setting in answer.settings},
        "runs": answer.runs,
        **{
            name: band and [_number(band.low), _number(band.median), _number(band.high)] for name, band in bands.items()
        },
        "most_failed": answer.most_failed,
        "most_bricked": answer.most_bricked,
        "aborted": answer.aborted,
        "incomplete": answer.incomplete,
        "over": answer.over,
        "limit": answer.limit,
    }


def _number(value: float | None) -> float | str | None:
    return "never" if value == inf else value
