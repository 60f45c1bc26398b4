"""Who a device is: serial numbers as a real module reports them, and its certificate in the cloud."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from sim.kernel.seeds import stream
from sim.records import record

TYPE_ALLOCATION = "86234506"
"""First eight digits of every emulated IMEI; shaped like a Quectel one, not taken from a real module."""


Issue = Callable[[str], tuple[str, str]]
"""Certificate and private key of the thing of this name, PEM, empty for none."""


def nobody() -> str:
    return ""


def no_papers(_name: str) -> tuple[str, str]:
    return "", ""


@record
class DeviceIdentity:
    """Who the device `name` is: the same for the same root seed, with a valid IMEI check digit.

    Nothing of it is kept: it is found when somebody asks, and `issue` is called when papers are needed, because a key
    costs more to make than the rest of a device.
    """

    seed: int
    name: str
    issue: Issue = field(default=no_papers, repr=False)
    authority: Callable[[], str] = field(default=nobody, repr=False)
    """Who signed the servers it talks to, PEM; "" when that is not known."""

    @property
    def imei(self) -> str:
        body = TYPE_ALLOCATION + f"{stream(self.seed, self.name, 'identity').randrange(10**6):06d}"
        return body + _luhn_digit(body)

    @property
    def serial(self) -> str:
        draws = stream(self.seed, self.name, "identity")
        draws.randrange(10**6)
        return "MPA23" + "".join(draws.choice("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(10))

    def papers(self) -> tuple[str, str]:
        """Certificate and private key, PEM, that the cloud issued to it; empty for none."""
        return self.issue(self.name)

    @property
    def certificate(self) -> str:
        return self.papers()[0]

    @property
    def private_key(self) -> str:
        return self.papers()[1]


def _luhn_digit(body: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)
