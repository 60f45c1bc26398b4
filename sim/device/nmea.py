"""What a satellite receiver writes, once a second: NMEA 0183 sentences of a fix, or of none. Text out, nothing kept."""

from __future__ import annotations

from functools import reduce

from sim.device.track import Fix

KNOTS_PER_KMH = 1 / 1.852
SATELLITES, HDOP = 9, "0.9"
"""ESTIMATE: a receiver under open sky."""

GGA, RMC, GSV, GSA, VTG, GLL = 1, 2, 4, 8, 16, 32
"""Bits of the vendor's `configSet(1, …)`. Satellites in view (GSV) are not modelled, so that one adds nothing."""

Moment = tuple[int, ...]
"""(year, month, day, hour, minute, second, …) in UTC."""


def sentences(fix: Fix | None, moment: Moment, kinds: int) -> str:
    """The chosen sentences of one second, each ended by CR LF."""
    year, month, day, hour, minute, second = moment[:6]
    time, date = f"{hour:02}{minute:02}{second:02}.000", f"{day:02}{month:02}{year % 100:02}"
    place = _place(fix)
    speed, course = (f"{fix.speed_kmh:.2f}", f"{fix.course:.2f}") if fix else ("", "")
    knots = f"{fix.speed_kmh * KNOTS_PER_KMH:.2f}" if fix else ""
    valid = "A" if fix else "V"
    mode = "A" if fix else "N"
    quality = f"1,{SATELLITES:02},{HDOP}" if fix else "0,00,99.9"
    height = f"{fix.altitude_m:.1f},M,0.0,M" if fix else ",M,,M"
    bodies = {
        GGA: f"GNGGA,{time},{place},{quality},{height},,",
        RMC: f"GNRMC,{time},{valid},{place},{knots},{course},{date},,,{mode}",
        GSA: f"GNGSA,A,{3 if fix else 1},,,,,,,,,,,,,1.5,{HDOP if fix else '99.9'},1.2",
        VTG: f"GNVTG,{course},T,,M,{knots},N,{speed},K,{mode}",
        GLL: f"GNGLL,{place},{time},{valid},{mode}",
    }
    return "".join(_framed(body) for kind, body in bodies.items() if kinds & kind)


def _place(fix: Fix | None) -> str:
    if fix is None:
        return ",,,"
    north = f"{_minutes(fix.latitude, 2)},{'N' if fix.latitude >= 0 else 'S'}"
    return f"{north},{_minutes(fix.longitude, 3)},{'E' if fix.longitude >= 0 else 'W'}"


def _minutes(degrees: float, digits: int) -> str:
    """`48.5` → `4830.00000`: degrees and minutes run together."""
    units = round(abs(degrees) * 60 * 100_000)
    whole, rest = divmod(units, 60 * 100_000)
    return f"{whole:0{digits}}{rest / 100_000:08.5f}"


def _framed(body: str) -> str:
    return f"${body}*{reduce(lambda total, char: total ^ ord(char), body, 0):02X}\r\n"
