"""Named random streams. The only place that may import `random`.

A stream is named by identity (root seed, device, purpose), never by the order of creation, so that one more
device or one more draw for another purpose changes nothing elsewhere.
"""

from __future__ import annotations

import random
from hashlib import blake2b

__all__ = ["Draws", "Stream", "draws", "key", "stream"]

Stream = random.Random


def key(root: int, device: str, purpose: str) -> int:
    """The 64-bit key of a stream: blake2b of its name, the same on every machine and Python."""
    name = f"{root}\x1f{device}\x1f{purpose}".encode()
    return int.from_bytes(blake2b(name, digest_size=8).digest(), "little")


def stream(root: int, device: str, purpose: str) -> Stream:
    """A fresh random stream for one purpose of one device."""
    return Stream(key(root, device, purpose))


class Draws:
    """A stream for what is drawn often and kept long: 40 bytes in place of 2,900, and it can skip ahead.

    splitmix64 (Steele, Lea, Flood 2014).
    """

    __slots__ = ("_state",)

    def __init__(self, key: int) -> None:
        self._state = key

    def randrange(self, stop: int) -> int:
        """A whole number from 0 to below `stop`, which is far below 2**64."""
        state = self._state = self._state + 0x9E3779B97F4A7C15 & _WORD
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & _WORD
        state = (state ^ state >> 27) * 0x94D049BB133111EB & _WORD
        return (state ^ state >> 31) * stop >> 64

    def skip(self, count: int) -> None:
        """Be where `count` draws lead."""
        self._state = self._state + count * 0x9E3779B97F4A7C15 & _WORD


_WORD = (1 << 64) - 1


def draws(root: int, device: str, purpose: str) -> Draws:
    """A fresh stream of draws for one purpose of one device."""
    return Draws(key(root, device, purpose))
