"""The SIM card in a module: its numbers, and the address the network gives its data connection.

All of it follows from root seed and device name. The numbers belong to a test network (MCC 001, MNC 01, which no real
operator has); the address is of a private range.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.kernel.seeds import key

READY = 1
"""`sim.getStatus()` of a card that is there and unlocked."""

MCC, MNC = "001", "01"


@dataclass(frozen=True, slots=True)
class SimCard:
    """IMSI (15 digits), ICCID (20), own phone number, IPv4 address."""

    imsi: str
    iccid: str
    number: str
    address: str


def make_sim(seed: int, name: str) -> SimCard:
    """The card of device `name`, the same for the same root seed."""
    drawn = key(seed, name, "sim card")
    digits = f"{drawn % 10**10:010d}"
    address = ".".join(str(drawn >> shift & 0xFF) for shift in (40, 48)) + f".{2 + (drawn >> 56) % 250}"
    return SimCard(f"{MCC}{MNC}{digits}", f"898600{digits}{drawn >> 32 & 0xFFF:04d}", f"+999{digits}", f"10.{address}")
