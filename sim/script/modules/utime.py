"""`utime`: the device's clock. Seconds since 1970 once the network gave the time, local time eight hours east."""

from __future__ import annotations

import calendar
from types import ModuleType

from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

TICKS_MASK = (1 << 30) - 1
DEFAULT_ZONE_HOURS = 8

_DAY_S = 86400


def make(rt: ScriptRuntime) -> ModuleType:
    zone = {"hours": DEFAULT_ZONE_HOURS}

    def time() -> int:
        return rt.clock.epoch_s

    def localtime(seconds: int | None = None) -> tuple[int, ...]:
        return civil((time() if seconds is None else int(seconds)) + zone["hours"] * 3600)

    def mktime(parts: tuple[int, ...]) -> int:
        return calendar.timegm((*parts[:6], 0, 0, 0)) - zone["hours"] * 3600

    def set_time_zone(hours: int) -> int:
        if not -12 <= hours <= 12:
            return -1
        zone["hours"] = hours
        return 0

    return namespace(
        "utime",
        time=time,
        localtime=localtime,
        mktime=mktime,
        sleep=lambda seconds: rt.sleep_us(int(seconds * 1_000_000)),
        sleep_ms=lambda ms: rt.sleep_us(int(ms) * 1000),
        sleep_us=lambda us: rt.sleep_us(int(us)),
        ticks_ms=lambda: rt.now_us // 1000 & TICKS_MASK,
        ticks_us=lambda: rt.now_us & TICKS_MASK,
        ticks_cpu=lambda: rt.now_us & TICKS_MASK,
        ticks_add=lambda ticks, delta: (ticks + delta) & TICKS_MASK,
        ticks_diff=_ticks_diff,
        setTimeZone=set_time_zone,
        getTimeZone=lambda: zone["hours"],
    )


def _ticks_diff(end: int, start: int) -> int:
    """Signed difference across the wrap."""
    half = (TICKS_MASK + 1) // 2
    return ((end - start + half) & TICKS_MASK) - half


def civil(seconds: int) -> tuple[int, ...]:
    """(year, month, day, hour, minute, second, weekday, yearday) of a count of seconds, proleptic Gregorian."""
    days, rest = divmod(seconds, _DAY_S)
    era_days = days + 719_468
    era, day_of_era = divmod(era_days, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    start = calendar.timegm((year, 1, 1, 0, 0, 0, 0, 0, 0)) // _DAY_S
    return year, month, day, rest // 3600, rest % 3600 // 60, rest % 60, (days + 3) % 7, days - start + 1
