"""The SIM card in a module: its numbers, the address the network gives its data connection, and what it asks for.

The numbers follow from root seed and device name. They belong to a test network (MCC 001, MNC 01, which no real
operator has); the address is of a private range. A card keeps its PIN over resets and power cuts, and asks for it at
each start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sim.device.messages import Messages
from sim.kernel.seeds import key

ABSENT, READY, PIN_WANTED, PUK_WANTED, BLOCKED = 0, 1, 2, 3, 19
"""`sim.getStatus()`; the vendor's page lists 0 to 21."""

STATES = {
    "absent": ABSENT,
    "ready": READY,
    "pin": PIN_WANTED,
    "puk": PUK_WANTED,
    "personalisation_failed": 4,
    "pin2": 8,
    "network_locked": 10,
    "initialising": 18,
    "blocked": BLOCKED,
    "invalid": 20,
    "unknown": 21,
}
"""Names that scenarios use → status."""

MCC, MNC = "001", "01"

PIN = "1234"
"""PIN of a card as delivered, as in the vendor's examples."""

PUK = "12345678"
"""PUK of every emulated card: real ones differ, and nobody knows them here."""

CENTER = "+99900000000"
"""Number of the message centre of the test network."""

PIN_TRIES, PUK_TRIES = 3, 10
"""Wrong ones in a row until the card asks for its PUK, or is of no more use; the vendor's page of `sim`."""


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


class SimSlot:
    """A card in its slot. `on_usable` is called with whether the network will take it."""

    def __init__(self, card: SimCard, on_usable: Callable[[bool], None]) -> None:
        self.card = card
        self.status = READY
        self.detects = False
        """Whether the module tells its program of cards that come and go (`setSimDet`)."""
        self.insert_level = 0
        self.phonebook: dict[tuple[int, int], tuple[str, str]] = {}
        """(storage, index) → name and number."""
        self.messages = Messages(CENTER)
        self.on_change: Callable[[bool], object] | None = None
        """The program's: told whether a card was inserted."""
        self._on_usable = on_usable
        self._pin = PIN
        self._asks = False
        self._tries = {"pin": PIN_TRIES, "puk": PUK_TRIES}

    # -- the outside

    def set(self, status: int, pin: str | None = None) -> None:
        """The card is in this state from now on; one that wants a PIN wants `pin`, at each start."""
        was_there = self.status != ABSENT
        self._pin = pin or self._pin
        if status != ABSENT:
            self._asks = status == PIN_WANTED
        self._tries = {"pin": PIN_TRIES, "puk": PUK_TRIES}
        self._become(status)
        if self.detects and self.on_change is not None and was_there != (status != ABSENT):
            self.on_change(status != ABSENT)

    def power_on(self) -> None:
        """The module starts: a card that is locked by a PIN asks for it again."""
        if self.status == READY and self._asks:
            self._become(PIN_WANTED)

    # -- the program; True when the card did it

    def verify(self, pin: str) -> bool:
        """Give the PIN that the card asks for."""
        if self.status != PIN_WANTED or not self._right(pin):
            return False
        self._become(READY)
        return True

    def lock(self, pin: str, asks: bool) -> bool:
        """From the next start on the card asks for its PIN, or no more."""
        if self.status != READY or not self._right(pin):
            return False
        self._asks = asks
        return True

    def change(self, old: str, new: str) -> bool:
        """Another PIN; only while the card asks for it at each start, as on real cards."""
        if self.status != READY or not self._asks or not _may_be_pin(new) or not self._right(old):
            return False
        self._pin = new
        return True

    def unblock(self, puk: str, new: str) -> bool:
        """The PUK and a new PIN, after three wrong ones."""
        if self.status != PUK_WANTED or not _may_be_pin(new):
            return False
        if puk != PUK:
            self._tries["puk"] -= 1
            if not self._tries["puk"]:
                self._become(BLOCKED)
            return False
        self._pin = new
        self._tries = {"pin": PIN_TRIES, "puk": PUK_TRIES}
        self._become(READY)
        return True

    def forget_program(self) -> None:
        """The program's life is over."""
        self.on_change = None
        self.messages.on_message = None

    def _right(self, pin: str) -> bool:
        if pin == self._pin:
            self._tries["pin"] = PIN_TRIES
            return True
        self._tries["pin"] -= 1
        if not self._tries["pin"]:
            self._become(PUK_WANTED)
        return False

    def _become(self, status: int) -> None:
        self.status = status
        self._on_usable(status == READY)


def _may_be_pin(text: str) -> bool:
    return text.isdigit() and 4 <= len(text) <= 15
