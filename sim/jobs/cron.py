"""AWS cron expressions: minutes hours day-of-month month day-of-week year, UTC.

Each field takes `*`, numbers, names (JAN, SUN), lists, ranges and steps. One of the two day fields must be `?`. The day
of month also takes `L` (last) and `15W` (the working day nearest to the 15th, in the same month), the day of week `5L`
(last Thursday) and `6#3` (third Friday); Sunday is 1. `cron(...)` around the six fields is optional.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from sim.jobs.civil import DAY_S, date_of, month_length, weekday

_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_SEARCH_DAYS = 9 * 366
"""Longest gap between two matching days: 29 February around 2100, and a bit."""


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression. `text` is what was written; equality is by it."""

    text: str
    minutes: tuple[int, ...] = field(compare=False)
    hours: tuple[int, ...] = field(compare=False)
    months: frozenset[int] = field(compare=False)
    years: frozenset[int] = field(compare=False)
    days: tuple[str, str] = field(compare=False)

    def next_at(self, epoch_s: int) -> int | None:
        """The first match at or after a moment, epoch seconds; None when there is none within nine years."""
        first, second = divmod(-(-epoch_s // 60) * 60, DAY_S)
        for day in range(first, first + _SEARCH_DAYS):
            if self._day_matches(day):
                earliest = second if day == first else 0
                for hour in self.hours:
                    for minute in self.minutes:
                        if hour * 3600 + minute * 60 >= earliest:
                            return day * DAY_S + hour * 3600 + minute * 60
        return None

    def _day_matches(self, day: int) -> bool:
        year, month, of_month = date_of(day)
        if month not in self.months or year not in self.years:
            return False
        by_month, by_week = self.days
        if by_week == "?":
            last = month_length(year, month)
            if by_month.endswith("W"):
                return of_month == _working_day(int(by_month[:-1]), day - of_month, last)
            return of_month == last if by_month == "L" else of_month in _numbers(by_month, 1, 31)
        if "#" in by_week:
            which, _, nth = by_week.partition("#")
            return weekday(day) in _numbers(which, 1, 7, _DAYS) and (of_month - 1) // 7 + 1 == int(nth)
        if by_week.endswith("L") and by_week != "L":
            last_week = of_month > month_length(year, month) - 7
            return last_week and weekday(day) in _numbers(by_week[:-1], 1, 7, _DAYS)
        return weekday(day) in _numbers("7" if by_week == "L" else by_week, 1, 7, _DAYS)


def parse_cron(text: str) -> Cron:
    """The expression; ValueError with the reason when it is none."""
    match = re.fullmatch(r"\s*(?:cron\((.*)\)|(.*?))\s*", text)
    fields = (match[1] or match[2] or "").upper().split() if match else []
    if len(fields) != 6:
        raise ValueError("a cron expression has six fields: minutes hours day-of-month month day-of-week year")
    minutes, hours, by_month, months, by_week, years = fields
    if (by_month == "?") == (by_week == "?"):
        raise ValueError("exactly one of day-of-month and day-of-week must be ?")
    _check_days(by_month, by_week)
    return Cron(
        text=text,
        minutes=tuple(sorted(_numbers(minutes, 0, 59))),
        hours=tuple(sorted(_numbers(hours, 0, 23))),
        months=frozenset(_numbers(months, 1, 12, _MONTHS)),
        years=frozenset(_numbers(years, 1970, 2199)),
        days=(by_month, by_week),
    )


def _working_day(wanted: int, month_began: int, last: int) -> int | None:
    """The day of the month, Monday to Friday, nearest to `wanted`; None in a month that has no such day.

    `month_began` is the number of the day before the first.
    """
    if wanted > last:
        return None
    match weekday(month_began + wanted):
        case 7:
            return wanted - 1 if wanted > 1 else wanted + 2
        case 1:
            return wanted + 1 if wanted < last else wanted - 2
    return wanted


def _check_days(by_month: str, by_week: str) -> None:
    if by_month.endswith("W"):
        _numbers(by_month[:-1] if by_month[:-1].isdecimal() else "W", 1, 31)  # one day, no list or range
    elif by_month not in ("?", "L"):
        _numbers(by_month, 1, 31)
    if by_week in ("?", "L"):
        return
    which, mark, nth = by_week.partition("#")
    if mark and not (nth.isdecimal() and 1 <= int(nth) <= 5):
        raise ValueError(f"{by_week}: after # comes a number from 1 to 5")
    _numbers(which.removesuffix("L") if not mark else which, 1, 7, _DAYS)


def _numbers(text: str, least: int, most: int, names: list[str] | None = None) -> set[int]:
    """Every number that a field stands for."""

    def number(word: str) -> int:
        if names is not None and word in names:
            return names.index(word) + 1
        if not word.isdecimal() or not word.isascii() or not least <= int(word) <= most:
            raise ValueError(f"{word!r} is not a number from {least} to {most}")
        return int(word)

    found: set[int] = set()
    for part in text.split(","):
        found.update(_span(part, least, most, number))
    return found


def _span(part: str, least: int, most: int, number: Callable[[str], int]) -> range:
    span, slash, step = part.partition("/")
    if slash and not (step.isdecimal() and int(step) >= 1):
        raise ValueError(f"{part!r}: after / comes a number from 1")
    if span == "*":
        first, last = least, most
    else:
        start, dash, end = span.partition("-")
        first = number(start)
        last = number(end) if dash else most if slash else first
    if last < first:
        raise ValueError(f"{part!r} runs backwards")
    return range(first, last + 1, int(step) if slash else 1)
