"""Short messages of one subscriber: those that its card keeps, and those that the network still has for it.

A card keeps its messages over resets and power cuts. What cannot be delivered, because the module is off, out of reach
or its card is full, the network tries again; it gives up after a day.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MOST = 50
"""Messages that a card has room for, as in the vendor's example of `getSaveLoc`."""

RETRY_US = 60_000_000
KEPT_US = 86_400_000_000
"""ESTIMATE: a message centre tries again after minutes and keeps a message for days; nobody waits that long here."""


@dataclass(frozen=True, slots=True)
class Message:
    """From whom, what, and when it was delivered (seconds since 1970)."""

    number: str
    text: str
    at_s: int


class Messages:
    """What a card keeps; `center` is the number of the message centre, `places` where programs want messages."""

    def __init__(self, center: str) -> None:
        self.center = center
        self.places = ["SM", "SM", "SM"]
        self.kept: dict[int, Message] = {}
        self.on_message: Callable[[int], object] | None = None
        """The program's: told the place of a new message."""

    def put(self, message: Message) -> int | None:
        """Keep it at the first free place, and tell the program; its place, or None when the card is full."""
        place = next((n for n in range(MOST) if n not in self.kept), None)
        if place is not None:
            self.kept[place] = message
            if self.on_message is not None:
                self.on_message(place)
        return place
