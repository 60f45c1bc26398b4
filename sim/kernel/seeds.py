"""Named random streams. The only place that may import `random`.

A stream is named by identity (root seed, device, purpose), never by the order of creation, so that one more
device or one more draw for another purpose changes nothing elsewhere.
"""

from __future__ import annotations

import random
from hashlib import blake2b

__all__ = ["Stream", "key", "stream"]

Stream = random.Random


def key(root: int, device: str, purpose: str) -> int:
    """The 64-bit key of a stream: blake2b of its name, the same on every machine and Python."""
    name = f"{root}\x1f{device}\x1f{purpose}".encode()
    return int.from_bytes(blake2b(name, digest_size=8).digest(), "little")


def stream(root: int, device: str, purpose: str) -> Stream:
    """A fresh random stream for one purpose of one device."""
    return Stream(key(root, device, purpose))
