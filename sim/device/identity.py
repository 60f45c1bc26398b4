"""Who a device is: serial numbers as a real module reports them, and its certificate in the cloud."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sim.kernel.seeds import stream

TYPE_ALLOCATION = "86234506"
"""First eight digits of every emulated IMEI; shaped like a Quectel one, not taken from a real module."""


Issued = Callable[[], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """IMEI and serial number, and how to come by what the cloud issued to the device.

    `issued` gives certificate and private key, PEM, empty for none. It is called when one is needed, because a key
    costs more to make than the rest of a device.
    """

    imei: str
    serial: str
    issued: Issued = field(default=lambda: ("", ""), repr=False)

    @property
    def certificate(self) -> str:
        return self.issued()[0]

    @property
    def private_key(self) -> str:
        return self.issued()[1]


def make_identity(seed: int, name: str, issued: Issued = lambda: ("", "")) -> DeviceIdentity:
    """The identity of device `name`: the same for the same root seed, with a valid IMEI check digit."""
    draws = stream(seed, name, "identity")
    body = TYPE_ALLOCATION + f"{draws.randrange(10**6):06d}"
    serial = "MPA23" + "".join(draws.choice("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(10))
    return DeviceIdentity(body + _luhn_digit(body), serial, issued)


def _luhn_digit(body: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)
