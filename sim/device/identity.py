"""Who a device is: serial numbers as a real module reports them, and its certificate in the cloud."""

from __future__ import annotations

from dataclasses import dataclass, field

from sim.kernel.seeds import stream

TYPE_ALLOCATION = "86234506"
"""First eight digits of every emulated IMEI; shaped like a Quectel one, not taken from a real module."""


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """IMEI and serial number, and the PEM texts that the emulated cloud issued to the device (empty for none)."""

    imei: str
    serial: str
    certificate: str = ""
    private_key: str = field(default="", repr=False)


def make_identity(seed: int, name: str, certificate: str = "", private_key: str = "") -> DeviceIdentity:
    """The identity of device `name`: the same for the same root seed, with a valid IMEI check digit."""
    draws = stream(seed, name, "identity")
    body = TYPE_ALLOCATION + f"{draws.randrange(10**6):06d}"
    serial = "MPA23" + "".join(draws.choice("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(10))
    return DeviceIdentity(body + _luhn_digit(body), serial, certificate, private_key)


def _luhn_digit(body: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)
