"""Calendar arithmetic on whole numbers, UTC, proleptic Gregorian.

The model reads no clock, so it needs no clock's types. Days count from 1970-01-01. The conversion shifts the year to
begin in March, which puts the leap day last.
"""

from __future__ import annotations

import re

DAY_S = 86_400
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::\d\d)?Z?")


def days_of(year: int, month: int, day: int) -> int:
    """The day's number."""
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


def date_of(days: int) -> tuple[int, int, int]:
    """Year, month, day of a day's number."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return era * 400 + year_of_era + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1


def month_length(year: int, month: int) -> int:
    """Days in a month."""
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    return days_of(*following, 1) - days_of(year, month, 1)


def weekday(days: int) -> int:
    """1 for Sunday to 7 for Saturday, as AWS counts them."""
    return (days + 4) % 7 + 1


def parse_minute(text: str) -> int | None:
    """Epoch seconds of `YYYY-MM-DDTHH:MM` (seconds and Z are ignored); None when it is no such time."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute = map(int, match.groups())
    if not (year >= 1970 and 1 <= month <= 12 and 1 <= day <= month_length(year, month) and hour < 24 and minute < 60):
        return None
    return days_of(year, month, day) * DAY_S + hour * 3600 + minute * 60


def minute_text(epoch_s: int) -> str:
    """`YYYY-MM-DDTHH:MM` of a moment."""
    days, second = divmod(epoch_s, DAY_S)
    year, month, day = date_of(days)
    return f"{year:04}-{month:02}-{day:02}T{second // 3600:02}:{second % 3600 // 60:02}"
