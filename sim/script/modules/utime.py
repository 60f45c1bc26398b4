"""`utime`: the device's clock. Seconds since 1970 once the network gave the time, local time eight hours east."""

from __future__ import annotations

import calendar

from sim.script.namespace import FirmwareModule
from sim.script.runtime import ScriptRuntime

TICKS_MASK = (1 << 30) - 1
DEFAULT_ZONE_HOURS = 8

_DAY_S = 86400


class _Utime(FirmwareModule):
    __slots__ = ("_zone_hours",)

    def __init__(self, rt: ScriptRuntime) -> None:
        super().__init__("utime", rt)
        self._zone_hours = DEFAULT_ZONE_HOURS

    def time(self) -> int:
        return self._rt.clock.epoch_s

    def localtime(self, seconds: int | None = None) -> tuple[int, ...]:
        now = self._rt.clock.epoch_s if seconds is None else int(seconds)
        return civil(now + self._zone_hours * 3600)

    def mktime(self, parts: tuple[int, ...]) -> int:
        return calendar.timegm((*parts[:6], 0, 0, 0)) - self._zone_hours * 3600

    def sleep(self, seconds: float) -> None:
        self._rt.sleep_us(int(seconds * 1_000_000))

    def sleep_ms(self, ms: float) -> None:
        self._rt.sleep_us(int(ms) * 1000)

    def sleep_us(self, us: float) -> None:
        self._rt.sleep_us(int(us))

    def ticks_ms(self) -> int:
        return self._rt.now_us // 1000 & TICKS_MASK

    def ticks_us(self) -> int:
        return self._rt.now_us & TICKS_MASK

    ticks_cpu = ticks_us

    def ticks_add(self, ticks: int, delta: int) -> int:
        return (ticks + delta) & TICKS_MASK

    def ticks_diff(self, end: int, start: int) -> int:
        """Signed difference across the wrap."""
        half = (TICKS_MASK + 1) // 2
        return ((end - start + half) & TICKS_MASK) - half

    def setTimeZone(self, hours: int) -> int:  # noqa: N802 - the device's name
        if not -12 <= hours <= 12:
            return -1
        self._zone_hours = hours
        return 0

    def getTimeZone(self) -> int:  # noqa: N802
        return self._zone_hours


def make(rt: ScriptRuntime) -> _Utime:
    return _Utime(rt)


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
