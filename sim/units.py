"""Sizes, times and shares with their units, as people write them and as the model counts them.

The model counts whole bytes, whole microseconds and plain fractions. Text must name its unit: a bare `30` is
an error, because nobody can tell seconds from milliseconds. Zero needs none.
"""

from __future__ import annotations

import re

US_PER_S = 1_000_000

_TIME_US = {
    "us": 1,
    "ms": 1_000,
    "s": US_PER_S,
    "m": 60 * US_PER_S,
    "h": 3600 * US_PER_S,
    "d": 86400 * US_PER_S,
}
_SIZE = {"B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z%/]*)\Z")


def parse_duration_us(text: str) -> int:
    """`30s`, `1.5h`, `250ms` → microseconds; ValueError tells what is wrong and gives an example."""
    return round(_parse(text, _TIME_US, "a duration", "30s"))


def parse_size_bytes(text: str) -> int:
    """`640KiB`, `8MiB`, `256B` → bytes. KiB is 1024, KB is 1000."""
    return round(_parse(text, _SIZE, "a size", "640KiB"))


def parse_rate_bytes_per_s(text: str) -> int:
    """`160KB/s` → bytes per second."""
    if isinstance(text, str) and not text.endswith("/s"):
        raise ValueError("a rate needs a unit, e.g. 160KB/s")
    return round(_parse(str(text)[:-2], _SIZE, "a rate", "160KB/s"))


def parse_share(text: str) -> float:
    """`5%` → 0.05, between 0 and 1."""
    share = _parse(text, {"%": 1}, "a share", "5%") / 100
    if share > 1:
        raise ValueError("a share is at most 100%")
    return share


def parse_millivolts(text: str) -> int:
    """`1210mV`, `3.3V` → millivolts."""
    return round(_parse(text, {"mV": 1, "V": 1000}, "a voltage", "3.3V"))


def parse_metres(text: str) -> float:
    """`520m`, `1.2km` → metres."""
    return _parse(text, {"m": 1, "km": 1000}, "a length", "520m")


def _parse(text: object, units: dict[str, int], what: str, example: str) -> float:
    if text in (0, "0"):
        return 0
    match = _NUMBER.match(text.strip()) if isinstance(text, str) else None
    if match is None or not match[2]:
        if match or (isinstance(text, int | float) and not isinstance(text, bool)):
            raise ValueError(f"{what} needs a unit, e.g. {example}")
        raise ValueError(f"{text!r} is not {what}, e.g. {example}")
    if match[2] not in units:
        raise ValueError(f"unknown unit {match[2]!r}; {what} is written like {example} ({', '.join(units)})")
    return float(match[1]) * units[match[2]]


def format_size(size_bytes: int) -> str:
    """`655360` → `640 KiB`, exact where it divides, else one decimal."""
    for unit, factor in (("MiB", 1024**2), ("KiB", 1024)):
        if size_bytes >= factor:
            value = size_bytes / factor
            return f"{value:g} {unit}" if value == int(value) else f"{value:.1f} {unit}"
    return f"{size_bytes} B"


def format_duration(duration_us: int) -> str:
    """`90500000` → `1m30.5s`; hours, minutes and seconds to the millisecond."""
    seconds = duration_us / US_PER_S
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    tail = f"{rest:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{int(hours)}h{int(minutes):02}m{tail}"
    return f"{int(minutes)}m{tail}" if minutes else tail
